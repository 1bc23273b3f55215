//! The adapter and `race monitor` beside what real nodes said: recordings, replayed.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use testnet_deployer::chain::Limits;
use testnet_deployer::policy::{Monitor, Node};
use testnet_deployer::soak::{Event, Seen, State, Subject, Terms};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::time::timeout;

use crate::recording::{answered, frames};
use crate::replay::{Pace, Play, Replay};
use crate::support::{PATIENCE, code, ended, next, of_urls, soak_json, watched};

/// What a native node with blocks of 300 ms said while it rotated in every block.
const ROTATION: Play<'_> = Play {
    recording: "native-session-rotation",
    chain: &["native-initial-sync", "native-pruning"],
    kind: "native-basic",
    slot_length: 6_000,
    pace: Pace::AsRead,
};
/// What chopsticks said while it rotated in every third block.
const CHOPSTICKS: Play<'_> = Play {
    recording: "chopsticks-dkg-session-rotation",
    chain: &["chopsticks-tangle-standalone-basic"],
    kind: "chopsticks-tangle-standalone-basic",
    slot_length: 12_000,
    pace: Pace::AsRead,
};
/// The runtime of all recordings.
const RUNTIME: &str = "[monitor.expect]\nspec_name = \"tangle-standalone\"\nspec_version = 400\n";

fn monitor(directory: &Path, replay: &Replay, rest: &str) -> Command {
    of_urls(directory, [replay.url.clone()].into_iter(), &format!("{rest}{RUNTIME}"))
}

/// The sessions of `soak.json`: index, first block and when that was, by the chain's
/// own time.
fn sessions(soak: &Value) -> Vec<(u64, u64, i64)> {
    let told = soak["sessions"].as_array().unwrap().iter().map(|session| {
        assert_eq!((&session["exact"], &session["chain_time"][0]), (&json!(true), &json!(true)), "{session}");
        let started: Timestamp = session["started_at"].as_str().unwrap().parse().unwrap();
        let number = |field: &str| session[field].as_u64().unwrap();
        (number("index"), number("block"), started.as_millisecond())
    });
    told.collect()
}

/// What nobody was recorded to ask, in any of these.
fn assert_unknown(replay: &Replay, expected: &[&str]) {
    let ledger = replay.ledger();
    assert!(ledger.unknown.iter().eq(expected), "{ledger:?}");
}

#[tokio::test]
async fn chopsticks_rotations_are_counted_where_they_were() {
    for pace in [Pace::AsRead, Pace::AtOnce] {
        let replay = Replay::start(Play { pace, ..CHOPSTICKS }).await;
        let directory = tempfile::tempdir().unwrap();
        code(&ended(monitor(directory.path(), &replay, "target_sessions = 5\n")).await, 0);
        let soak = soak_json(directory.path());
        assert_eq!((&soak["verdict"], &soak["counted"]), (&json!("passed"), &json!(5)), "{pace:?}");
        assert_eq!((&soak["baseline"]["session"], &soak["baseline"]["block"]), (&json!(0), &json!(1)));
        // Block 1 was made in slot 0x8eb048b, of 12 s, and each later one in the next.
        let expected = (1..=5).map(|n| (n, 3 * n + 1, (0x8eb_048b + 3 * n as i64) * 12_000));
        assert_eq!(sessions(&soak), expected.collect::<Vec<_>>(), "{pace:?}");
        assert_unknown(&replay, &["state_getStorageHash"]);
        assert!(replay.ledger().made_up.is_empty());
    }
}

#[tokio::test]
async fn sessions_do_not_pass_a_soak_whose_rules_cannot_be_read() {
    // Whoever was recorded watched the sessions alone, and no key of the DKG.
    let replay = Replay::start(CHOPSTICKS).await;
    let directory = tempfile::tempdir().unwrap();
    let rule = "[[monitor.watch]]\npallet = \"DKG\"\nitem = \"DKGPublicKey\"\nrule = \"follows-session\"\n";
    let policy = format!("target_sessions = 5\nunmeasured_after = \"500ms\"\nready_within = \"1s\"\n{rule}");
    let text = code(&ended(monitor(directory.path(), &replay, &policy)).await, 21);
    assert!(text.contains("error -32601: Method not found: state_queryStorageAt"), "{text}");
    assert_unknown(&replay, &["state_getStorageHash", "state_queryStorageAt"]);
    assert_eq!(soak_json(directory.path())["counted"], 0);
}

