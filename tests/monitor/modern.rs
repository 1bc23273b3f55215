//! A node that has only the new methods of JSON-RPC, made of a dev chain: it pins and
//! unpins, forgets, and stops to be followed, as a real one does.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use testnet_deployer::chain::Limits;
use testnet_deployer::rehearsal::dev_chain::{DevChain, DevChainOptions};
use testnet_deployer::soak::Seen;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::support::{code, ended, next, next_head, race, scripted, soak_json, watched, with_id};

const METHODS: [&str; 8] = [
    "chainHead_v1_follow",
    "chainHead_v1_header",
    "chainHead_v1_storage",
    "chainHead_v1_unfollow",
    "chainHead_v1_unpin",
    "chainSpec_v1_genesisHash",
    "system_health",
    "system_version",
];

/// What goes on at the node.
#[derive(Clone, Default)]
struct Figures {
    /// The most blocks that were pinned at a time.
    pinned: Arc<AtomicUsize>,
    /// How often it was followed.
    follows: Arc<AtomicUsize>,
}

/// The node itself, asked by the older methods.
struct Node(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Node {
    async fn ask(&mut self, method: &str, params: Value) -> Value {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        self.0.send(Message::text(request.to_string())).await.unwrap();
        let answer = self.0.next().await.unwrap().unwrap().into_text().unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    async fn number(&mut self, hash: &Value) -> u64 {
        let header = self.ask("chain_getHeader", json!([hash])).await;
        let number = header["result"]["number"].as_str().unwrap();
        u64::from_str_radix(&number[2..], 16).unwrap()
    }

    async fn hash(&mut self, number: u64) -> Value {
        self.ask("chain_getBlockHash", json!([number])).await["result"].clone()
    }
}

/// A header in SCALE.
fn scale(header: &Value) -> String {
    let hex = |value: &Value| value.as_str().unwrap()[2..].to_owned();
    let compact = |number: u64| match number {
        0..64 => format!("{:02x}", number << 2),
        _ => hex_of(&u16::try_from(number << 2 | 1).unwrap().to_le_bytes()),
    };
    let number = header["number"].as_str().unwrap();
    let logs = header["digest"]["logs"].as_array().unwrap();
    format!(
        "0x{}{}{}{}{}{}",
        hex(&header["parentHash"]),
        compact(u64::from_str_radix(&number[2..], 16).unwrap()),
        hex(&header["stateRoot"]),
        hex(&header["extrinsicsRoot"]),
        compact(logs.len() as u64),
        logs.iter().map(hex).collect::<String>()
    )
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A node with only the new methods before that one. It stops to be followed when told.
async fn modern(chain: &DevChain, figures: Figures, stop: watch::Receiver<u32>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let node = chain.url();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            let (socket, _) = tokio_tungstenite::connect_async(&node).await.unwrap();
            let client = tokio_tungstenite::accept_async(stream).await.unwrap();
            tokio::spawn(serve(client, Node(socket), figures.clone(), stop.clone()));
        }
    });
    url
}

