//! What is counted, and what is not.

use std::time::Duration;

use super::super::{Boundary, Checkpoint, Run, Step, Stop};
use super::*;

#[test]
fn one_node_passes_at_its_target() {
    let terms = terms(1, 2);
    let mut state = State::new(&terms);
    assert_eq!(state.fold(&terms, head(0, 0, 7)), Step::Baseline);
    assert_eq!(state.fold(&terms, head(1, 0, 7)), Step::Nothing);
    assert_eq!(state.fold(&terms, head(10, 0, 8)), Step::Sessions(1));
    assert_eq!(state.fold(&terms, head(20, 0, 9)), Step::Ended);
    assert_eq!(state.verdict(), Verdict::Passed);
    assert_eq!(
        state.reason(&terms).to_string(),
        "2 sessions passed (target 2), finalized on a quorum of 1 node"
    );
    assert_eq!(state.sessions().next().unwrap().duration, Some(Duration::from_secs(10)));
    assert_eq!(state.fold(&terms, head(21, 0, 1)), Step::Nothing, "a verdict never changes");
    assert_eq!(state.verdict(), Verdict::Passed);
}

#[test]
fn the_quorum_counts_and_not_the_furthest_node() {
    let terms = terms(3, 5);
    let baseline = [head(0, 0, 1), head(0, 1, 1), head(0, 2, 1)];
    let one_runs_ahead = [head(1, 0, 9)];
    assert_eq!(ending(&terms, baseline.clone().into_iter().chain(one_runs_ahead)), running(0));
    let another_follows = [head(1, 0, 9), head(2, 1, 4)];
    assert_eq!(ending(&terms, baseline.into_iter().chain(another_follows)).2, 3);
}

#[test]
fn catching_up_is_not_counted() {
    let terms = terms(3, 5);
    let behind_at_the_baseline = [head(0, 0, 2), head(0, 1, 100), head(1, 0, 100)];
    assert_eq!(ending(&terms, behind_at_the_baseline), running(0));
    let the_third_shows_it =
        [head(0, 0, 2), head(0, 1, 2), head(1, 2, 100), head(2, 0, 100), head(3, 1, 101)];
    assert_eq!(ending(&terms, the_third_shows_it), running(0));
    let syncing = |at, node, syncing| seen(at, node, Seen::Identity(Identity { syncing, ..identity("1") }));
    let syncs = [syncing(0, 0, true), head(0, 0, 2), syncing(1, 0, false), head(1, 0, 50), head(2, 0, 51)];
    assert_eq!(ending(&super::terms(1, 5), syncs), running(1));
}

#[test]
fn sessions_of_the_warm_up_do_not_count() {
    let mut terms = terms(1, 2);
    terms.monitor.warm_up_sessions = 3;
    let upto = |last: u32| (0..=last).map(|at| head(at, 0, at)).collect::<Vec<_>>();
    assert_eq!(ending(&terms, upto(3)), running(0));
    assert_eq!(ending(&terms, upto(4)), running(1));
    assert_eq!(ending(&terms, upto(5)).0, Verdict::Passed);
    assert_eq!(folded(&terms, upto(5)).sessions().count(), 5);
}

/// `null` is 0, which the adapter says; a chain that begins there is counted from there.
#[test]
fn the_first_session_has_the_index_zero() {
    let terms = terms(1, 3);
    let events = [final_at(0, 0, 0), final_at(5, 0, 5), final_at(10, 0, 10), final_at(20, 0, 21)];
    assert_eq!(ending(&terms, events), running(2));
}

#[test]
fn heads_that_skip_blocks_leave_intervals_that_are_filled_in() {
    let terms = terms(1, 50);
    let skips = [final_at(0, 0, 4), final_at(5, 0, 9), final_at(15, 0, 59)];
    let mut state = folded(&terms, skips);
    assert_eq!(state.counted(&terms), 5);
    let known: Vec<(u32, u64, u64, bool)> = state
        .sessions()
        .map(|session| (session.index, session.after.block, session.first.block, session.is_exact()))
        .collect();
    assert_eq!(known, (1..=5).map(|index| (index, 9, 59, false)).collect::<Vec<_>>());

    let past = |number: u64| seen(16, 0, Seen::Past(block(number)));
    for number in [34, 19, 20, 29, 30, 10, 9, 39] {
        let _ = state.fold(&terms, past(number));
    }
    let found = Boundary { index: 4, after: (39, None), block: (40, Some(second(3))) };
    let _ = state.fold(&terms, seen(16, 0, Seen::Boundary(found)));
    let _ = state.fold(&terms, past(49));
    let _ = state.fold(&terms, past(50));
    let known: Vec<(u32, u64, bool)> =
        state.sessions().map(|session| (session.index, session.first.block, session.is_exact())).collect();
    assert_eq!(known, (1..=5).map(|index| (index, u64::from(index) * 10, true)).collect::<Vec<_>>());
    assert_eq!(state.counted(&terms), 5, "filling in counts nothing");
}

#[test]
fn a_node_that_tells_nonsense_makes_no_list_long() {
    let terms = terms(3, 20);
    let mut state = folded(&terms, [head(0, 0, 1), head(0, 1, 1), head(0, 2, 1), head(1, 2, u32::MAX)]);
    assert_eq!((state.counted(&terms), state.sessions().count()), (0, 0));
    for at in 1..=9 {
        for node in [0, 1] {
            for number in 0..10 {
                let _ = state.fold(&terms, final_at(at, node, u64::from(at + 1) * 10 + number));
            }
        }
    }
    let exact = state.sessions().filter(super::super::Session::is_exact).count();
    // Nobody told the block before the first of them.
    assert_eq!((state.counted(&terms), exact), (9, 8));
}

#[test]
fn stopping_early_is_never_a_pass() {
    let terms = terms(1, 5);
    let stop = Event::Stop(second(30), Stop::Terminated);
    let state = folded(&terms, [head(0, 0, 1), head(9, 0, 5), stop]);
    assert_eq!(state.verdict(), Verdict::Unfinished);
    assert_eq!(state.reason(&terms).to_string(), "stopped by SIGTERM after 4 of 5 sessions");
}

#[test]
fn the_time_of_a_leg_ends_it_unfinished() {
    let mut terms = terms(1, 500);
    terms.leg_ends = Some(second(25));
    let events = |last| (0..=last).map(|at| head(at, 0, at / 10)).collect::<Vec<_>>();
    assert_eq!(ending(&terms, events(24)), running(2));
    assert_eq!(ending(&terms, events(25)), (Verdict::Unfinished, "max-runtime".to_owned(), 2));
}

#[test]
fn the_checkpoint_has_the_contracts_shape() {
    let terms = terms(1, 500);
    let events = [seen(0, 0, Seen::Genesis(hash(0, 0))), head(0, 0, 7), head(10, 0, 8), head(12, 0, 9)];
    let run = Run { id: Some(7), attempt: Some(1), head_sha: Some("c0ffee".to_owned()), ..Run::default() };
    let checkpoint = Checkpoint::of(&run, &terms, &folded(&terms, events));
    insta::assert_json_snapshot!(checkpoint);
}
