//! `race monitor` with the rules of the dkg-substrate preset, in a directory of its own.

use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

use crate::TARGET;
use crate::chain::PATIENCE;

/// A monitor that runs.
pub struct Watcher {
    directory: TempDir,
    process: Child,
    lines: Lines<BufReader<ChildStderr>>,
    said: Vec<String>,
}

impl Watcher {
    /// Begins, or goes on from this checkpoint.
    pub fn start(url: &str, checkpoint: &str) -> Self {
        Self::with(url, checkpoint, 400)
    }

    /// Begins where that version of the runtime is expected, at once.
    pub fn expecting(url: &str, spec_version: u32) -> Self {
        Self::with(url, "", spec_version)
    }

    fn with(url: &str, checkpoint: &str, spec_version: u32) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let policies = directory.path().join("policies");
        std::fs::create_dir(&policies).unwrap();
        std::fs::write(policies.join("testnet.toml"), policy(url, spec_version)).unwrap();
        if !checkpoint.is_empty() {
            std::fs::write(directory.path().join("soak.json"), checkpoint).unwrap();
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_race"));
        command.args(["monitor", "--checkpoint", "soak.json"]).current_dir(&directory).env_clear();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        Self { directory, process, lines, said: Vec::new() }
    }

    /// Waits until it says that.
    pub async fn says(&mut self, words: &str) {
        while !self.said.last().is_some_and(|line| line.contains(words)) {
            let line = timeout(PATIENCE, self.lines.next_line()).await;
            match line {
                Ok(Ok(Some(line))) => self.said.push(line),
                end => panic!("it did not say `{words}` ({end:?}), but: {:#?}", self.said),
            }
        }
    }

    /// Tells it to end.
    pub async fn terminate(&self) {
        let process = self.process.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &process]).status().await.unwrap().success());
    }

    /// Waits until it ends with this code, and gives its `soak.json`.
    pub async fn ends(mut self, code: i32) -> Value {
        let rest = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                self.said.push(line);
            }
            self.process.wait().await.unwrap()
        };
        let status = timeout(PATIENCE, rest).await.unwrap();
        assert_eq!(status.code(), Some(code), "{:#?}", self.said);
        let soak = std::fs::read_to_string(self.directory.path().join("soak.json")).unwrap();
        serde_json::from_str(&soak).unwrap()
    }
}

/// The preset's rules, for the one node at `url`.
fn policy(url: &str, spec_version: u32) -> String {
    let preset = include_str!("../../policies/presets/dkg-substrate.toml");
    let rules = &preset[preset.find("\n[[monitor.watch]]").unwrap()..];
    format!(
        "[monitor]\nsession_length = \"60s\"\ntarget_sessions = {TARGET}\nready_within = \"1s\"\n\
         [[monitor.node]]\nname = \"chopsticks\"\nurl = \"{url}\"\n\
         [monitor.expect]\nspec_name = \"tangle-standalone\"\nspec_version = {spec_version}\n{rules}"
    )
}
