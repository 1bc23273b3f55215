//! What is known of a run at one moment: the input of [`super::decide()`].
//!
//! Every value that GitHub may extend has an arm for what is unknown today, and
//! the rules never let such a value help a win.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// What is known of a run at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// When the job list was read, by GitHub's clock where it told it.
    pub read_at: Timestamp,
    /// The run.
    pub run: Run,
    /// Every job of the run, of all attempts up to the run's.
    pub jobs: Vec<Job>,
    /// Every review of the run. They carry neither time nor attempt.
    pub reviews: Vec<Review>,
    /// What waits for a review now.
    pub pending: Vec<Pending>,
    /// Protection of each environment that was asked for.
    pub environments: BTreeMap<String, Protection>,
    /// What the criteria say.
    pub advice: Advice,
    /// Proofs of soaks, whatever run they belong to.
    pub soaks: Vec<SoakProof>,
    /// Names of the jobs that are ours (they watch the race and take no part in it).
    pub own_jobs: Vec<String>,
}

/// One workflow run, in one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// GitHub's id of the run.
    pub id: u64,
    /// The attempt that is looked at, from 1.
    pub attempt: u64,
    /// The run's page.
    pub url: String,
    /// The event that started it, for example `pull_request`.
    pub event: String,
    /// The commit it is about: the pull request's head.
    pub head_sha: String,
    /// The pull request, where there is one.
    pub pull_request: Option<u64>,
    /// When this attempt began.
    pub started_at: Option<Timestamp>,
    /// The run itself has ended as cancelled.
    pub cancelled: bool,
    /// Why its jobs get no secrets, not even when approved, where that is so.
    pub without_secrets: Option<WithoutSecrets>,
}

/// Why the jobs of a run get no secrets, not even when approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithoutSecrets {
    /// The pull request's head is in another repository.
    Fork,
    /// Dependabot opened it, whose runs GitHub treats like a fork's.
    Dependabot,
}

/// Status of a job (`GET .../actions/runs/{id}/jobs`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobStatus {
    /// It will start by itself.
    Queued,
    /// It waits for a concurrency group, and will start by itself.
    Pending,
    /// It was asked for, and will start by itself.
    Requested,
    /// In progress.
    InProgress,
    /// Waiting for a protection rule.
    Waiting,
    /// Completed.
    Completed,
    /// A value unknown today.
    Unknown(String),
}

impl JobStatus {
    /// GitHub's word for it.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::Queued => "queued",
            Self::Pending => "pending",
            Self::Requested => "requested",
            Self::InProgress => "in_progress",
            Self::Waiting => "waiting",
            Self::Completed => "completed",
            Self::Unknown(word) => word,
        }
    }
}

impl From<&str> for JobStatus {
    fn from(word: &str) -> Self {
        match word {
            "queued" => Self::Queued,
            "pending" => Self::Pending,
            "requested" => Self::Requested,
            "in_progress" => Self::InProgress,
            "waiting" => Self::Waiting,
            "completed" => Self::Completed,
            other => Self::Unknown(other.to_owned()),
        }
    }
}

/// Conclusion of a job that has completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// It did its work.
    Success,
    /// A step failed, or it was rejected.
    Failure,
    /// It took too long.
    TimedOut,
    /// It was cancelled.
    Cancelled,
    /// It was skipped.
    Skipped,
    /// Neither good nor bad; no job should end so.
    Neutral,
    /// A value unknown today, or one that a job should not have.
    Unknown(String),
}

impl Conclusion {
    /// GitHub's word for it.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
            Self::Neutral => "neutral",
            Self::Unknown(word) => word,
        }
    }
}

impl From<&str> for Conclusion {
    fn from(word: &str) -> Self {
        match word {
            "success" => Self::Success,
            "failure" => Self::Failure,
            "timed_out" => Self::TimedOut,
            "cancelled" => Self::Cancelled,
            "skipped" => Self::Skipped,
            "neutral" => Self::Neutral,
            other => Self::Unknown(other.to_owned()),
        }
    }
}

/// One execution of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// GitHub's id of this execution.
    pub id: u64,
    /// The job's name, untrusted text.
    pub name: String,
    /// The attempt it belongs to. GitHub may leave it out; then it is 1.
    pub attempt: u64,
    /// Its status.
    pub status: JobStatus,
    /// Its conclusion, where it has one.
    pub conclusion: Option<Conclusion>,
    /// Its page.
    pub url: Option<String>,
    /// When it began, or began to wait: GitHub sets this before anything ran.
    pub started_at: Option<Timestamp>,
    /// When it completed.
    pub completed_at: Option<Timestamp>,
    /// Its steps, where GitHub listed them.
    pub steps: Option<Vec<Step>>,
    /// A runner took it.
    pub has_runner: bool,
}

impl Job {
    /// Whether any step of it ran. Where the steps are not listed, a runner that
    /// took the job stands for one.
    #[must_use]
    pub fn ran(&self) -> bool {
        match &self.steps {
            Some(steps) => steps.iter().any(|step| step.ran),
            None => self.has_runner,
        }
    }
}

/// One step of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The step's name, untrusted text.
    pub name: String,
    /// It is in progress, or completed otherwise than skipped.
    pub ran: bool,
}

/// One review of pending deployments (`GET .../actions/runs/{id}/approvals`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// The environments it is about.
    pub environments: Vec<String>,
    /// What it says.
    pub state: ReviewState,
    /// Who gave it.
    pub user: Option<User>,
    /// The comment, untrusted text.
    pub comment: String,
}

/// What a review says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReviewState {
    /// Approved.
    Approved,
    /// Rejected.
    Rejected,
    /// A comment only, or a value unknown today.
    Other,
}

/// An account of GitHub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The account's name.
    pub login: String,
    /// What kind of account it is.
    pub kind: UserKind,
}

/// What kind of account it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserKind {
    /// A person.
    Person,
    /// A bot (a wait timer that ran out is listed as one's approval), or unknown.
    Other,
}

/// An environment that waits for a review (`GET .../pending_deployments`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The environment.
    pub environment: String,
    /// Who may review it: logins, and teams as `@team`.
    pub reviewers: Vec<String>,
    /// Minutes of its wait timer, where it has one.
    pub wait_timer: u64,
}

/// Protection of an environment (`GET .../environments/{name}`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protection {
    /// It has required reviewers.
    Reviewers,
    /// It exists without required reviewers: a job that names it runs at once.
    Open,
    /// There is no such environment.
    Gone,
}

/// What the criteria say of a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Advice {
    /// It needs no testnet.
    NotNeeded,
    /// A testnet is recommended.
    Recommended,
    /// A testnet is required.
    Required,
    /// It could not be told: counts as required.
    #[default]
    Unknown,
}

/// What a `race.soak/1` says, and of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoakProof {
    /// The run that deployed.
    pub run_id: u64,
    /// Its attempt.
    pub attempt: u64,
    /// The commit that was deployed.
    pub head_sha: String,
    /// What the soak came to.
    pub verdict: SoakVerdict,
}

/// What a soak came to, as far as the race is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoakVerdict {
    /// The target was reached.
    Passed,
    /// The testnet did not hold.
    Failed,
    /// Still running, unfinished, unmeasured, or a value unknown today.
    Open,
}
