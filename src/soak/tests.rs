//! Tables and properties of the fold.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{Checkpoint, Event, Head, Observation, Run, Seen, State, Step, Stop, Verdict};
use crate::policy::{Monitor, Node, Quorum, Stall};

fn policy(nodes: usize, target: u32) -> Monitor {
    Monitor {
        session_length: Duration::from_secs(10),
        target_sessions: target,
        unmeasured_after: Duration::from_mins(1),
        quorum: Quorum::Majority,
        nodes: (0..nodes).map(|index| Node { url: format!("ws://node-{index}") }).collect(),
        stall: Stall { no_session: Some(Duration::from_secs(20)) },
    }
}

fn second(second: u32) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(i64::from(second))
}

fn seen(at: u32, node: usize, seen: Seen) -> Event {
    Event::Observed(Observation { at: second(at), node, seen })
}

/// Node `node` is asked at second `at` and is in `session`, ten blocks a session.
fn head(at: u32, node: usize, session: u32) -> Event {
    let number = u64::from(session) * 10;
    seen(at, node, Seen::Finalized(Head { number, hash: format!("0x{number:064x}"), session }))
}

fn gone(at: u32, node: usize) -> Event {
    seen(at, node, Seen::Unreachable("connection refused".to_owned()))
}

fn folded(policy: &Monitor, events: impl IntoIterator<Item = Event>) -> State {
    let mut state = State::new(policy);
    for event in events {
        let _ = state.fold(policy, event);
    }
    state
}

fn ending(policy: &Monitor, events: impl IntoIterator<Item = Event>) -> (Verdict, &'static str, u32) {
    let state = folded(policy, events);
    (state.verdict(), state.reason(policy).code(), state.counted())
}

#[test]
fn one_node_passes_at_its_target() {
    let policy = policy(1, 2);
    let mut state = State::new(&policy);
    assert_eq!(state.fold(&policy, head(0, 0, 7)), Step::Baseline);
    assert_eq!(state.fold(&policy, head(1, 0, 7)), Step::Nothing);
    assert_eq!(state.fold(&policy, head(10, 0, 8)), Step::Sessions(1));
    assert_eq!(state.fold(&policy, head(20, 0, 9)), Step::Ended);
    assert_eq!(state.verdict(), Verdict::Passed);
    assert_eq!(
        state.reason(&policy).to_string(),
        "2 sessions passed (target 2), finalized on a quorum of 1 node"
    );
    assert_eq!(state.sessions()[0].duration, Some(Duration::from_secs(10)));
    assert_eq!(state.fold(&policy, head(21, 0, 1)), Step::Nothing, "a verdict never changes");
    assert_eq!(state.verdict(), Verdict::Passed);
}

#[test]
fn the_quorum_counts_and_not_the_furthest_node() {
    let policy = policy(3, 5);
    let baseline = [head(0, 0, 1), head(0, 1, 1), head(0, 2, 1)];
    let one_runs_ahead = [head(1, 0, 9)];
    assert_eq!(
        ending(&policy, baseline.clone().into_iter().chain(one_runs_ahead)),
        (Verdict::Running, "counting", 0)
    );
    let another_follows = [head(1, 0, 9), head(2, 1, 4)];
    assert_eq!(ending(&policy, baseline.into_iter().chain(another_follows)).2, 3);
}

#[test]
fn catching_up_is_not_counted() {
    let policy = policy(3, 5);
    let behind_at_the_baseline = [head(0, 0, 2), head(0, 1, 100), head(1, 0, 100)];
    assert_eq!(ending(&policy, behind_at_the_baseline), (Verdict::Running, "counting", 0));
    let the_third_shows_it =
        [head(0, 0, 2), head(0, 1, 2), head(1, 2, 100), head(2, 0, 100), head(3, 1, 101)];
    assert_eq!(ending(&policy, the_third_shows_it), (Verdict::Running, "counting", 0));
}

#[test]
fn a_stall_is_answers_and_never_silence() {
    let policy = policy(1, 5);
    let asked = |seconds: &[u32]| seconds.iter().map(|at| head(*at, 0, 3)).collect::<Vec<_>>();
    assert_eq!(ending(&policy, asked(&[0, 10, 19])), (Verdict::Running, "counting", 0));
    assert_eq!(ending(&policy, asked(&[0, 10, 20])), (Verdict::Failed, "no-session", 0));
    let silent = [head(0, 0, 3), Event::Tick(second(10)), Event::Tick(second(25))];
    assert_eq!(ending(&policy, silent), (Verdict::Running, "counting", 0));
    let out_of_reach_meanwhile = [head(0, 0, 3), gone(1, 0), head(40, 0, 3), head(50, 0, 3)];
    assert_eq!(ending(&policy, out_of_reach_meanwhile), (Verdict::Running, "counting", 0));
    let again = [head(0, 0, 3), head(15, 0, 4), head(30, 0, 4)];
    assert_eq!(ending(&policy, again), (Verdict::Running, "counting", 1));
}

#[test]
fn one_stuck_node_of_three_is_no_stall() {
    let policy = policy(3, 50);
    let events = (0..60).flat_map(|at| [head(at, 0, 1), head(at, 1, 1 + at / 10), head(at, 2, 1 + at / 10)]);
    assert_eq!(ending(&policy, events), (Verdict::Running, "counting", 5));
}

