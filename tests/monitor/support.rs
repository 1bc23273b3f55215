//! What all tests of the monitor need: nodes of a test's own making, the adapter, and
//! `race monitor` in a directory of its own.

use std::path::Path;
use std::pin::pin;
use std::process::{Output, Stdio};
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use jiff::Timestamp;
use serde_json::{Value, json};
use testnet_deployer::chain::{Endpoint, Limits, Subject, watch};
use testnet_deployer::rehearsal::dev_chain::DevChain;
use testnet_deployer::soak::{Head, Observation, Seen};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// The longest that anything here may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Limits that let only the one fire that is meant.
pub(crate) const PATIENT: &str =
    "stall.no_block = \"25s\"\nstall.no_finality = \"25s\"\nstall.no_session = \"25s\"\n";

pub(crate) fn frames(node: &str) -> Value {
    serde_json::from_str::<Value>(include_str!("../data/frames.json")).unwrap()[node].clone()
}

pub(crate) fn watched(url: String, limits: Limits) -> mpsc::Receiver<Observation> {
    let (sender, receiver) = mpsc::channel(16);
    tokio::spawn(watch(Subject::at(Endpoint::at(url), limits), Timestamp::now, sender));
    receiver
}

pub(crate) async fn next(observations: &mut mpsc::Receiver<Observation>) -> Seen {
    timeout(PATIENCE, observations.recv()).await.unwrap().unwrap().seen
}

pub(crate) async fn next_head(observations: &mut mpsc::Receiver<Observation>) -> Head {
    loop {
        if let Seen::Finalized(head) = next(observations).await {
            return head;
        }
    }
}

/// A node of the test's own making: `answer` gives the frames for a request, none
/// meaning that the connection is cut.
pub(crate) async fn scripted(
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
pub(crate) fn with_id(frame: &Value, id: &Value) -> String {
    let recorded: Value = serde_json::from_str(frame.as_str().unwrap()).unwrap();
    frame.as_str().unwrap().replacen(&format!("\"id\":{}", recorded["id"]), &format!("\"id\":{id}"), 1)
}

/// The answer that a real node gave to this method, or that it does not know it. What
/// was recorded of the one item that it was asked for is no answer for several.
pub(crate) fn replay(recorded: &Value, method: &str, id: &Value) -> String {
    match &recorded[method] {
        Value::Null => {
            format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32601,"message":"Method not found"}}}}"#)
        }
        frame if method == "rpc_methods" => {
            with_id(frame, id).replace("\"state_queryStorageAt\"", "\"state_queryStorage\"")
        }
        frame => with_id(frame, id),
    }
}

/// `race monitor` with this policy, in a directory of its own; the first node of each
/// chain is watched.
pub(crate) fn race(directory: &Path, chains: &[&DevChain], rest: &str) -> Command {
    of_urls(directory, chains.iter().map(|chain| chain.url()), rest)
}

/// The same with all nodes of one chain.
pub(crate) fn race_with(directory: &Path, chain: &DevChain, rest: &str) -> Command {
    of_urls(directory, chain.urls(), rest)
}

/// The same with nodes at these URLs.
pub(crate) fn of_urls(directory: &Path, urls: impl Iterator<Item = String>, rest: &str) -> Command {
    let nodes: String = urls.map(|url| format!("[[monitor.node]]\nurl = \"{url}\"\n")).collect();
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

/// What the runner says of run 7, for commands that need to know whose they are.
pub(crate) const RUN_7: [(&str, &str); 5] = [
    ("GITHUB_REPOSITORY", "octo-org/chain"),
    ("GITHUB_RUN_ID", "7"),
    ("GITHUB_RUN_ATTEMPT", "1"),
    ("GITHUB_ACTOR", "alice"),
    ("GITHUB_SHA", "0123456789abcdef0123456789abcdef01234567"),
];

pub(crate) async fn ended(mut command: Command) -> Output {
    timeout(PATIENCE, command.output()).await.unwrap().unwrap()
}

/// The same, of which the process must never have had more memory, in kilobytes.
pub(crate) async fn ended_within(kilobytes: u64, mut command: Command) -> Output {
    let child = command.spawn().unwrap();
    let status = format!("/proc/{}/status", child.id().unwrap());
    let mut output = pin!(timeout(PATIENCE, child.wait_with_output()));
    let mut peak = 0;
    let output = loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = line.and_then(|line| line.trim().split(' ').next()?.parse().ok()).unwrap_or(peak);
        if let Ok(output) = timeout(Duration::from_millis(20), &mut output).await {
            break output.unwrap().unwrap();
        }
    };
    eprintln!("peak: {peak} kB");
    assert!(peak > 0 && peak < kilobytes, "{peak} kB");
    output
}

pub(crate) fn soak_json(directory: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(directory.join("soak.json")).unwrap()).unwrap()
}

pub(crate) fn code(output: &Output, expected: i32) -> String {
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(expected), "{text}");
    text
}

pub(crate) fn soak_json_if_any(directory: &Path) -> Option<Value> {
    // A file that is there is whole.
    let text = std::fs::read_to_string(directory.join("soak.json")).ok()?;
    Some(serde_json::from_str(&text).unwrap())
}

/// All sessions are there, once, and began where they did: session n in block 4 n.
pub(crate) fn assert_exact(soak: &Value, target: u64) {
    let baseline = soak["baseline"]["session"].as_u64().unwrap();
    let sessions = soak["sessions"].as_array().unwrap();
    assert!(soak["counted"].as_u64().unwrap() >= target, "{soak}");
    for (session, index) in sessions.iter().zip(baseline + 1..) {
        assert_eq!(session["index"].as_u64(), Some(index), "none is missing, none is there twice");
        assert_eq!((&session["block"], &session["exact"]), (&json!(index * 4), &json!(true)), "{session}");
    }
    assert!(sessions.len() as u64 >= target);
}

/// Waits until that session is final.
pub(crate) async fn after_session(chain: &DevChain, session: u32) {
    let mut sessions = chain.sessions();
    timeout(PATIENCE, sessions.wait_for(|now| *now >= session)).await.unwrap().unwrap();
}

/// Waits until the soak in this directory has its baseline.
pub(crate) async fn begun(directory: &Path) {
    let begun = async {
        while soak_json_if_any(directory).is_none_or(|soak| soak["baseline"].is_null()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, begun).await.unwrap();
}
