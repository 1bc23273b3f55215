//! Tables, traces and properties of the fold; here what they are told with.

mod counting;
mod ends;
mod faults;
mod identities;
mod properties;
mod resuming;
mod rules;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{
    Block, Event, Hash, Head, Identity, Observation, Reason, Seen, State, Subject, Terms, Value, Verdict,
};
use crate::policy::{Monitor, Node, Stall};

/// Sessions of 10 s, stalled after 20 s; blocks and finality after 10 and 15 s.
fn terms(nodes: usize, target: u32) -> Terms {
    let nodes = (0..nodes).map(|index| Node::at(format!("ws://node-{index}"))).collect();
    let monitor = Monitor {
        target_sessions: target,
        unmeasured_after: Duration::from_mins(1),
        rewind_after: Duration::from_secs(5),
        ready_within: Duration::from_secs(40),
        stall: Stall {
            no_block: Duration::from_secs(10),
            no_finality: Duration::from_secs(15),
            no_session: Some(Duration::from_secs(20)),
            learn: None,
        },
        ..Monitor::of(Duration::from_secs(10), nodes)
    };
    Terms::new(monitor, &Subject::default()).unwrap()
}

fn second(second: u32) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_700_000_000 + i64::from(second))
}

fn hash(number: u64, fork: u8) -> Hash {
    let mut bytes = [fork; 32];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    Hash(bytes)
}

fn seen(at: u32, node: usize, seen: Seen) -> Event {
    Event::Observed(Observation { at: second(at), node, seen })
}

/// A finalized block of the chain that most tests are about: ten blocks a session.
fn block(number: u64) -> Head {
    let session = u32::try_from(number / 10).unwrap();
    Head { number, hash: hash(number, 0), session, time: None }
}

/// Node `node` is asked at second `at` and is in `session`, ten blocks a session.
fn head(at: u32, node: usize, session: u32) -> Event {
    seen(at, node, Seen::Finalized(block(u64::from(session) * 10)))
}

fn final_at(at: u32, node: usize, number: u64) -> Event {
    seen(at, node, Seen::Finalized(block(number)))
}

fn best(at: u32, node: usize, number: u64) -> Event {
    seen(at, node, Seen::Best(Block { number, hash: hash(number, 0) }))
}

fn gone(at: u32, node: usize) -> Event {
    seen(at, node, Seen::Unreachable("connection refused".to_owned()))
}

fn tick(at: u32) -> Event {
    Event::Tick(second(at))
}

fn identity(version: &str) -> Identity {
    Identity {
        version: version.to_owned(),
        spec_name: "dkg".to_owned(),
        spec_version: 3,
        code_hash: Some(Hash([7; 32])),
        syncing: false,
        peers: 3,
    }
}

fn value(number: u64) -> Value {
    Value { digest: hash(number, 9), length: 41, number: Some(number) }
}

fn folded(terms: &Terms, events: impl IntoIterator<Item = Event>) -> State {
    let mut state = State::new(terms);
    for event in events {
        let _ = state.fold(terms, event);
    }
    state
}

fn ending(terms: &Terms, events: impl IntoIterator<Item = Event>) -> (Verdict, String, u32) {
    let state = folded(terms, events);
    (state.verdict(), state.reason(terms).code().to_owned(), state.counted(terms))
}

fn failed(code: &str, counted: u32) -> (Verdict, String, u32) {
    (Verdict::Failed, code.to_owned(), counted)
}

fn running(counted: u32) -> (Verdict, String, u32) {
    (Verdict::Running, "counting".to_owned(), counted)
}

fn reason(terms: &Terms, events: impl IntoIterator<Item = Event>) -> Reason {
    folded(terms, events).reason(terms)
}

/// A network as each of its nodes tells it, second by second: its best block and its
/// finalized head, a block a second, two behind.
struct Network {
    nodes: usize,
    /// The best and the finalized block at a second, by node; `None` is out of reach.
    shows: fn(u32, usize) -> Option<(u64, u64)>,
}

impl Network {
    fn events(&self, seconds: std::ops::Range<u32>) -> Vec<Event> {
        let mut events = Vec::new();
        for at in seconds {
            for node in 0..self.nodes {
                match (self.shows)(at, node) {
                    Some((top, finalized)) => {
                        events.extend([best(at, node, top), final_at(at, node, finalized)]);
                    }
                    None => events.push(gone(at, node)),
                }
            }
            events.push(tick(at));
        }
        events
    }
}
