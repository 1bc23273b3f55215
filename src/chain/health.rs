//! How one node is, asked once over a local socket that leads to its RPC port.

use std::path::Path;
use std::time::Duration;

use super::connection::Connection;

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
pub struct HealthError(#[from] super::connection::ChainError);

/// Asks the node behind the local socket how it is. Every part of it may take
/// `limit`.
///
/// # Errors
///
/// When nothing answers there, or no node does.
pub async fn health(socket: &Path, limit: Duration) -> Result<Health, HealthError> {
    Ok(Connection::over(socket, limit).await?.health().await?)
}
