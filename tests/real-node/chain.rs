//! The runtime under chopsticks, and how its sessions are made to end.

use std::process::Stdio;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use testnet_deployer::chain::storage_key;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// The longest that chopsticks may take for anything: to start, and for one block.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A chain that makes a block when it is told to.
pub struct Chain {
    pub url: String,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    asked: u64,
    _node: Child,
}

impl Chain {
    /// Starts chopsticks with the chain spec that the environment names.
    pub async fn start() -> Self {
        let given = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
        let mut command = Command::new("node");
        command.arg(given("RACE_REAL_CHOPSTICKS")).args(["--chain-spec", &given("RACE_REAL_SPEC")]);
        command.args(["--host", "127.0.0.1", "--port", "0", "--build-block-mode", "Manual"]);
        command.arg("--allow-unresolved-imports").env("NO_COLOR", "1").stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut node = command.spawn().unwrap();
        let mut lines = BufReader::new(node.stdout.take().unwrap()).lines();
        let url = timeout(PATIENCE, async {
            loop {
                let line = lines.next_line().await.unwrap().expect("chopsticks ended before it listened");
                if let Some(at) = line.find("ws://127.0.0.1:").filter(|_| line.contains("listening")) {
                    return line[at..].split_whitespace().next().unwrap().to_owned();
                }
            }
        });
        let url = url.await.unwrap();
        // It must not be held up by a pipe that is full.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let (socket, _) = tokio_tungstenite::connect_async(&url).await.unwrap();
        Self { url, socket, asked: 0, _node: node }
    }

    /// Asks, and waits for the answer.
    pub async fn call(&mut self, method: &str, params: Value) -> Value {
        self.asked += 1;
        let request = json!({"jsonrpc": "2.0", "id": self.asked, "method": method, "params": params});
        self.socket.send(Message::text(request.to_string())).await.unwrap();
        loop {
            let frame = timeout(PATIENCE, self.socket.next()).await.unwrap().unwrap().unwrap();
            let Message::Text(text) = frame else { continue };
            let answer: Value = serde_json::from_str(&text).unwrap();
            if answer["id"] == self.asked {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].clone();
            }
        }
    }

    /// One session: an ordinary block, one in which the signature of the next key lies
    /// on the chain, and the one in which the runtime finds both and rotates. Keygen
    /// itself is what nobody does here, so its results are put into the storage.
    pub async fn rotate(&mut self) {
        let before = self.index("latest").await;
        self.block().await;
        let set = self.call("state_getStorage", json!([storage_key("DKG", "NextAuthoritySetId")])).await;
        let set = number(&set);
        let signature = format!("0x0501{}", "ab".repeat(65));
        self.plant("NextPublicKeySignature", &signature).await;
        self.block().await;
        let key = format!("02{}", format!("{:02x}", set % 256).repeat(32));
        let set: String = set.to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        self.plant("NextDKGPublicKey", &format!("0x{set}84{key}")).await;
        self.block().await;
        assert_eq!(self.index("latest").await, before + 1, "the runtime rotates with this block");
    }

    /// Jails an authority for misbehaving in keygen.
    pub async fn jail(&mut self) {
        let entry = format!("{}{}", storage_key("DKG", "JailedKeygenAuthorities"), "5e".repeat(49));
        self.call("dev_setStorage", json!([[[entry, "0x01000000"]]])).await;
    }

    /// Where each session began, as the chain tells it block by block: index, first
    /// block.
    pub async fn sessions(&mut self) -> Vec<(u64, u64)> {
        let head = self.call("chain_getHeader", json!([])).await;
        let digits = head["number"].as_str().unwrap().trim_start_matches("0x");
        let head = u64::from_str_radix(digits, 16).unwrap();
        let mut sessions = Vec::new();
        let mut before = 0;
        for block in 1..=head {
            let hash = self.call("chain_getBlockHash", json!([block])).await;
            let index = self.index(hash.as_str().unwrap()).await;
            if index != before {
                sessions.push((index, block));
            }
            before = index;
        }
        sessions
    }

    async fn index(&mut self, at: &str) -> u64 {
        let key = storage_key("Session", "CurrentIndex");
        let params = if at == "latest" { json!([key]) } else { json!([key, at]) };
        number(&self.call("state_getStorage", params).await)
    }

    async fn block(&mut self) {
        self.call("dev_newBlock", json!([{"count": 1}])).await;
    }

    async fn plant(&mut self, item: &str, value: &str) {
        self.call("dev_setStorage", json!([[[storage_key("DKG", item), value]]])).await;
    }
}

/// A number in little-endian order. Nothing stands for 0.
fn number(value: &Value) -> u64 {
    let digits = value.as_str().unwrap_or("0x").trim_start_matches("0x");
    let bytes = (0..digits.len()).step_by(2).map(|at| u64::from_str_radix(&digits[at..at + 2], 16).unwrap());
    bytes.rev().fold(0, |number, byte| number << 8 | byte)
}
