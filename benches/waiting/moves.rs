//! What happens to the run that is waited for.

use testnet_deployer::rehearsal::world::{Conclusion, ReviewState, Status, World};

use super::awaited::Awaited;

impl Awaited {
    /// A reviewer approves an environment; its job is queued.
    pub(crate) fn approve(&self, environment: &str) {
        self.github
            .change(|world, now| {
                let ids: Vec<u64> =
                    world.environment(environment).map(|found| found.id).into_iter().collect();
                world.review(self.run, &ids, ReviewState::Approved, "alice", "fine", now)
            })
            .expect("the environment waits for its review");
    }

    /// A runner takes the job.
    pub(crate) fn begin(&self, job: &str) {
        self.github.change(|world, now| world.begin(id_of(world, job), now));
    }

    /// The job ends with success.
    pub(crate) fn complete(&self, job: &str) {
        self.github.change(|world, now| world.complete(id_of(world, job), Conclusion::Success, now));
    }

    /// Every job that has not ended ends with success, and so does the run.
    pub(crate) fn complete_all(&self) {
        self.github.change(|world, now| {
            let open = |status: &Status| *status != Status::Completed;
            let jobs: Vec<u64> =
                world.jobs.iter().filter(|job| open(&job.status)).map(|job| job.id).collect();
            for job in jobs {
                world.complete(job, Conclusion::Success, now);
            }
        });
    }
}

fn id_of(world: &World, name: &str) -> u64 {
    world.jobs.iter().find(|job| job.name == name).expect("a job of that name").id
}
