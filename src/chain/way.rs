//! The way to a node: TCP or a tunnel, TLS where the URL says so, and over that a
//! WebSocket.

use std::sync::{Arc, OnceLock};

use http::HeaderMap;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use url::Url;

use super::endpoint::Tunnel;
use super::error::ChainError;

/// The largest message that a node may send. Headers and single storage values
/// have some kilobytes at most.
pub(super) const MESSAGE_LIMIT: usize = 4 * 1024 * 1024;

/// What leads to a node.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// An open WebSocket.
pub(super) type Socket = WebSocketStream<Box<dyn Stream>>;

/// The way to a node.
pub(super) struct Way {
    /// What the node is asked for, and by which name: without credentials.
    pub(super) url: Url,
    /// Host and port to connect to, where there is no tunnel.
    pub(super) address: (String, u16),
    pub(super) is_tls: bool,
    /// What is sent along with every request.
    pub(super) headers: HeaderMap,
    pub(super) tunnel: Option<Tunnel>,
}

impl Way {
    /// Connects, by TCP and TLS.
    pub(super) async fn stream(&self) -> Result<Box<dyn Stream>, ChainError> {
        let stream: Box<dyn Stream> = match &self.tunnel {
            Some(tunnel) => {
                let socket = tunnel().await.map_err(ChainError::Tunnel)?;
                Box::new(UnixStream::connect(socket).await.map_err(ChainError::Io)?)
            }
            None => {
                let (host, port) = &self.address;
                let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(ChainError::Io)?;
                stream.set_nodelay(true).map_err(ChainError::Io)?;
                Box::new(stream)
            }
        };
        if !self.is_tls {
            return Ok(stream);
        }
        let host = self.url.host_str().unwrap_or_default();
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned());
        let name = name.map_err(|_| ChainError::Url(host.to_owned()))?;
        let stream = TlsConnector::from(trust()?).connect(name, stream).await.map_err(ChainError::tls)?;
        Ok(Box::new(stream))
    }

    /// Connects, by TCP, TLS and the WebSocket handshake.
    pub(super) async fn socket(&self) -> Result<Socket, ChainError> {
        let wrong = |_| ChainError::Url(self.url.as_str().to_owned());
        let mut request = self.url.as_str().into_client_request().map_err(wrong)?;
        request.headers_mut().extend(self.headers.clone());
        let stream = self.stream().await?;
        let (socket, _) = client_async_with_config(request, stream, Some(config())).await?;
        Ok(socket)
    }
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(4 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(64 * 1024)
        .max_message_size(Some(MESSAGE_LIMIT))
        .max_frame_size(Some(MESSAGE_LIMIT))
}

/// Whom we trust: the certificates of this machine, or those of the file that
/// `SSL_CERT_FILE` names. Read once.
fn trust() -> Result<Arc<ClientConfig>, ChainError> {
    static TRUST: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(known) = TRUST.get() {
        return Ok(known.clone());
    }
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (taken, _) = roots.add_parsable_certificates(found.certs);
    if taken == 0 {
        let why = found.errors.first().map_or_else(String::new, |error| format!(" ({error})"));
        return Err(ChainError::NoRoots(why));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ChainError::NoRoots(format!(" ({error})")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TRUST.get_or_init(|| Arc::new(config)).clone())
}
