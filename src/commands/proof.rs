//! The proof of a soak, where the samples of the default branch have kept one: the
//! newest artifact of its name whose maker is believed.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

use zip::ZipArchive;

use crate::github::{ApiError, Client, Home, Kept};
use crate::race::sampled::{Trust, artifact_name, trust};
use crate::race::settle::AttemptId;
use crate::race::{SoakProof, SoakVerdict};
use crate::soak::{Checkpoint, Verdict};

/// The file in such an artifact.
pub(super) const FILE: &str = "soak.json";

/// The largest checkpoint, unpacked.
const LARGEST: u64 = 256 << 20;

/// What was found of an attempt's soak.
#[derive(Clone, Debug)]
pub(super) enum Found {
    /// Nobody who is believed has looked at it.
    Nothing,
    /// The newest sample is not there any more.
    Expired,
    /// The newest sample.
    Sample(Box<Checkpoint>),
}

/// Proofs, as far as they were read: of an artifact nothing ever changes.
#[derive(Default)]
pub(super) struct Proofs {
    home: Option<Home>,
    believed: BTreeMap<u64, bool>,
    read: BTreeMap<u64, Checkpoint>,
}

impl Proofs {
    /// The repository.
    pub(super) async fn home(&mut self, client: &mut Client) -> Result<Home, ApiError> {
        if let Some(home) = &self.home {
            return Ok(home.clone());
        }
        let home = client.home().await?;
        self.home = Some(home.clone());
        Ok(home)
    }

    /// The newest sample of an attempt's soak.
    pub(super) async fn newest(
        &mut self,
        client: &mut Client,
        attempt: AttemptId,
    ) -> Result<Found, ApiError> {
        let home = self.home(client).await?;
        for kept in client.artifacts_named(&artifact_name(attempt)).await? {
            if !self.is_believed(client, &kept, &home).await? {
                continue;
            }
            if kept.expired {
                return Ok(Found::Expired);
            }
            let id = kept.artifact.id;
            let checkpoint = match self.read.get(&id) {
                Some(known) => known.clone(),
                None => {
                    let checkpoint = read(client, &kept).await?;
                    self.read.insert(id, checkpoint.clone());
                    checkpoint
                }
            };
            return Ok(Found::Sample(Box::new(checkpoint)));
        }
        Ok(Found::Nothing)
    }

    /// Whether the run that kept it is one of the samples' own. What the list tells
    /// already spares asking for each that anybody else has kept.
    async fn is_believed(&mut self, client: &mut Client, kept: &Kept, home: &Home) -> Result<bool, ApiError> {
        let from_here = kept.repository == home.id && kept.head_repository == home.id;
        if !from_here || kept.head_branch != home.default_branch {
            return Ok(false);
        }
        if let Some(known) = self.believed.get(&kept.run) {
            return Ok(*known);
        }
        let believed = match client.maker(kept.run).await {
            Ok(maker) => match trust(&maker, &home.default_branch) {
                Trust::Believed => true,
                Trust::WherePartOfIt => client.is_part_of(&home.default_branch, &maker.head_sha).await?,
                Trust::Refused => false,
            },
            // The run was deleted: nobody can tell any more whose it was.
            Err(ApiError::NotFound { .. }) => false,
            Err(error) => return Err(error),
        };
        self.believed.insert(kept.run, believed);
        Ok(believed)
    }
}

/// What the race needs to know of a checkpoint.
pub(super) fn proof_of(checkpoint: &Checkpoint) -> Option<SoakProof> {
    Some(SoakProof {
        run_id: checkpoint.run.id?,
        attempt: u64::from(checkpoint.run.attempt?),
        head_sha: checkpoint.run.head_sha.clone()?,
        verdict: match checkpoint.verdict {
            Verdict::Passed => SoakVerdict::Passed,
            Verdict::Failed => SoakVerdict::Failed,
            Verdict::Running | Verdict::Unmeasured | Verdict::Unfinished => SoakVerdict::Open,
        },
    })
}

async fn read(client: &mut Client, kept: &Kept) -> Result<Checkpoint, ApiError> {
    let archive = client.archive(&kept.artifact).await?;
    checkpoint_in(archive).map_err(|message| ApiError::Malformed {
        path: format!("actions/artifacts/{}/zip ({})", kept.artifact.id, kept.artifact.name),
        message,
    })
}

fn checkpoint_in(archive: Vec<u8>) -> Result<Checkpoint, String> {
    let mut archive = ZipArchive::new(Cursor::new(archive)).map_err(|error| error.to_string())?;
    let file = archive.by_name(FILE).map_err(|error| format!("{FILE}: {error}"))?;
    let mut text = String::new();
    let read = file.take(LARGEST).read_to_string(&mut text);
    read.map_err(|error| format!("{FILE}: {error}"))?;
    Checkpoint::read(&text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_archive_or_no_checkpoint_is_no_proof() {
        use std::io::Write as _;
        assert!(checkpoint_in(b"no archive".to_vec()).is_err());
        for (name, text) in [("other.json", "{}"), (FILE, "{}"), (FILE, "{\"schema\":\"race.soak/2\"}")] {
            let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
            writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(text.as_bytes()).unwrap();
            let archive = writer.finish().unwrap().into_inner();
            assert!(checkpoint_in(archive).is_err(), "{name}: {text}");
        }
    }
}
