//! A node that says what a real one said. Answers that were recorded are sent byte for
//! byte, but for the `id` of the request; notifications too, in the recorded order,
//! with the subscription's recorded name.
//!
//! Whoever was recorded asked less than we do. What follows from the recordings is
//! `told`: a header out of a notification, the session and the time of a block. What
//! does not follow is answered as by a node that has no such method, and `unknown`. A
//! block whose hash nobody recorded is given one that is `made_up`.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex};

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::recording::{Answered, Facts, Frame, answered, frames};
use crate::support::PATIENCE;

/// When the next notification is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// When the state of the last finalized head was read.
    AsRead,
    /// When the state of the first one was read: all at once.
    AtOnce,
}

/// What is played.
pub(crate) struct Play<'n> {
    /// The recording whose notifications are sent.
    pub(crate) recording: &'n str,
    /// Others of the same chain.
    pub(crate) chain: &'n [&'n str],
    /// One of the same kind of node, for what it says of itself.
    pub(crate) kind: &'n str,
    /// How long a slot of the chain is, in milliseconds.
    pub(crate) slot_length: u64,
    pub(crate) pace: Pace,
}

/// How requests were answered, by their methods.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) recorded: BTreeSet<String>,
    pub(crate) told: BTreeSet<String>,
    pub(crate) unknown: BTreeSet<String>,
    /// Blocks without a recorded hash.
    pub(crate) made_up: BTreeSet<u64>,
}

/// A node that plays a recording.
pub(crate) struct Replay {
    pub(crate) url: String,
    ledger: Arc<Mutex<Ledger>>,
    played: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

impl Replay {
    pub(crate) async fn start(play: Play<'_>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let (sender, played) = watch::channel(false);
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        let mut script = Script::new(&play, ledger.clone(), sender);
        let task = tokio::spawn(async move {
            // A node that closed the connection is gone for good.
            while !script.is_over {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                script.serve(tokio_tungstenite::accept_async(stream).await.unwrap()).await;
            }
        });
        Self { url, ledger, played, task }
    }

    /// How requests were answered so far.
    pub(crate) fn ledger(&self) -> Ledger {
        self.ledger.lock().unwrap().clone()
    }

