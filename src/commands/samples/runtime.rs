//! The runtime that was built for a soak, as the policy wants to compare it: its hash is
//! what the nodes have shown since the baseline, or is read from what the build handed over.

use std::fs::File;
use std::io::{Read as _, Seek as _};

use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest as _};
use zip::ZipArchive;

use crate::exit::Exit;
use crate::github::Client;
use crate::soak::Hash;

use super::super::{Failure, connect};

/// Where `race deploy --artifact` unpacks, if nobody says otherwise: what a policy names
/// lies below it.
const BELOW: &str = "artifact/";

/// The largest archive.
const LARGEST: u64 = 4 << 30;

/// The hash of the file that the policy names, in the artifact that the run has deployed.
///
/// # Errors
///
/// When the artifact is not there any more, or has no such file.
pub(super) async fn built(client: &mut Client, run: u64, name: &str, path: &str) -> Result<Hash, Failure> {
    let missing = |what: String| {
        Failure::new(Exit::Invalid, format!("cannot tell the hash of {path}: {what}"))
            .help("the build must keep that file in its artifact; or name `runtime_code_hash`")
    };
    let artifact = client.artifact(run, name).await.map_err(|error| connect::failed(&error))?;
    let artifact = artifact.ok_or_else(|| missing(format!("run {run} has no artifact {name}")))?;
    let mut file = tempfile::tempfile()
        .map_err(|error| Failure::caused(Exit::Internal, "cannot keep the archive", &error))?;
    let digest = client.download(&artifact, LARGEST, &mut file).await;
    let digest = format!("sha256:{}", digest.map_err(|error| connect::failed(&error))?);
    if artifact.digest.is_some_and(|told| told != digest) {
        return Err(missing(format!("the artifact {name} is damaged")));
    }
    hash_in(file, path.strip_prefix(BELOW).unwrap_or(path)).map_err(missing)
}

fn hash_in(mut archive: File, path: &str) -> Result<Hash, String> {
    archive.rewind().map_err(|error| error.to_string())?;
    let mut archive = ZipArchive::new(archive).map_err(|error| error.to_string())?;
    let mut file = archive.by_name(path).map_err(|error| format!("{path}: {error}"))?;
    let (mut hasher, mut part) = (Blake2b::<U32>::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut part).map_err(|error| error.to_string())? {
            0 => return Ok(Hash(hasher.finalize().into())),
            length => hasher.update(part.get(..length).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_file_of_the_archive_has_its_hash() {
        let mut writer = zip::ZipWriter::new(tempfile::tempfile().unwrap());
        writer.start_file("node.wasm", zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(b"a runtime").unwrap();
        let file = writer.finish().unwrap();
        let expected = Hash(Blake2b::<U32>::digest(b"a runtime").into());
        assert_eq!(hash_in(file.try_clone().unwrap(), "node.wasm"), Ok(expected));
        assert!(hash_in(file, "other.wasm").is_err());
    }
}
