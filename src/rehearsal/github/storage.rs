//! Where GitHub keeps archives: another address, which knows no tokens but signed
//! URLs, and refuses who shows one all the same.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State as Extract};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::get;
use tokio::net::TcpListener;

use super::Shared;

/// What makes a URL a signed one.
#[derive(serde::Deserialize)]
struct Signature {
    sig: String,
}

/// The path of an artifact's archive, with its signature.
pub(super) fn signed_path(id: u64) -> String {
    format!("/artifacts/{id}.zip?sig={}", signature(id))
}

fn signature(id: u64) -> String {
    format!("{:016x}", id.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// Serves archives for ever.
pub(super) async fn serve(shared: Arc<Shared>, listener: std::net::TcpListener) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    let router = Router::new().route("/artifacts/{file}", get(archive)).with_state(shared);
    // It ends with the runtime.
    drop(axum::serve(listener, router).await);
}

async fn archive(
    Extract(shared): Extract<Arc<Shared>>,
    Path(file): Path<String>,
    Query(signature_given): Query<Signature>,
    headers: HeaderMap,
) -> Result<Vec<u8>, StatusCode> {
    if headers.contains_key(header::AUTHORIZATION) {
        return Err(StatusCode::BAD_REQUEST);
    }
    let id = file.strip_suffix(".zip").and_then(|id| id.parse().ok()).ok_or(StatusCode::NOT_FOUND)?;
    if signature_given.sig != signature(id) {
        return Err(StatusCode::FORBIDDEN);
    }
    let state = shared.lock();
    let artifact = state.world.artifacts.iter().find(|artifact| artifact.id == id);
    artifact.map(|artifact| artifact.archive.clone()).ok_or(StatusCode::NOT_FOUND)
}
