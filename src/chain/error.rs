//! Why a node could not be asked.

use std::io;
use std::time::Duration;

use http::header::{DATE, HeaderMap, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde_json::Value;
use tokio_rustls::rustls;
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
    #[error("refused with HTTP status {status}{}", meaning(*status))]
    Http { status: u16, wait: Option<Duration> },
    #[error("cannot connect: {0}")]
    Io(#[source] io::Error),
    #[error("the connection broke: {0}")]
    Broken(#[source] io::Error),
    #[error(
        "its certificate is not to be trusted: {0} (a CA of your own: name a file with its certificate in \
         SSL_CERT_FILE)"
    )]
    Certificate(rustls::Error),
    #[error("no TLS: {0}")]
    Tls(#[source] io::Error),
    #[error("no TLS: this machine has no certificates of CAs{0}")]
    NoRoots(String),
    #[error("no tunnel: {0}")]
    Tunnel(String),
    #[error("the connection was closed")]
    Closed,
    #[error("WebSocket: {0}")]
    WebSocket(#[source] Box<WsError>),
    #[error("HTTP: {0}")]
    Exchange(String),
    #[error("what came was no answer to {0}")]
    Stray(&'static str),
    #[error("not JSON-RPC: {0}")]
    Json(#[source] serde_json::Error),
    #[error("{method}: {error}")]
    Rpc { method: &'static str, error: RpcError },
    #[error("{method} gave what it must not: {value}")]
    Shape { method: &'static str, value: String },
    #[error("{0} announced nothing while the head moved, also after subscribing anew")]
    Silent(&'static str),
    #[error("the node stopped to be followed (chainHead_v1), as it does where finality stalls")]
    Stopped,
    #[error("a WebSocket is tried again")]
    Upgrade,
    #[error(
        "the node has no {0}: without it the chain cannot be followed; give the URL of a node \
         that serves them all"
    )]
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
        // The new methods know no block that is not pinned: -32801.
        matches!(self, Self::Rpc { error, .. }
            if [4003, -32801].contains(&error.code) || error.message.contains("UnknownBlock"))
    }

    /// Whether HTTP was spoken in place of the WebSocket that was asked for, and would
    /// be again: neither is the node away, nor does it turn us away.
    pub(super) fn is_no_upgrade(&self) -> bool {
        matches!(self, Self::Http { status: 200..=299 | 400 | 404 | 405 | 411 | 415 | 426 | 501, .. })
    }

    /// How long we are to stay away.
    pub(super) fn wait(&self) -> Option<Duration> {
        match self {
            Self::Http { wait, .. } => *wait,
            _ => None,
        }
    }

    /// An HTTP answer in place of what was asked for.
    pub(super) fn http(status: StatusCode, headers: &HeaderMap) -> Self {
        Self::Http { status: status.as_u16(), wait: retry_after(headers) }
    }

    /// A TLS handshake that failed.
    pub(super) fn tls(error: io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match inner {
            Some(error @ rustls::Error::InvalidCertificate(_)) => Self::Certificate(error.clone()),
            _ => Self::Tls(error),
        }
    }

    /// An answer that is not what the method gives.
    pub(super) fn shape(method: &'static str, value: &Value) -> Self {
        Self::Shape { method, value: value.to_string().chars().take(100).collect() }
    }
}

impl From<WsError> for ChainError {
    fn from(error: WsError) -> Self {
        match error {
            WsError::Http(response) => Self::http(response.status(), response.headers()),
            WsError::Io(error) => Self::Broken(error),
            WsError::ConnectionClosed
            | WsError::AlreadyClosed
            | WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::Closed,
            error => Self::WebSocket(Box::new(error)),
        }
    }
}

/// The longest that anybody may make us wait.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// `retry-after`: seconds, or a moment, counted from the answer's own `date`.
///
/// Source: <https://www.rfc-editor.org/rfc/rfc9110#name-retry-after>.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?;
    let wait = match value.to_str().ok()?.trim().parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let moment = |value: &HeaderValue| -> Option<Timestamp> {
                rfc2822::DateTimeParser::new().parse_timestamp(value.as_bytes()).ok()
            };
            let between = moment(value)?.duration_since(moment(headers.get(DATE)?)?);
            Duration::try_from(between).ok()?
        }
    };
    Some(wait.min(LONGEST_WAIT))
}

/// What is meant by a status.
fn meaning(status: u16) -> &'static str {
    match status {
        401 => ": it wants other credentials",
        403 => ": it does not let in this host name (--rpc-cors)",
        429 => ": too many connections (--rpc-max-connections) or requests",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_stay_away_as_long_as_asked() {
        let wait = |after: &str, date: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, after.parse().unwrap());
            headers.extend(date.map(|date| (DATE, date.parse().unwrap())));
            ChainError::http(StatusCode::TOO_MANY_REQUESTS, &headers).wait()
        };
        let date = Some("Mon, 23 Nov 2026 10:00:00 GMT");
        for (after, date, expected) in [
            ("7", None, Some(7)),
            (" 7 ", date, Some(7)),
            ("99999999999", None, Some(3600)),
            ("Mon, 23 Nov 2026 10:00:30 GMT", date, Some(30)),
            ("Mon, 23 Nov 2026 09:00:00 GMT", date, None),
            ("Mon, 23 Nov 2026 10:00:30 GMT", None, None),
            ("-1", None, None),
            ("soon", date, None),
        ] {
            assert_eq!(wait(after, date), expected.map(Duration::from_secs), "{after}");
        }
    }
}
