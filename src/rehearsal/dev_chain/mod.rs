//! A dev chain in this process: JSON-RPC over WebSocket on loopback, with the real
//! method names, storage keys and SCALE values of a Substrate node, and sessions
//! that take milliseconds.

mod blocks;
mod rpc;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_tungstenite::tungstenite::Message;

use blocks::{Blocks, finalized};
use rpc::Client;

/// How the dev chain behaves.
#[derive(Clone, Debug)]
pub struct DevChainOptions {
    /// How long a session takes.
    pub session: Duration,
    /// How many blocks a session has, at least 1.
    pub blocks_per_session: u32,
    /// The last session that ever begins; the blocks go on.
    pub stall_after: Option<u32>,
    /// What `system_version` answers.
    pub version: String,
    /// Two chains of one seed have the same genesis hash.
    pub seed: u64,
}

impl Default for DevChainOptions {
    fn default() -> Self {
        Self {
            session: Duration::from_millis(40),
            blocks_per_session: 4,
            stall_after: None,
            version: "0.1.0-00000000000".to_owned(),
            seed: fastrand::u64(..),
        }
    }
}

/// A running dev chain. It stops when this value is dropped.
#[derive(Debug)]
pub struct DevChain {
    address: SocketAddr,
    sessions: watch::Receiver<u32>,
    task: JoinHandle<()>,
}

impl DevChain {
    /// Starts a chain at its genesis block, on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// When no port can be had.
    pub async fn start(options: DevChainOptions) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let per_session = options.blocks_per_session.max(1);
        let block_time = (options.session / per_session).max(Duration::from_millis(1));
        let blocks = Blocks {
            seed: options.seed,
            per_session,
            stall_after: options.stall_after,
            genesis_ms: u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default(),
            block_ms: u64::try_from(block_time.as_millis()).unwrap_or(u64::MAX),
        };
        let (sessions_sender, sessions) = watch::channel(0);
        let task = tokio::spawn(run(listener, blocks, block_time, options.version, sessions_sender));
        Ok(Self { address, sessions, task })
    }

    /// The node's WebSocket URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// The node's port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The session index on the finalized chain, as it goes.
    #[must_use]
    pub fn sessions(&self) -> watch::Receiver<u32> {
        self.sessions.clone()
    }
}

impl Drop for DevChain {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Makes blocks and serves clients until it is aborted.
async fn run(
    listener: TcpListener,
    blocks: Blocks,
    block_time: Duration,
    version: String,
    sessions: watch::Sender<u32>,
) {
    let (best, _) = watch::channel(0_u32);
    let mut clients = JoinSet::new();
    let mut ticks = interval_at(Instant::now() + block_time, block_time);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                best.send_modify(|number| *number = number.saturating_add(1));
                let session = blocks.session(finalized(*best.borrow()));
                sessions.send_if_modified(|current| std::mem::replace(current, session) != session);
            }
            Ok((stream, _)) = listener.accept() => {
                clients.spawn(serve(stream, Client::new(blocks, version.clone()), best.subscribe()));
            }
            Some(_) = clients.join_next() => {}
        }
    }
}

/// Serves one client until it leaves.
async fn serve(stream: TcpStream, mut client: Client, mut best: watch::Receiver<u32>) {
    // A node sends its small frames at once, and so must we.
    let _ = stream.set_nodelay(true);
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
    loop {
        let frames = tokio::select! {
            received = socket.next() => match received {
                Some(Ok(Message::Text(text))) => {
                    let number = *best.borrow();
                    // A subscription's answer comes before its first notification.
                    let mut frames = vec![client.answer(&text, number)];
                    frames.append(&mut client.notifications(number));
                    frames
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => continue,
            },
            changed = best.changed() => {
                if changed.is_err() {
                    return;
                }
                let number = *best.borrow_and_update();
                client.notifications(number)
            }
        };
        for frame in frames {
            if socket.feed(Message::text(frame)).await.is_err() {
                return;
            }
        }
        if socket.flush().await.is_err() {
            return;
        }
    }
}
