//! A machine of a leg: a home and a workspace of its own, which are gone with it.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use super::super::stage::Stage;
use super::super::workflow::{GRACE, own_executable, tie};

/// The file that goes from machine to machine.
pub(super) const CHECKPOINT: &str = "soak.json";

/// A machine of a leg.
pub(super) struct Machine {
    root: PathBuf,
    log: PathBuf,
    policies: PathBuf,
    variables: Vec<(&'static str, String)>,
}

impl Machine {
    /// An empty machine, with what a job of the run is given.
    ///
    /// # Errors
    ///
    /// When a directory cannot be made.
    pub(super) fn new(stage: &Stage, leg: u32) -> io::Result<Self> {
        let root = stage.path("machines").join(format!("machine-{leg}"));
        for name in ["home", "workspace"] {
            fs::create_dir_all(root.join(name))?;
        }
        let head = stage.github.read(|world| world.run(stage.run).map(|run| run.head_sha.clone()));
        let mut variables = vec![
            ("GITHUB_RUN_ID", stage.run.to_string()),
            ("GITHUB_RUN_ATTEMPT", "1".to_owned()),
            ("GITHUB_SHA", head.unwrap_or_default()),
            ("HOME", root.join("home").display().to_string()),
            ("LANG", "C.UTF-8".to_owned()),
            ("TESTNET_SSH_KEY", stage.testnet.key().to_owned()),
        ];
        variables.extend(std::env::var("PATH").ok().map(|path| ("PATH", path)));
        let log = stage.path(&format!("leg-{leg}.log"));
        Ok(Self { root, log, policies: stage.path("policies"), variables })
    }

    /// A file of the workspace.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.root.join("workspace").join(name)
    }

    /// Starts `race` with these arguments in the workspace.
    ///
    /// # Errors
    ///
    /// When the process cannot be started.
    pub(super) fn race(&self, arguments: &[&str]) -> io::Result<Child> {
        let mut command = own_executable()?;
        command.args(arguments).arg("--policies").arg(&self.policies);
        self.start(command)
    }

    /// Starts a script in the workspace.
    ///
    /// # Errors
    ///
    /// When it cannot be written, or the shell not be started.
    pub(super) fn script(&self, text: &str, argument: &str) -> io::Result<Child> {
        let script = self.root.join("script.sh");
        fs::write(&script, text)?;
        let mut command = Command::new("sh");
        command.arg(script).arg(argument).env_clear();
        self.start(command)
    }

    fn start(&self, mut command: Command) -> io::Result<Child> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        tie(&mut command);
        command
            .current_dir(self.root.join("workspace"))
            .envs(self.variables.iter().map(|(name, value)| (*name, value)))
            .stdout(Stdio::from(log.try_clone()?))
            .stderr(Stdio::from(log))
            .spawn()
    }

    /// Hands the checkpoint over to `to`, as an artifact, and ends the machine.
    ///
    /// # Errors
    ///
    /// When a file cannot be moved or taken away.
    pub(super) fn hand_over(self, to: &Path) -> io::Result<()> {
        if let Some(directory) = to.parent() {
            fs::create_dir_all(directory)?;
        }
        fs::rename(self.file(CHECKPOINT), to)?;
        fs::remove_dir_all(&self.root)
    }
}

/// Asks a process to leave, and ends it if it does not.
pub(super) async fn leave(child: &mut Child) -> Option<ExitStatus> {
    if let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) {
        // One that has just ended needs no signal.
        let _ = kill_process(pid, Signal::INT);
    }
    match tokio::time::timeout(GRACE, child.wait()).await {
        Ok(status) => status.ok(),
        Err(_) => {
            let _ = child.kill().await;
            None
        }
    }
}
