//! What becomes of a run whose race is won: pure, as is all that decides here.
//!
//! A run is cancelled only where nothing is lost by that: the race is won, the check
//! says so already, and no branch is at work.

use crate::policy::AfterWin;

use super::contender::State;
use super::settle::{AttemptId, Mark, Posted};
use super::{Outcome, Verdict};

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cleanup {
    /// The race is not won: nothing is touched.
    NotWon,
    /// Nothing waits any more.
    Clean,
    /// These branches wait, and are left waiting.
    Leave(Vec<String>),
    /// These are at work still; ending them would leave a testnet half deployed.
    AtWork(Vec<String>),
    /// The check does not say yet that the race is won.
    NotWritten,
    /// The run is cancelled, and with it the wait of these branches.
    Cancel(Vec<String>),
}

/// What is to be done about a run with that verdict. `written`: the check says already
/// that it is won.
#[must_use]
pub fn cleanup(after_win: AfterWin, verdict: &Verdict, written: bool) -> Cleanup {
    if verdict.outcome() != Outcome::Won {
        return Cleanup::NotWon;
    }
    let named = |is: fn(State) -> bool| -> Vec<String> {
        let found = verdict.branches.iter().filter(|branch| is(branch.state));
        found.map(|branch| branch.name.clone()).collect()
    };
    let waiting = named(|state| state == State::Waiting);
    let at_work = named(|state| matches!(state, State::Running | State::Queued));
    match after_win {
        _ if waiting.is_empty() => Cleanup::Clean,
        AfterWin::Leave => Cleanup::Leave(waiting),
        AfterWin::CancelRun if !at_work.is_empty() => Cleanup::AtWork(at_work),
        AfterWin::CancelRun if !written => Cleanup::NotWritten,
        AfterWin::CancelRun => Cleanup::Cancel(waiting),
    }
}

/// Whether the newest of the check's statuses (newest first) says that this attempt won.
#[must_use]
pub fn is_written(ours: AttemptId, posted: &[Posted]) -> bool {
    posted.first().is_some_and(|newest| {
        newest.mark == Some(Mark::Success) && AttemptId::of_url(&newest.target_url) == Some(ours)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Branch, Policy};
    use crate::race::{Reason, contender};

    fn verdict(reason: Reason, states: &[State]) -> Verdict {
        let policy = Policy::default();
        let snapshot = crate::race::Snapshot {
            read_at: jiff::Timestamp::UNIX_EPOCH,
            run: crate::race::Run {
                id: 7,
                attempt: 1,
                url: String::new(),
                event: "pull_request".to_owned(),
                head_sha: String::new(),
                pull_request: None,
                started_at: None,
                cancelled: false,
                without_secrets: None,
            },
            jobs: Vec::new(),
            reviews: Vec::new(),
            pending: Vec::new(),
            environments: std::collections::BTreeMap::new(),
            advice: crate::race::Advice::Unknown,
            soaks: Vec::new(),
            own_jobs: Vec::new(),
        };
        let branches = states.iter().zip(["a", "b", "c"]).map(|(state, name)| contender::Contender {
            state: *state,
            ..contender::read(&policy, &Branch::named(name), &snapshot)
        });
        Verdict { branches: branches.collect(), ..Verdict::unknown(reason) }
    }

    #[test]
    fn only_what_waits_beside_a_written_win_is_cancelled() {
        use AfterWin::{CancelRun, Leave};
        use State::{Cancelled, Queued, Rejected, Running, Succeeded, Waiting};
        let won = || Reason::BranchSucceeded { branch: "a".to_owned(), approved_by: Vec::new() };
        let waits = || vec!["b".to_owned()];
        for (after_win, states, written, expected) in [
            (CancelRun, vec![Succeeded, Waiting], true, Cleanup::Cancel(waits())),
            (CancelRun, vec![Succeeded, Waiting], false, Cleanup::NotWritten),
            (CancelRun, vec![Succeeded, Waiting, Running], true, Cleanup::AtWork(vec!["c".to_owned()])),
            (CancelRun, vec![Succeeded, Waiting, Queued], true, Cleanup::AtWork(vec!["c".to_owned()])),
            (CancelRun, vec![Succeeded, Rejected], true, Cleanup::Clean),
            (CancelRun, vec![Succeeded, Cancelled], true, Cleanup::Clean),
            (CancelRun, vec![Succeeded, Running], true, Cleanup::Clean),
            (Leave, vec![Succeeded, Waiting], true, Cleanup::Leave(waits())),
            (Leave, vec![Succeeded, Waiting], false, Cleanup::Leave(waits())),
        ] {
            assert_eq!(cleanup(after_win, &verdict(won(), &states), written), expected, "{states:?}");
        }
        for reason in [
            Reason::Cancelled { run: true },
            Reason::AwaitingJobs { branches: Vec::new() },
            Reason::EnvironmentOpen { branch: "a".to_owned(), environment: "a".to_owned() },
        ] {
            let verdict = verdict(reason, &[Succeeded, Waiting]);
            assert_eq!(cleanup(CancelRun, &verdict, true), Cleanup::NotWon, "{:?}", verdict.reason);
        }
    }

    #[test]
    fn only_the_newest_status_of_this_attempt_counts() {
        let posted = |mark, attempt: u64| Posted {
            id: 1,
            mark: Some(mark),
            description: String::new(),
            target_url: format!("https://github.com/o/r/actions/runs/7/attempts/{attempt}"),
        };
        let ours = AttemptId { run: 7, attempt: 2 };
        for (posted, written) in [
            (vec![posted(Mark::Success, 2)], true),
            (vec![posted(Mark::Success, 2), posted(Mark::Pending, 2)], true),
            (vec![posted(Mark::Pending, 2), posted(Mark::Success, 2)], false),
            (vec![posted(Mark::Success, 1)], false),
            (vec![posted(Mark::Failure, 2)], false),
            (vec![], false),
        ] {
            assert_eq!(is_written(ours, &posted), written, "{posted:?}");
        }
    }
}