#[test]
fn without_a_quorum_nothing_is_judged_until_it_is_unmeasured() {
    let policy = policy(2, 5);
    let one = |until| (0..=until).map(|at| head(at, 0, at)).collect::<Vec<_>>();
    assert_eq!(ending(&policy, one(59)), (Verdict::Running, "no-baseline", 0));
    assert_eq!(ending(&policy, one(60)), (Verdict::Unmeasured, "out-of-reach", 0));
    let nobody = [gone(0, 0), gone(0, 1), Event::Tick(second(60))];
    let state = folded(&policy, nobody);
    assert_eq!(
        state.reason(&policy).to_string(),
        "out of reach for 1m: 0 of 2 nodes answering (connection refused)"
    );
    let comes_back_in_time = [head(0, 0, 1), head(0, 1, 1), gone(1, 0), head(50, 0, 2), head(50, 1, 2)];
    assert_eq!(ending(&policy, comes_back_in_time), (Verdict::Running, "counting", 1));
}

#[test]
fn another_chain_is_told_apart() {
    let policy = policy(2, 5);
    let genesis = |node, hash: &str| seen(0, node, Seen::Genesis(hash.to_owned()));
    assert_eq!(ending(&policy, [genesis(0, "0xaa"), genesis(1, "0xbb")]).1, "another-genesis");
    let restarted = [head(0, 0, 4), head(0, 1, 4), head(1, 0, 5), head(2, 0, 0), head(2, 1, 0)];
    assert_eq!(ending(&policy, restarted), (Verdict::Failed, "went-back", 0));
    let one_node_catches_up = [head(0, 0, 4), head(0, 1, 4), head(2, 0, 0), head(3, 0, 5), head(3, 1, 5)];
    assert_eq!(ending(&policy, one_node_catches_up), (Verdict::Running, "counting", 1));
}

#[test]
fn stopping_early_is_never_a_pass() {
    let policy = policy(1, 5);
    let stop = Event::Stop(second(30), Stop::Terminated);
    let state = folded(&policy, [head(0, 0, 1), head(9, 0, 5), stop]);
    assert_eq!(state.verdict(), Verdict::Unfinished);
    assert_eq!(state.reason(&policy).to_string(), "stopped by SIGTERM after 4 of 5 sessions");
}

#[test]
fn the_checkpoint_has_the_contracts_shape() {
    let policy = policy(1, 500);
    let events =
        [seen(0, 0, Seen::Genesis("0xaa".to_owned())), head(0, 0, 7), head(10, 0, 8), head(12, 0, 9)];
    let run = Run { id: Some(7), attempt: Some(1), head_sha: Some("c0ffee".to_owned()) };
    let checkpoint = Checkpoint::of(&run, &policy, &folded(&policy, events));
    insta::assert_json_snapshot!(checkpoint);
}

#[derive(Clone, Debug)]
struct Move {
    wait: u32,
    node: usize,
    session: u32,
    kind: u8,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = (0..40_u32, 0..4_usize, 0..12_u32, 0..10_u8);
    let one = one.prop_map(|(wait, node, session, kind)| Move { wait, node, session, kind });
    prop::collection::vec(one, 0..60)
}

/// The moves as events: mostly answers, now and then an unreachable node or a tick.
fn events(moves: &[Move]) -> Vec<Event> {
    let mut at = 0;
    let event = |step: &Move| {
        at += step.wait;
        match step.kind {
            0 => gone(at, step.node),
            1 => Event::Tick(second(at)),
            _ => head(at, step.node, step.session),
        }
    };
    moves.iter().map(event).collect()
}

proptest! {
    #[test]
    fn counted_is_never_more_than_a_quorum_has_shown(moves in moves(), target in 1..8_u32) {
        let policy = policy(4, target);
        let mut state = State::new(&policy);
        let mut highest = [None::<u32>; 4];
        for event in events(&moves) {
            if let Event::Observed(Observation { node, seen: Seen::Finalized(head), .. }) = &event {
                highest[*node] = highest[*node].max(Some(head.session));
            }
            let _ = state.fold(&policy, event);
            let mut shown: Vec<u32> = highest.iter().flatten().copied().collect();
            shown.sort_unstable_by(|a, b| b.cmp(a));
            let by_a_quorum = shown.get(2).copied();
            let baseline = state.baseline().map(|baseline| baseline.session);
            match (by_a_quorum, baseline) {
                (Some(by_a_quorum), Some(baseline)) => {
                    prop_assert!(state.counted() <= by_a_quorum.saturating_sub(baseline));
                }
                _ => prop_assert_eq!(state.counted(), 0),
            }
            if state.verdict() == Verdict::Passed {
                prop_assert!(by_a_quorum.unwrap() >= baseline.unwrap() + target);
            }
        }
    }

    #[test]
    fn saying_it_twice_changes_nothing(moves in moves()) {
        let policy = policy(4, 5);
        let once = events(&moves);
        let twice = once.iter().flat_map(|event| [event.clone(), event.clone()]);
        prop_assert_eq!(ending(&policy, once.clone()), ending(&policy, twice));
    }

    /// Whatever the order in which nodes are heard at one moment, the same nodes
    /// pass, or none.
    #[test]
    fn order_between_nodes_makes_no_pass(
        sessions in prop::collection::vec(0..12_u32, 4), order in Just(vec![0, 1, 2, 3]).prop_shuffle()
    ) {
        let policy = policy(4, 5);
        let baseline = || (0..4).map(|node| head(0, node, 3));
        let later = |order: Vec<usize>| {
            let heads: Vec<Event> = order.into_iter().map(|node| head(1, node, sessions[node])).collect();
            heads
        };
        let straight = ending(&policy, baseline().chain(later(vec![0, 1, 2, 3])));
        let shuffled = ending(&policy, baseline().chain(later(order)));
        prop_assert_eq!(straight.0 == Verdict::Passed, shuffled.0 == Verdict::Passed);
    }
}
