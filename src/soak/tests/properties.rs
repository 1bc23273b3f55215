//! What holds whatever the nodes say, in whatever order, however often.

use proptest::prelude::*;

use super::super::{Checkpoint, Run};
use super::*;

#[derive(Clone, Debug)]
struct Move {
    wait: u32,
    node: usize,
    session: u32,
    kind: u8,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = (0..40_u32, 0..4_usize, 0..12_u32, 0..12_u8);
    let one = one.prop_map(|(wait, node, session, kind)| Move { wait, node, session, kind });
    prop::collection::vec(one, 0..60)
}

/// The moves as events: mostly answers, now and then anything else.
fn events(moves: &[Move]) -> Vec<Event> {
    let mut at = 0;
    let event = |step: &Move| {
        at += step.wait;
        let number = u64::from(step.session) * 10;
        match step.kind {
            0 => gone(at, step.node),
            1 => tick(at),
            2 => best(at, step.node, number + 3),
            3 => seen(at, step.node, Seen::Past(block(number / 2))),
            4 => {
                seen(at, step.node, Seen::Identity(Identity { syncing: step.session == 0, ..identity("1") }))
            }
            _ => head(at, step.node, step.session),
        }
    };
    moves.iter().map(event).collect()
}

/// What a healthy network of four says in two hundred seconds, a session in ten.
fn healthy() -> Vec<Vec<Event>> {
    (0..200).map(|at| (0..4).map(|node| final_at(at, node, u64::from(at) + 10)).collect()).collect()
}

proptest! {
    #[test]
    fn counted_is_never_more_than_a_quorum_has_shown(moves in moves(), target in 1..8_u32) {
        let terms = terms(4, target);
        let mut state = State::new(&terms);
        let mut highest = [None::<u32>; 4];
        for event in events(&moves) {
            if let Event::Observed(Observation { node, seen: Seen::Finalized(head), .. }) = &event {
                highest[*node] = highest[*node].max(Some(head.session));
            }
            let _ = state.fold(&terms, event);
            let mut shown: Vec<u32> = highest.iter().flatten().copied().collect();
            shown.sort_unstable_by(|a, b| b.cmp(a));
            let by_a_quorum = shown.get(2).copied();
            let baseline = state.baseline().map(|baseline| baseline.session);
            let counted = state.counted(&terms);
            match (by_a_quorum, baseline) {
                (Some(by_a_quorum), Some(baseline)) => {
                    prop_assert!(counted <= by_a_quorum.saturating_sub(baseline));
                }
                _ => prop_assert_eq!(counted, 0),
            }
            if state.verdict() == Verdict::Passed {
                prop_assert!(by_a_quorum.unwrap() >= baseline.unwrap() + target);
            }
        }
    }

    #[test]
    fn a_verdict_never_changes_and_a_list_has_no_hole(moves in moves(), target in 1..8_u32) {
        let terms = terms(4, target);
        let mut state = State::new(&terms);
        let mut verdict = None;
        for event in events(&moves) {
            let _ = state.fold(&terms, event);
            let now = (state.verdict(), state.reason(&terms), state.counted(&terms));
            prop_assert!(verdict.as_ref().is_none_or(|verdict| *verdict == now));
            if now.0 != Verdict::Running {
                verdict = Some(now);
            }
            if let Some(baseline) = state.baseline() {
                let indices: Vec<u32> = state.sessions().map(|session| session.index).collect();
                let first = baseline.session + 1;
                let expected: Vec<u32> = (first..).take(indices.len()).collect();
                prop_assert_eq!(&indices, &expected);
                for session in state.sessions() {
                    prop_assert!(session.after.block < session.first.block, "{:?}", session);
                }
            }
            let text = serde_json::to_string(&Checkpoint::of(&Run::default(), &terms, &state)).unwrap();
            prop_assert!(Checkpoint::read(&text).is_ok(), "{}", text);
        }
    }

    #[test]
    fn saying_it_twice_changes_nothing(moves in moves()) {
        let terms = terms(4, 5);
        let once = events(&moves);
        let twice = once.iter().flat_map(|event| [event.clone(), event.clone()]);
        prop_assert_eq!(ending(&terms, once.clone()), ending(&terms, twice));
    }

    /// Observations come in any order within some seconds, twice, or not at all: the
    /// count and, where nothing was lost, every boundary are exact.
    #[test]
    fn the_count_is_exact_however_it_is_told(
        shuffles in prop::collection::vec(Just((0..20_usize).collect::<Vec<_>>()).prop_shuffle(), 40),
        lost in prop::collection::vec(any::<prop::sample::Index>(), 0..200),
        twice in prop::collection::vec(any::<prop::sample::Index>(), 0..100),
    ) {
        let mut terms = terms(4, 500);
        // Told out of order, a chain seems to go back for some seconds.
        terms.monitor.rewind_after = Duration::from_secs(30);
        let seconds = healthy();
        let (first, rest) = seconds.split_at(1);
        let mut told: Vec<Event> = Vec::new();
        for (batch, order) in rest.chunks(5).zip(&shuffles) {
            let batch: Vec<Event> = batch.concat();
            told.extend(order.iter().filter_map(|place| batch.get(*place)).cloned());
        }
        let whole = folded(&terms, first.concat().into_iter().chain(told.clone()));
        prop_assert_eq!((whole.counted(&terms), whole.reason(&terms).to_string()), (19, "19 of 500 sessions passed".to_owned()));
        let exact = whole.sessions().all(|session| {
            session.is_exact() && session.first.block == u64::from(session.index) * 10
        });
        prop_assert!(exact);
        for index in twice {
            let place = index.index(told.len());
            let event = told[place].clone();
            told.insert((place + 7).min(told.len()), event);
        }
        for index in lost {
            if told.len() > 1 {
                told.remove(index.index(told.len()));
            }
        }
        let last = (0..4).map(|node| final_at(200, node, 210));
        let some = folded(&terms, first.concat().into_iter().chain(told).chain(last));
        prop_assert_eq!((some.verdict(), some.counted(&terms)), (Verdict::Running, 20));
        let indices: Vec<u32> = some.sessions().map(|session| session.index).collect();
        prop_assert_eq!(indices, (2..=21).collect::<Vec<u32>>());
        for session in some.sessions() {
            let begins = u64::from(session.index) * 10;
            prop_assert!(session.after.block < begins && begins <= session.first.block);
        }
    }

    /// Whatever the order in which nodes are heard at one moment, the same nodes
    /// pass, or none.
    #[test]
    fn order_between_nodes_makes_no_pass(
        sessions in prop::collection::vec(0..12_u32, 4), order in Just(vec![0, 1, 2, 3]).prop_shuffle()
    ) {
        let terms = terms(4, 5);
        let baseline = || (0..4).map(|node| head(0, node, 3));
        let later = |order: Vec<usize>| {
            let heads: Vec<Event> = order.into_iter().map(|node| head(1, node, sessions[node])).collect();
            heads
        };
        let straight = ending(&terms, baseline().chain(later(vec![0, 1, 2, 3])));
        let shuffled = ending(&terms, baseline().chain(later(order)));
        prop_assert_eq!(straight.0 == Verdict::Passed, shuffled.0 == Verdict::Passed);
    }

    /// What is counted along is what counting all nodes anew would give.
    #[test]
    fn what_is_counted_along_is_what_there_is(moves in moves(), target in 1..8_u32) {
        let terms = terms(4, target);
        let mut state = State::new(&terms);
        for event in events(&moves) {
            let _ = state.fold(&terms, event);
            let voting = || state.nodes.iter().filter(|node| node.votes);
            let back = voting().filter(|node| node.went_back()).count();
            let ahead = voting().filter(|node| node.head.is_some_and(|head| head.session > state.session));
            let misfits = state.nodes.iter().filter(|node| !node.fits && node.identity.is_some()).count();
            let answering = state.nodes.iter().filter(|node| node.answers).count();
            prop_assert_eq!(
                [state.answering, state.voting, state.misfits, state.back, state.ahead],
                [answering, voting().count(), misfits, back, ahead.count()]
            );
            let quorum = terms.monitor.quorum_size();
            let below = |head: Head| head.number < state.reached || head.session < state.session;
            let is_back = |node: &&super::super::node::Node| node.went_back() && node.head.is_some_and(below);
            let there = voting().filter(|node| node.head.is_some_and(|head| !below(head))).count();
            let rewound = voting().filter(is_back).count() >= quorum && there < quorum;
            prop_assert_eq!(state.is_rewound(&terms), rewound);
        }
    }
}

