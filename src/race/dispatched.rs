//! A run of a fork gets no secrets, so its testnet is run by hand: a dispatched run
//! settles on the fork's commit. What the check of the fork's own run may believe of
//! that, and what it makes of it.
//!
//! Whoever may write statuses may write any. So a status is only where to look: its
//! target must be a dispatched run of the same workflow, from the base's own ref,
//! that names this very commit; and that run is judged anew by the same rules.

use super::reason::Reason;
use super::settle::{AttemptId, Mark, Posted};
use super::verdict::{Outcome, Verdict};
use super::warning::Warning;

/// What a dispatched run must be for us to believe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The page of this repository's runs, `.../OWNER/NAME/actions/runs`.
    pub runs_page: String,
    /// The file of our own workflow, for example `.github/workflows/testnet-deployer.yml`.
    pub workflow: String,
    /// The git branches whose workflow is the base's: its own, and the default one.
    pub refs: Vec<String>,
    /// Our pull request.
    pub pull_request: u64,
    /// Its commit that we are about.
    pub head_sha: String,
}

/// What GitHub tells of a run's origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The event that started it.
    pub event: String,
    /// The file of its workflow; some have the ref behind an `@`.
    pub workflow: String,
    /// The git branch that it was started on, whose workflow it runs; or a tag that is
    /// called so. Hence the commit is to be part of that git branch.
    pub started_on: String,
    /// The commit that it was started on.
    pub started_at: String,
    /// Its title: our workflow's `run-name`, which ends with `#12 at SHA`.
    pub title: String,
}

impl Wanted {
    /// The attempt that a status leads to, where that is one of this repository.
    #[must_use]
    pub fn attempt_behind(&self, target_url: &str) -> Option<AttemptId> {
        let attempt = AttemptId::of_url(target_url)?;
        (target_url == self.page_of(attempt)).then_some(attempt)
    }

    /// The page of an attempt.
    #[must_use]
    pub fn page_of(&self, AttemptId { run, attempt }: AttemptId) -> String {
        format!("{}/{run}/attempts/{attempt}", self.runs_page)
    }

    /// Whether a run of that origin was dispatched for us.
    #[must_use]
    pub fn is(&self, origin: &Origin) -> bool {
        let file = file_of(&origin.workflow);
        origin.event == DISPATCH
            && !self.workflow.is_empty()
            && file == self.workflow
            && self.refs.contains(&origin.started_on)
            && subject_of(&origin.title) == Some((self.pull_request, self.head_sha.clone()))
    }
}

/// The file of a workflow, behind whose name some answers have the ref, as in
/// `.github/workflows/ci.yml@main`.
#[must_use]
pub fn file_of(workflow: &str) -> &str {
    workflow.split('@').next().unwrap_or_default()
}

/// The event that starts a run by hand.
pub const DISPATCH: &str = "workflow_dispatch";

/// The pull request and the commit that a dispatched run's title ends with. The API
/// tells the inputs of a run nowhere else.
#[must_use]
pub fn subject_of(title: &str) -> Option<(u64, String)> {
    let (before, sha) = title.rsplit_once(" at ")?;
    let number = before.rsplit(' ').next()?.strip_prefix('#')?;
    let is_sha = [40, 64].contains(&sha.len()) && sha.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    if !is_sha || !is_number {
        return None;
    }
    // GitHub writes SHAs small; who dispatches may not.
    Some((number.parse().ok()?, sha.to_ascii_lowercase()))
}

/// A dispatched run that was found to be for us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispatched {
    /// The run.
    pub run: u64,
    /// The page of the attempt.
    pub url: String,
    /// What it came to.
    pub state: Progress,
}

/// What a dispatched run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It goes on.
    Pending,
    /// It says that it has won, and this is what it was judged to be.
    Judged(Box<Verdict>),
    /// It has ended without a win.
    Ended,
}

/// What a status says before anything is judged; the judgement of a success is yet
/// to come.
#[must_use]
pub fn wants_judging(status: &Posted) -> bool {
    status.mark == Some(Mark::Success)
}

/// What is told without judging.
#[must_use]
pub fn progress_of(status: &Posted) -> Progress {
    match status.mark {
        // A success that nobody judged proves nothing.
        Some(Mark::Pending | Mark::Success) | None => Progress::Pending,
        Some(Mark::Failure | Mark::Error) => Progress::Ended,
    }
}

/// Our own verdict, with what a dispatched run came to beside it.
///
/// A win of our own stands. An open gate (void) is not covered up, and a run that
/// was cancelled stays so. Else a dispatched run that was judged to have won is
/// mirrored, one that goes on is waited for, and any other changes nothing.
#[must_use]
pub fn beside(own: Verdict, dispatched: Dispatched) -> Verdict {
    let keeps = matches!(own.outcome(), Outcome::Won | Outcome::Void)
        || matches!(own.reason, Reason::Cancelled { run: true });
    if keeps {
        return own;
    }
    let Dispatched { run, url, state } = dispatched;
    let reason = match state {
        Progress::Judged(verdict) if verdict.outcome() == Outcome::Won => {
            Reason::DispatchedWon { run, url, there: Box::new(verdict.reason) }
        }
        Progress::Judged(verdict) if verdict.outcome() != Outcome::Undecided => return own,
        Progress::Ended => return own,
        Progress::Judged(_) | Progress::Pending => {
            Reason::AwaitingDispatched { run, url, here: Box::new(own.reason) }
        }
    };
    let mut verdict = Verdict { reason, ..own };
    if verdict.outcome() == Outcome::Won {
        // What it advises has been done.
        verdict.warnings.retain(|warning| !matches!(warning, Warning::WithoutSecrets { .. }));
    }
    verdict
}
