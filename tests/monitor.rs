//! The chain adapter and `race monitor`, against the dev chain, against answers that
//! real nodes gave, and against nodes that fail.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use jiff::Timestamp;
use serde_json::{Value, json};
use testnet_deployer::chain::{Limits, watch};
use testnet_deployer::rehearsal::dev_chain::{DevChain, DevChainOptions};
use testnet_deployer::soak::{Head, Observation, Seen};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// The longest that anything here may take.
const PATIENCE: Duration = Duration::from_secs(30);

fn frames(node: &str) -> Value {
    serde_json::from_str::<Value>(include_str!("data/frames.json")).unwrap()[node].clone()
}

fn watched(url: String, limits: Limits) -> mpsc::Receiver<Observation> {
    let (sender, receiver) = mpsc::channel(16);
    tokio::spawn(watch(0, url, limits, Timestamp::now, sender));
    receiver
}

async fn next(observations: &mut mpsc::Receiver<Observation>) -> Seen {
    timeout(PATIENCE, observations.recv()).await.unwrap().unwrap().seen
}

async fn next_head(observations: &mut mpsc::Receiver<Observation>) -> Head {
    loop {
        if let Seen::Finalized(head) = next(observations).await {
            return head;
        }
    }
}

/// A node of the test's own making: `answer` gives the frames for a request, none
/// meaning that the connection is cut.
async fn scripted(
    answer: impl Fn(&str, &Value, u32) -> Option<Vec<String>> + Clone + Send + Sync + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        for connection in 1.. {
            let (stream, _) = listener.accept().await.unwrap();
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut socket: WebSocketStream<TcpStream> =
                    tokio_tungstenite::accept_async(stream).await.unwrap();
                while let Some(Ok(Message::Text(text))) = socket.next().await {
                    let request: Value = serde_json::from_str(&text).unwrap();
                    let method = request["method"].as_str().unwrap();
                    let Some(frames) = answer(method, &request["id"], connection) else { return };
                    for frame in frames {
                        if socket.send(Message::text(frame)).await.is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    url
}

/// A recorded answer, with the id of the request at hand.
fn with_id(frame: &Value, id: &Value) -> String {
    let recorded: Value = serde_json::from_str(frame.as_str().unwrap()).unwrap();
    frame.as_str().unwrap().replacen(&format!("\"id\":{}", recorded["id"]), &format!("\"id\":{id}"), 1)
}

#[tokio::test]
async fn real_nodes_are_understood() {
    for (node, number, session) in [("native", 0x4dc, 0x1f9), ("chopsticks", 1, 0)] {
        let recorded = frames(node);
        let answers = recorded.clone();
        let url = scripted(move |method, id, _| {
            let answer = with_id(&answers[method], id);
            // Some nodes notify before they answer.
            let hint = answers["chain_finalizedHead"].as_str().unwrap().to_owned();
            Some(if method == "chain_subscribeFinalizedHeads" { vec![hint, answer] } else { vec![answer] })
        })
        .await;
        let mut observations = watched(url, Limits::default());
        let result = |method: &str| -> Value {
            serde_json::from_str::<Value>(recorded[method].as_str().unwrap()).unwrap()["result"].clone()
        };
        let genesis = next(&mut observations).await;
        assert_eq!(genesis, Seen::Genesis(result("chain_getBlockHash").as_str().unwrap().parse().unwrap()));
        let head = next_head(&mut observations).await;
        assert_eq!((head.number, head.session), (number, session), "{node}");
        assert_eq!(json!(head.hash), result("chain_getFinalizedHead"));
    }
}

/// The same fields of the same kinds, wherever the values differ.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        Value::Array(items) => items.first().map_or(json!([]), |item| json!([shape(item)])),
        Value::String(text) if text.starts_with("0x") => json!("0x"),
        Value::String(_) => json!("text"),
        Value::Number(_) => json!(0),
        Value::Bool(_) => json!(true),
        Value::Null => Value::Null,
    }
}

#[tokio::test]
async fn the_dev_chain_looks_like_a_native_node() {
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::connect_async(chain.url()).await.unwrap();
    let index = "0xcec5070d609dd3497f72bde07fc96ba072763800a36a99fdfc7c10f6415f6ee6";
    let recorded = frames("native");
    for (name, method, params) in [
        ("chain_getBlockHash", "chain_getBlockHash", json!([0])),
        ("chain_getFinalizedHead", "chain_getFinalizedHead", json!([])),
        ("chain_getHeader", "chain_getHeader", json!([])),
        ("state_getStorage", "state_getStorage", json!([index])),
        ("state_queryStorageAt", "state_queryStorageAt", json!([[index]])),
        ("system_health", "system_health", json!([])),
        ("system_version", "system_version", json!([])),
        ("system_chain", "system_chain", json!([])),
        ("method not found", "no_suchMethod", json!([])),
        ("state_getStorage pruned", "state_getStorage", json!([index, format!("0x{}", "1".repeat(64))])),
        ("chain_newHead", "chain_subscribeNewHeads", json!([])),
        ("chain_finalizedHead", "chain_subscribeFinalizedHeads", json!([])),
        ("state_storage", "state_subscribeStorage", json!([[index]])),
    ] {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        socket.send(Message::text(request.to_string())).await.unwrap();
        let notified = recorded[name].as_str().unwrap().contains("\"subscription\"");
        let expected = shape(&serde_json::from_str(recorded[name].as_str().unwrap()).unwrap());
        let seen = loop {
            let text = timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap().into_text().unwrap();
            let frame: Value = serde_json::from_str(&text).unwrap();
            if (!notified && frame["id"] == 1) || (notified && frame["method"] == name) {
                break shape(&frame);
            }
        };
        // The first session has no index yet, and a native node's header has more
        // kinds of digests; what they are made of is the same.
        let null_or_hex = |text: String| text.replace("null", "\"0x\"");
        assert_eq!(null_or_hex(seen.to_string()), null_or_hex(expected.to_string()), "{name}");
    }
}

#[tokio::test]
async fn sessions_of_the_dev_chain_are_seen_as_they_become_final() {
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    let mut observations = watched(chain.url(), Limits { poll: PATIENCE, ..Limits::default() });
    let mut last = 0;
    while last < 10 {
        let head = next_head(&mut observations).await;
        assert!(head.session >= last && u64::from(head.session) == head.number / 4, "{head:?}");
        assert!(head.session <= *chain.sessions().borrow(), "nothing is seen before it is final");
        last = head.session;
    }
}

#[tokio::test]
async fn a_silent_subscription_does_not_blind_us() {
    let recorded = frames("native");
    let url = scripted(move |method, id, _| Some(vec![with_id(&recorded[method], id)])).await;
    let mut observations = watched(url, Limits { poll: Duration::from_millis(20), ..Limits::default() });
    for _ in 0..5 {
        assert_eq!(next_head(&mut observations).await.session, 0x1f9, "asked, and it was the same");
    }
}

#[tokio::test]
async fn a_node_that_syncs_has_no_say() {
    let recorded = frames("native");
    let asked = Arc::new(AtomicU32::new(0));
    let url = scripted(move |method, id, _| {
        let answer = with_id(&recorded[method], id);
        let syncs = method == "system_health" && asked.fetch_add(1, Ordering::Relaxed) < 3;
        Some(vec![if syncs { answer.replace("\"isSyncing\":false", "\"isSyncing\":true") } else { answer }])
    })
    .await;
    let mut observations = watched(url, Limits { poll: Duration::from_millis(20), ..Limits::default() });
    assert!(matches!(next(&mut observations).await, Seen::Genesis(_)));
    for _ in 0..3 {
        assert_eq!(next(&mut observations).await, Seen::Unreachable("still syncing".to_owned()));
    }
    assert!(matches!(next(&mut observations).await, Seen::Finalized(_)));
}

#[tokio::test]
async fn a_node_that_fails_is_out_of_reach_and_comes_back() {
    let recorded = frames("native");
    let limits = Limits {
        request: Duration::from_millis(200),
        poll: Duration::from_millis(20),
        first_pause: Duration::from_millis(10),
        ..Limits::default()
    };
    let pruned = recorded["state_getStorage pruned"].clone();
    let discarded = Arc::new(AtomicBool::new(false));
    let url = scripted(move |method, id, connection| match (method, connection) {
        ("chain_getHeader", 1) => None,
        ("chain_getHeader", 2) => Some(vec![]),
        ("chain_getHeader", 3) => Some(vec!["{not json".to_owned()]),
        ("chain_getHeader", 4) => Some(vec!["x".repeat(5 * 1024 * 1024)]),
        ("state_getStorage", 5) if !discarded.swap(true, Ordering::Relaxed) => {
            Some(vec![with_id(&pruned, id)])
        }
        _ => Some(vec![with_id(&recorded[method], id)]),
    })
    .await;
    let mut observations = watched(url, limits);
    let mut troubles = Vec::new();
    loop {
        match next(&mut observations).await {
            Seen::Unreachable(trouble) => troubles.push(trouble),
            Seen::Finalized(head) => {
                assert_eq!(head.session, 0x1f9);
                break;
            }
            _ => {}
        }
    }
    for (trouble, expected) in troubles.iter().zip([
        "closed",
        "no answer to chain_getHeader within 200ms",
        "not JSON-RPC",
        "Space limit exceeded",
        "error 4003: Client error: UnknownBlock: State already discarded",
    ]) {
        assert!(trouble.contains(expected), "{trouble}: {expected}");
    }
    assert_eq!(troubles.len(), 5, "{troubles:?}");
}

#[tokio::test]
async fn a_tls_url_to_a_plain_port_is_an_error_and_no_crash() {
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    let mut observations = watched(chain.url().replace("ws://", "wss://"), Limits::default());
    assert!(matches!(next(&mut observations).await, Seen::Unreachable(_)));
}

/// `race monitor` with this policy, in a directory of its own.
fn race(directory: &Path, chains: &[&DevChain], rest: &str) -> Command {
    let nodes: String =
        chains.iter().map(|chain| format!("[[monitor.node]]\nurl = \"{}\"\n", chain.url())).collect();
    let policies = directory.join("policies");
    std::fs::create_dir_all(&policies).unwrap();
    std::fs::write(
        policies.join("testnet.toml"),
        format!("[monitor]\nsession_length = \"40ms\"\n{rest}{nodes}"),
    )
    .unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_race"));
    command.args(["monitor", "--checkpoint", "soak.json"]).current_dir(directory).env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn ended(mut command: Command) -> Output {
    timeout(PATIENCE, command.output()).await.unwrap().unwrap()
}

fn soak_json(directory: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(directory.join("soak.json")).unwrap()).unwrap()
}

fn code(output: &Output, expected: i32) -> String {
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(expected), "{text}");
    text
}