#[tokio::test]
async fn a_native_rotation_in_every_block_is_counted_once_each() {
    for pace in [Pace::AsRead, Pace::AtOnce] {
        let replay = Replay::start(Play { pace, ..ROTATION }).await;
        let directory = tempfile::tempdir().unwrap();
        code(&ended(monitor(directory.path(), &replay, "target_sessions = 90\n")).await, 0);
        let soak = soak_json(directory.path());
        assert_eq!((&soak["verdict"], &soak["counted"]), (&json!("passed"), &json!(90)), "{pace:?}");
        assert_eq!((&soak["baseline"]["session"], &soak["baseline"]["block"]), (&json!(5), &json!(338)));
        assert_eq!(sessions(&soak), native_sessions(6..=95), "{pace:?}");
        assert_unknown(&replay, &["state_getStorageHash"]);
    }
}

/// From block 351 on every block began a session and was made in the next slot.
fn native_sessions(indices: std::ops::RangeInclusive<u64>) -> Vec<(u64, u64, i64)> {
    indices.map(|n| (n, n + 345, (0x11d6_0bb1 + n as i64 + 7) * 6_000)).collect()
}

#[tokio::test]
async fn what_a_pruning_node_forgot_is_read_in_its_headers() {
    let mut replay = Replay::start(ROTATION).await;
    let machines = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    // By the chain's own times the last session took 39 minutes.
    let policy = "target_sessions = 500\nstall.no_session = \"1h\"\n";
    let leg = monitor(machines[0].path(), &replay, policy).spawn().unwrap();
    replay.played().await;
    let id = leg.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &id]).status().await.unwrap().success());
    let output: Output = timeout(PATIENCE, leg.wait_with_output()).await.unwrap().unwrap();
    code(&output, 143);

    // The node is 800 blocks further, and keeps the state of 256.
    std::fs::copy(machines[0].path().join("soak.json"), machines[1].path().join("soak.json")).unwrap();
    let chain = &["native-initial-sync", "native-session-rotation"];
    let replay = Replay::start(Play { recording: "native-pruning", chain, ..ROTATION }).await;
    code(&ended(monitor(machines[1].path(), &replay, policy)).await, 0);
    let soak = soak_json(machines[1].path());
    assert_eq!((&soak["verdict"], &soak["counted"]), (&json!("passed"), &json!(500)));
    assert_eq!(soak["legs"].as_array().unwrap().len(), 2);
    assert_eq!(sessions(&soak), native_sessions(6..=505));
    assert_unknown(&replay, &["state_getStorageHash"]);
    // No header of theirs is known either; none of them rotated.
    let made_up = replay.ledger().made_up;
    assert!(made_up.first() > Some(&850) && made_up.last() < Some(&1244), "{made_up:?}");
}

#[tokio::test]
async fn a_node_in_its_initial_sync_has_no_vote() {
    let play = Play {
        recording: "native-initial-sync",
        chain: &["native-session-rotation", "native-pruning"],
        ..ROTATION
    };
    let replay = Replay::start(play).await;
    // A node that has just caught up is asked for its head again.
    let (identity, poll) = (Duration::from_millis(20), Duration::from_millis(200));
    let limits = Limits { identity, poll, ..Limits::default() };
    let mut observations = watched(replay.url.clone(), limits);
    let monitor = Monitor::of(Duration::from_secs(1), vec![Node::at(&replay.url)]);
    let terms = Terms::new(monitor, &Subject::default()).unwrap();
    let mut state = State::new(&terms);
    let (mut finalized, mut syncs, mut heads) = (0, true, 0);
    while finalized < 1_894 || state.baseline().is_none() {
        let observation = timeout(PATIENCE, observations.recv()).await.unwrap().unwrap();
        match &observation.seen {
            Seen::Finalized(head) => (finalized, heads) = (head.number, heads + 1),
            Seen::Identity(identity) => syncs = identity.syncing,
            Seen::Unreachable(trouble) => panic!("{trouble}"),
            _ => {}
        }
        let _ = state.fold(&terms, Event::Observed(observation));
        assert!(!syncs || state.baseline().is_none(), "at block {finalized}");
    }
    assert!(heads >= 500, "it was followed all the way: {heads}");
    let baseline = state.baseline().unwrap();
    assert!((1_869..=1_894).contains(&baseline.block) && baseline.session == 505, "{baseline:?}");
    assert_eq!(state.counted(&terms), 0, "what it went through on its way counts for nothing");
}

