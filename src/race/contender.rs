//! One branch as the job list, the reviews and the environments show it.

use jiff::Timestamp;

use crate::policy::{Branch, Policy, Proof, Selection};

use super::snapshot::{
    Advice, Conclusion, Job, JobStatus, Protection, Review, ReviewState, Snapshot, SoakVerdict, UserKind,
};
use super::stands_for;

/// State of a branch. The order is that of precedence among several jobs: the
/// first that applies to any of them is the branch's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// A job runs, or says something unknown today.
    Running,
    /// A job will start by itself.
    Queued,
    /// A job waits for a protection rule.
    Waiting,
    /// A job is not listed, or not yet for this attempt.
    Missing,
    /// A reviewer rejected it.
    Rejected,
    /// A job failed.
    Failed,
    /// A job was cancelled.
    Cancelled,
    /// A job was skipped.
    Skipped,
    /// Every job succeeded.
    Succeeded,
}

impl State {
    /// Every state, in the order of precedence.
    pub const ALL: [Self; 9] = [
        Self::Running,
        Self::Queued,
        Self::Waiting,
        Self::Missing,
        Self::Rejected,
        Self::Failed,
        Self::Cancelled,
        Self::Skipped,
        Self::Succeeded,
    ];

    /// The word for it in `verdict.json` and in tables.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Queued => "queued",
            Self::Waiting => "waiting",
            Self::Missing => "missing",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
            Self::Succeeded => "succeeded",
        }
    }

    /// Nothing more will come of it in this attempt.
    #[must_use]
    pub const fn is_over(self) -> bool {
        !matches!(self, Self::Running | Self::Queued | Self::Waiting | Self::Missing)
    }
}

/// One branch at the moment of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contender {
    /// The branch's name in the policy.
    pub name: String,
    /// Its environment.
    pub environment: String,
    /// Its state.
    pub state: State,
    /// The executions of its jobs that count.
    pub jobs: Vec<Job>,
    /// The reviews of its environment.
    pub reviews: Vec<Review>,
    /// Who approved it, where that still counts.
    pub approved_by: Vec<String>,
    /// An approving review by a person counts for it.
    pub approved: bool,
    /// It got past its gate: approved, or a step of it ran.
    pub passed_gate: bool,
    /// Its gate has succeeded and the job behind it is not the gate itself.
    pub at_later_job: bool,
    /// That later job is not listed.
    pub later_job_missing: bool,
    /// It waits for the verdict of its soak.
    pub awaits_soak: bool,
    /// Protection of its environment, where it was read.
    pub protection: Option<Protection>,
    /// The selection takes it out of the race.
    pub excluded: bool,
    /// The selection lets it win without review.
    pub spared: bool,
    /// When the last of its jobs completed.
    pub completed_at: Option<Timestamp>,
}

/// The executions of jobs that count in this attempt.
///
/// Of each name the newest execution counts; two of one name in one attempt both
/// do. An execution of an earlier attempt counts once this attempt has had
/// `review_lag` to list its own; until then the name is returned as held back.
fn counting<'s>(policy: &Policy, snapshot: &'s Snapshot, pattern: &str) -> (Vec<&'s Job>, bool) {
    let run = &snapshot.run;
    let named: Vec<&Job> = snapshot
        .jobs
        .iter()
        .filter(|job| job.attempt <= run.attempt && stands_for(pattern, &job.name))
        .collect();
    let settled = run.started_at.is_some_and(|start| {
        snapshot.read_at.duration_since(start).unsigned_abs() >= policy.polling.review_lag
            && snapshot.read_at >= start
    });
    let mut held_back = false;
    let newest = named
        .iter()
        .filter(|job| {
            let newest = named.iter().filter(|other| other.name == job.name).map(|other| other.attempt).max();
            if Some(job.attempt) != newest {
                return false;
            }
            let counts = job.attempt == run.attempt || settled;
            held_back |= !counts;
            counts
        })
        .copied()
        .collect();
    (newest, held_back)
}

/// The state of one execution. `rejected` says that a rejecting review of its
/// environment exists.
fn state_of(job: &Job, rejected: bool) -> State {
    match (&job.status, &job.conclusion) {
        (JobStatus::Queued | JobStatus::Pending | JobStatus::Requested, _) => State::Queued,
        (JobStatus::Waiting, _) => State::Waiting,
        // Completed without a conclusion is a reading between two writes of GitHub's.
        (JobStatus::InProgress | JobStatus::Unknown(_), _) | (JobStatus::Completed, None) => State::Running,
        (JobStatus::Completed, Some(conclusion)) => match conclusion {
            Conclusion::Success => State::Succeeded,
            Conclusion::Skipped | Conclusion::Neutral => State::Skipped,
            Conclusion::Cancelled => State::Cancelled,
            Conclusion::Failure if rejected && !job.ran() => State::Rejected,
            Conclusion::Failure | Conclusion::TimedOut | Conclusion::Unknown(_) => State::Failed,
        },
    }
}

