//! Readings over time: what ends the wait, and when.
//!
//! A win is announced at once: what completed with success stays so. Everything
//! else that would end the wait is confirmed by an equal reading later, because
//! GitHub's lists and reviews lag behind each other. GitHub out of reach is never
//! a verdict. The caller passes the time with every observation.

use std::time::Duration;

use jiff::Timestamp;

use crate::exit::Exit;
use crate::policy::Polling;
use crate::policy::duration::between;

use super::reason::Reason;
use super::verdict::{Outcome, Verdict};

/// How many equal refusals in a row end the wait.
const REFUSALS: u32 = 3;

/// What a look at GitHub brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// The verdict as it was read, to be confirmed or not.
    Read(Box<Verdict>),
    /// GitHub answered that we may not, or that there is nothing.
    Refused(Refusal),
    /// GitHub could not be read; the text says why.
    Unreachable(String),
}

/// An answer that more waiting will hardly change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// How the process ends for it.
    pub exit: Exit,
    /// What was refused.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

/// What to do after an observation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Step {
    /// Look again: no later than after `within`, where an ending wants its
    /// second reading.
    Wait {
        /// The longest time until the next reading, where there is one.
        within: Option<Duration>,
    },
    /// The wait is over.
    End(Verdict),
    /// The wait is over without a verdict.
    Refuse(Refusal),
}

/// An ending that wants a second reading.
#[derive(Clone, Debug)]
struct Unconfirmed {
    reason: Reason,
    since: Timestamp,
}

/// Refusals of one kind in a row.
#[derive(Clone, Debug)]
struct Refusals {
    refusal: Refusal,
    count: u32,
    last: Timestamp,
}

/// The wait for a verdict.
#[derive(Clone, Debug)]
pub struct Watch {
    polling: Polling,
    started: Timestamp,
    deadline: Duration,
    unconfirmed: Option<Unconfirmed>,
    refusals: Option<Refusals>,
    last: Option<Verdict>,
    error: Option<String>,
}

impl Watch {
    /// A wait that begins now and ends after `deadline`.
    #[must_use]
    pub const fn new(polling: Polling, started: Timestamp, deadline: Duration) -> Self {
        Self { polling, started, deadline, unconfirmed: None, refusals: None, last: None, error: None }
    }

    /// The last verdict that was read, confirmed or not.
    #[must_use]
    pub const fn last(&self) -> Option<&Verdict> {
        self.last.as_ref()
    }

    /// Why GitHub could not be read, where that was so last time.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// How long is left until the deadline.
    #[must_use]
    pub fn remaining(&self, now: Timestamp) -> Duration {
        self.deadline.saturating_sub(between(self.started, now))
    }

    /// Takes in what a look at GitHub brought.
    pub fn observe(&mut self, now: Timestamp, observation: Observation) -> Step {
        match observation {
            Observation::Read(verdict) => self.read(now, *verdict),
            Observation::Refused(refusal) => self.refused(now, refusal),
            Observation::Unreachable(error) => {
                self.refusals = None;
                self.error = Some(error);
                self.tick(now)
            }
        }
    }

    /// Looks at the time alone.
    pub fn tick(&mut self, now: Timestamp) -> Step {
        if self.remaining(now).is_zero() {
            return Step::End(self.overdue());
        }
        Step::Wait { within: None }
    }

    /// The verdict when a signal ends the wait.
    #[must_use]
    pub fn interrupted(&self, signal: &'static str) -> Verdict {
        self.ended(|last| Reason::Interrupted { signal, last: Box::new(last) })
    }

    fn read(&mut self, now: Timestamp, verdict: Verdict) -> Step {
        self.refusals = None;
        self.error = None;
        self.last = Some(verdict.clone());
        if verdict.outcome() == Outcome::Won {
            return Step::End(verdict);
        }
        if verdict.outcome() == Outcome::Undecided {
            self.unconfirmed = None;
            return self.tick(now);
        }
        let first = match &self.unconfirmed {
            Some(first) if first.reason == verdict.reason => first.since,
            _ => now,
        };
        let wanted = match verdict.reason {
            // The approval may only not be listed yet.
            Reason::ReviewMissing { .. } => self.polling.review_lag.max(self.polling.confirm_after),
            _ => self.polling.confirm_after,
        };
        let waited = between(first, now);
        let confirmed = waited >= wanted && (now > first || wanted.is_zero());
        if confirmed {
            return Step::End(verdict);
        }
        self.unconfirmed = Some(Unconfirmed { reason: verdict.reason, since: first });
        match self.tick(now) {
            Step::Wait { .. } => Step::Wait { within: Some(wanted.saturating_sub(waited)) },
            ended => ended,
        }
    }

    fn refused(&mut self, now: Timestamp, refusal: Refusal) -> Step {
        self.error = Some(refusal.message.clone());
        let refusals = match self.refusals.take() {
            Some(before) if before.refusal == refusal => {
                if between(before.last, now) >= self.polling.confirm_after {
                    Refusals { refusal, count: before.count + 1, last: now }
                } else {
                    before
                }
            }
            _ => Refusals { refusal, count: 1, last: now },
        };
        if refusals.count >= REFUSALS {
            return Step::Refuse(refusals.refusal);
        }
        let within = self.polling.confirm_after.saturating_sub(between(refusals.last, now));
        self.refusals = Some(refusals);
        match self.tick(now) {
            Step::Wait { .. } => Step::Wait { within: Some(within) },
            ended => ended,
        }
    }

    fn overdue(&self) -> Verdict {
        let after = self.deadline;
        match &self.error {
            Some(error) => self.ended(|_| Reason::Unreachable { after, error: error.clone() }),
            None => self.ended(|last| Reason::DeadlinePassed { after, last: Box::new(last) }),
        }
    }

    fn ended(&self, reason: impl FnOnce(Reason) -> Reason) -> Verdict {
        match &self.last {
            Some(last) => Verdict { reason: reason(last.reason.clone()), ..last.clone() },
            None => Verdict::unknown(reason(Reason::NothingRead)),
        }
    }
}
