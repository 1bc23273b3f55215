//! JSON-RPC over HTTP, for nodes that no WebSocket can be had of: a POST for each
//! call, over connections that are kept and made anew as needed.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::time::timeout;
use tower_service::Service;

use super::connection::Call;
use super::error::ChainError;
use super::way::{MESSAGE_LIMIT, Stream, Way};
use super::wire::{self, Frame};

/// Calls that are under way at once, and connections that are kept. Not a batch: many
/// a proxy takes none.
const AT_ONCE: usize = 4;

/// A node that is asked over HTTP.
pub(super) struct Exchange {
    client: Client<Connector, Full<Bytes>>,
    uri: Uri,
    headers: HeaderMap,
}

/// The answer to a call, which may be an error of the node's own.
type Answer = Result<Value, ChainError>;

impl Exchange {
    /// A node to be asked by this way. `limit` is for TCP and TLS together.
    pub(super) fn by(way: Way, limit: Duration) -> Result<Self, ChainError> {
        let uri = way.url.as_str().parse().map_err(|_| ChainError::Url(way.url.as_str().to_owned()))?;
        let mut headers = way.headers.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(AT_ONCE)
            .build(Connector { way: Arc::new(way), limit });
        Ok(Self { client, uri, headers })
    }

    /// Makes these calls, numbered from `first` on.
    pub(super) async fn calls(&self, first: u64, calls: &[Call]) -> Result<Vec<Answer>, ChainError> {
        let asked: Vec<_> =
            calls.iter().zip(first..).map(|((method, params), id)| self.call(id, method, params)).collect();
        stream::iter(asked).buffered(AT_ONCE).try_collect().await
    }

    async fn call(&self, id: u64, method: &'static str, params: &Value) -> Result<Answer, ChainError> {
        let mut request = Request::new(Full::from(wire::request(id, method, params)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        let response = self.client.request(request).await.map_err(|error| failed(&error))?;
        if !response.status().is_success() {
            return Err(ChainError::http(response.status(), response.headers()));
        }
        let body = Limited::new(response.into_body(), MESSAGE_LIMIT).collect().await;
        let body = body.map_err(|error| ChainError::Exchange(error.to_string()))?.to_bytes();
        match wire::read(&String::from_utf8_lossy(&body)).map_err(ChainError::Json)? {
            Frame::Answer { id: answered, result } if answered == id => {
                Ok(result.map_err(|error| ChainError::Rpc { method, error }))
            }
            _ => Err(ChainError::Stray(method)),
        }
    }
}

/// Makes connections to the node, whatever they are asked for.
#[derive(Clone)]
struct Connector {
    way: Arc<Way>,
    limit: Duration,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Box<dyn Stream>>;
    type Error = ChainError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ChainError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ChainError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let Self { way, limit } = self.clone();
        Box::pin(async move {
            let stream = timeout(limit, way.stream()).await;
            Ok(TokioIo::new(stream.map_err(|_| ChainError::ConnectTimedOut(limit))??))
        })
    }
}

impl Connection for Box<dyn Stream> {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

/// What went wrong, by its innermost cause.
fn failed(error: &Error) -> ChainError {
    let mut cause: &(dyn std::error::Error + 'static) = error;
    while let Some(next) = cause.source() {
        cause = next;
        if cause.is::<ChainError>() {
            break;
        }
    }
    ChainError::Exchange(cause.to_string())
}
