//! A rehearsal as a process, and what it left.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use testnet_deployer::rehearsal::github::Exchange;

use crate::openapi::Description;

/// The hosts of the rehearsal's testnet.
pub(crate) const HOSTS: [&str; 3] = ["validator-1", "validator-2", "validator-3"];

/// A rehearsal that was played.
pub(crate) struct Played {
    pub(crate) directory: TempDir,
    pub(crate) output: Output,
    /// What GitHub was asked, and what it answered.
    pub(crate) exchanges: Vec<Exchange>,
}

impl Played {
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join("kept").join(name)
    }

    pub(crate) fn verdict(&self) -> Value {
        self.json("verdict.json")
    }

    pub(crate) fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.file(name)).unwrap()).unwrap()
    }

    /// What the rehearsal said while it went on.
    pub(crate) fn told(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// Holds every host to a version, both where it runs and where the rehearsal
    /// tells it.
    #[track_caller]
    pub(crate) fn assert_every_host_has(&self, which: &str) {
        let running = |host| std::fs::read_to_string(self.file(&format!("hosts/{host}/running"))).unwrap();
        let first = running(HOSTS[0]);
        for host in HOSTS {
            assert_eq!(running(host), first);
            let line = format!("  {host} has the {which} version {}\n", first.trim());
            assert!(self.told().contains(&line), "no {line:?} in {}", self.told());
        }
        let head = &self.verdict()["run"]["head_sha"];
        assert_eq!(head.as_str().unwrap().starts_with(first.trim()), which == "new", "{first}");
    }

    /// Holds the rehearsal to have told these, in this order.
    #[track_caller]
    pub(crate) fn assert_told_in_order(&self, lines: &[&str]) {
        let told = self.told();
        let mut rest = told.lines();
        for line in lines {
            assert!(rest.any(|found| found == *line), "no {line:?} where it belongs: {told}");
        }
    }
}

pub(crate) fn rehearse(directory: &Path, flags: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rehearse"));
    command.args(flags.split_whitespace()).arg("--keep").arg(directory.join("kept")).stdin(Stdio::null());
    command
}

/// Plays a scenario and holds it to an exit code, to what
/// `verdict.json` says and to GitHub's description.
#[track_caller]
pub(crate) fn play(flags: &str, code: i32, verdict: &str, winner: Option<&str>) -> Played {
    let played = play_to(flags, code);
    let written = played.verdict();
    assert_eq!(written["verdict"], verdict, "{written}");
    assert_eq!(written["winner"].as_str(), winner, "{written}");
    assert_eq!(written["exit_code"], code, "{written}");
    played
}

/// The same without a look at `verdict.json`.
#[track_caller]
pub(crate) fn play_to(flags: &str, code: i32) -> Played {
    let directory = tempfile::tempdir().unwrap();
    let output = rehearse(directory.path(), flags).output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{flags}: {said}");
    let kept = directory.path().join("kept");
    let exchanges = std::fs::read_to_string(kept.join("exchanges.jsonl")).unwrap();
    let exchanges = exchanges.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let played = Played { directory, output, exchanges };
    Description::load().assert_holds(&played.exchanges);
    assert_nothing_is_left(played.directory.path());
    played
}

/// No process still works on files of that directory, or not for long: where a
/// deployment is cut short in the moment of arming, the host waits out its own timer.
#[track_caller]
pub(crate) fn assert_nothing_is_left(directory: &Path) {
    let name = directory.to_str().unwrap();
    let deadline = Instant::now() + Duration::from_secs(45);
    loop {
        let left = processes_naming(name);
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "still running: {left:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn processes_naming(text: &str) -> Vec<String> {
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(text))
        .collect()
}
