//! One connection to a node: calls with a time limit, and the hint that a
//! subscription has something new.

use std::io;
use std::path::Path;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, error::Elapsed, timeout, timeout_at};
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, client_async_with_config, connect_async_with_config,
};

use super::health::Health;
use super::values::{self, CURRENT_INDEX};
use super::wire::{self, Frame, RpcError};
use crate::soak::{Hash, Head};

/// The largest message that a node may send. Headers and single storage values
/// have some kilobytes at most.
const MESSAGE_LIMIT: usize = 4 * 1024 * 1024;

/// Why a node could not be asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChainError {
    #[error("no connection within {0:?}")]
    ConnectTimedOut(Duration),
    #[error("no answer to {method} within {limit:?}")]
    CallTimedOut { method: &'static str, limit: Duration },
    #[error("refused with HTTP status {0}")]
    Http(u16),
    #[error("cannot connect: {0}")]
    Io(#[source] io::Error),
    #[error("the connection was closed")]
    Closed,
    #[error("WebSocket: {0}")]
    WebSocket(#[source] Box<WsError>),
    #[error("not JSON-RPC: {0}")]
    Json(#[source] serde_json::Error),
    #[error("{method}: {error}")]
    Rpc { method: &'static str, error: RpcError },
    #[error("{method} gave what it must not: {value}")]
    Shape { method: &'static str, value: String },
}

impl ChainError {
    /// Whether the connection is still of use: the node itself answered.
    pub(super) fn answered(&self) -> bool {
        matches!(self, Self::Rpc { .. } | Self::Shape { .. })
    }
}

impl From<WsError> for ChainError {
    fn from(error: WsError) -> Self {
        match error {
            WsError::Http(response) => Self::Http(response.status().as_u16()),
            WsError::Io(error) => Self::Io(error),
            WsError::ConnectionClosed
            | WsError::AlreadyClosed
            | WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::Closed,
            error => Self::WebSocket(Box::new(error)),
        }
    }
}

/// An open connection.
pub(super) struct Connection<S = MaybeTlsStream<TcpStream>> {
    socket: WebSocketStream<S>,
    request_timeout: Duration,
    next_id: u64,
    /// A finalized head was announced since the last reading. Whose subscription
    /// it was and whether its answer had come does not matter: it is a hint.
    hinted: bool,
    last: Option<Head>,
}

impl Connection {
    pub(super) async fn open(
        url: &str,
        connect_timeout: Duration,
        request_timeout: Duration,
    ) -> Result<Self, ChainError> {
        let connecting = connect_async_with_config(url, Some(config()), true);
        let (socket, _) = timeout(connect_timeout, connecting)
            .await
            .map_err(|_: Elapsed| ChainError::ConnectTimedOut(connect_timeout))??;
        Ok(Self::of(socket, request_timeout))
    }
}

impl Connection<UnixStream> {
    /// A connection over a local socket that leads to a node's port. `limit` is for
    /// the handshake, and for every call.
    pub(super) async fn over(socket: &Path, limit: Duration) -> Result<Self, ChainError> {
        let connecting = async {
            let stream = UnixStream::connect(socket).await.map_err(ChainError::Io)?;
            // Nodes let in by default who calls them by a name of this host.
            let (socket, _) = client_async_with_config("ws://localhost/", stream, Some(config())).await?;
            Ok(Self::of(socket, limit))
        };
        timeout(limit, connecting).await.map_err(|_: Elapsed| ChainError::ConnectTimedOut(limit))?
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    fn of(socket: WebSocketStream<S>, request_timeout: Duration) -> Self {
        Self { socket, request_timeout, next_id: 1, hinted: false, last: None }
    }

    /// The hash of the chain's first block.
    pub(super) async fn genesis(&mut self) -> Result<Hash, ChainError> {
        let [value] = self.call([("chain_getBlockHash", json!([0]))]).await?;
        hash("chain_getBlockHash", &value)
    }

    /// Asks to be told of finalized heads. What comes back are hints alone.
    pub(super) async fn subscribe(&mut self) -> Result<(), ChainError> {
        self.call([("chain_subscribeFinalizedHeads", json!([]))]).await.map(drop)
    }

    /// Whether the node is still far behind the network (`system_health`).
    pub(super) async fn is_syncing(&mut self) -> Result<bool, ChainError> {
        let [health] = self.call([("system_health", json!([]))]).await?;
        health["isSyncing"].as_bool().ok_or_else(|| shape("system_health", &health))
    }

    /// Asks how the node is and what it runs (`system_health`, `system_version`).
    pub(super) async fn health(&mut self) -> Result<Health, ChainError> {
        let [health, version] =
            self.call([("system_health", json!([])), ("system_version", json!([]))]).await?;
        let wrong = || shape("system_health", &health);
        Ok(Health {
            is_syncing: health["isSyncing"].as_bool().ok_or_else(wrong)?,
            peers: health["peers"].as_u64().ok_or_else(wrong)?,
            version: version.as_str().ok_or_else(|| shape("system_version", &version))?.to_owned(),
        })
    }

    /// Asks for the finalized head and the session there.
    pub(super) async fn finalized(&mut self) -> Result<Head, ChainError> {
        // A head that is announced from here on asks for another reading.
        self.hinted = false;
        let [value] = self.call([("chain_getFinalizedHead", json!([]))]).await?;
        let hash = hash("chain_getFinalizedHead", &value)?;
        // What a block holds never changes.
        if let Some(last) = self.last.as_ref().filter(|last| last.hash == hash) {
            return Ok(*last);
        }
        let calls = [("chain_getHeader", json!([hash])), ("state_getStorage", json!([CURRENT_INDEX, hash]))];
        let [header, index] = self.call(calls).await?;
        let number =
            values::number(&header["number"]).ok_or_else(|| shape("chain_getHeader", &header["number"]))?;
        let session = values::u32_or_absent(&index).ok_or_else(|| shape("state_getStorage", &index))?;
        let head = Head { number, hash, session, time: None };
        self.last = Some(head);
        Ok(head)
    }

    /// Waits for a hint, or until `patience` is over.
    pub(super) async fn hint(&mut self, patience: Duration) -> Result<(), ChainError> {
        let until = Instant::now() + patience;
        while !self.hinted {
            match timeout_at(until, self.read()).await {
                Ok(frame) => drop(frame?),
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    /// Sends the calls together and waits for all their answers.
    async fn call<const N: usize>(
        &mut self,
        calls: [(&'static str, Value); N],
    ) -> Result<[Value; N], ChainError> {
        let until = Instant::now() + self.request_timeout;
        let late = |limit| {
            let method = calls.first().map_or("", |(method, _)| *method);
            move |_: Elapsed| ChainError::CallTimedOut { method, limit }
        };
        let first = self.next_id;
        for (method, params) in &calls {
            let text = wire::request(self.next_id, method, params);
            self.next_id += 1;
            let sending = self.socket.send(Message::text(text));
            timeout_at(until, sending).await.map_err(late(self.request_timeout))??;
        }
        let mut answers: [Option<Value>; N] = std::array::from_fn(|_| None);
        while answers.iter().any(Option::is_none) {
            let frame = timeout_at(until, self.read()).await.map_err(late(self.request_timeout))??;
            let Frame::Answer { id, result } = frame else { continue };
            let index = id.checked_sub(first).and_then(|index| usize::try_from(index).ok());
            if let Some((index, (method, _))) = index.and_then(|index| Some((index, calls.get(index)?)))
                && let Some(answer) = answers.get_mut(index)
            {
                *answer = Some(result.map_err(|error| ChainError::Rpc { method, error })?);
            }
        }
        Ok(answers.map(Option::unwrap_or_default))
    }

    /// The next text frame. Reading also answers the node's pings.
    async fn read(&mut self) -> Result<Frame, ChainError> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    let frame = wire::read(&text).map_err(ChainError::Json)?;
                    if matches!(&frame, Frame::Notification { method } if method == "chain_finalizedHead") {
                        self.hinted = true;
                    }
                    return Ok(frame);
                }
                Some(Ok(Message::Close(_))) | None => return Err(ChainError::Closed),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
            }
        }
    }
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(16 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(64 * 1024)
        .max_message_size(Some(MESSAGE_LIMIT))
        .max_frame_size(Some(MESSAGE_LIMIT))
}

fn hash(method: &'static str, value: &Value) -> Result<Hash, ChainError> {
    values::hash(value).ok_or_else(|| shape(method, value))
}

fn shape(method: &'static str, value: &Value) -> ChainError {
    ChainError::Shape { method, value: value.to_string().chars().take(100).collect() }
}
