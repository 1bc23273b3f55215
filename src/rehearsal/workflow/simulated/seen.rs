//! What the race's core is shown of a world: the same that GitHub's API would tell.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::race::settle::{Mark, Posted};
use crate::race::{
    Advice, Conclusion, Job, JobStatus, Pending, Protection, Review, ReviewState, Run, Snapshot, SoakProof,
    Step, User, UserKind,
};
use crate::rehearsal::world::{self, World};

/// The run as it is now. `own` are the names of the jobs that look.
pub(super) fn snapshot(
    world: &World,
    run: &world::Run,
    own: Vec<String>,
    soaks: Vec<SoakProof>,
    now: Timestamp,
) -> Snapshot {
    Snapshot {
        read_at: now,
        run: Run {
            id: run.id,
            attempt: u64::from(run.attempt),
            url: page(run),
            event: run.event.clone(),
            head_sha: run.head_sha.clone(),
            pull_request: run.pull_request,
            started_at: Some(run.started_at),
            cancelled: run.cancelled,
            without_secrets: None,
        },
        jobs: world.all_jobs(run.id).into_iter().map(job).collect(),
        reviews: run.reviews.iter().map(review).collect(),
        pending: world
            .pending_deployments(run)
            .iter()
            .map(|pending| Pending {
                environment: pending.environment.name.clone(),
                reviewers: Vec::new(),
                wait_timer: 0,
            })
            .collect(),
        environments: world.environments.iter().map(protection).collect::<BTreeMap<_, _>>(),
        advice: Advice::Unknown,
        soaks,
        own_jobs: own,
    }
}

/// The page of a run.
pub(super) fn page(run: &world::Run) -> String {
    format!("https://github.com/octo-org/chain/actions/runs/{}", run.id)
}

/// The statuses of that name on a commit, newest first.
pub(super) fn posted(world: &World, sha: &str, check: &str) -> Vec<Posted> {
    let of_it = world.statuses.iter().rev().filter(|status| status.sha == sha && status.context == check);
    of_it
        .map(|status| Posted {
            id: status.id,
            mark: Mark::of_word(&status.state),
            description: status.description.clone().unwrap_or_default(),
            target_url: status.target_url.clone().unwrap_or_default(),
        })
        .collect()
}

fn job(job: &world::Job) -> Job {
    Job {
        id: job.id,
        name: job.name.clone(),
        attempt: u64::from(job.attempt),
        status: JobStatus::from(job.status.as_str()),
        conclusion: job.conclusion.as_ref().map(|conclusion| Conclusion::from(conclusion.as_str())),
        url: None,
        started_at: Some(job.started_at),
        completed_at: job.completed_at,
        steps: Some(job.steps.iter().map(step).collect()),
        has_runner: job.runner.is_some(),
    }
}

fn step(step: &world::Step) -> Step {
    let ran = step.conclusion != Some(world::Conclusion::Skipped);
    Step { name: step.name.clone(), ran }
}

fn review(review: &world::Review) -> Review {
    Review {
        environments: review.environments.clone(),
        state: match review.state {
            world::ReviewState::Approved => ReviewState::Approved,
            world::ReviewState::Rejected => ReviewState::Rejected,
        },
        user: Some(User { login: review.user.clone(), kind: UserKind::Person }),
        comment: review.comment.clone(),
    }
}

fn protection(environment: &world::Environment) -> (String, Protection) {
    let protected = !environment.reviewers.is_empty();
    let protection = if protected { Protection::Reviewers } else { Protection::Open };
    (environment.name.clone(), protection)
}
