//! Where a node is, and the way there: TCP, TLS, or a local socket that somebody
//! else leads to it.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::BoxFuture;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_tls_with_config};
use url::Url;

use super::error::ChainError;

/// The largest message that a node may send. Headers and single storage values
/// have some kilobytes at most.
pub(super) const MESSAGE_LIMIT: usize = 4 * 1024 * 1024;

/// Gives a local socket that leads to the node's port. It is asked at every
/// connecting, and makes the way anew where it broke.
pub type Tunnel = Arc<dyn Fn() -> BoxFuture<'static, Result<PathBuf, String>> + Send + Sync>;

/// What a WebSocket runs over.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// An open WebSocket.
pub(super) type Socket = WebSocketStream<MaybeTlsStream<Box<dyn Stream>>>;

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
    /// The node at this WebSocket URL. A user and a password in it are sent as basic
    /// authentication.
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

    /// Connects, by TCP, TLS and the WebSocket handshake.
    pub(super) async fn open(&self) -> Result<Socket, ChainError> {
        let wrong = || ChainError::Url(self.url.split('@').next_back().unwrap_or_default().to_owned());
        let mut url = Url::parse(&self.url).map_err(|_| wrong())?;
        let port = url.port_or_known_default().ok_or_else(wrong)?;
        let host = url.host_str().ok_or_else(wrong)?.trim_matches(['[', ']']).to_owned();
        let credentials = basic(&url);
        let (Ok(()), Ok(())) = (url.set_username(""), url.set_password(None)) else { return Err(wrong()) };
        let stream: Box<dyn Stream> = match &self.tunnel {
            Some(tunnel) => {
                let socket = tunnel().await.map_err(ChainError::Tunnel)?;
                // Nodes let in by default who calls them by a name of their own host.
                let named = url.set_host(Some("localhost")).is_ok() && url.set_port(Some(port)).is_ok();
                if !named {
                    return Err(wrong());
                }
                Box::new(UnixStream::connect(socket).await.map_err(ChainError::Io)?)
            }
            None => {
                let stream = TcpStream::connect((host, port)).await.map_err(ChainError::Io)?;
                stream.set_nodelay(true).map_err(ChainError::Io)?;
                Box::new(stream)
            }
        };
        let mut request = url.as_str().into_client_request().map_err(|_| wrong())?;
        if let Some(credentials) = credentials {
            request.headers_mut().insert(AUTHORIZATION, credentials);
        }
        if let Some((name, value)) = &self.header {
            request.headers_mut().insert(name.clone(), value.clone());
        }
        let (socket, _) = client_async_tls_with_config(request, stream, Some(config()), None).await?;
        Ok(socket)
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

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(4 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(64 * 1024)
        .max_message_size(Some(MESSAGE_LIMIT))
        .max_frame_size(Some(MESSAGE_LIMIT))
}
