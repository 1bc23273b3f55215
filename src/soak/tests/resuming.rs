//! A soak that is cut anywhere and gone on from its file is the same soak.

use proptest::prelude::*;

use super::super::{Checkpoint, Reading, Refusal, Run, Session, Stop};
use super::*;
use crate::policy::{Watch, WatchRule};

fn run() -> Run {
    Run { id: Some(7), attempt: Some(1), head_sha: Some("c0ffee".to_owned()), ..Run::default() }
}

/// The state in another process: written as a file, read again.
fn elsewhere(terms: &Terms, state: &State, now: Timestamp) -> State {
    let text = serde_json::to_string(&Checkpoint::of(&run(), terms, state)).unwrap();
    let checkpoint = Checkpoint::read(&text).unwrap();
    State::resume(terms, &checkpoint, &run(), Some(hash(0, 0)), now).unwrap()
}

fn watching(nodes: usize, target: u32) -> Terms {
    let mut terms = terms(nodes, target);
    terms.monitor.watches = vec![
        Watch::of("DKG", "DKGPublicKey", WatchRule::ChangesEverySession),
        Watch::of("DKG", "NextPublicKeySignature", WatchRule::ArrivesEverySession),
    ];
    terms
}

/// A healthy network with its genesis, identities and readings.
fn healthy(seconds: u32) -> Vec<Event> {
    let mut events = Vec::new();
    for node in 0..3 {
        events.push(seen(0, node, Seen::Genesis(hash(0, 0))));
        events.push(seen(0, node, Seen::Identity(identity("1"))));
    }
    for at in 0..seconds {
        for node in 0..3 {
            let number = u64::from(at) + 10;
            let Head { hash, session, .. } = block(number);
            events.extend([best(at, node, number + 2), final_at(at, node, number)]);
            let index = u64::from(session);
            let arrives = (number % 10 == 9).then(|| value(number));
            for (rule, value) in [(0, Some(value(index))), (1, arrives)] {
                let reading = Reading { rule, block: Block { number, hash }, session, value };
                events.push(seen(at, node, Seen::Watched(reading)));
            }
        }
        events.push(tick(at));
    }
    events
}

/// What must not depend on where a soak was cut.
fn told(terms: &Terms, state: &State) -> (Verdict, u32, Vec<Session>, usize) {
    (state.verdict(), state.counted(terms), state.sessions().collect(), state.unseen(terms).count())
}

#[test]
fn a_cut_anywhere_changes_nothing() {
    let terms = watching(3, 5);
    let events = healthy(66);
    let whole = folded(&terms, events.clone());
    assert_eq!(whole.verdict(), Verdict::Passed);
    for cut in 0..=events.len() {
        let (before, after) = events.split_at(cut);
        let mut state = folded(&terms, before.to_vec());
        state = elsewhere(&terms, &state, before.last().map_or(second(0), Event::at));
        for event in after {
            let _ = state.fold(&terms, event.clone());
        }
        assert_eq!(told(&terms, &state), told(&terms, &whole), "cut at {cut}");
    }
}

#[test]
fn many_legs_come_to_exactly_the_same() {
    let terms = watching(3, 40);
    let events = healthy(420);
    let whole = folded(&terms, events.clone());
    let mut state = State::new(&terms);
    for leg in events.chunks(97) {
        for event in leg {
            let _ = state.fold(&terms, event.clone());
        }
        state = elsewhere(&terms, &state, leg.last().unwrap().at());
    }
    assert_eq!(told(&terms, &state), told(&terms, &whole));
    assert_eq!(whole.sessions().count(), 40);
    assert!(state.legs().len() > 30);
}

#[test]
fn a_soak_that_was_stopped_goes_on_and_one_that_ended_says_so_again() {
    let terms = terms(1, 3);
    let stop = Event::Stop(second(12), Stop::Terminated);
    let stopped = folded(&terms, [head(0, 0, 1), head(10, 0, 2), stop]);
    let mut state = elsewhere(&terms, &stopped, second(5000));
    assert_eq!((state.verdict(), state.counted(&terms)), (Verdict::Running, 1));
    let _ = state.fold(&terms, head(5001, 0, 4));
    assert_eq!((state.verdict(), state.counted(&terms)), (Verdict::Passed, 3));
    let mut again = elsewhere(&terms, &state, second(9000));
    assert_eq!((again.verdict(), again.reason(&terms).code()), (Verdict::Passed, "target-reached"));
    assert_eq!(again.reason(&terms).to_string(), state.reason(&terms).to_string());
    let _ = again.fold(&terms, head(9001, 0, 0));
    assert_eq!((again.verdict(), again.counted(&terms)), (Verdict::Passed, 3));
}