#[tokio::test]
async fn race_passes_at_its_target() {
    let directory = tempfile::tempdir().unwrap();
    let one_seed = DevChainOptions { seed: 7, ..DevChainOptions::default() };
    let chains = [DevChain::start(one_seed.clone()).await.unwrap(), DevChain::start(one_seed).await.unwrap()];
    let mut command = race(directory.path(), &[&chains[0], &chains[1]], "target_sessions = 50\n");
    let output_file = directory.path().join("output");
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_RUN_ID", "7").env("GITHUB_RUN_ATTEMPT", "2");
    command.env("GITHUB_SHA", "c".repeat(40)).env("GITHUB_OUTPUT", &output_file);
    let text = code(&ended(command).await, 0);
    assert!(text.contains("sessions passed (target 50), finalized on a quorum of 2 nodes"), "{text}");
    let soak = soak_json(directory.path());
    assert_eq!((&soak["schema"], &soak["verdict"]), (&json!("race.soak/1"), &json!("passed")));
    assert_eq!(soak["run"], json!({"id": 7, "attempt": 2, "head_sha": "c".repeat(40)}));
    assert!(soak["counted"].as_u64().unwrap() >= 50, "{soak}");
    let baseline = soak["baseline"]["session"].as_u64().unwrap();
    let indices: Vec<u64> = soak["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|session| session["index"].as_u64().unwrap())
        .collect();
    assert!(indices.is_sorted() && indices[0] > baseline && *indices.last().unwrap() >= baseline + 50);
    assert_eq!(soak["warnings"], json!(["runtime not verified"]));
    let outputs = std::fs::read_to_string(output_file).unwrap();
    assert!(outputs.contains("passed") && outputs.contains("target"), "{outputs}");
}

#[tokio::test]
async fn race_fails_when_sessions_stop() {
    let directory = tempfile::tempdir().unwrap();
    let options = DevChainOptions { stall_after: Some(10), ..DevChainOptions::default() };
    let chain = DevChain::start(options).await.unwrap();
    let command = race(directory.path(), &[&chain], "stall.no_session = \"500ms\"\n");
    let text = code(&ended(command).await, 20);
    assert!(text.contains("failed: no new session for 500ms"), "{text}");
    assert!(text.contains("stays in session 10"), "{text}");
    assert_eq!(soak_json(directory.path())["reason"]["code"], "no-session");
}

#[tokio::test]
async fn race_is_unmeasured_when_nobody_answers() {
    let directory = tempfile::tempdir().unwrap();
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    let mut command = race(directory.path(), &[&chain], "unmeasured_after = \"500ms\"\n");
    drop(chain);
    command.args(["--format", "json"]);
    let output = ended(command).await;
    code(&output, 21);
    let soak: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&soak["verdict"], &soak["counted"]), (&json!("unmeasured"), &json!(0)));
}

