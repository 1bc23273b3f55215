//! Artifacts of a run: is it there, why is it not, and its archive.

use std::io::Write;

use http::StatusCode;
use http::header::LOCATION;
use http_body_util::BodyExt as _;
use octocrab::Octocrab;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::client::{Client, read, segment, text_of};
use super::error::ApiError;
use super::model::{self, lenient};

/// A list of artifacts, of a run or of the repository.
#[derive(Debug, Deserialize)]
pub(super) struct List {
    pub(super) artifacts: Vec<Listed>,
}

/// An artifact, as in that list.
#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    pub(super) id: u64,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) name: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) expired: bool,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) digest: String,
    #[serde(default)]
    pub(super) workflow_run: Option<KeptBy>,
}

/// The run that kept it, as far as the list names it.
#[derive(Debug, Deserialize)]
pub(super) struct KeptBy {
    pub(super) id: Option<u64>,
    pub(super) repository_id: Option<u64>,
    pub(super) head_repository_id: Option<u64>,
    pub(super) head_branch: Option<String>,
}

/// An artifact of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// GitHub's number for it.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// `sha256:` and the hexadecimal digest of its archive, where GitHub tells it.
    pub digest: Option<String>,
}

impl Client {
    /// The newest artifact of that name in a run, asked for once and conditionally
    /// (`GET .../actions/runs/{run_id}/artifacts`).
    ///
    /// # Errors
    ///
    /// When GitHub cannot be read.
    pub async fn artifact(&mut self, run_id: u64, name: &str) -> Result<Option<Artifact>, ApiError> {
        let path = format!("actions/runs/{run_id}/artifacts?name={}&per_page=100", segment(name));
        let found: List = read(&path, &self.ask(&path, true).await?.body)?;
        let usable = |artifact: &Listed| artifact.name == name && !artifact.expired;
        let newest = found.artifacts.into_iter().filter(usable).max_by_key(|artifact| artifact.id);
        let told = |digest: String| (!digest.is_empty()).then_some(digest);
        Ok(newest.map(|found| Artifact { id: found.id, name: found.name, digest: told(found.digest) }))
    }

    /// How the newest execution of the job of that name ended, where it has; asked for
    /// once and conditionally (`GET .../actions/runs/{run_id}/jobs`).
    ///
    /// # Errors
    ///
    /// When GitHub cannot be read.
    pub async fn conclusion_of(&mut self, run_id: u64, job: &str) -> Result<Option<String>, ApiError> {
        let path = format!("actions/runs/{run_id}/jobs?filter=latest&per_page=100");
        let jobs: model::Jobs = read(&path, &self.ask(&path, true).await?.body)?;
        Ok(jobs.jobs.into_iter().find(|found| found.name() == job).and_then(model::Job::into_conclusion))
    }

    /// Writes an artifact's archive to `file` and returns its SHA-256, hexadecimal
    /// (`GET .../actions/artifacts/{artifact_id}/zip`). GitHub answers with a signed
    /// address elsewhere, which is asked without our token: it is none of its business.
    ///
    /// # Errors
    ///
    /// When GitHub or its storage cannot be read, or the archive is larger than
    /// `largest` bytes.
    pub async fn download(
        &mut self,
        artifact: &Artifact,
        largest: u64,
        file: &mut (impl Write + Send),
    ) -> Result<String, ApiError> {
        let path = format!("actions/artifacts/{}/zip", artifact.id);
        let answer = self.exchange(&path, http::HeaderMap::new()).await?;
        let location = answer.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let (StatusCode::FOUND, Some(location)) = (answer.status(), location) else {
            return Err(super::client::refused(&path, "actions: read", &answer));
        };
        let unreadable = |message: String| ApiError::Transport(format!("the archive: {message}"));
        let storage = Octocrab::builder()
            .base_uri(location)
            .and_then(|builder| {
                builder
                    .set_connect_timeout(Some(super::client::CONNECT))
                    .set_read_timeout(Some(super::client::ANSWER))
                    .build()
            })
            .map_err(|error| unreadable(text_of(&error)))?;
        let response = storage._get(location).await.map_err(|error| unreadable(text_of(&error)))?;
        if !response.status().is_success() {
            return Err(unreadable(format!("the storage answered {}", response.status().as_u16())));
        }
        let (mut body, mut read, mut hasher) = (response.into_body(), 0, Sha256::new());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| unreadable(text_of(&error)))?;
            let Ok(data) = frame.into_data() else { continue };
            read += data.len() as u64;
            if read > largest {
                let message = format!("is larger than {largest} bytes");
                return Err(ApiError::Malformed { path, message });
            }
            hasher.update(&data);
            file.write_all(&data).map_err(|error| unreadable(format!("cannot be written: {error}")))?;
        }
        Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}
