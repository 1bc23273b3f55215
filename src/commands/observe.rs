//! One look at a run: what `wait` and `inspect` share.

use std::path::Path;
use std::time::Instant;

use jiff::Timestamp;
use serde::Deserialize;

use crate::exit::Exit;
use crate::github::{ApiError, Depth, Reader, Reading};
use crate::policy::Policy;
use crate::race::contender::environments_that_matter;
use crate::race::{SoakProof, SoakVerdict};

use super::Failure;

/// The time, that no change of this machine's clock can move.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    began: Timestamp,
    instant: Instant,
}

impl Clock {
    /// A clock that is right now.
    pub(super) fn start() -> Self {
        Self { began: Timestamp::now(), instant: Instant::now() }
    }

    /// When it was started.
    pub(super) const fn began(&self) -> Timestamp {
        self.began
    }

    /// The time.
    pub(super) fn now(&self) -> Timestamp {
        self.began.checked_add(self.instant.elapsed()).unwrap_or(Timestamp::MAX)
    }
}

/// Looks at a run, with all that the rules need to know.
pub(super) struct Observer {
    /// Readings of the run.
    pub(super) reader: Reader,
    /// Names of the jobs that are ours.
    own_jobs: Vec<String>,
    /// Proofs of soaks.
    soaks: Vec<SoakProof>,
}

impl Observer {
    /// An observer; `checkpoint` is a `race.soak/1` that the caller vouches for.
    pub(super) fn new(reader: Reader, policy: &Policy, checkpoint: Option<&Path>) -> Result<Self, Failure> {
        let soaks = checkpoint.map(soak_in).transpose()?.into_iter().collect();
        Ok(Self { reader, own_jobs: vec![policy.check.clone()], soaks })
    }

    /// Looks once.
    pub(super) async fn look(
        &mut self,
        policy: &Policy,
        depth: Depth,
        now: Timestamp,
    ) -> Result<Reading, ApiError> {
        let mut reading = self.reader.read(depth, now).await?;
        reading.snapshot.own_jobs.clone_from(&self.own_jobs);
        reading.snapshot.soaks.clone_from(&self.soaks);
        let mut wanted = environments_that_matter(policy, &reading.snapshot);
        wanted.retain(|environment| !reading.snapshot.environments.contains_key(environment));
        if !wanted.is_empty() {
            self.reader.read_environments(&mut reading, &wanted).await?;
        }
        Ok(reading)
    }
}

/// What the race needs to know of a `race.soak/1`.
#[derive(Deserialize)]
struct SoakFile {
    schema: String,
    run: SoakRun,
    verdict: String,
}

#[derive(Deserialize)]
struct SoakRun {
    id: u64,
    attempt: u64,
    head_sha: String,
}

fn soak_in(path: &Path) -> Result<SoakProof, Failure> {
    let unreadable = |error: &dyn std::error::Error| {
        Failure::caused(Exit::Invalid, &format!("cannot read the checkpoint {}", path.display()), error)
    };
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(&error))?;
    let file: SoakFile = serde_json::from_str(&text).map_err(|error| unreadable(&error))?;
    if file.schema != "race.soak/1" {
        return Err(Failure::new(
            Exit::Invalid,
            format!("{} is `{}`, not `race.soak/1`", path.display(), file.schema),
        ));
    }
    Ok(SoakProof {
        run_id: file.run.id,
        attempt: file.run.attempt,
        head_sha: file.run.head_sha,
        verdict: match file.verdict.as_str() {
            "passed" => SoakVerdict::Passed,
            "failed" => SoakVerdict::Failed,
            _ => SoakVerdict::Open,
        },
    })
}