    /// Waits until all was sent, and the last finalized head read.
    pub(crate) async fn played(&mut self) {
        timeout(PATIENCE, self.played.wait_for(|played| *played)).await.unwrap().unwrap();
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Socket = WebSocketStream<TcpStream>;

struct Script {
    frames: Vec<Frame>,
    facts: Facts,
    /// Answers: of the recording itself, of the chain, of the kind of node.
    answers: Vec<Answered>,
    pace: Pace,
    /// The next frame.
    cursor: usize,
    /// Heads as the recording has them so far: their hashes.
    best: Option<String>,
    finalized: Option<String>,
    /// The node has announced no more than the chain's first block.
    syncing: bool,
    /// The finalized head that is to be read before anything else is sent.
    awaited: Option<String>,
    read: HashSet<String>,
    is_over: bool,
    ledger: Arc<Mutex<Ledger>>,
    played: watch::Sender<bool>,
}

impl Script {
    fn new(play: &Play<'_>, ledger: Arc<Mutex<Ledger>>, played: watch::Sender<bool>) -> Self {
        let of_chain: Vec<Vec<Frame>> =
            [play.recording].iter().chain(play.chain).map(|name| frames(name)).collect();
        let mut answers: Vec<Answered> = of_chain.iter().flat_map(|frames| answered(frames)).collect();
        answers.extend(answered(&frames(play.kind)));
        let facts = Facts::of(&of_chain, play.slot_length);
        let frames = frames(play.recording);
        let first = |method| frames.iter().find_map(|frame| head(frame, method, &facts));
        let (best, finalized) = (first("chain_newHead"), first("chain_finalizedHead"));
        let syncing = best.is_some() && best.as_deref() == facts.hash(0);
        let pace = play.pace;
        let (cursor, is_over, awaited, read) = Default::default();
        Self {
            frames,
            facts,
            answers,
            pace,
            cursor,
            best,
            finalized,
            syncing,
            awaited,
            read,
            is_over,
            ledger,
            played,
        }
    }

    async fn serve(&mut self, mut socket: Socket) {
        let mut subscribed = HashSet::new();
        loop {
            while subscribed.len() == 2 && !self.is_held() && self.cursor < self.frames.len() {
                self.play(&mut socket, &subscribed).await;
                if self.is_over {
                    let goodbye = CloseFrame { code: CloseCode::Normal, reason: "".into() };
                    socket.close(Some(goodbye)).await.ok();
                    while let Some(Ok(_)) = socket.next().await {}
                    return;
                }
            }
            if self.cursor == self.frames.len() && !self.is_held() {
                self.played.send_replace(true);
            }
            let Some(Ok(Message::Text(text))) = socket.next().await else { return };
            let request: Value = serde_json::from_str(&text).unwrap();
            let method = request["method"].as_str().unwrap();
            let answer = self.answer(method, &request["params"], &request["id"]);
            if matches!(method, "chain_subscribeNewHeads" | "chain_subscribeFinalizedHeads") {
                let answer: Value = serde_json::from_str(&answer).unwrap();
                subscribed.insert(answer["result"].as_str().unwrap().to_owned());
                self.play_up_to(&answer["result"], &mut socket, &subscribed).await;
            }
            if socket.send(Message::text(answer)).await.is_err() {
                return;
            }
        }
    }

    /// Whether a finalized head has not been read yet that must be.
    fn is_held(&self) -> bool {
        let is_unread = self.awaited.as_ref().is_some_and(|hash| !self.read.contains(hash));
        let is_last = self.cursor == self.frames.len();
        is_unread && (self.pace == Pace::AsRead || self.read.is_empty() || is_last)
    }

    /// Sends what came before the recorded answer to a subscription.
    async fn play_up_to(&mut self, answer: &Value, socket: &mut Socket, subscribed: &HashSet<String>) {
        let is_answer = |frame: &Frame| matches!(frame, Frame::In(_, value) if value["result"] == *answer);
        if let Some(at) = self.frames.iter().position(is_answer) {
            while self.cursor < at {
                self.play(socket, subscribed).await;
            }
        }
    }

    /// Sends the next frame, where it is a notification that somebody asked for.
    async fn play(&mut self, socket: &mut Socket, subscribed: &HashSet<String>) {
        let frame = &self.frames[self.cursor];
        self.cursor += 1;
        if let Some(hash) = head(frame, "chain_newHead", &self.facts) {
            self.syncing &= self.facts.height(&hash) == Some(0);
            self.best = Some(hash);
        }
        if let Some(hash) = head(frame, "chain_finalizedHead", &self.facts) {
            self.finalized = Some(hash.clone());
            self.awaited = Some(hash);
        }
        match frame {
            Frame::In(raw, value) => {
                let subscription = value["params"]["subscription"].as_str();
                if subscription.is_some_and(|subscription| subscribed.contains(subscription)) {
                    // A client that has gone is noticed when it is read from.
                    socket.send(Message::text(raw.clone())).await.ok();
                }
            }
            Frame::Close => self.is_over = true,
            Frame::Out(_) => {}
        }
    }

    fn answer(&mut self, method: &str, params: &Value, id: &Value) -> String {
        if let ("state_getStorage" | "state_queryStorageAt", Some(hash)) = (method, params[1].as_str()) {
            self.read.insert(hash.to_owned());
        }
        let moves = method == "chain_getFinalizedHead"
            || (method == "chain_getHeader" && params[0].is_null())
            || (method == "system_health" && self.syncing);
        let recorded =
            self.answers.iter().find(|answered| answered.method == method && answered.params == *params);
        let recorded = recorded.map(|answered| answered.raw.clone());
        let told = self.told(method, params);
        let (recorded, told) = if moves && told.is_some() { (None, told) } else { (recorded, told) };
        // What a node says of itself does not depend on the block that is named.
        let of_itself = || {
            let same =
                |answered: &&Answered| answered.method == method && method == "state_getRuntimeVersion";
            self.answers.iter().find(same).map(|answered| answered.raw.clone())
        };
        let mut ledger = self.ledger.lock().unwrap();
        let raw = if let Some(raw) = recorded.or_else(of_itself) {
            ledger.recorded.insert(method.to_owned());
            raw
        } else if let Some(raw) = told {
            ledger.told.insert(method.to_owned());
            raw
        } else {
            ledger.unknown.insert(method.to_owned());
            let nothing = self.answers.iter().find(|answered| answered.method == "no_suchMethod").unwrap();
            nothing.raw.replace("no_suchMethod", method)
        };
        with_id(&raw, id)
    }

    /// The answer that follows from what was recorded.
    fn told(&self, method: &str, params: &Value) -> Option<String> {
        let answer = |result: String| format!(r#"{{"jsonrpc":"2.0","id":0,"result":{result}}}"#);
        let header = |hash: &str| answer(self.facts.header(hash).unwrap_or("null").to_owned());
        match method {
            "chain_getFinalizedHead" => self.finalized.as_ref().map(|hash| answer(json!(hash).to_string())),
            "chain_getHeader" => match &params[0] {
                Value::Null => {
                    // What a node imports while it syncs is its best block all the same.
                    let height = |hash: &&String| self.facts.height(hash);
                    self.best.iter().chain(&self.finalized).max_by_key(height).map(|hash| header(hash))
                }
                hash => hash.as_str().map(header),
            },
            "chain_getBlockHash" => {
                let height = params[0].as_u64()?;
                let hash = self.facts.hash(height).map_or_else(
                    || {
                        self.ledger.lock().unwrap().made_up.insert(height);
                        format!("0x{height:064x}")
                    },
                    str::to_owned,
                );
                Some(answer(json!(hash).to_string()))
            }
            "state_getStorage" => self.stored(&params[1], &[&params[0]], |values| values[0][1].clone()),
            "state_queryStorageAt" => {
                let keys: Vec<&Value> = params[0].as_array()?.iter().collect();
                self.stored(&params[1], &keys, |values| json!([{"block": params[1], "changes": values}]))
            }
            "system_health" => {
                let health = self.answers.iter().find(|answered| answered.method == method)?;
                let syncs = health.raw.replace("\"isSyncing\":false", "\"isSyncing\":true");
                Some(if self.syncing { syncs } else { health.raw.clone() })
            }
            _ => None,
        }
    }

    fn stored(&self, hash: &Value, keys: &[&Value], result: impl Fn(Vec<Value>) -> Value) -> Option<String> {
        let hash = hash.as_str()?;
        let made_up = || u64::from_str_radix(hash.strip_prefix("0x")?, 16).ok();
        let height = self.facts.height(hash).or_else(made_up)?;
        if self.facts.is_discarded(height) {
            let words = "State already discarded for ";
            let gone = self.answers.iter().find(|answered| answered.raw.contains(words))?;
            let at = gone.raw.find(words)? + words.len();
            return Some(gone.raw.replace(&gone.raw[at..at + hash.len()], hash));
        }
        let value = |key: &&Value| Some(json!([key, self.facts.state(key.as_str()?, height)?]));
        let values: Option<Vec<Value>> = keys.iter().map(value).collect();
        Some(format!(r#"{{"jsonrpc":"2.0","id":0,"result":{}}}"#, result(values?)))
    }
}

/// The hash of the head that a frame announces by this method.
fn head(frame: &Frame, method: &str, facts: &Facts) -> Option<String> {
    let Frame::In(_, value) = frame else { return None };
    let header = &value["params"]["result"];
    (value["method"] == method).then(|| {
        let height = u64::from_str_radix(&header["number"].as_str().unwrap()[2..], 16).unwrap();
        facts.hash(height).unwrap().to_owned()
    })
}

/// A recorded answer to the request at hand.
fn with_id(raw: &str, id: &Value) -> String {
    let recorded: Value = serde_json::from_str(raw).unwrap();
    raw.replacen(&format!("\"id\":{}", recorded["id"]), &format!("\"id\":{id}"), 1)
}
