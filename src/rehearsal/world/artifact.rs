//! Artifacts: what a job of a run keeps for the others.

use std::io::{Cursor, Write as _};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use zip::ZipWriter;
use zip::result::ZipResult;
use zip::write::SimpleFileOptions;

use super::World;

/// An artifact.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// GitHub's number for it.
    pub id: u64,
    /// The run that it belongs to.
    pub run: u64,
    /// Its name.
    pub name: String,
    /// Its files, as one ZIP archive.
    pub archive: Vec<u8>,
    /// `sha256:` and the hexadecimal digest of the archive.
    pub digest: String,
    /// When it was kept.
    pub created_at: Timestamp,
    /// Its archive was thrown away.
    pub expired: bool,
}

impl World {
    /// Keeps files, by their paths, as an artifact of a run, and returns its number.
    ///
    /// # Errors
    ///
    /// When they make no archive, for example because two have one path.
    pub fn upload_artifact(
        &mut self,
        run: u64,
        name: &str,
        files: &[(String, Vec<u8>)],
        now: Timestamp,
    ) -> ZipResult<u64> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (path, content) in files {
            writer.start_file(path.as_str(), SimpleFileOptions::default())?;
            writer.write_all(content)?;
        }
        let archive = writer.finish()?.into_inner();
        let digest: String = Sha256::digest(&archive).iter().map(|byte| format!("{byte:02x}")).collect();
        let digest = format!("sha256:{digest}");
        let id = self.fresh_id();
        let name = name.to_owned();
        self.artifacts.push(Artifact { id, run, name, archive, digest, created_at: now, expired: false });
        Ok(id)
    }
}