async fn serve(
    mut client: WebSocketStream<TcpStream>,
    mut node: Node,
    figures: Figures,
    mut stop: watch::Receiver<u32>,
) {
    stop.mark_unchanged();
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    let (mut followed, mut finalized, mut best) = (None::<String>, 0, Value::Null);
    let mut pinned = BTreeSet::new();
    loop {
        let mut events = Vec::new();
        let mut answer = None;
        tokio::select! {
            _ = stop.changed() => events.push(json!({"event": "stop"})),
            _ = ticks.tick(), if followed.is_some() => {
                let head = node.ask("chain_getFinalizedHead", json!([])).await["result"].clone();
                let now = node.hash_of_best().await;
                let number = node.number(&head).await;
                if now != best {
                    events.push(json!({"event": "newBlock", "blockHash": now, "newRuntime": null}));
                    events.push(json!({"event": "bestBlockChanged", "bestBlockHash": now}));
                    pinned.insert(now.to_string());
                    best = now;
                }
                if number > finalized {
                    let mut hashes = Vec::new();
                    for number in finalized + 1..=number {
                        hashes.push(node.hash(number).await);
                    }
                    pinned.extend(hashes.iter().map(Value::to_string));
                    events.push(json!({
                        "event": "finalized", "finalizedBlockHashes": hashes, "prunedBlockHashes": [],
                    }));
                    finalized = number;
                }
            }
            received = client.next() => {
                let Some(Ok(Message::Text(text))) = received else { return };
                let request: Value = serde_json::from_str(&text).unwrap();
                let params = request["params"].clone();
                let ours = followed.is_some() && json!(followed) == params[0];
                let is_pinned = |hash: &Value| ours && pinned.contains(&hash.to_string());
                let unknown = json!({"error": {"code": -32801, "message": "Invalid block hash"}});
                let mut said = match request["method"].as_str().unwrap() {
                    "rpc_methods" => json!({"result": {"methods": METHODS}}),
                    "chainSpec_v1_genesisHash" => json!({"result": node.hash(0).await}),
                    "chainHead_v1_follow" => {
                        let name = format!("f{}", figures.follows.fetch_add(1, Ordering::Relaxed));
                        let head = node.ask("chain_getFinalizedHead", json!([])).await["result"].clone();
                        finalized = node.number(&head).await;
                        let spec = node.ask("state_getRuntimeVersion", json!([])).await["result"].clone();
                        let mut hashes = Vec::new();
                        for number in finalized.saturating_sub(15)..=finalized {
                            hashes.push(node.hash(number).await);
                        }
                        events.push(json!({
                            "event": "initialized", "finalizedBlockHashes": hashes,
                            "finalizedBlockRuntime": {"type": "valid", "spec": spec},
                        }));
                        best = node.hash_of_best().await;
                        events.push(json!({"event": "bestBlockChanged", "bestBlockHash": best}));
                        pinned = hashes.iter().chain([&best]).map(Value::to_string).collect();
                        followed = Some(name.clone());
                        json!({"result": name})
                    }
                    "chainHead_v1_unfollow" => {
                        followed = None;
                        json!({"result": null})
                    }
                    "chainHead_v1_unpin" => {
                        for hash in params[1].as_array().unwrap() {
                            assert!(pinned.remove(&hash.to_string()), "unpinned twice, or what never was");
                        }
                        json!({"result": null})
                    }
                    "chainHead_v1_header" if is_pinned(&params[1]) => {
                        let header = node.ask("chain_getHeader", json!([params[1]])).await;
                        json!({"result": scale(&header["result"])})
                    }
                    "chainHead_v1_storage" if is_pinned(&params[1]) => {
                        let item = &params[2][0];
                        let kind = item["type"].as_str().unwrap();
                        let method = if kind == "hash" { "state_getStorageHash" } else { "state_getStorage" };
                        let value = node.ask(method, json!([item["key"], params[1]])).await["result"].clone();
                        if !value.is_null() {
                            events.push(json!({
                                "event": "operationStorageItems", "operationId": "o",
                                "items": [{"key": item["key"], kind: value}],
                            }));
                        }
                        events.push(json!({"event": "operationStorageDone", "operationId": "o"}));
                        json!({"result": {"result": "started", "operationId": "o", "discardedItems": 0}})
                    }
                    method if method.starts_with("chainHead") => unknown,
                    method if method.starts_with("system") => {
                        json!({"result": node.ask(method, params).await["result"]})
                    }
                    _ => json!({"error": {"code": -32601, "message": "Method not found"}}),
                };
                (said["jsonrpc"], said["id"]) = (json!("2.0"), request["id"].clone());
                answer = Some(said);
            }
        }
        figures.pinned.fetch_max(pinned.len(), Ordering::Relaxed);
        let events = events.iter().map(|event| {
            json!({
                "jsonrpc": "2.0", "method": "chainHead_v1_followEvent",
                "params": {"subscription": followed, "result": event},
            })
        });
        for frame in answer.into_iter().chain(events) {
            if client.send(Message::text(frame.to_string())).await.is_err() {
                return;
            }
        }
    }
}

impl Node {
    async fn hash_of_best(&mut self) -> Value {
        self.ask("chain_getBlockHash", json!([])).await["result"].clone()
    }
}

