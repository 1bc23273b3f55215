//! The chain adapter, against the dev chain, against answers that real nodes gave, and
//! against nodes that fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use testnet_deployer::chain::Limits;
use testnet_deployer::rehearsal::dev_chain::{DevChain, DevChainOptions, Fault};
use testnet_deployer::soak::Seen;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{PATIENCE, frames, next, next_head, replay, scripted, watched, with_id};

#[tokio::test]
async fn real_nodes_are_understood() {
    for (node, number, session) in [("native", 0x4dc, 0x1f9), ("chopsticks", 1, 0)] {
        let recorded = frames(node);
        let answers = recorded.clone();
        let url = scripted(move |method, id, _| {
            let answer = replay(&answers, method, id);
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
    let url = scripted(move |method, id, _| Some(vec![replay(&recorded, method, id)])).await;
    let mut observations = watched(url, Limits { poll: Duration::from_millis(20), ..Limits::default() });
    for _ in 0..5 {
        assert_eq!(next_head(&mut observations).await.session, 0x1f9, "asked, and it was the same");
    }
}

#[tokio::test]
async fn a_node_that_syncs_says_so_until_it_is_there() {
    let recorded = frames("native");
    let asked = Arc::new(AtomicU32::new(0));
    let url = scripted(move |method, id, _| {
        let answer = replay(&recorded, method, id);
        let syncs = method == "system_health" && asked.fetch_add(1, Ordering::Relaxed) < 3;
        Some(vec![if syncs { answer.replace("\"isSyncing\":false", "\"isSyncing\":true") } else { answer }])
    })
    .await;
    let limits = Limits { identity: Duration::from_millis(20), ..Limits::default() };
    let mut observations = watched(url, limits);
    let mut syncing = Vec::new();
    while syncing.len() < 5 {
        if let Seen::Identity(identity) = next(&mut observations).await {
            assert_eq!((&*identity.version, &*identity.spec_name), ("0.1.0", "tangle-standalone"));
            syncing.push(identity.syncing);
        }
    }
    assert_eq!(syncing, [true, true, true, false, false]);
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
        ("chain_getFinalizedHead", 1) => None,
        ("chain_getFinalizedHead", 2) => Some(vec![]),
        ("chain_getHeader", 3) => Some(vec!["{not json".to_owned()]),
        ("chain_getHeader", 4) => Some(vec!["x".repeat(5 * 1024 * 1024)]),
        ("state_getStorage", 5) if !discarded.swap(true, Ordering::Relaxed) => {
            Some(vec![with_id(&pruned, id)])
        }
        _ => Some(vec![replay(&recorded, method, id)]),
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
        "no answer to chain_getFinalizedHead within 200ms",
        "not JSON-RPC",
        "Space limit exceeded",
        "error 4003: Client error: UnknownBlock: State already discarded",
    ]) {
        assert!(trouble.contains(expected), "{trouble}: {expected}");
    }
    assert_eq!(troubles.len(), 5, "{troubles:?}");
}

#[tokio::test]
async fn a_node_that_never_answers_the_handshake_is_given_up() {
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    chain.change_node(0, |node| node.fault = Some(Fault::HalfOpen));
    let limits = Limits { connect: Duration::from_millis(100), ..Limits::default() };
    let mut observations = watched(chain.url(), limits);
    assert_eq!(next(&mut observations).await, Seen::Unreachable("no connection within 100ms".to_owned()));
}

#[tokio::test]
async fn a_tls_url_to_a_plain_port_is_an_error_and_no_crash() {
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    let mut observations = watched(chain.url().replace("ws://", "wss://"), Limits::default());
    assert!(matches!(next(&mut observations).await, Seen::Unreachable(_)));
}
