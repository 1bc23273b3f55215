//! Waits for an artifact of our own run, and fetches it: what the job that builds the
//! pull request hands over to the job that has the key.

use std::io::Seek as _;
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use crate::cli;
use crate::exit::Exit;
use crate::github::{ApiError, Artifact, Client};
use crate::policy::duration::rounded;

use super::unpack::{Limits, unpack};
use super::{Context, Failure, connect};

/// How often it is looked for. What has not changed costs nothing of the rate limit.
const EVERY: Duration = Duration::from_secs(5);

/// How often it is told that it is still waited for.
const HEARTBEAT: Duration = Duration::from_mins(1);

/// The largest archive, and what it may come to: a node with its runtime has some
/// hundreds of megabytes.
const LARGEST: u64 = 4 << 30;
const LIMITS: Limits = Limits { bytes: 8 << 30, entries: 10_000 };

/// Fetches the artifact `name` of our run into the directory, and tells its digest.
pub(super) async fn fetch(name: &str, arguments: &cli::Deploy, context: &Context) -> Result<(), Failure> {
    let run = context.runner.get("GITHUB_RUN_ID").and_then(|id| id.parse().ok()).ok_or_else(|| {
        Failure::new(Exit::Invalid, "there is no run whose artifact could be fetched")
            .help("--artifact is for GitHub Actions, where GITHUB_RUN_ID is set")
    })?;
    if arguments.artifact_dir.symlink_metadata().is_ok() {
        let directory = arguments.artifact_dir.display();
        return Err(Failure::new(Exit::Invalid, format!("{directory} is there already"))
            .help("name a directory that is not there by --artifact-dir"));
    }
    let mut fetch = Fetch { context, client: connect::client(context, None).await?, run, name };
    let deadline = Instant::now() + arguments.artifact_wait;
    match timeout_at(deadline, fetch.whole(&arguments.artifact_job, &arguments.artifact_dir)).await {
        Ok(ended) => ended,
        Err(_) => Err(not_deployed(&format!(
            "the artifact `{name}` could not be had within {}",
            rounded(arguments.artifact_wait)
        ))
        .help("see the job that builds it, or allow more by --artifact-wait")),
    }
}

/// An artifact on its way.
struct Fetch<'c> {
    context: &'c Context,
    client: Client,
    run: u64,
    name: &'c str,
}

impl Fetch<'_> {
    async fn whole(&mut self, job: &str, into: &Path) -> Result<(), Failure> {
        let artifact = self.wait(job).await?;
        let (archive, digest) = self.download(&artifact).await?;
        let told = format!("sha256:{digest}");
        if artifact.digest.as_ref().is_some_and(|expected| *expected != told) {
            return Err(not_deployed(&format!(
                "the artifact `{}` is damaged: its digest is {told}, not what GitHub says",
                self.name
            )));
        }
        let directory = into.to_owned();
        let unpacked = tokio::task::spawn_blocking(move || unpack(archive, &directory, LIMITS)).await;
        let unpacked = unpacked.map_err(std::io::Error::other).flatten().map_err(|error| {
            not_deployed(&format!("the artifact `{}` cannot be unpacked: {error}", self.name))
        })?;
        self.context.output.log(&format!(
            "artifact {}: {} {}, {} bytes, {told}, in {}",
            self.name,
            unpacked.files,
            if unpacked.files == 1 { "file" } else { "files" },
            unpacked.bytes,
            into.display()
        ));
        Ok(())
    }

    /// Looks for it until it is there, or the job that makes it cannot make it any more.
    async fn wait(&mut self, job: &str) -> Result<Artifact, Failure> {
        let mut told = None;
        loop {
            match self.look(job).await {
                Ok(Look::Found(artifact)) => return Ok(artifact),
                Ok(Look::Never(conclusion)) => {
                    return Err(not_deployed(&format!(
                        "the job `{job}` ended with {conclusion}, so there is no artifact `{}`",
                        self.name
                    ))
                    .help("see its log; a re-run of it and of this job tries again"));
                }
                Ok(Look::NotYet) => {}
                Err(error) if error.is_passing() => self.context.output.log(&error.to_string()),
                Err(error) => return Err(connect::failed(&error)),
            }
            if told.is_none_or(|told: Instant| told.elapsed() >= HEARTBEAT) {
                told = Some(Instant::now());
                self.context
                    .output
                    .log(&format!("waiting for the artifact `{}` of the job `{job}`", self.name));
            }
            sleep(EVERY).await;
        }
    }

    async fn look(&mut self, job: &str) -> Result<Look, ApiError> {
        if let Some(artifact) = self.client.artifact(self.run, self.name).await? {
            return Ok(Look::Found(artifact));
        }
        let conclusion = self.client.conclusion_of(self.run, job).await?;
        // After a success the list may lag behind; the time limit bounds that.
        Ok(conclusion.filter(|word| word != "success").map_or(Look::NotYet, Look::Never))
    }

    async fn download(&mut self, artifact: &Artifact) -> Result<(std::fs::File, String), Failure> {
        let unusable = |error| Failure::caused(Exit::Internal, "cannot keep the archive", &error);
        loop {
            let mut archive = tempfile::tempfile().map_err(unusable)?;
            match self.client.download(artifact, LARGEST, &mut archive).await {
                Ok(digest) => {
                    archive.rewind().map_err(unusable)?;
                    return Ok((archive, digest));
                }
                Err(error @ ApiError::Malformed { .. }) => return Err(not_deployed(&error.to_string())),
                Err(error) if error.is_passing() => self.context.output.log(&error.to_string()),
                Err(error) => return Err(connect::failed(&error)),
            }
            sleep(EVERY).await;
        }
    }
}

/// What a look brought.
enum Look {
    Found(Artifact),
    NotYet,
    /// The job that makes it ended like this.
    Never(String),
}

/// Nothing was changed on any host, so nothing is left to be undone.
fn not_deployed(message: &str) -> Failure {
    Failure::new(Exit::RolledBack, format!("{message}; no host was touched"))
}
