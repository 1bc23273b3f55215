//! What the soak's fold costs by itself: observations a second, and the time that a
//! session takes early and late in a soak of ten thousand.
//!
//! `cargo bench --bench folding` runs for some seconds and prints tables.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a measurement may fail loudly, and prints")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use testnet_deployer::policy::{Monitor, Node, Watch, WatchRule};
use testnet_deployer::soak::{
    Block, Checkpoint, Event, Hash, Head, Observation, Reading, Run, Seen, State, Subject, Terms, Value,
    Verdict,
};

/// Blocks of a session.
const BLOCKS: u64 = 10;
/// Sessions of the long soak.
const SESSIONS: u32 = 10_000;

fn terms(nodes: usize, watches: usize, sessions: u32) -> Terms {
    let nodes = (0..nodes).map(|index| Node::at(format!("ws://node-{index}"))).collect();
    let mut monitor = Monitor::of(Duration::from_secs(60), nodes);
    monitor.target_sessions = sessions;
    let watch = Watch::of("DKG", "DKGPublicKey", WatchRule::ChangesEverySession);
    monitor.watches = vec![watch; watches];
    Terms::new(monitor, &Subject::default()).expect("nothing is expected of the nodes")
}

fn hash(number: u64) -> Hash {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    Hash(bytes)
}

/// What every node says of block `number`, a second after the one before.
fn said(terms: &Terms, number: u64, mut tell: impl FnMut(Event)) {
    let seconds = i64::try_from(number).expect("a small number");
    let at = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_700_000_000 + seconds);
    let session = u32::try_from(number / BLOCKS).expect("a small number");
    let block = Block { number, hash: hash(number) };
    let head = Head { number, hash: block.hash, session, time: Some(at) };
    for node in 0..terms.monitor.nodes.len() {
        let mut seen = |seen| tell(Event::Observed(Observation { at, node, seen }));
        seen(Seen::Best(Block { number: number + 2, hash: hash(number + 2) }));
        seen(Seen::Finalized(head));
        for rule in 0..terms.monitor.watches.len() {
            let value =
                Some(Value { digest: hash(session.into()), length: 41, number: Some(session.into()) });
            seen(Seen::Watched(Reading { rule, block, session, value }));
        }
    }
    tell(Event::Tick(at));
}

/// Folds a soak to its end, and tells the observations, the time, and the time of each
/// tenth of the sessions.
fn fold(terms: &Terms) -> (u64, Duration, Vec<Duration>) {
    let mut state = State::new(terms);
    let mut observations = 0_u64;
    let mut tenths = Vec::new();
    let sessions = terms.monitor.target_sessions;
    let blocks = u64::from(sessions + 1) * BLOCKS + 1;
    let began = Instant::now();
    let mut since = began;
    for number in 1..blocks {
        said(terms, number, |event| {
            observations += 1;
            let _ = black_box(state.fold(terms, black_box(event)));
        });
        if number % (blocks / 10) == 0 {
            tenths.push(since.elapsed());
            since = Instant::now();
        }
    }
    let took = began.elapsed();
    assert_eq!(state.verdict(), Verdict::Passed, "{}", state.reason(terms));
    assert_eq!(state.counted(terms), sessions);
    (observations, took, tenths)
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn speed() {
    println!("\n## Observations a second\n");
    println!("| nodes | watched items | observations | a second | ns each |");
    println!("| --- | --- | --- | --- | --- |");
    for (nodes, watches, sessions) in
        [(1, 0, SESSIONS), (4, 0, SESSIONS), (4, 3, 3000), (100, 0, 300), (500, 0, 60)]
    {
        let (observations, took, _) = fold(&terms(nodes, watches, sessions));
        let each = took.as_secs_f64() / observations as f64;
        let rate = 1.0 / each / 1e6;
        println!("| {nodes} | {watches} | {observations} | {rate:.1} million | {:.0} |", each * 1e9);
    }
}

fn flatness() {
    println!("\n## Cost of a session, of {SESSIONS} (4 nodes, {BLOCKS} blocks a session)\n");
    println!("| sessions | µs each |");
    println!("| --- | --- |");
    let (_, _, tenths) = fold(&terms(4, 0, SESSIONS));
    let tenth = SESSIONS / 10;
    for (place, took) in (0_u32..).zip(&tenths) {
        let each = took.as_secs_f64() * 1e6 / f64::from(tenth);
        println!("| {} to {} | {each:.2} |", place * tenth, (place + 1) * tenth);
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn file() {
    println!("\n## The checkpoint (4 nodes)\n");
    println!("| sessions | kB | ms to write | ms to read and go on |");
    println!("| --- | --- | --- | --- |");
    for sessions in [10, 500, u64::from(SESSIONS) - 1] {
        let terms = terms(4, 0, SESSIONS);
        let mut state = State::new(&terms);
        let mut at = Timestamp::UNIX_EPOCH;
        for number in 1..(sessions + 1) * BLOCKS + 1 {
            said(&terms, number, |event| {
                at = event.at();
                let _ = state.fold(&terms, event);
            });
        }
        let run = Run::default();
        let began = Instant::now();
        let text = serde_json::to_string(&Checkpoint::of(&run, &terms, &state)).expect("it is JSON");
        let written = began.elapsed();
        let began = Instant::now();
        let checkpoint = Checkpoint::read(&text).expect("it was just written");
        let again = State::resume(&terms, &checkpoint, &run, None, at).expect("it belongs here");
        let read = began.elapsed();
        assert_eq!(again.counted(&terms), state.counted(&terms));
        let (kilobytes, ms) = (text.len() as f64 / 1e3, |took: Duration| took.as_secs_f64() * 1e3);
        println!("| {sessions} | {kilobytes:.0} | {:.2} | {:.2} |", ms(written), ms(read));
    }
}

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("nothing is measured: run `cargo bench --bench folding`");
        return;
    }
    speed();
    flatness();
    file();
}
