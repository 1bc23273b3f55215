//! Artifacts.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Render, time};
use crate::rehearsal::world::Artifact;

/// How long GitHub keeps one where nothing else is said: 90 days.
const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

impl Render<'_> {
    /// `artifact`.
    pub(in super::super) fn artifact(&self, artifact: &Artifact) -> Value {
        let api = self.api_url(&format!("/actions/artifacts/{}", artifact.id));
        let run = self.world.run(artifact.run);
        json!({
            "id": artifact.id,
            "node_id": format!("A_{}", artifact.id),
            "name": artifact.name,
            "size_in_bytes": artifact.archive.len(),
            "url": api,
            "archive_download_url": format!("{api}/zip"),
            "expired": artifact.expired,
            "created_at": time(artifact.created_at),
            "expires_at": time(artifact.created_at + KEPT),
            "updated_at": time(artifact.created_at),
            "digest": artifact.digest,
            "workflow_run": run.map(|run| json!({
                "id": run.id,
                "repository_id": self.world.repository.id,
                "head_repository_id": self.world.repository.id + u64::from(run.from_fork),
                "head_branch": run.head_ref,
                "head_sha": run.head_sha,
            })),
        })
    }
}
