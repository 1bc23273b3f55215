//! Readings over time: what ends the wait, and when.

use std::time::Duration;

use testnet_deployer::exit::Exit;
use testnet_deployer::policy::Policy;
use testnet_deployer::race::Snapshot;
use testnet_deployer::race::watch::{Observation, Refusal, Step, Watch};

use crate::build::{approved, at, job, rejected, snapshot, told};

const DEADLINE: Duration = Duration::from_secs(1_000);

/// Feeds observations at these seconds, and tells what the wait came to and when.
fn fold(observations: impl IntoIterator<Item = (i64, Observation)>) -> (i64, String) {
    let policy = Policy::default();
    let mut watch = Watch::new(&policy, at(0), DEADLINE);
    let mut last = 0;
    for (second, observation) in observations {
        last = second;
        match watch.observe(&policy, at(second), observation) {
            Step::Wait { .. } => {}
            Step::End(verdict) => return (second, format!("{} {}", told(&verdict), verdict.reason.code())),
            Step::Refuse(refusal) => return (second, format!("refused {}", refusal.exit.code())),
        }
    }
    (last, "goes on".to_owned())
}

fn read(race: &Snapshot) -> Observation {
    Observation::Read(Box::new(race.clone()))
}

fn race(testnet: &str, null: &str) -> Snapshot {
    let mut race = snapshot(vec![job("testnet", testnet), job("null", null)], vec![approved("testnet")]);
    if null == "rejected" {
        race.reviews.push(rejected("null"));
    }
    race
}

fn refusal(exit: Exit) -> Observation {
    Observation::Refused(Refusal { exit, message: format!("{exit:?}"), help: String::new() })
}

#[test]
fn a_valid_win_is_announced_at_once() {
    assert_eq!(
        fold([(5, read(&race("success", "waiting")))]),
        (5, "won testnet branch-succeeded".to_owned())
    );
}

#[test]
fn a_loss_wants_an_equal_reading_confirm_after_later() {
    let lost = race("failure", "waiting");
    let going = race("in_progress", "waiting");
    assert_eq!(fold([(5, read(&lost)), (6, read(&lost))]).1, "goes on");
    assert_eq!(fold([(5, read(&lost)), (7, read(&lost))]), (7, "lost 10 branch-failed".to_owned()));
    assert_eq!(fold([(5, read(&lost)), (7, read(&going)), (9, read(&lost))]).1, "goes on");
    assert_eq!(
        fold([(5, read(&lost)), (7, read(&race("success", "waiting")))]).1,
        "won testnet branch-succeeded"
    );
    let mut other = race("rejected", "rejected");
    other.reviews.push(rejected("testnet"));
    assert_eq!(
        fold([(5, read(&lost)), (9, read(&other))]).1,
        "goes on",
        "another ending is not a confirmation"
    );
}

#[test]
fn the_wait_for_a_second_reading_is_told() {
    let policy = Policy::default();
    let mut watch = Watch::new(&policy, at(0), DEADLINE);
    let step = watch.observe(&policy, at(5), read(&race("failure", "waiting")));
    assert_eq!(step, Step::Wait { within: Some(Duration::from_secs(2)) });
}

#[test]
fn a_missing_review_may_only_lag_behind() {
    let mut unreviewed = race("success", "waiting");
    unreviewed.reviews.clear();
    assert_eq!(fold((0..30).map(|second| (second, read(&unreviewed)))).1, "goes on");
    assert_eq!(
        fold((0..=30).map(|second| (second, read(&unreviewed)))),
        (30, "void review-missing".to_owned())
    );
    let late =
        (0..20).map(|second| (second, read(&unreviewed))).chain([(20, read(&race("success", "waiting")))]);
    assert_eq!(fold(late).1, "won testnet branch-succeeded");
    let mut open = race("success", "waiting");
    open.environments.insert("testnet".to_owned(), testnet_deployer::race::Protection::Open);
    assert_eq!(fold([(0, read(&open)), (2, read(&open))]).1, "void environment-unprotected");
}

#[test]
fn an_outage_is_no_verdict_and_the_deadline_says_so() {
    let down = || Observation::Unreachable("502".to_owned());
    assert_eq!(fold((0..999).map(|second| (second, down()))).1, "goes on");
    assert_eq!(fold((0..=1_000).map(|second| (second, down()))), (1_000, "undecided unreachable".to_owned()));
    let back = (0..900).map(|second| (second, down())).chain([(900, read(&race("success", "waiting")))]);
    assert_eq!(fold(back).1, "won testnet branch-succeeded");
    let lost = race("failure", "waiting");
    let between = [(5, read(&lost)), (6, down()), (7, read(&lost))];
    assert_eq!(
        fold(between).1,
        "lost 10 branch-failed",
        "an outage between two equal readings changes nothing"
    );
}

#[test]
fn the_deadline_ends_undecided_with_what_was_awaited() {
    let waiting = race("waiting", "waiting");
    assert_eq!(fold([(0, read(&waiting)), (1_000, read(&waiting))]).1, "undecided deadline-passed");
    assert_eq!(
        fold([(0, read(&waiting)), (1_000, read(&race("success", "waiting")))]).1,
        "won testnet branch-succeeded",
        "a win that is read in time counts"
    );
    let unconfirmed = fold([(0, read(&waiting)), (1_000, read(&race("failure", "waiting")))]);
    assert_eq!(unconfirmed.1, "undecided deadline-passed", "an ending nobody confirmed is none");
}

#[test]
fn three_equal_refusals_apart_end_the_wait() {
    let cases = [(Exit::Refused, "refused 3"), (Exit::NotFound, "refused 4")];
    for (exit, expected) in cases {
        let three = [(0, refusal(exit)), (2, refusal(exit)), (4, refusal(exit))];
        assert_eq!(fold(three), (4, expected.to_owned()));
        let hasty = [(0, refusal(exit)), (1, refusal(exit)), (2, refusal(exit)), (3, refusal(exit))];
        assert_eq!(fold(hasty).1, "goes on");
    }
    let mixed = [(0, refusal(Exit::Refused)), (2, refusal(Exit::NotFound)), (4, refusal(Exit::Refused))];
    assert_eq!(fold(mixed).1, "goes on");
    let healed = [
        (0, refusal(Exit::Refused)),
        (2, refusal(Exit::Refused)),
        (4, read(&race("waiting", "waiting"))),
        (6, refusal(Exit::Refused)),
    ];
    assert_eq!(fold(healed).1, "goes on");
}

#[test]
fn a_signal_keeps_what_was_known() {
    let policy = Policy::default();
    let mut watch = Watch::new(&policy, at(0), DEADLINE);
    let verdict = watch.interrupted("SIGTERM");
    assert_eq!((verdict.outcome().word(), verdict.reason.code()), ("undecided", "interrupted"));
    let _ = watch.observe(&policy, at(1), read(&race("failure", "waiting")));
    let verdict = watch.interrupted("SIGTERM");
    assert_eq!(verdict.exit(), Exit::Undecided);
    assert!(verdict.reason.to_string().contains("testnet failed"), "{}", verdict.reason);
}

#[test]
fn a_clock_that_goes_back_ends_nothing() {
    let lost = race("failure", "waiting");
    assert_eq!(fold([(50, read(&lost)), (10, read(&lost)), (51, read(&lost))]).1, "goes on");
}