/// Every trace of six steps of two nodes: what passes was shown by both, and what is
/// unreachable for all of it neither passes nor fails.
#[test]
fn every_short_trace() {
    const STEPS: usize = 6;
    let kinds: [fn(u32) -> Event; 7] = [
        |at| final_at(at, 0, 10),
        |at| final_at(at, 0, 20),
        |at| final_at(at, 1, 10),
        |at| final_at(at, 1, 20),
        |at| gone(at, 0),
        |at| gone(at, 1),
        |at| tick(at),
    ];
    let terms = terms(2, 1);
    let (mut passed, mut ended_otherwise) = (0, 0);
    for trace in 0..kinds.len().pow(u32::try_from(STEPS).unwrap()) {
        let mut state = State::new(&terms);
        let (mut rest, mut shown) = (trace, [0_u64; 2]);
        for at in 0..STEPS {
            let event = kinds[rest % kinds.len()](u32::try_from(at).unwrap() * 12);
            rest /= kinds.len();
            if let Event::Observed(Observation { node, seen: Seen::Finalized(head), .. }) = &event {
                shown[*node] = shown[*node].max(head.number);
            }
            let _ = state.fold(&terms, event);
        }
        match state.verdict() {
            Verdict::Passed => {
                passed += 1;
                assert_eq!(shown, [20, 20], "trace {trace}");
            }
            Verdict::Running => {}
            Verdict::Failed => {
                ended_otherwise += 1;
                assert!(shown.iter().all(|number| *number > 0), "trace {trace}");
            }
            Verdict::Unmeasured | Verdict::Unfinished => ended_otherwise += 1,
        }
    }
    assert!(passed > 1000 && ended_otherwise > 1000, "{passed} {ended_otherwise}");
}