#[tokio::test]
async fn a_node_with_only_the_new_methods_is_followed_and_its_blocks_are_unpinned() {
    let directory = tempfile::tempdir().unwrap();
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    let figures = Figures::default();
    let (_stop, stop) = watch::channel(0);
    let url = modern(&chain, figures.clone(), stop).await;
    let command = race(directory.path(), &[&chain], "target_sessions = 60\n");
    let file = directory.path().join("policies/testnet.toml");
    let policy = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, policy.replace(&chain.url(), &url)).unwrap();
    let text = code(&ended(command).await, 0);
    assert!(!text.contains("node 0:"), "{text}");
    let soak = soak_json(directory.path());
    let mut exact = 0;
    let first = soak["baseline"]["session"].as_u64().unwrap() + 1;
    for (session, index) in soak["sessions"].as_array().unwrap().iter().zip(first..) {
        assert_eq!(session["index"], index, "none is missing, none is there twice");
        let block = |key: &str| session[key].as_u64().unwrap();
        // It keeps only the last blocks: what is further back is told with both ends.
        let first = if session["exact"] == true { index * 4..index * 4 + 1 } else { 1..u64::MAX };
        assert!(first.contains(&block("block")) && block("after_block") < index * 4, "{session}");
        assert!(block("block") >= index * 4, "{session}");
        exact += usize::from(session["exact"] == true);
    }
    assert!(exact > 30, "only {exact} were seen to begin: {soak}");
    assert!(soak["counted"].as_u64().unwrap() >= 60);
    assert_eq!(soak["nodes"][0]["runs"]["spec_name"], "dev-chain", "{soak}");
    let pinned = figures.pinned.load(Ordering::Relaxed);
    assert!(pinned < 100, "{pinned} blocks were pinned at a time, of {} and more", 60 * 4);
}

#[tokio::test]
async fn what_real_nodes_say_is_understood() {
    let recorded: Value = serde_json::from_str(include_str!("../data/chain-head.json")).unwrap();
    for (node, number, session) in [("native", 98, 0), ("chopsticks", 142, 65)] {
        let recorded = recorded[node].clone();
        let url = scripted(move |method, id, _| {
            let result = match method {
                "rpc_methods" => json!({"methods": METHODS}),
                "chainSpec_v1_genesisHash" => json!(format!("0x{}", "45".repeat(32))),
                _ => Value::Null,
            };
            Some(match recorded[method].as_array() {
                Some(frames) => {
                    let rest = frames[1..].iter().map(|frame| frame.as_str().unwrap().to_owned());
                    std::iter::once(with_id(&frames[0], id)).chain(rest).collect()
                }
                None => vec![json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string()],
            })
        })
        .await;
        let head = next_head(&mut watched(url, Limits::default())).await;
        assert_eq!((head.number, head.session), (number, session), "{node}");
    }
}

#[tokio::test]
async fn a_node_that_stops_to_be_followed_is_out_of_reach_and_comes_back() {
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    let (stop, stopped) = watch::channel(0);
    let url = modern(&chain, Figures::default(), stopped).await;
    let limits = Limits { first_pause: Duration::from_millis(5), ..Limits::default() };
    let mut observations = watched(url, limits);
    next_head(&mut observations).await;
    stop.send_replace(1);
    let trouble = loop {
        if let Seen::Unreachable(trouble) = next(&mut observations).await {
            break trouble;
        }
    };
    assert!(trouble.contains("stopped to be followed"), "{trouble}");
    next_head(&mut observations).await;
}

#[tokio::test]
async fn a_standstill_is_asked_for_and_not_taken_from_silence() {
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    let figures = Figures::default();
    let (_stop, stop) = watch::channel(0);
    let url = modern(&chain, figures.clone(), stop).await;
    let limits = Limits { poll: Duration::from_millis(30), ..Limits::default() };
    let mut observations = watched(url, limits);
    next_head(&mut observations).await;
    chain.change(|course, _| course.blocks_stop = true);
    let mut last = next_head(&mut observations).await;
    let mut same = 0;
    while same < 6 {
        let head = next_head(&mut observations).await;
        same = if head == last { same + 1 } else { 0 };
        last = head;
    }
    let follows = figures.follows.load(Ordering::Relaxed);
    assert!(follows > 4, "it was followed anew only {follows} times");
}
