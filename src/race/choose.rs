//! Choosing one branch by hand: which review is due next. Pure; the command asks
//! again after every step, so that what others do meanwhile is seen.

use std::fmt;

use jiff::Timestamp;

use crate::exit::Exit;

use super::State;
use super::reason::join;

/// An environment that waits for a review, as the one who asks sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingReview {
    /// The environment.
    pub environment: String,
    /// GitHub's number for it.
    pub environment_id: u64,
    /// Whether the one who asks may review it now.
    pub may_review: bool,
    /// Its reviewers: logins, and teams as `@slug`.
    pub reviewers: Vec<String>,
    /// When its wait timer ends, where it has one.
    pub timer_ends: Option<Timestamp>,
}

/// A branch that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The branch.
    pub branch: String,
    /// Its environment.
    pub environment: String,
    /// What waits for a review there.
    pub pending: Option<PendingReview>,
    /// Its state by the job list, where that was read.
    pub state: Option<State>,
    /// GitHub has taken a review of it from us.
    pub reviewed: bool,
}

impl Candidate {
    fn waits(&self) -> Option<&PendingReview> {
        self.pending.as_ref().filter(|_| !self.reviewed)
    }
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Reject these environments, all at once.
    Reject(Vec<PendingReview>),
    /// Approve this environment.
    Approve(PendingReview),
    /// Nothing: it is as wanted.
    Done,
    /// Read the job list: what no longer waits must be told apart by its jobs.
    Look,
    /// Read again: the lists contradict each other about this branch.
    Unclear(String),
    /// Stop, and approve nothing.
    Stop(Stop),
}

/// Why nothing more is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// There is no such branch.
    UnknownBranch {
        /// What was asked for.
        branch: String,
        /// The branches that there are.
        known: Vec<String>,
    },
    /// Something waits, but not for this reviewer.
    MayNotReview(PendingReview),
    /// Nothing waits for a review.
    NothingPending,
    /// The chosen branch does not wait for a review any more.
    NoLongerWaits {
        /// The chosen branch.
        branch: String,
        /// What came of it.
        state: State,
    },
    /// Another branch was let through already.
    GoesOn {
        /// The other branch.
        branch: String,
        /// What came of it.
        state: State,
    },
}

/// The next step on the way to `branch` approved and every other one rejected.
#[must_use]
pub fn next(candidates: &[Candidate], branch: &str) -> Next {
    let Some(chosen) = candidates.iter().find(|candidate| candidate.branch == branch) else {
        let known = candidates.iter().map(|candidate| candidate.branch.clone()).collect();
        return Next::Stop(Stop::UnknownBranch { branch: branch.to_owned(), known });
    };
    let approve = match (chosen.waits(), chosen.state) {
        _ if chosen.reviewed => None,
        (Some(pending), _) if pending.may_review => Some(pending),
        (Some(pending), _) => return Next::Stop(Stop::MayNotReview(pending.clone())),
        (None, None) => return Next::Look,
        (None, Some(State::Running | State::Queued | State::Succeeded)) => None,
        (None, Some(State::Waiting)) => return Next::Unclear(chosen.branch.clone()),
        (None, Some(_)) if candidates.iter().all(|candidate| candidate.waits().is_none()) => {
            return Next::Stop(Stop::NothingPending);
        }
        (None, Some(state)) => {
            return Next::Stop(Stop::NoLongerWaits { branch: chosen.branch.clone(), state });
        }
    };
    // Branches of one environment are reviewed together.
    let others =
        candidates.iter().filter(|other| !other.environment.eq_ignore_ascii_case(&chosen.environment));
    let mut reject: Vec<PendingReview> = Vec::new();
    for other in others {
        match (other.waits(), other.state) {
            _ if other.reviewed => {}
            (Some(pending), _) if !pending.may_review => {
                return Next::Stop(Stop::MayNotReview(pending.clone()));
            }
            (Some(pending), _) if reject.contains(pending) => {}
            (Some(pending), _) => reject.push(pending.clone()),
            (None, None) => return Next::Look,
            (None, Some(State::Waiting)) => return Next::Unclear(other.branch.clone()),
            (None, Some(state @ (State::Running | State::Queued | State::Succeeded))) => {
                return Next::Stop(Stop::GoesOn { branch: other.branch.clone(), state });
            }
            (None, Some(_)) => {}
        }
    }
    match approve {
        _ if !reject.is_empty() => Next::Reject(reject),
        Some(pending) => Next::Approve(pending.clone()),
        None => Next::Done,
    }
}

impl Stop {
    /// How the process ends for it.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::UnknownBranch { .. } => Exit::Invalid,
            Self::MayNotReview(_) => Exit::Refused,
            Self::NothingPending => Exit::NotFound,
            Self::NoLongerWaits { .. } | Self::GoesOn { .. } => Exit::Partial,
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn help(&self) -> &'static str {
        match self {
            Self::UnknownBranch { .. } => "the branches are those of policies/race.toml",
            Self::MayNotReview(_) => "let one of its reviewers choose, with a token of their own in GH_TOKEN",
            Self::NothingPending => {
                "every branch is decided, or the run is over: `race inspect` tells; re-run all jobs to be asked again"
            }
            Self::NoLongerWaits { .. } => {
                "`race inspect` tells who decided; re-run all jobs to be asked again"
            }
            Self::GoesOn { .. } => "what is approved cannot be taken back but by cancelling the run",
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownBranch { branch, known } => {
                write!(f, "there is no branch `{branch}`; there is {}", join(known, "and"))
            }
            Self::MayNotReview(pending) => write!(f, "you may not review {}", pending.environment),
            Self::NothingPending => f.write_str("nothing is pending: no branch waits for a review"),
            Self::NoLongerWaits { branch, state } => {
                write!(f, "{branch} no longer waits for a review: it is {}", state.word())
            }
            Self::GoesOn { branch, state } => {
                write!(f, "{branch} was let through already: it is {}", state.word())
            }
        }
    }
}

