//! The faults of a network, each as the trace that its nodes would tell.

use super::super::Boundary;
use super::*;

fn told(nodes: usize, shows: fn(u32, usize) -> Option<(u64, u64)>, seconds: u32) -> (Verdict, String, u32) {
    ending(&terms(nodes, 500), Network { nodes, shows }.events(0..seconds))
}

fn at(second: u32) -> u64 {
    u64::from(second) + 10
}

#[test]
fn a_healthy_network_goes_on() {
    assert_eq!(told(4, |second, _| Some((at(second), at(second) - 2)), 100), running(10));
}

#[test]
fn block_stall() {
    let stall = |second: u32, _| Some((at(second.min(33)), at(second.min(33))));
    assert_eq!(told(4, stall, 43), running(3));
    assert_eq!(told(4, stall, 44), failed("no-block", 3));
    // One block now and then is enough.
    let slow = |second: u32, _| Some((at(second / 9), at(second / 9)));
    assert_eq!(told(4, slow, 20), running(0));
}

#[test]
fn finality_stall_with_blocks_going_on() {
    let stall = |second: u32, _| Some((at(second), at(second.min(33))));
    assert_eq!(told(4, stall, 48), running(3));
    assert_eq!(told(4, stall, 49), failed("no-finality", 3));
}

/// Ten blocks make a session in most traces; here the session stays and blocks go on.
#[test]
fn session_stall_with_finality_going_on() {
    let terms = terms(4, 500);
    let events = |seconds: u32| {
        (0..seconds).flat_map(|at| {
            (0..4).flat_map(move |node| {
                let number = u64::from(at) + 10;
                let stuck = Head { session: block(number).session.min(4), ..block(number) };
                [best(at, node, number + 2), seen(at, node, Seen::Finalized(stuck))]
            })
        })
    };
    assert_eq!(ending(&terms, events(50)), running(3));
    assert_eq!(ending(&terms, events(52)), failed("no-session", 3));
}

#[test]
fn one_of_four_silent_then_two() {
    let one = |second: u32, node| (node < 3 || second < 20).then(|| (at(second), at(second) - 2));
    assert_eq!(told(4, one, 200), running(20));
    let two = |second: u32, node| match node {
        3 if second >= 20 => None,
        2 if second >= 40 => None,
        _ => Some((at(second), at(second) - 2)),
    };
    // For a minute at most, and then it is no verdict on the network.
    assert_eq!(told(4, two, 100), running(4));
    assert_eq!(told(4, two, 101), (Verdict::Unmeasured, "out-of-reach".to_owned(), 4));
}

#[test]
fn one_node_that_hangs_is_no_stall() {
    let hangs = |second: u32, node| {
        let known = if node == 3 { second.min(30) } else { second };
        Some((at(known), at(known) - 2))
    };
    assert_eq!(told(4, hangs, 200), running(20));
}

#[test]
fn all_unreachable_for_less_and_for_more_than_allowed() {
    let less = |second: u32, _| (!(20..79).contains(&second)).then(|| (at(second), at(second) - 2));
    assert_eq!(told(4, less, 100), running(10));
    let more = |second: u32, _| (second < 20).then(|| (at(second), at(second) - 2));
    assert_eq!(told(4, more, 81), (Verdict::Unmeasured, "out-of-reach".to_owned(), 2));
    let mut terms = terms(4, 500);
    terms.monitor.unmeasured_total = Some(Duration::from_secs(90));
    let twice = |second: u32, _| {
        (!(20..70).contains(&second) && !(80..130).contains(&second)).then(|| (at(second), at(second) - 2))
    };
    let (verdict, code, _) = ending(&terms, Network { nodes: 4, shows: twice }.events(0..140));
    assert_eq!((verdict, &*code), (Verdict::Unmeasured, "out-of-reach"));
}

#[test]
fn a_best_chain_that_goes_back_by_a_session_counts_nothing_twice() {
    // The best chain is at the boundary, goes back by two blocks, and comes again.
    let reorg = |second: u32, _| {
        let back = if second % 10 == 2 { 3 } else { 0 };
        Some((at(second) - back, at(second) - 6))
    };
    assert_eq!(told(4, reorg, 105), running(10));
    // One node tells an older finalized head in between: it counts nothing either.
    let terms = terms(1, 500);
    let flaps = [final_at(0, 0, 19), final_at(1, 0, 20), final_at(2, 0, 19), final_at(3, 0, 20)];
    assert_eq!(ending(&terms, flaps), running(1));
}

#[test]
fn a_finalized_fork() {
    let terms = terms(4, 500);
    let mut events = Network { nodes: 4, shows: |s, _| Some((at(s), at(s))) }.events(0..20);
    let other = Head { hash: hash(29, 1), ..block(29) };
    events.push(seen(20, 3, Seen::Finalized(other)));
    let reason = reason(&terms, events.clone());
    assert_eq!(reason.code(), "rewritten", "the same node had another hash at that height: {reason}");
    events.pop();
    events.push(seen(20, 2, Seen::Finalized(block(30))));
    let other = Head { hash: hash(30, 1), ..block(30) };
    events.push(seen(20, 3, Seen::Finalized(other)));
    let told = super::reason(&terms, events.clone()).to_string();
    assert!(told.starts_with("finality forked: block 30 is 0x1e") && told.ends_with("for node 3"), "{told}");
    // The same, found by asking for a height at which one node is no longer.
    events.pop();
    events.push(final_at(20, 3, 33));
    events.push(seen(21, 3, Seen::FinalizedAt(Block { number: 30, hash: hash(30, 1) })));
    assert_eq!(ending(&terms, events.clone()).1, "fork");
    events.pop();
    events.push(seen(21, 3, Seen::FinalizedAt(Block { number: 40, hash: hash(40, 1) })));
    assert_eq!(ending(&terms, events), running(1), "what is not final there yet is no fork");
}