#[tokio::test]
async fn a_node_that_is_ended_leaves_the_soak_unmeasured() {
    let play = Play { recording: "native-sigterm", chain: &["native-safe-mode"], ..ROTATION };
    let replay = Replay::start(play).await;
    let directory = tempfile::tempdir().unwrap();
    let output = ended(monitor(directory.path(), &replay, "unmeasured_after = \"1s\"\n")).await;
    let text = code(&output, 21);
    assert!(text.contains("the connection was closed"), "{text}");
    assert!(text.contains("out of reach for 1s: 0 of 1 node answering (cannot connect"), "{text}");
    let soak = soak_json(directory.path());
    assert_eq!((&soak["verdict"], &soak["counted"]), (&json!("unmeasured"), &json!(0)));
    assert_eq!(soak["baseline"]["block"], 634);
    assert_eq!(soak["nodes"][0]["finalized"], 644, "as far as it had come");

    // What such a node refuses to the outside is nothing that we ask it.
    let ledger = replay.ledger();
    let asked: Vec<&String> = ledger.recorded.iter().chain(&ledger.told).chain(&ledger.unknown).collect();
    let refused = answered(&frames("native-safe-mode"));
    let refused = refused.iter().filter(|answered| answered.answer["error"].is_object());
    let refused: Vec<&String> = refused.map(|answered| &answered.method).collect();
    assert!(refused.len() == 5 && !asked.iter().any(|method| refused.contains(method)), "{asked:?}");
}

#[tokio::test]
async fn a_native_node_is_read_to_the_millisecond() {
    let play = Play { recording: "native-basic", chain: &[], ..ROTATION };
    let mut replay = Replay::start(play).await;
    let mut observations = watched(replay.url.clone(), Limits::default());
    let mut times = Vec::new();
    let mut runs = None;
    while times.last().is_none_or(|(number, _)| *number < 97) {
        match next(&mut observations).await {
            Seen::Finalized(head) => times.push((head.number, head.time.unwrap().as_millisecond())),
            Seen::Identity(identity) => runs = Some(identity),
            _ => {}
        }
    }
    replay.played().await;
    let runs = runs.unwrap();
    assert_eq!((&*runs.version, &*runs.spec_name, runs.spec_version), ("0.1.0", "tangle-standalone", 400));
    times.dedup();
    // What `Timestamp::Now` was told to be, from block 89 on; of those before, when
    // their slots began.
    let told = [(86, 702_000), (87, 708_000), (89, 720_296), (90, 726_296), (91, 732_296)];
    let more = [(93, 744_296), (94, 750_296), (95, 756_296), (97, 768_316)];
    let expected = told.into_iter().chain(more).map(|(number, time)| (number, 1_795_440_000_000 + time));
    assert_eq!(times, expected.collect::<Vec<_>>());
    assert_unknown(&replay, &["state_getStorageHash"]);
}

#[tokio::test]
async fn a_node_with_too_many_connections_is_told_as_such() {
    let recorded = include_str!("../data/recorded/native-429.json");
    let recorded: Value = serde_json::from_str(recorded).unwrap();
    let error = recorded["error"].as_str().unwrap();
    let (status, body) = error.split_once(", body ").unwrap();
    let answer = format!("{status}\r\n\r\n{}", body.trim_matches('"')).replacen("HTTP", "HTTP/1.1", 1);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(answer.as_bytes()).await.ok();
        }
    });
    let directory = tempfile::tempdir().unwrap();
    let command = of_urls(directory.path(), [url].into_iter(), "unmeasured_after = \"500ms\"\n");
    let text = code(&ended(command).await, 21);
    let expected = "refused with HTTP status 429: too many connections (--rpc-max-connections) or requests";
    assert!(text.contains(expected), "{text}");
}
