//! Why a verdict is what it is: typed, and put into words in this one place.
//!
//! The words may hold untrusted text (job names, logins); `report` neutralises
//! it where it is written out.

use std::fmt;
use std::time::Duration;

use crate::exit::Exit;
use crate::policy::duration;

use super::State;
use super::verdict::Outcome;

/// A branch that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Awaited {
    /// The branch.
    pub branch: String,
    /// Its environment.
    pub environment: String,
    /// Who may review it, where GitHub told.
    pub reviewers: Vec<String>,
}

impl fmt::Display for Awaited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.branch)?;
        if self.branch != self.environment {
            write!(f, " (environment {})", self.environment)?;
        }
        if self.reviewers.is_empty() { Ok(()) } else { write!(f, " by {}", join(&self.reviewers, "or")) }
    }
}

/// Why a verdict is what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the names and numbers in the sentence that Display writes")]
pub enum Reason {
    /// Won: an approved branch succeeded.
    BranchSucceeded { branch: String, approved_by: Vec<String> },
    /// Won without review, because the policy requires none.
    BranchSucceededUnreviewed { branch: String },
    /// Won without review, because the criteria need no testnet.
    TestnetNotNeeded { branch: String },
    /// Won: the head of the pull request has the check already.
    MirroredSuccess { pull_request: u64, head_sha: String },
    /// Won: the run that was dispatched for this commit has won.
    DispatchedWon { run: u64, url: String, there: Box<Reason> },
    /// Won: an earlier head has won, and by the criteria nothing since needs a testnet.
    CarriedOver {
        branch: String,
        run: u64,
        soaked_sha: String,
        head_sha: String,
        approved_by: Vec<String>,
        files: usize,
        url: String,
        base_moved: bool,
    },
    /// Void: the environment has no required reviewers.
    EnvironmentOpen { branch: String, environment: String },
    /// Void: there is no such environment any more.
    EnvironmentGone { branch: String, environment: String },
    /// Void: no person's approving review.
    ReviewMissing { branch: String, environment: String },
    /// Lost: a branch was let through its gate and failed.
    BranchFailed { branch: String, state: State, job: Option<String>, approved_by: Vec<String> },
    /// Lost: rejected, skipped, or failed before anything ran.
    AllRejected { branches: Vec<(String, State)>, rejected_by: Vec<String> },
    /// Lost: a job is not listed and cannot come any more.
    CannotCome { branch: String, pattern: String, seen: Vec<String> },
    /// Lost: the check on the head of the pull request failed.
    MirroredFailure { pull_request: u64, head_sha: String, state: String },
    /// Undecided: the head of the pull request has no verdict yet.
    AwaitingHead { pull_request: u64, head_sha: String },
    /// Undecided: the run that was dispatched for this commit goes on.
    AwaitingDispatched { run: u64, url: String, here: Box<Reason> },
    /// Cancelled: the run, or every branch.
    Cancelled { run: bool },
    /// Undecided: these branches run.
    Running { branches: Vec<String> },
    /// Undecided: the job is done, its soak goes on.
    Soaking { branch: String },
    /// Undecided: these branches wait for a person.
    AwaitingReview { waits: Vec<Awaited> },
    /// Undecided: these branches' jobs are not listed yet.
    AwaitingJobs { branches: Vec<String> },
    /// Undecided: a branch succeeded, what it must have is not read yet.
    AwaitingEvidence { branch: String },
    /// Undecided when the deadline passed.
    DeadlinePassed { after: Duration, last: Box<Reason> },
    /// Undecided when the deadline passed: GitHub could not be read.
    Unreachable { after: Duration, error: String },
    /// Undecided: nothing was read yet.
    NothingRead,
    /// Undecided: a signal ended the wait.
    Interrupted { signal: &'static str, last: Box<Reason> },
}

impl Reason {
    /// The stable code of `verdict.json`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BranchSucceeded { .. } => "branch-succeeded",
            Self::BranchSucceededUnreviewed { .. } => "branch-succeeded-unreviewed",
            Self::TestnetNotNeeded { .. } => "testnet-not-needed",
            Self::MirroredSuccess { .. } => "mirrored-success",
            Self::MirroredFailure { .. } => "mirrored-failure",
            Self::AwaitingHead { .. } => "awaiting-head",
            Self::DispatchedWon { .. } => "dispatched-won",
            Self::AwaitingDispatched { .. } => "awaiting-dispatched",
            Self::CarriedOver { .. } => "carried-over",
            Self::EnvironmentOpen { .. } => "environment-unprotected",
            Self::EnvironmentGone { .. } => "environment-gone",
            Self::ReviewMissing { .. } => "review-missing",
            Self::BranchFailed { .. } => "branch-failed",
            Self::AllRejected { .. } => "all-rejected",
            Self::CannotCome { .. } => "job-cannot-come",
            Self::Cancelled { .. } => "cancelled",
            Self::Running { .. } => "running",
            Self::Soaking { .. } => "soaking",
            Self::AwaitingReview { .. } => "awaiting-review",
            Self::AwaitingJobs { .. } => "awaiting-jobs",
            Self::AwaitingEvidence { .. } => "awaiting-evidence",
            Self::DeadlinePassed { .. } => "deadline-passed",
            Self::Unreachable { .. } => "unreachable",
            Self::NothingRead => "nothing-read",
            Self::Interrupted { .. } => "interrupted",
        }
    }

    /// What the race came to.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        match self {
            Self::BranchSucceeded { .. }
            | Self::BranchSucceededUnreviewed { .. }
            | Self::TestnetNotNeeded { .. }
            | Self::MirroredSuccess { .. }
            | Self::DispatchedWon { .. }
            | Self::CarriedOver { .. } => Outcome::Won,
            Self::EnvironmentOpen { .. } | Self::EnvironmentGone { .. } | Self::ReviewMissing { .. } => {
                Outcome::Void
            }
            Self::BranchFailed { .. }
            | Self::AllRejected { .. }
            | Self::CannotCome { .. }
            | Self::MirroredFailure { .. } => Outcome::Lost,
            Self::Cancelled { .. } => Outcome::Cancelled,
            Self::Running { .. }
            | Self::Soaking { .. }
            | Self::AwaitingReview { .. }
            | Self::AwaitingJobs { .. }
            | Self::AwaitingEvidence { .. }
            | Self::AwaitingHead { .. }
            | Self::AwaitingDispatched { .. }
            | Self::DeadlinePassed { .. }
            | Self::Unreachable { .. }
            | Self::NothingRead
            | Self::Interrupted { .. } => Outcome::Undecided,
        }
    }

    /// The exit code that stands for it.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::BranchFailed { .. } | Self::MirroredFailure { .. } => Exit::BranchFailed,
            Self::AllRejected { .. } | Self::CannotCome { .. } => Exit::AllRejected,
            _ => match self.outcome() {
                Outcome::Won => Exit::Done,
                Outcome::Void => Exit::Void,
                Outcome::Cancelled => Exit::Cancelled,
                Outcome::Undecided | Outcome::Lost => Exit::Undecided,
            },
        }
    }

    /// The branch that won.
    #[must_use]
    pub fn winner(&self) -> Option<&str> {
        match self {
            Self::BranchSucceeded { branch, .. }
            | Self::BranchSucceededUnreviewed { branch }
            | Self::TestnetNotNeeded { branch } => Some(branch),
            _ => None,
        }
    }

    /// What a person can do about it, where there is something.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::EnvironmentOpen { environment, .. } => Some(format!(
                "add required reviewers to the environment `{environment}` (Settings, Environments), then re-run; \
                 on a plan without them set `require_review = false` in policies/race.toml"
            )),
            Self::EnvironmentGone { environment, .. } => Some(format!(
                "create the environment `{environment}` with required reviewers (Settings, Environments), then re-run"
            )),
            Self::ReviewMissing { environment, .. } => Some(format!(
                "let a person approve `{environment}`: re-run all jobs; if an administrator bypassed the review, \
                 forbid that in the environment's settings"
            )),
            Self::BranchFailed { branch, job: None, state: State::Failed, .. } => Some(format!(
                "its soak failed, after its jobs had ended: see the samples' log; push a fix, or re-run all jobs and \
                 choose `{branch}` again"
            )),
            Self::BranchFailed { branch, .. } => {
                Some(format!("look at the log of `{branch}`; push a fix, or re-run all jobs and choose again"))
            }
            Self::AllRejected { .. } => Some("re-run all jobs to be asked again".to_owned()),
            Self::CannotCome { pattern, .. } => Some(format!(
                "name the job as it is listed: `gate` and `job` of the branch in policies/race.toml; `{pattern}` is not there"
            )),
            Self::Cancelled { .. } => Some("re-run all jobs to race again".to_owned()),
            Self::DeadlinePassed { last, .. } => match last.as_ref() {
                Self::AwaitingReview { .. } => Some(
                    "approve one of them on the run's page (Review deployments), then re-run this job; while the \
                     other one still waits, GitHub re-runs nothing until it is rejected or the run is cancelled"
                        .to_owned(),
                ),
                Self::AwaitingDispatched { url, .. } => {
                    Some(format!("re-run this job when {url} has its verdict"))
                }
                Self::Running { .. } => Some(
                    "re-run this job when the branch is done; a soak longer than a job needs another mode than polling"
                        .to_owned(),
                ),
                _ => None,
            },
            Self::Unreachable { .. } => Some("re-run this job when GitHub answers again".to_owned()),
            _ => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BranchSucceeded { branch, approved_by } => {
                write!(f, "{branch} succeeded; approved by {}", join(approved_by, "and"))
            }
            Self::BranchSucceededUnreviewed { branch } => {
                write!(f, "{branch} succeeded; the policy requires no review")
            }
            Self::TestnetNotNeeded { branch } => {
                write!(f, "{branch} succeeded; by the criteria this change needs no testnet")
            }
            Self::EnvironmentOpen { branch, environment } => write!(
                f,
                "{branch} succeeded, but the environment {environment} has no required reviewers: nobody was asked"
            ),
            Self::EnvironmentGone { branch, environment } => {
                write!(f, "{branch} succeeded, but there is no environment {environment}: nobody was asked")
            }
            Self::ReviewMissing { branch, environment } => {
                write!(
                    f,
                    "{branch} succeeded, but no person's approval of the environment {environment} is on record"
                )
            }
            Self::BranchFailed { branch, state, job, approved_by } => {
                match job {
                    Some(job) if job != branch => write!(f, "{branch} {}: job {job}", state.word())?,
                    _ => write!(f, "{branch} {}", state.word())?,
                }
                if approved_by.is_empty() {
                    Ok(())
                } else {
                    write!(f, "; approved by {}", join(approved_by, "and"))
                }
            }
            Self::AllRejected { branches, rejected_by } => {
                let states: Vec<String> =
                    branches.iter().map(|(name, state)| format!("{name} {}", state.word())).collect();
                write!(f, "no branch is left: {}", join(&states, "and"))?;
                if rejected_by.is_empty() {
                    Ok(())
                } else {
                    write!(f, "; rejected by {}", join(rejected_by, "and"))
                }
            }
            Self::CannotCome { branch, pattern, seen } => write!(
                f,
                "{branch} cannot come: no job `{pattern}` is listed and every other job is done; listed are {}",
                join(seen, "and")
            ),
            Self::MirroredSuccess { pull_request, head_sha } => {
                write!(f, "the head of #{pull_request}, {}, has won", short_sha(head_sha))
            }
            Self::MirroredFailure { pull_request, head_sha, state } => {
                write!(f, "the check on the head of #{pull_request}, {}, says {state}", short_sha(head_sha))
            }
            Self::AwaitingHead { pull_request, head_sha } => {
                write!(f, "waiting for the check on the head of #{pull_request}, {}", short_sha(head_sha))
            }
            Self::DispatchedWon { run, url, there } => {
                write!(f, "run {run} was dispatched for this commit and has won there: {there} ({url})")
            }
            Self::AwaitingDispatched { run, url, here } => write!(
                f,
                "waiting for run {run}, which was dispatched for this commit ({url}); in this run: {here}"
            ),
            Self::CarriedOver { branch, run, soaked_sha, head_sha, approved_by, files, url, base_moved } => {
                let (soaked, head) = (short_sha(soaked_sha), short_sha(head_sha));
                let files = if *files == 1 { "1 file".to_owned() } else { format!("{files} files") };
                // A status holds 140 characters: both commits and what differs stand first.
                write!(
                    f,
                    "carried over: {branch} won on {soaked}, and what differs in {head} ({files}) needs no testnet"
                )?;
                write!(f, "; {url}; run {run}")?;
                if !approved_by.is_empty() {
                    write!(f, ", approved by {}", join(approved_by, "and"))?;
                }
                if *base_moved {
                    f.write_str("; the base has moved on, and both together are for a merge queue to test")?;
                }
                Ok(())
            }
            Self::Cancelled { run: true } => f.write_str("the run was cancelled"),
            Self::Cancelled { run: false } => f.write_str("every branch was cancelled"),
            Self::Running { branches } => {
                write!(
                    f,
                    "{} {} under way",
                    join(branches, "and"),
                    if branches.len() == 1 { "is" } else { "are" }
                )
            }
            Self::Soaking { branch } => write!(f, "{branch} is done with its job; its soak goes on"),
            Self::AwaitingReview { waits } => {
                let waits: Vec<String> = waits.iter().map(ToString::to_string).collect();
                write!(f, "waiting for a review of {}", join(&waits, "or"))
            }
            Self::AwaitingJobs { branches } => {
                write!(f, "waiting for GitHub to list {}", join(branches, "and"))
            }
            Self::AwaitingEvidence { branch } => {
                write!(f, "{branch} succeeded; its environment's protection is not read yet")
            }
            Self::DeadlinePassed { after, last } => {
                write!(f, "nothing was decided within {}: {last}", duration::rounded(*after))
            }
            Self::Unreachable { after, error } => {
                write!(f, "GitHub could not be read when {} had passed: {error}", duration::rounded(*after))
            }
            Self::NothingRead => f.write_str("nothing was read yet"),
            Self::Interrupted { signal, last } => write!(f, "ended by {signal}: {last}"),
        }
    }
}

/// The first characters of a SHA, as many as Substrate prints.
#[must_use]
pub fn short_sha(sha: &str) -> &str {
    sha.get(..11).unwrap_or(sha)
}

/// `a`, `a and b`, `a, b and c`; `nobody` for an empty list.
pub(super) fn join(items: &[String], word: &str) -> String {
    match items {
        [] => "nobody".to_owned(),
        [only] => only.clone(),
        [head @ .., last] => format!("{} {word} {last}", head.join(", ")),
    }
}