/// Why `login` may not review what waits for others, as far as GitHub tells.
#[must_use]
pub fn why_not(pending: &PendingReview, login: Option<&str>, now: Timestamp) -> String {
    if let Some(end) = pending.timer_ends.filter(|end| *end > now) {
        return format!("its wait timer runs until {}", end.strftime("%Y-%m-%d %H:%M UTC"));
    }
    let listed = |login: &&str| pending.reviewers.iter().any(|name| name.eq_ignore_ascii_case(login));
    if let Some(login) = login.filter(listed) {
        return format!(
            "{login} is one of its reviewers, but started this run, and self-review is prevented"
        );
    }
    let who = login.unwrap_or("this token's account");
    let teams = pending.reviewers.iter().any(|name| name.starts_with('@'));
    let unless = if teams { ", nor a member of its teams who may review this run" } else { "" };
    format!("{who} is not one of its reviewers ({}){unless}", join(&pending.reviewers, "or"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `testnet: pending`, `null: barred`, or a state's word; `?` is not read,
    /// `reviewed` is what we did.
    fn candidates(text: &str) -> Vec<Candidate> {
        let read = |(index, one): (usize, &str)| {
            let (branch, what) = one.split_once(": ").unwrap();
            let pending = |may_review| PendingReview {
                environment: branch.to_owned(),
                environment_id: index as u64,
                may_review,
                reviewers: vec!["alice".to_owned()],
                timer_ends: None,
            };
            Candidate {
                branch: branch.to_owned(),
                environment: branch.to_owned(),
                pending: ["pending", "barred", "reviewed"].contains(&what).then(|| pending(what != "barred")),
                state: State::ALL.into_iter().find(|state| state.word() == what),
                reviewed: what == "reviewed",
            }
        };
        text.split(", ").enumerate().map(read).collect()
    }

    fn told(next: &Next) -> String {
        let names = |list: &[PendingReview]| {
            list.iter().map(|pending| pending.environment.as_str()).collect::<Vec<_>>().join("+")
        };
        match next {
            Next::Reject(list) => format!("reject {}", names(list)),
            Next::Approve(pending) => format!("approve {}", pending.environment),
            Next::Done => "done".to_owned(),
            Next::Look => "look".to_owned(),
            Next::Unclear(branch) => format!("unclear {branch}"),
            Next::Stop(stop) => format!("{} {stop}", stop.exit().code()),
        }
    }

    #[test]
    fn the_next_step_for_every_shape_of_what_is_there() {
        for (there, expected) in [
            ("testnet: pending, null: pending", "reject null"),
            ("testnet: pending, null: pending, quick: pending", "reject null+quick"),
            ("testnet: pending, null: reviewed", "approve testnet"),
            ("testnet: reviewed, null: reviewed", "done"),
            ("testnet: pending, null: ?", "look"),
            ("testnet: ?, null: pending", "look"),
            ("testnet: pending, null: rejected", "approve testnet"),
            ("testnet: pending, null: failed", "approve testnet"),
            ("testnet: pending, null: missing", "approve testnet"),
            ("testnet: pending, null: waiting", "unclear null"),
            ("testnet: waiting, null: pending", "unclear testnet"),
            ("testnet: running, null: pending", "reject null"),
            ("testnet: queued, null: rejected", "done"),
            ("testnet: succeeded, null: skipped", "done"),
            // Nothing is done where not all of it can be done.
            ("testnet: barred, null: pending", "3 you may not review testnet"),
            ("testnet: pending, null: barred", "3 you may not review null"),
            ("testnet: pending, null: queued", "6 null was let through already: it is queued"),
            ("testnet: pending, null: succeeded", "6 null was let through already: it is succeeded"),
            ("testnet: running, null: running", "6 null was let through already: it is running"),
            ("testnet: rejected, null: pending", "6 testnet no longer waits for a review: it is rejected"),
            ("testnet: cancelled, null: reviewed", "4 nothing is pending: no branch waits for a review"),
            ("testnet: missing, null: missing", "4 nothing is pending: no branch waits for a review"),
            ("live: pending, null: pending", "2 there is no branch `testnet`; there is live and null"),
        ] {
            assert_eq!(told(&next(&candidates(there), "testnet")), expected, "{there}");
        }
    }

    #[test]
    fn branches_of_one_environment_are_chosen_together() {
        let mut both = candidates("testnet: pending, small: pending, null: pending");
        both[1].environment = "Testnet".to_owned();
        assert_eq!(told(&next(&both, "testnet")), "reject null");
        both[1].environment = "null".to_owned();
        let shared = both[2].pending.clone();
        both[1].pending = shared;
        assert_eq!(told(&next(&both, "testnet")), "reject null");
    }

    #[test]
    fn why_somebody_may_not_review_is_told_apart() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let mut pending = candidates("testnet: barred").remove(0).pending.unwrap();
        assert_eq!(why_not(&pending, Some("carol"), now), "carol is not one of its reviewers (alice)");
        assert!(why_not(&pending, Some("Alice"), now).ends_with("self-review is prevented"));
        pending.reviewers.push("@core".to_owned());
        assert!(why_not(&pending, None, now).contains("alice or @core), nor a member"));
        pending.timer_ends = Some(now + std::time::Duration::from_mins(30));
        assert_eq!(why_not(&pending, Some("alice"), now), "its wait timer runs until 2027-01-15 08:30 UTC");
    }
}