#[test]
fn a_chain_reset() {
    let reset = |second: u32, _| {
        let number = if second < 60 { at(second) + 2000 } else { u64::from(second) - 60 };
        Some((number + 2, number))
    };
    assert_eq!(told(4, reset, 65), running(5));
    assert_eq!(told(4, reset, 66), failed("rewound", 5));
    let one = |second: u32, node| {
        let number = if second < 60 || node < 3 { at(second) } else { u64::from(second) - 60 };
        Some((number + 2, number))
    };
    assert_eq!(told(4, one, 120), running(11), "one that was set up anew is behind");
    let shorter = |second: u32, _| {
        let number = if (60..64).contains(&second) { 2 } else { at(second) };
        Some((number + 2, number))
    };
    assert_eq!(told(4, shorter, 90), running(8), "for less than `rewind_after`");
}

#[test]
fn another_chain_is_told_apart() {
    let terms = terms(2, 5);
    let genesis = |node, fork| seen(0, node, Seen::Genesis(hash(0, fork)));
    assert_eq!(ending(&terms, [genesis(0, 0), genesis(1, 1)]).1, "another-genesis");
    let one_node_catches_up = [head(0, 0, 4), head(0, 1, 4), head(2, 0, 0), head(3, 0, 5), head(3, 1, 5)];
    assert_eq!(ending(&terms, one_node_catches_up), running(1));
}

#[test]
fn the_clock_of_this_machine_jumps() {
    let healthy = Network { nodes: 4, shows: |second, _| Some((at(second), at(second) - 2)) };
    for jump in [36_000_i64, -36_000] {
        let events = healthy.events(0..60).into_iter().map(|event| {
            let shift = |at: Timestamp| {
                let late = at >= second(30);
                at + SignedDuration::from_secs(if late { jump } else { 0 })
            };
            match event {
                Event::Observed(seen) => Event::Observed(Observation { at: shift(seen.at), ..seen }),
                Event::Tick(at) => Event::Tick(shift(at)),
                Event::Stop(at, stop) => Event::Stop(shift(at), stop),
            }
        });
        assert_eq!(ending(&terms(4, 500), events), running(6), "{jump}");
    }
    // A stall is found after a jump as before one.
    let stalls = |at: u32| [best(at, 0, 30), final_at(at, 0, 30)];
    let events = (0..5).chain(90_000..90_011).flat_map(stalls);
    assert_eq!(ending(&terms(1, 500), events).1, "no-block");
}

#[test]
fn time_that_nobody_watched_is_no_stall_but_where_the_chain_shows_one() {
    let terms = terms(1, 500);
    let at_block = |at: u32, number: u64, session: u32, time: u32| {
        let time = Some(second(time));
        seen(at, 0, Seen::Finalized(Head { session, time, ..block(number) }))
    };
    let asleep = [at_block(0, 10, 1, 0), at_block(5000, 400, 40, 5000), at_block(5001, 401, 40, 5001)];
    assert_eq!(ending(&terms, asleep), running(39));
    let stuck = [at_block(0, 10, 1, 0), at_block(5000, 400, 1, 5000)];
    let told = reason(&terms, stuck);
    assert_eq!(told.code(), "no-session");
    assert!(told.to_string().contains("by the chain's own times session 1 took 1h23m20s"), "{told}");
    // Filled in: the chain stayed in one session for half a minute, and went on.
    let past = |at, number, session, time| {
        let time = Some(second(time));
        seen(at, 0, Seen::Past(Head { session, time, ..block(number) }))
    };
    let gap =
        [at_block(0, 10, 1, 0), at_block(5000, 400, 40, 5000), past(5001, 12, 2, 12), past(5001, 40, 2, 42)];
    assert_eq!(ending(&terms, gap), failed("no-session", 39));
}

#[test]
fn a_block_that_came_too_late_is_a_stall_that_the_chain_shows() {
    let terms = terms(1, 500);
    let told = |number: u64, time: u32| Head { time: Some(second(time)), ..block(number) };
    let past = |number, time| seen(5001, 0, Seen::Past(told(number, time)));
    let head = |at, number, time| seen(at, 0, Seen::Finalized(told(number, time)));
    let before = [head(0, 10, 0), head(5000, 400, 5000)];
    let late = |first, other| before.clone().into_iter().chain([first, other, head(5002, 401, 5001)]);
    // In whichever order they are told.
    for events in [late(past(19, 9), past(20, 19)), late(past(20, 19), past(19, 9))] {
        let reason = reason(&terms, events);
        assert_eq!(reason.code(), "no-block");
        let words = "no new block for 10s: by the chain's own times none came for 10s after block 19";
        assert_eq!(reason.to_string(), words);
    }
    assert_eq!(ending(&terms, late(past(19, 9), past(20, 18))), running(39));
    assert_eq!(ending(&terms, late(past(18, 8), past(20, 40))), running(39), "two blocks");
    let boundary = |times: (Option<u32>, Option<u32>)| {
        let (before, first) = (times.0.map(second), times.1.map(second));
        seen(5001, 0, Seen::Boundary(Boundary { index: 2, after: (19, before), block: (20, first) }))
    };
    let told =
        |times| ending(&terms, before.clone().into_iter().chain([boundary(times), head(5002, 401, 5001)]));
    assert_eq!(told((Some(9), Some(19))), failed("no-block", 39));
    assert_eq!(told((None, Some(19))), running(39), "when it was seen says nothing");
    // One head after the other, and nobody watched in between.
    assert_eq!(ending(&terms, [head(0, 10, 0), head(900, 11, 899)]), failed("no-block", 0));
}
