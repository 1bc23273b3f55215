//! `race monitor --leg`: a leg that is over is no failure, where its success wins
//! nothing by itself.

use crate::cli::Monitor;
use crate::exit::Exit;
use crate::policy::{Branch, Proof};
use crate::race::stands_for;

use super::super::Failure;

/// What the process ends with.
pub(super) fn exit_of(arguments: &Monitor, exit: Exit) -> Exit {
    if arguments.leg && exit == Exit::SoakUnfinished { Exit::Done } else { exit }
}

/// Refuses a job whose success means that its branch did its work: there a leg that is
/// over would win the race.
pub(super) fn is_followed(branches: &[Branch], own_job: Option<&str>) -> Result<(), Failure> {
    let wins = |branch: &Branch| {
        branch.proof == Proof::Job && own_job.is_some_and(|own| stands_for(&branch.job, own))
    };
    let goes_on = |branch: &Branch| branch.proof == Proof::Soak || branch.job != branch.gate;
    if branches.iter().any(goes_on) && !branches.iter().any(wins) {
        return Ok(());
    }
    Err(Failure::new(Exit::Invalid, "--leg is refused: a leg that is over would win the race").help(
        "in policies/race.toml, name as the branch's `job` the job that succeeds once a leg has passed",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leg_is_refused_where_it_would_win() {
        let relay = Branch { job: "soaked".to_owned(), ..Branch::named("testnet") };
        let sampled = Branch { proof: Proof::Soak, ..Branch::named("testnet") };
        let poll = Branch::named("testnet");
        for (branch, own_job, allowed) in [
            (&relay, Some("testnet"), true),
            (&relay, Some("soak-2"), true),
            (&relay, Some("soaked"), false),
            (&relay, Some("null"), false),
            (&relay, None, true),
            (&sampled, Some("testnet"), true),
            (&poll, Some("testnet"), false),
            (&poll, Some("another"), false),
            (&poll, None, false),
        ] {
            let branches = [branch.clone(), Branch::named("null")];
            assert_eq!(is_followed(&branches, own_job).is_ok(), allowed, "{branch:?} {own_job:?}");
        }
    }
}
