//! Unpacks an archive that the pull request made: nothing of it may lie outside of
//! the directory, nor fill the disk, and a half of it is never there.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use zip::ZipArchive;

/// What an archive may come to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes of all files together, once unpacked.
    pub(super) bytes: u64,
    /// Files and directories.
    pub(super) entries: usize,
}

/// What was unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unpacked {
    pub(super) files: usize,
    pub(super) bytes: u64,
}

/// Unpacks `archive` into the new directory `into`, all of it or nothing.
///
/// # Errors
///
/// When the directory is there already, the archive is damaged or goes beyond its
/// limits, an entry is not to lie in the directory, or a file cannot be written.
pub(super) fn unpack(archive: File, into: &Path, limits: Limits) -> io::Result<Unpacked> {
    if into.symlink_metadata().is_ok() {
        return Err(io::Error::other(format!("{} is there already", into.display())));
    }
    let parent = into.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent)?;
    let partial = tempfile::Builder::new().prefix(".artifact-").tempdir_in(parent)?;
    let unpacked = unpack_all(archive, partial.path(), limits)?;
    fs::rename(partial.path(), into)?;
    // It bears its final name now, and is no longer to be taken away.
    let _ = partial.keep();
    Ok(unpacked)
}

fn unpack_all(archive: File, into: &Path, limits: Limits) -> io::Result<Unpacked> {
    let mut archive = ZipArchive::new(archive)?;
    if archive.len() > limits.entries {
        return Err(io::Error::other(format!("it has more than {} entries", limits.entries)));
    }
    let mut unpacked = Unpacked { files: 0, bytes: 0 };
    for index in 0..archive.len() {
        let entry = archive.by_index(index)?;
        let Some(name) = entry.enclosed_name().filter(|_| !entry.is_symlink()) else {
            return Err(io::Error::other("an entry of it would lie outside of the directory"));
        };
        let path = into.join(name);
        if entry.is_dir() {
            fs::create_dir_all(&path)?;
            continue;
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        // What an entry says of its size is not to be believed. One byte more than is
        // left tells that there is too much.
        let left = limits.bytes - unpacked.bytes;
        let written = io::copy(&mut entry.take(left + 1), &mut File::create_new(&path)?)?;
        if written > left {
            return Err(io::Error::other(format!("it holds more than {} bytes", limits.bytes)));
        }
        unpacked.bytes += written;
        unpacked.files += 1;
    }
    Ok(unpacked)
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, Write as _};

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    const LIMITS: Limits = Limits { bytes: 100, entries: 3 };

    fn archive(entries: &[(&str, &[u8])]) -> File {
        let mut writer = ZipWriter::new(tempfile::tempfile().unwrap());
        for (name, content) in entries {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(content).unwrap();
        }
        let mut file = writer.finish().unwrap();
        file.rewind().unwrap();
        file
    }

    #[test]
    fn an_archive_is_unpacked() {
        let directory = tempfile::tempdir().unwrap();
        let into = directory.path().join("deep").join("artifact");
        let unpacked = unpack(archive(&[("node", b"binary"), ("a/b.wasm", b"code")]), &into, LIMITS).unwrap();
        assert_eq!(unpacked, Unpacked { files: 2, bytes: 10 });
        assert_eq!(fs::read(into.join("a/b.wasm")).unwrap(), b"code");
    }

    #[test]
    fn what_must_not_be_leaves_nothing_behind() {
        let zeros = [0_u8; 101];
        for (entries, told) in [
            (&[("../escaped", b"x" as &[u8])] as &[(&str, &[u8])], "outside"),
            (&[("a/../../escaped", b"x")], "outside"),
            (&[("bomb", &zeros)], "more than 100 bytes"),
            (&[("a", &zeros[..60]), ("b", &zeros[..60])], "more than 100 bytes"),
            (&[("a", b""), ("b", b""), ("c", b""), ("d", b"")], "more than 3 entries"),
        ] {
            let directory = tempfile::tempdir().unwrap();
            let within = directory.path().join("within");
            let error = unpack(archive(entries), &within.join("artifact"), LIMITS).unwrap_err();
            assert!(error.to_string().contains(told), "{error}");
            assert_eq!(fs::read_dir(&within).unwrap().count(), 0, "{told}");
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "{told}");
        }
    }

    #[test]
    fn a_symbolic_link_is_refused() {
        let mut writer = ZipWriter::new(tempfile::tempfile().unwrap());
        writer.add_symlink("link", "/etc/passwd", SimpleFileOptions::default()).unwrap();
        let mut file = writer.finish().unwrap();
        file.rewind().unwrap();
        let directory = tempfile::tempdir().unwrap();
        assert!(unpack(file, &directory.path().join("artifact"), LIMITS).is_err());
    }

    #[test]
    fn what_is_there_is_not_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let error = unpack(archive(&[("a", b"")]), directory.path(), LIMITS).unwrap_err();
        assert!(error.to_string().contains("there already"), "{error}");
    }
}
