//! The rules of the race, over the bare facts of every branch.
//!
//! The order of the rules is that of `docs/how-the-race-decides.md`. Everything
//! here is a small copyable value, so that a test can walk through every
//! combination there is.

use jiff::Timestamp;

use crate::policy::{BothApproved, OnBranchFailure, Rules};

use super::contender::{Contender, State};
use super::snapshot::Protection;

/// What the rules need to know of a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its state.
    pub state: State,
    /// A person's approving review counts for it.
    pub approved: bool,
    /// It got past its gate: approved, or a step of it ran.
    pub passed_gate: bool,
    /// Its gate succeeded, and its job is another one.
    pub at_later_job: bool,
    /// That other job is not listed.
    pub later_job_missing: bool,
    /// Protection of its environment, where it was read.
    pub protection: Option<Protection>,
    /// The selection takes it out of the race.
    pub excluded: bool,
    /// The selection lets it win without review.
    pub spared: bool,
    /// When the last of its jobs completed.
    pub completed_at: Option<Timestamp>,
}

impl From<&Contender> for Facts {
    fn from(contender: &Contender) -> Self {
        Self {
            state: contender.state,
            approved: contender.approved,
            passed_gate: contender.passed_gate,
            at_later_job: contender.at_later_job,
            later_job_missing: contender.later_job_missing,
            protection: contender.protection,
            excluded: contender.excluded,
            spared: contender.spared,
            completed_at: contender.completed_at,
        }
    }
}

impl Facts {
    /// Succeeded, with all that a win must have.
    fn wins(&self, rules: Rules) -> bool {
        self.state == State::Succeeded
            && !self.excluded
            && (self.spared
                || !rules.require_review
                || (self.protection == Some(Protection::Reviewers) && self.approved))
    }

    /// Succeeded without what a win must have, and that is known for sure.
    fn is_void(&self, rules: Rules) -> bool {
        self.state == State::Succeeded && !self.excluded && !self.wins(rules) && self.protection.is_some()
    }

    /// Was let through its gate and came to nothing.
    fn broke_down(&self, run: RunFacts) -> bool {
        !self.excluded
            && self.passed_gate
            && match self.state {
                State::Failed => true,
                State::Cancelled => !run.cancelled,
                State::Skipped => self.at_later_job && !run.cancelled,
                _ => false,
            }
    }

    /// A job of it that is not listed cannot come any more.
    fn cannot_come(&self, run: RunFacts) -> bool {
        run.others_done && (self.state == State::Missing || self.later_job_missing)
    }

    /// Runs, or will start by itself.
    fn moves(&self, run: RunFacts) -> bool {
        !self.excluded && matches!(self.state, State::Running | State::Queued) && !self.cannot_come(run)
    }

    /// May still be approved, or be listed.
    fn may_come(&self, run: RunFacts) -> bool {
        !self.excluded
            && !run.cancelled
            && matches!(self.state, State::Waiting | State::Missing)
            && !self.cannot_come(run)
    }

    /// Takes part where every approved branch must succeed: approved, or under way,
    /// since nothing gets under way without an approval and reviews lag behind.
    fn counts_as_approved(&self) -> bool {
        !self.excluded && (self.approved || matches!(self.state, State::Running | State::Queued))
    }
}

/// What the rules need to know of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunFacts {
    /// The run itself ended as cancelled.
    pub cancelled: bool,
    /// There are jobs other than ours and the missing ones, and all of them have
    /// been completed for longer than lists lag.
    pub others_done: bool,
}

/// What the rules say. The numbers are positions in the list of branches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ruling {
    /// This branch won.
    Won(usize),
    /// This branch succeeded without the protection that it must have.
    Void(usize),
    /// Nothing is decided.
    Undecided,
    /// This branch was let through its gate and failed.
    BranchFailed(usize),
    /// This branch cannot come any more, and no other can win.
    CannotCome(usize),
    /// Every branch was rejected, skipped, or failed before it began.
    AllRejected,
    /// The run, or every branch, was cancelled.
    Cancelled,
}

/// Applies the rules.
#[must_use]
pub fn judge(rules: Rules, run: RunFacts, branches: &[Facts]) -> Ruling {
    // Rule 1: a success that has all it must have wins; one that has not is void.
    let best = branches
        .iter()
        .enumerate()
        .filter(|(_, branch)| branch.wins(rules))
        .min_by_key(|(position, branch)| match rules.both_approved {
            BothApproved::FirstSuccess => (branch.completed_at.unwrap_or(Timestamp::MAX), *position),
            BothApproved::AllApproved => (Timestamp::MAX, *position),
        })
        .map(|(position, _)| position);
    let all_must = rules.both_approved == BothApproved::AllApproved;
    let all_did = branches.iter().filter(|b| b.counts_as_approved()).all(|b| b.state == State::Succeeded);
    if let Some(best) = best {
        if !all_must || all_did {
            return Ruling::Won(best);
        }
    } else if let Some(void) = branches.iter().position(|branch| branch.is_void(rules)) {
        return Ruling::Void(void);
    }

    // Rule 2: something moves, or succeeded and its protection is not read yet.
    let unread = |branch: &Facts| {
        branch.state == State::Succeeded
            && !branch.excluded
            && !branch.wins(rules)
            && branch.protection.is_none()
    };
    if branches.iter().any(|branch| branch.moves(run) || unread(branch)) {
        return Ruling::Undecided;
    }

    // Rule 3: a branch that was let through its gate broke down.
    let may_come = branches.iter().any(|branch| branch.may_come(run));
    if let Some(broken) = branches.iter().position(|branch| branch.broke_down(run)) {
        let waits = rules.on_branch_failure == OnBranchFailure::Wait && may_come && best.is_none();
        return if waits { Ruling::Undecided } else { Ruling::BranchFailed(broken) };
    }

    // Rule 4: a branch may still be approved, or be listed.
    if may_come {
        return Ruling::Undecided;
    }
    if !run.cancelled
        && let Some(lost) = branches.iter().position(|branch| !branch.excluded && branch.cannot_come(run))
    {
        return Ruling::CannotCome(lost);
    }

    // Rule 5: all that is left is an ending.
    if run.cancelled || branches.iter().all(|branch| branch.state == State::Cancelled) {
        Ruling::Cancelled
    } else {
        Ruling::AllRejected
    }
}
