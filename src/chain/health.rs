//! How one node is, asked once over a local socket that leads to its RPC port.

use std::future::ready;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::connection::Connection;
use super::endpoint::{Endpoint, Protocol, Tunnel};
use super::error::ChainError;

/// What a node says of itself (`system_health`, `system_version`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// It is still far behind the network.
    pub is_syncing: bool,
    /// So many peers are connected.
    pub peers: u64,
    /// The client's version, with the commit it was built from: `1.2.3-0123456789a`.
    pub version: String,
}

/// Why a node could not be asked.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct HealthError(#[from] ChainError);

/// Asks the node behind the local socket how it is. `port` is the node's own, as it
/// wants to be called by it. Every part of it may take `limit`.
///
/// # Errors
///
/// When nothing answers there, or no node does.
pub async fn health(socket: &Path, port: u16, limit: Duration) -> Result<Health, HealthError> {
    let socket = socket.to_owned();
    let tunnel: Tunnel = Arc::new(move || Box::pin(ready(Ok(socket.clone()))));
    let endpoint = Endpoint::at(format!("ws://localhost:{port}")).through(tunnel);
    let mut connection = Connection::open(&endpoint, Protocol::WebSocket, limit, limit).await?;
    let calls = [("system_health", json!([])), ("system_version", json!([]))];
    let answers: Vec<Value> = connection.calls(&calls).await?.into_iter().collect::<Result<_, _>>()?;
    let [health, version] = answers.as_slice() else { return Err(ChainError::Closed.into()) };
    let wrong = || ChainError::shape("system_health", health);
    Ok(Health {
        is_syncing: health["isSyncing"].as_bool().ok_or_else(wrong)?,
        peers: health["peers"].as_u64().ok_or_else(wrong)?,
        version: version.as_str().ok_or_else(|| ChainError::shape("system_version", version))?.to_owned(),
    })
}
