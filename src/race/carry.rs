//! Whether the verdict on an earlier head of a pull request may be carried over to the
//! head that is there now. Pure.
//!
//! A false carry is a false green, so every part must be known and must say yes: the
//! earlier head was soaked and won by the same rules; everything since lies on top of
//! it; and of that the base's criteria need no testnet. It always goes back to the commit
//! that was really soaked, never to a verdict that was itself carried over.

use std::fmt;

use jiff::Timestamp;

use crate::policy::{Carry, Policy};

use super::contender::State;
use super::dispatched::file_of;
use super::reason::{Reason, short_sha};
use super::settle::AttemptId;
use super::snapshot::Advice;
use super::verdict::{Outcome, Verdict};

/// How many earlier heads are looked at, the newest first.
pub const HEADS: usize = 10;

/// GitHub's word for a commit that has all that another one has, and more.
const AHEAD: &str = "ahead";

/// The event whose runs race.
const EVENT: &str = "pull_request";

/// What a run must be about for its verdict to be of any use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sought {
    /// The file of our own workflow.
    pub workflow: String,
    /// Our pull request.
    pub pull_request: u64,
    /// The git branch of its head, which is in this repository.
    pub head_ref: String,
    /// Its head now.
    pub head_sha: String,
    /// When it was opened.
    pub opened_at: Option<Timestamp>,
}

/// A run, as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The run in its newest attempt.
    pub run: AttemptId,
    /// Its page.
    pub url: String,
    /// The event that started it.
    pub event: String,
    /// The file of its workflow; some have the ref behind an `@`.
    pub workflow: String,
    /// The git branch of its head.
    pub head_ref: String,
    /// Its head.
    pub head_sha: String,
    /// Its head is in this repository, not in a fork.
    pub is_of_here: bool,
    /// The pull requests that GitHub names with it. Of one whose head has moved on it
    /// may name none.
    pub pull_requests: Vec<u64>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
}

impl Sought {
    fn is(&self, candidate: &Candidate) -> bool {
        let file = file_of(&candidate.workflow);
        let Candidate { event, head_ref, head_sha, pull_requests, .. } = candidate;
        event == EVENT
            && !self.workflow.is_empty()
            && file == self.workflow
            && candidate.is_of_here
            && !self.head_ref.is_empty()
            && *head_ref == self.head_ref
            && !head_sha.is_empty()
            && *head_sha != self.head_sha
            && pull_requests.iter().all(|number| *number == self.pull_request)
            // A git branch of that name may have been another pull request's before.
            && matches!((candidate.created_at, self.opened_at), (Some(run), Some(opened)) if run >= opened)
    }

    /// Of each earlier head the newest run, the newest head first.
    #[must_use]
    pub fn among<'c>(&self, candidates: &'c [Candidate]) -> Vec<&'c Candidate> {
        let mut found: Vec<&Candidate> = candidates.iter().filter(|candidate| self.is(candidate)).collect();
        found.sort_by_key(|candidate| std::cmp::Reverse((candidate.created_at, candidate.run)));
        let mut heads: Vec<&Candidate> = Vec::new();
        for candidate in found {
            if heads.iter().all(|known| known.head_sha != candidate.head_sha) {
                heads.push(candidate);
            }
        }
        heads.truncate(HEADS);
        heads
    }
}

/// What an earlier head's run tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A branch that does not spare the testnet has won.
    Soaked {
        /// That branch.
        branch: String,
        /// Who approved it.
        approved_by: Vec<String>,
    },
    /// Such a branch failed, or a person rejected it: nothing older counts any more.
    Refused {
        /// That branch.
        branch: String,
        /// How it ended.
        state: State,
    },
    /// It was never soaked, or nobody knows: an older head may have been.
    Nothing,
}

/// What the verdict of an earlier head's run tells.
#[must_use]
pub fn hear(policy: &Policy, verdict: &Verdict) -> Heard {
    let spares =
        |name: &str| policy.branches.iter().any(|branch| branch.name == name && branch.spares_testnet);
    if verdict.outcome() == Outcome::Won
        && let Some(winner) = verdict.winner()
        && winner.state == State::Succeeded
        && !spares(&winner.name)
    {
        let (branch, approved_by) = (winner.name.clone(), winner.approved_by.clone());
        return Heard::Soaked { branch, approved_by };
    }
    let refused = verdict
        .branches
        .iter()
        .find(|branch| !spares(&branch.name) && matches!(branch.state, State::Failed | State::Rejected));
    match refused {
        Some(branch) => Heard::Refused { branch: branch.name.clone(), state: branch.state },
        None => Heard::Nothing,
    }
}