#[test]
fn while_nobody_watched_is_no_stall_and_nobody_has_a_vote_after_it() {
    let terms = terms(3, 500);
    let heads = |at: u32, session| (0..3).map(move |node| head(at, node, session)).collect::<Vec<_>>();
    let before = folded(&terms, [heads(0, 1), heads(10, 2)].concat());
    let mut state = elsewhere(&terms, &before, second(90_000));
    for event in heads(90_001, 2) {
        let _ = state.fold(&terms, event);
    }
    assert_eq!((state.verdict(), state.counted(&terms)), (Verdict::Running, 1));
    let mut state = elsewhere(&terms, &before, second(90_000));
    let _ = state.fold(&terms, head(90_001, 0, 900));
    assert_eq!(state.counted(&terms), 1, "one node is no quorum");
    let mut reset = elsewhere(&terms, &before, second(90_000));
    for at in 0..8 {
        for node in 0..3 {
            let _ = reset.fold(&terms, final_at(90_001 + at, node, u64::from(at)));
        }
    }
    assert_eq!(reset.reason(&terms).code(), "rewound");
}

/// Each look is made by a machine with a clock of its own.
#[test]
fn a_clock_that_was_ahead_puts_off_no_failure() {
    let terms = terms(1, 500);
    let look = |state: Option<State>, at: u32, number: u64| {
        let mut state =
            state.map_or_else(|| State::new(&terms), |state| elsewhere(&terms, &state, second(at)));
        for event in [final_at(at, 0, number), Event::Stop(second(at), Stop::Looked)] {
            let _ = state.fold(&terms, event);
        }
        state
    };
    let ahead = look(None, 36_000, 30);
    let right = look(Some(ahead), 100, 30);
    assert_eq!(right.reason(&terms).code(), "stopped");
    let moved = look(Some(right.clone()), 116, 31);
    assert_eq!(moved.reason(&terms).code(), "stopped");
    let later = look(Some(right), 116, 30);
    assert_eq!((later.verdict(), later.reason(&terms).code()), (Verdict::Failed, "no-finality"));
}

#[test]
fn a_checkpoint_is_refused_where_it_does_not_belong() {
    let terms = terms(2, 5);
    let genesis = |node| seen(0, node, Seen::Genesis(hash(0, 0)));
    let state = folded(&terms, [genesis(0), genesis(1), head(0, 0, 1), head(0, 1, 1)]);
    let checkpoint = Checkpoint::of(&run(), &terms, &state);
    let resume = |terms: &Terms, run: &Run, genesis| {
        State::resume(terms, &checkpoint, run, genesis, second(9)).map(drop)
    };
    assert_eq!(resume(&terms, &run(), None), Ok(()));
    let other = Run { head_sha: None, ..run() };
    assert!(matches!(resume(&terms, &other, None), Err(Refusal::Commit { .. })));
    let another_run = Run { id: Some(9), ..run() };
    assert_eq!(resume(&terms, &another_run, None), Ok(()), "a later leg may be another run");
    assert!(matches!(resume(&terms, &run(), Some(hash(0, 1))), Err(Refusal::Chain { .. })));
    assert_eq!(resume(&super::terms(2, 6), &run(), None), Err(Refusal::Policy));
    assert_eq!(resume(&super::terms(3, 5), &run(), None), Err(Refusal::Policy));
    let mut elsewhere = terms;
    elsewhere.leg_ends = Some(second(99));
    elsewhere.monitor.max_runtime = Some(Duration::from_secs(60));
    elsewhere.monitor.nodes[0].url = "ws://127.0.0.1:12345".to_owned();
    assert_eq!(resume(&elsewhere, &run(), None), Ok(()), "how a node is reached may change");
}

#[test]
fn a_damaged_checkpoint_is_not_gone_on_from() {
    let terms = terms(1, 5);
    let state = folded(&terms, [head(0, 0, 1), head(1, 0, 2), head(2, 0, 3)]);
    let text = serde_json::to_string(&Checkpoint::of(&run(), &terms, &state)).unwrap();
    assert!(Checkpoint::read(&text).is_ok());
    for broken in [
        String::new(),
        "{}".to_owned(),
        text[..text.len() / 2].to_owned(),
        text.replace("\"counted\":2", "\"counted\":400"),
        text.replace("\"verdict\":\"running\"", "\"verdict\":\"passed\""),
        text.replace("\"index\":3", "\"index\":30"),
        text.replace("\"limit_s\":20.0", "\"limit_s\":-1.0"),
    ] {
        assert!(matches!(Checkpoint::read(&broken), Err(Refusal::Damaged(_))), "{broken}");
    }
    let newer = text.replace("race.soak/1", "race.soak/2");
    assert_eq!(Checkpoint::read(&newer), Err(Refusal::Schema("race.soak/2".to_owned())));
}

proptest! {
    /// Cut at any places, with time passing in between: the count and the list are
    /// those of a soak that was never cut.
    #[test]
    fn any_cuts_change_nothing(mut cuts in prop::collection::vec(0..2000_usize, 0..8)) {
        let terms = watching(3, 20);
        let events = healthy(100);
        let whole = folded(&terms, events.clone());
        cuts.sort_unstable();
        let mut state = State::new(&terms);
        for (place, event) in events.iter().enumerate() {
            if cuts.contains(&place) {
                state = elsewhere(&terms, &state, event.at());
            }
            let _ = state.fold(&terms, event.clone());
        }
        prop_assert_eq!(told(&terms, &state), told(&terms, &whole));
    }
}