#[tokio::test]
async fn race_stopped_by_a_signal_is_unfinished() {
    for (signal, exit) in [("INT", 130), ("TERM", 143)] {
        let directory = tempfile::tempdir().unwrap();
        let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
        let child = race(directory.path(), &[&chain], "").spawn().unwrap();
        let pid = child.id().unwrap().to_string();
        // Its first word in the file after the baseline.
        let begun = async {
            while soak_json_if_any(directory.path()).is_none_or(|soak| soak["baseline"].is_null()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, begun).await.unwrap();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status().await.unwrap();
        assert!(sent.success());
        let output = timeout(Duration::from_secs(7), child.wait_with_output()).await.unwrap().unwrap();
        let text = code(&output, exit);
        assert!(text.contains(&format!("unfinished: stopped by SIG{signal} after")), "{text}");
        assert_eq!(soak_json(directory.path())["verdict"], "unfinished");
    }
}

fn soak_json_if_any(directory: &Path) -> Option<Value> {
    // A file that is there is whole.
    let text = std::fs::read_to_string(directory.join("soak.json")).ok()?;
    Some(serde_json::from_str(&text).unwrap())
}

#[tokio::test]
async fn race_overwrites_no_checkpoint() {
    let directory = tempfile::tempdir().unwrap();
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    let command = race(directory.path(), &[&chain], "");
    std::fs::write(directory.path().join("soak.json"), "{}").unwrap();
    let text = code(&ended(command).await, 2);
    assert!(text.contains("the checkpoint soak.json is there already"), "{text}");
    assert_eq!(std::fs::read_to_string(directory.path().join("soak.json")).unwrap(), "{}");
}