/// An earlier head that was soaked, and won.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Soaked {
    /// The commit.
    pub sha: String,
    /// The run that soaked it.
    pub run: u64,
    /// The branch that won.
    pub branch: String,
    /// Who approved it.
    pub approved_by: Vec<String>,
}

/// What differs, and all that is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Since {
    /// The head now.
    pub head_sha: String,
    /// GitHub's word for how it relates to the commit that was soaked.
    pub relation: String,
    /// What both descend from.
    pub merge_base: String,
    /// How many files differ; `None` where not all of them are listed.
    pub files: Option<usize>,
    /// What the criteria say of that.
    pub advice: Advice,
    /// The pull request as a whole changes what decides; `None` where that is not known.
    pub gate_changed: Option<bool>,
    /// The same for the base, since the pull request left it.
    pub base_gate_changed: Option<bool>,
    /// The base has moved on since.
    pub base_moved: bool,
    /// A page that shows what differs.
    pub url: String,
}

/// Why nothing is carried over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the names in the sentence that Display writes")]
pub enum NotCarried {
    /// The policy does not allow it.
    Never,
    /// No earlier head was soaked.
    NothingSoaked,
    /// A newer head was refused.
    Refused { head_sha: String, branch: String, state: State },
    /// The head does not lie on top of what was soaked.
    Rewritten { soaked: String, relation: String },
    /// Not all that differs is listed.
    NotListed { soaked: String },
    /// What differs needs a testnet, or may.
    NeedsTestnet { soaked: String },
    /// The pull request changes what decides, or may.
    GateChanged,
    /// The base has another policy or workflow since, or may have.
    BaseGateChanged,
}

impl fmt::Display for NotCarried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("the policy does not allow it"),
            Self::NothingSoaked => f.write_str("no earlier head of the pull request has won by a testnet"),
            Self::Refused { head_sha, branch, state } => {
                write!(f, "on {} {branch} was {}", short_sha(head_sha), state.word())
            }
            Self::Rewritten { soaked, relation } => {
                let relation = if relation.is_empty() { "unknown" } else { relation };
                write!(
                    f,
                    "the head does not lie on top of {}, which was soaked ({relation})",
                    short_sha(soaked)
                )
            }
            Self::NotListed { soaked } => {
                write!(
                    f,
                    "GitHub does not list all that differs from {}, which was soaked",
                    short_sha(soaked)
                )
            }
            Self::NeedsTestnet { soaked } => write!(
                f,
                "by the criteria what differs from {}, which was soaked, is not known to need no testnet",
                short_sha(soaked)
            ),
            Self::GateChanged => {
                f.write_str("the pull request changes the policy or the workflow, or nobody knows")
            }
            Self::BaseGateChanged => f.write_str(
                "the base has another policy or workflow since the pull request left it, or nobody knows",
            ),
        }
    }
}

/// Whether the verdict on `soaked` may be carried over to the head, and what to say then.
///
/// # Errors
///
/// Why it may not.
pub fn carry(policy: &Policy, soaked: &Soaked, since: &Since) -> Result<Reason, NotCarried> {
    let sha = || soaked.sha.clone();
    if policy.carry != Carry::NotNeeded {
        return Err(NotCarried::Never);
    }
    let on_top = since.relation == AHEAD
        && !soaked.sha.is_empty()
        && since.merge_base == soaked.sha
        && since.head_sha != soaked.sha;
    if !on_top {
        return Err(NotCarried::Rewritten { soaked: sha(), relation: since.relation.clone() });
    }
    let Some(files) = since.files else { return Err(NotCarried::NotListed { soaked: sha() }) };
    if since.advice != Advice::NotNeeded {
        return Err(NotCarried::NeedsTestnet { soaked: sha() });
    }
    if since.gate_changed != Some(false) {
        return Err(NotCarried::GateChanged);
    }
    if since.base_gate_changed != Some(false) {
        return Err(NotCarried::BaseGateChanged);
    }
    Ok(Reason::CarriedOver {
        branch: soaked.branch.clone(),
        run: soaked.run,
        soaked_sha: sha(),
        head_sha: since.head_sha.clone(),
        approved_by: soaked.approved_by.clone(),
        files,
        url: since.url.clone(),
        base_moved: since.base_moved,
    })
}
