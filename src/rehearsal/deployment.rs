//! What is told of a deployment: its waves, as its own log has them while it goes on,
//! and how it ended, as its report has it.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use super::staged::Staged;
use super::testnet::HOSTS;
use crate::deploy::Record;
use crate::exit::Exit;

/// How the lines about all hosts begin that are told.
const OF_ALL: [&str; 3] = ["canary ", "wave ", "every host is ready"];

/// The lines about one host that are told. They follow its name and a colon.
const OF_ONE: [&str; 4] = ["ready", "confirmed", "undoing", "undone"];

/// Follows the log of a deployment.
#[derive(Debug, Default)]
pub(super) struct DeploymentLog {
    /// So many of its bytes are known.
    read: u64,
}

impl DeploymentLog {
    /// What has happened since it was last asked: waves, and hosts that are ready or undone.
    pub(super) fn news(&mut self, path: &Path) -> Vec<String> {
        let mut text = String::new();
        let read = File::open(path).and_then(|mut log| {
            log.seek(SeekFrom::Start(self.read))?;
            log.read_to_string(&mut text)
        });
        // A log that is not there yet, or is cut within a character, is read the next time.
        let Some(end) = read.ok().and_then(|_| text.rfind('\n')) else { return Vec::new() };
        self.read += u64::try_from(end).unwrap_or_default() + 1;
        let whole = text.get(..end).unwrap_or_default();
        whole.lines().filter(|line| is_told(line)).map(str::to_owned).collect()
    }
}

/// What a host itself says is never told: a bar stands between it and the name.
fn is_told(line: &str) -> bool {
    OF_ALL.iter().any(|told| line.starts_with(told))
        || line.split_once(": ").is_some_and(|(host, text)| HOSTS.contains(&host) && OF_ONE.contains(&text))
}

/// The exit code of the run's deployment in words, where it ended.
pub(super) fn ending(run: &Staged) -> Option<String> {
    let report = fs::read(run.path("artifacts").join("deploy/deploy.json")).ok()?;
    let code = serde_json::from_slice::<Record>(&report).ok()?.exit_code;
    let exit = Exit::ALL.into_iter().find(|exit| exit.code() == code)?;
    Some(format!("race deploy: exit {code}, {}", exit.meaning()))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn waves_are_told_once_and_hosts_tell_none() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("testnet.log");
        let mut log = DeploymentLog::default();
        assert_eq!(log.news(&path), Vec::<String>::new());
        let mut file = File::create(&path).unwrap();
        write!(file, "canary 1 of 2: a\nvalidator-1 | wave 2 of 2: b\nvalidator-1: ready\nwave 2 ").unwrap();
        assert_eq!(log.news(&path), ["canary 1 of 2: a", "validator-1: ready"]);
        writeln!(file, "of 2: b").unwrap();
        assert_eq!(log.news(&path), ["wave 2 of 2: b"]);
        assert_eq!(log.news(&path), Vec::<String>::new());
    }
}
