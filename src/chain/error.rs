//! Why a node could not be asked.

use std::io;
use std::time::Duration;

use serde_json::Value;
use tokio_tungstenite::tungstenite::Error as WsError;
use tokio_tungstenite::tungstenite::error::ProtocolError;

use super::wire::RpcError;

/// Why a node could not be asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChainError {
    #[error("`{0}` is no URL of a node")]
    Url(String),
    #[error("no connection within {0:?}")]
    ConnectTimedOut(Duration),
    #[error("no answer to {method} within {limit:?}")]
    CallTimedOut { method: &'static str, limit: Duration },
    #[error("refused with HTTP status {0}{1}")]
    Http(u16, &'static str),
    #[error("cannot connect: {0}")]
    Io(#[source] io::Error),
    #[error("the connection broke: {0}")]
    Broken(#[source] io::Error),
    #[error("no tunnel: {0}")]
    Tunnel(String),
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
    #[error("{0} announced nothing while the head moved, also after subscribing anew")]
    Silent(&'static str),
    #[error("the node has no {0}: only the methods of old and new nodes alike are used")]
    Missing(&'static str),
}

impl ChainError {
    /// Whether the connection is still of use: the node itself answered.
    pub(super) fn answered(&self) -> bool {
        matches!(self, Self::Rpc { .. } | Self::Shape { .. })
    }

    /// Whether the node no longer has the state of the block that was asked for, or
    /// never had the block.
    pub(super) fn is_discarded(&self) -> bool {
        matches!(self, Self::Rpc { error, .. } if error.code == 4003 || error.message.contains("UnknownBlock"))
    }

    /// An answer that is not what the method gives.
    pub(super) fn shape(method: &'static str, value: &Value) -> Self {
        Self::Shape { method, value: value.to_string().chars().take(100).collect() }
    }
}

impl From<WsError> for ChainError {
    fn from(error: WsError) -> Self {
        match error {
            WsError::Http(response) => {
                let status = response.status().as_u16();
                Self::Http(status, meaning(status))
            }
            WsError::Io(error) => Self::Broken(error),
            WsError::ConnectionClosed
            | WsError::AlreadyClosed
            | WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::Closed,
            error => Self::WebSocket(Box::new(error)),
        }
    }
}

/// What a node means by a status at the handshake.
fn meaning(status: u16) -> &'static str {
    match status {
        401 => ": it wants other credentials",
        403 => ": it does not let in this host name (--rpc-cors)",
        429 => ": it has too many connections (--rpc-max-connections)",
        _ => "",
    }
}
