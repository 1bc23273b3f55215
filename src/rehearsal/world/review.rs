//! Reviews of environments: who is asked, who may answer, what an answer does.

use jiff::Timestamp;

use super::{Conclusion, Environment, Job, Run, Status, World};

/// One entry of a run's review history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// Names of the environments that it was about.
    pub environments: Vec<String>,
    /// What was answered.
    pub state: ReviewState,
    /// Login of who answered. A wait timer answers as `github-actions[bot]`.
    pub user: String,
    /// What was said. Written by a person, so not to be trusted.
    pub comment: String,
}

/// What a reviewer answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReviewState {
    /// The jobs may go on.
    Approved,
    /// The jobs fail.
    Rejected,
}

impl ReviewState {
    /// The word in GitHub's API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }
}

/// An environment that holds jobs of a run.
#[derive(Clone, Copy, Debug)]
pub struct PendingDeployment<'a> {
    /// The environment.
    pub environment: &'a Environment,
    /// Since when.
    pub since: Timestamp,
}

/// Why a review was refused. The texts are GitHub's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReviewError {
    /// Nothing waits, or nothing that this person may decide.
    #[error("No pending deployment requests to approve or reject")]
    NothingPending,
}

impl World {
    /// The environments that hold jobs of the run's newest attempt.
    #[must_use]
    pub fn pending_deployments(&self, run: &Run) -> Vec<PendingDeployment<'_>> {
        let waiting = |environment: &Environment| {
            let jobs = self.waiting_jobs(run, &environment.name);
            jobs.iter().map(|job| job.created_at).min()
        };
        self.environments
            .iter()
            .filter_map(|environment| {
                waiting(environment).map(|since| PendingDeployment { environment, since })
            })
            .collect()
    }

    /// A person approves or rejects environments of a run, given by their numbers.
    /// Every job that waits on them now goes on, or fails without a step; jobs
    /// that come later ask again. Returns the jobs that it was about.
    ///
    /// # Errors
    ///
    /// As GitHub refuses: when nothing waits there that `login` may decide.
    pub fn review(
        &mut self,
        run: u64,
        environments: &[u64],
        state: ReviewState,
        login: &str,
        comment: &str,
        now: Timestamp,
    ) -> Result<Vec<u64>, ReviewError> {
        let found = self.run(run).ok_or(ReviewError::NothingPending)?;
        let named: Vec<&Environment> =
            self.environments.iter().filter(|environment| environments.contains(&environment.id)).collect();
        let decidable = !named.is_empty()
            && named.len() == environments.len()
            && named.iter().all(|environment| {
                environment.may_review(login, &found.actor)
                    && !self.waiting_jobs(found, &environment.name).is_empty()
            });
        if !decidable {
            return Err(ReviewError::NothingPending);
        }
        let jobs: Vec<u64> = named
            .iter()
            .flat_map(|environment| self.waiting_jobs(found, &environment.name))
            .map(|job| job.id)
            .collect();
        let review = Review {
            environments: named.iter().map(|environment| environment.name.clone()).collect(),
            state,
            user: login.to_owned(),
            comment: comment.to_owned(),
        };
        self.add_review(run, review, now);
        for &job in &jobs {
            match state {
                ReviewState::Approved => self.release(job, now),
                ReviewState::Rejected => self.complete(job, Conclusion::Failure, now),
            }
        }
        Ok(jobs)
    }

    /// Puts an entry into a run's review history, without any effect on its jobs.
    pub fn add_review(&mut self, run: u64, review: Review, now: Timestamp) {
        self.user(&review.user);
        if let Some(run) = self.run_mut(run) {
            run.reviews.push(review);
        }
        self.touch(run, now);
    }

    /// Lets a waiting job go on to a runner.
    pub fn release(&mut self, job: u64, now: Timestamp) {
        if let Some(job) = self.job_mut(job)
            && job.status == Status::Waiting
        {
            job.status = Status::Queued;
            let run = job.run;
            self.touch(run, now);
        }
    }

    fn waiting_jobs(&self, run: &Run, environment: &str) -> Vec<&Job> {
        self.jobs
            .iter()
            .filter(|job| job.run == run.id && job.attempt == run.attempt)
            .filter(|job| job.status == Status::Waiting && job.names_environment(environment))
            .collect()
    }
}
