//! What is uploaded, as it lies on this machine: measured once, sent to many hosts,
//! never held in memory. A directory travels as an archive of `tar`, which is the
//! same to the byte wherever the same files are.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use sha2::{Digest as _, Sha256};
use tokio::io::AsyncRead;
use tokio::process::{Child, Command};

/// The options that make an archive depend on names, modes and content alone.
const TAR: [&str; 7] =
    ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--format=gnu", "-cf"];

/// A file or directory of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    path: PathBuf,
    /// It is a directory.
    pub(super) is_directory: bool,
    /// The length of what is sent, in bytes.
    pub(super) size: u64,
    /// The SHA-256 of what is sent, in hexadecimal digits.
    pub(super) sha256: String,
    /// The permissions of a file.
    pub(super) mode: u32,
}

/// What is sent, being read.
pub(super) struct Reading {
    /// The bytes.
    pub(super) bytes: Box<dyn AsyncRead + Unpin>,
    /// Ends with the reading.
    _tar: Option<Child>,
}

impl Source {
    /// Reads what is at `path`. Blocks.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is or holds something that is neither a file nor a
    /// directory.
    pub(super) fn measure(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::PermissionsExt as _;
        let path = path.to_owned();
        let metadata = fs::metadata(&path)?;
        let mode = metadata.permissions().mode() & 0o7777;
        let is_directory = metadata.is_dir();
        let (size, sha256) = if is_directory {
            only_files(&path)?;
            hash_of_tar(&path)?
        } else if metadata.is_file() {
            hash(File::open(&path)?)?
        } else {
            return Err(neither(&path));
        };
        Ok(Self { path, is_directory, size, sha256, mode })
    }

    /// Begins to read it once more.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub(super) fn read(&self) -> io::Result<Reading> {
        if !self.is_directory {
            let file = tokio::fs::File::from_std(File::open(&self.path)?);
            return Ok(Reading { bytes: Box::new(file), _tar: None });
        }
        let mut tar = Command::new("tar")
            .args(TAR)
            .arg("-")
            .arg("-C")
            .arg(&self.path)
            .arg(".")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let bytes = tar.stdout.take().ok_or_else(|| io::Error::other("tar has no output"))?;
        Ok(Reading { bytes: Box::new(bytes), _tar: Some(tar) })
    }
}

fn hash_of_tar(path: &Path) -> io::Result<(u64, String)> {
    let mut tar = std::process::Command::new("tar")
        .args(TAR)
        .arg("-")
        .arg("-C")
        .arg(path)
        .arg(".")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let hashed = tar.stdout.take().map(hash);
    if !tar.wait()?.success() {
        return Err(io::Error::other("tar cannot read it"));
    }
    hashed.ok_or_else(|| io::Error::other("tar has no output"))?
}

/// A link could lead out of the directory, so it is no part of what was built.
fn only_files(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            only_files(&entry.path())?;
        } else if !kind.is_file() {
            return Err(neither(&entry.path()));
        }
    }
    Ok(())
}

fn neither(path: &Path) -> io::Error {
    let message = format!("{} is neither a file nor a directory", path.display());
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

fn hash(mut bytes: impl Read) -> io::Result<(u64, String)> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    let mut size = 0;
    loop {
        let count = bytes.read(&mut buffer)?;
        let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else { break };
        hasher.update(read);
        size += u64::try_from(count).unwrap_or_default();
    }
    let hexadecimal = hasher.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    Ok((size, hexadecimal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_own_digest() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("node");
        fs::write(&path, "a node\n").unwrap();
        let source = Source::measure(&path).unwrap();
        assert_eq!((source.size, source.is_directory), (7, false));
        assert_eq!(source.sha256, "a691550f3c9fd65749bb760e1de09bdc3d279435403278599b872352492ae023");
    }

    #[tokio::test]
    async fn a_directory_is_the_same_archive_in_any_order_and_at_any_time() {
        let measured = |order: &[&str]| {
            let directory = tempfile::tempdir().unwrap();
            fs::create_dir(directory.path().join("bin")).unwrap();
            for name in order {
                fs::write(directory.path().join(name), name).unwrap();
            }
            (Source::measure(directory.path()).unwrap(), directory)
        };
        let (one, _kept) = measured(&["bin/node", "chain spec.json"]);
        let (other, _kept_too) = measured(&["chain spec.json", "bin/node"]);
        assert_eq!((&one.sha256, one.size), (&other.sha256, other.size));
        let mut sent = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut one.read().unwrap().bytes, &mut sent).await.unwrap();
        assert_eq!(hash(&*sent).unwrap(), (one.size, one.sha256));
        assert_ne!(measured(&["bin/node"]).0.sha256, other.sha256);
    }

    #[test]
    fn what_leads_elsewhere_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", directory.path().join("node")).unwrap();
        let error = Source::measure(directory.path()).unwrap_err();
        assert!(error.to_string().contains("neither a file nor a directory"), "{error}");
        assert!(Source::measure(&directory.path().join("missing")).is_err());
    }
}
