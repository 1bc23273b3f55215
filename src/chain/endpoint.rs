//! Where a node is: its URL, the headers it wants, and a local socket that somebody
//! else leads to it.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::BoxFuture;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use url::Url;

use super::error::ChainError;
use super::way::Way;

/// Gives a local socket that leads to the node's port. It is asked at every
/// connecting, and makes the way anew where it broke.
pub type Tunnel = Arc<dyn Fn() -> BoxFuture<'static, Result<PathBuf, String>> + Send + Sync>;

/// What carries a node's JSON-RPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// Calls and announcements over one connection.
    WebSocket,
    /// A POST for each call, and no announcements.
    Http,
}

/// A node, and how it is reached.
#[derive(Clone)]
pub struct Endpoint {
    url: String,
    header: Option<(HeaderName, HeaderValue)>,
    tunnel: Option<Tunnel>,
}

/// A node that cannot be reached by what is said of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The header is none.
    #[error("a header is `Name: value`")]
    Header,
}

impl Endpoint {
    /// The node at this URL: `ws` and `wss` are followed, `http` and `https` are
    /// polled. A user and a password in it are sent as basic authentication.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self { url: url.into(), header: None, tunnel: None }
    }

    /// The same with a header, `Name: value`, that is sent at every connecting.
    ///
    /// # Errors
    ///
    /// When the text is no header.
    pub fn with_header(mut self, text: &str) -> Result<Self, EndpointError> {
        let (name, value) = text.split_once(':').ok_or(EndpointError::Header)?;
        let name = name.trim().parse().map_err(|_| EndpointError::Header)?;
        let mut value: HeaderValue = value.trim().parse().map_err(|_| EndpointError::Header)?;
        value.set_sensitive(true);
        self.header = Some((name, value));
        Ok(self)
    }

    /// The same through a tunnel.
    #[must_use]
    pub fn through(mut self, tunnel: Tunnel) -> Self {
        self.tunnel = Some(tunnel);
        self
    }

    /// The password in its URL.
    #[must_use]
    pub fn password(&self) -> Option<String> {
        let url = Url::parse(&self.url).ok()?;
        Some(percent_decode_str(url.password()?).decode_utf8_lossy().into_owned())
    }

    /// What its URL asks for.
    pub(super) fn protocol(&self) -> Protocol {
        if self.url.starts_with("http") { Protocol::Http } else { Protocol::WebSocket }
    }

    /// The way to it by this protocol, at the same address and as safe as its URL
    /// says.
    pub(super) fn way(&self, protocol: Protocol) -> Result<Way, ChainError> {
        let wrong = || ChainError::Url(self.url.split('@').next_back().unwrap_or_default().to_owned());
        let mut url = Url::parse(&self.url).map_err(|_| wrong())?;
        let is_tls = matches!(url.scheme(), "wss" | "https");
        let scheme = match (protocol, is_tls) {
            (Protocol::WebSocket, false) => "ws",
            (Protocol::WebSocket, true) => "wss",
            (Protocol::Http, false) => "http",
            (Protocol::Http, true) => "https",
        };
        let port = url.port_or_known_default().ok_or_else(wrong)?;
        let host = url.host_str().ok_or_else(wrong)?.trim_matches(['[', ']']).to_owned();
        let mut headers = HeaderMap::new();
        headers.extend(basic(&url).map(|credentials| (AUTHORIZATION, credentials)));
        if let Some((name, value)) = &self.header {
            headers.insert(name.clone(), value.clone());
        }
        // Behind a tunnel nodes let in by default who calls them by a name of their
        // own host.
        let named = self.tunnel.is_none()
            || (url.set_host(Some("localhost")).is_ok() && url.set_port(Some(port)).is_ok());
        let plain = url.set_username("").is_ok() && url.set_password(None).is_ok();
        if !named || !plain || url.set_scheme(scheme).is_err() {
            return Err(wrong());
        }
        Ok(Way { url, address: (host, port), is_tls, headers, tunnel: self.tunnel.clone() })
    }
}

/// User and password of a URL, as HTTP wants them.
fn basic(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut text = percent_decode_str(url.username()).collect::<Vec<u8>>();
    text.push(b':');
    text.extend(percent_decode_str(url.password().unwrap_or_default()));
    let mut value: HeaderValue = format!("Basic {}", STANDARD.encode(text)).parse().ok()?;
    value.set_sensitive(true);
    Some(value)
}