/// The state of one execution, told from itself alone.
#[must_use]
pub fn execution_state(job: &Job) -> State {
    state_of(job, false)
}

/// The state of several executions, and of a name that is held back.
fn state_of_all(jobs: &[&Job], held_back: bool, rejected: bool) -> State {
    jobs.iter()
        .map(|job| state_of(job, rejected))
        .chain(held_back.then_some(State::Missing))
        .min()
        .unwrap_or(State::Missing)
}

/// Whether a `race.soak/1` of the execution that counts has the last word.
fn soak_of(snapshot: &Snapshot, jobs: &[&Job]) -> Option<SoakVerdict> {
    let attempt = jobs.iter().map(|job| job.attempt).max()?;
    snapshot
        .soaks
        .iter()
        .find(|soak| {
            soak.run_id == snapshot.run.id
                && soak.attempt == attempt
                && soak.head_sha == snapshot.run.head_sha
        })
        .map(|soak| soak.verdict)
}

/// GitHub's names of environments are not case-sensitive.
#[must_use]
pub fn is_same_environment(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// Whether the selection excludes a branch, or spares it the review.
fn selected(selection: Selection, advice: Advice, spares_testnet: bool) -> (bool, bool) {
    let required = matches!(advice, Advice::Required | Advice::Unknown);
    match selection {
        Selection::Guarded if spares_testnet => (required, false),
        Selection::Auto if spares_testnet => (advice != Advice::NotNeeded, advice == Advice::NotNeeded),
        Selection::Manual | Selection::Guarded | Selection::Auto => (false, false),
    }
}

/// The environments whose protection matters now: those of branches that have
/// succeeded.
#[must_use]
pub fn environments_that_matter(policy: &Policy, snapshot: &Snapshot) -> Vec<String> {
    let contenders = policy.branches.iter().map(|branch| read(policy, branch, snapshot));
    contenders
        .filter(|contender| contender.state == State::Succeeded && !contender.excluded)
        .map(|contender| contender.environment)
        .collect()
}

/// Reads one branch out of a snapshot.
#[must_use]
pub fn read(policy: &Policy, branch: &Branch, snapshot: &Snapshot) -> Contender {
    let reviews: Vec<Review> = snapshot
        .reviews
        .iter()
        .filter(|review| {
            review.environments.iter().any(|name| is_same_environment(name, &branch.environment))
        })
        .cloned()
        .collect();
    let rejecting = reviews.iter().any(|review| review.state == ReviewState::Rejected);

    let (gate_jobs, gate_held) = counting(policy, snapshot, &branch.gate);
    let gate = state_of_all(&gate_jobs, gate_held, rejecting);
    let at_later_job = branch.job != branch.gate && gate == State::Succeeded;

    let mut jobs = gate_jobs;
    let mut state = gate;
    let mut later_job_missing = false;
    if at_later_job {
        let (later_jobs, held_back) = counting(policy, snapshot, &branch.job);
        let later = state_of_all(&later_jobs, held_back, rejecting);
        later_job_missing = later == State::Missing;
        state = if matches!(later, State::Missing | State::Queued) { State::Running } else { later };
        let new = later_jobs.into_iter().filter(|later| !jobs.iter().any(|job| job.id == later.id));
        jobs.extend(new.collect::<Vec<_>>());
    }
    let mut awaits_soak = false;
    if branch.proof == Proof::Soak && state == State::Succeeded {
        state = match soak_of(snapshot, &jobs) {
            Some(SoakVerdict::Passed) => State::Succeeded,
            Some(SoakVerdict::Failed) => State::Failed,
            // Nobody wants to know any more what its soak comes to.
            _ if snapshot.run.cancelled => State::Cancelled,
            Some(SoakVerdict::Open) | None => State::Running,
        };
        awaits_soak = state == State::Running;
    }

    let approved_by: Vec<String> = reviews
        .iter()
        .filter(|review| review.state == ReviewState::Approved && state != State::Rejected)
        .filter_map(|review| review.user.as_ref())
        .filter(|user| user.kind == UserKind::Person)
        .map(|user| user.login.clone())
        .collect();
    let approved = !approved_by.is_empty();
    let ran = jobs.iter().any(|job| job.ran());
    let (excluded, spared) = selected(policy.selection, snapshot.advice, branch.spares_testnet);
    Contender {
        name: branch.name.clone(),
        environment: branch.environment.clone(),
        state,
        approved,
        approved_by,
        passed_gate: approved || ran || at_later_job,
        at_later_job,
        later_job_missing,
        awaits_soak,
        protection: snapshot.environments.get(&branch.environment).copied(),
        excluded,
        spared,
        completed_at: jobs.iter().filter_map(|job| job.completed_at).max(),
        jobs: jobs.into_iter().cloned().collect(),
        reviews,
    }
}
