//! A testnet of some hosts, and a directory with the policy and what is sent to them,
//! as a step of a workflow has it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::host::{Host, running_in};
use crate::process::{Ended, Running};

/// The commit that is deployed.
pub(crate) const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

/// The settings of most deployments here: nobody waits for a lease.
pub(crate) const SETTINGS: &str = "undo_after = \"10s\"\nlock_wait = \"0s\"\n";

/// Hosts, and where `race` runs.
pub(crate) struct Scene {
    pub(crate) hosts: Vec<Host>,
    directory: TempDir,
}

impl Scene {
    /// Hosts named `validator-1`, `validator-2` and so on, with a policy of these steps.
    pub(crate) fn new(hosts: usize, steps: &str) -> Self {
        let hosts: Vec<Host> =
            (1..=hosts).map(|number| Host::start(&format!("validator-{number}"))).collect();
        let directory = tempfile::Builder::new().prefix("scene-").tempdir().unwrap();
        let scene = Self { hosts, directory };
        for name in ["policies", "hosts", "tmp"] {
            fs::create_dir(scene.path(name)).unwrap();
        }
        let public_key = scene.hosts.first().unwrap().public_key();
        for host in &scene.hosts {
            host.admit(&public_key);
            // A policy names a host's directory by the host's name.
            std::os::unix::fs::symlink(host.root(), scene.path("hosts").join(&host.name)).unwrap();
        }
        scene.policy(SETTINGS, steps);
        scene
    }

    /// Writes the policy. In `steps` AT stands for the directory of a host.
    pub(crate) fn policy(&self, settings: &str, steps: &str) {
        let hosts: String = self.hosts.iter().map(|host| self.entry(host)).collect();
        let at = self.path("hosts").join("{host}").display().to_string();
        let text = format!("[deploy]\n{settings}{hosts}{}", steps.replace("AT", &at));
        self.write("policies/testnet.toml", text);
    }

    fn entry(&self, host: &Host) -> String {
        let (name, port) = (&host.name, host.sshd.port);
        let (user, key) = (&host.sshd.user, host.sshd.host_key.trim());
        format!(
            "[[deploy.host]]\nname = \"{name}\"\naddress = \"127.0.0.1\"\nport = {port}\nuser = \"{user}\"\n\
             host_keys = [\"{key}\"]\n"
        )
    }

    /// Puts other words into the policy.
    pub(crate) fn change_policy(&self, from: &str, to: &str) {
        let text = self.read("policies/testnet.toml");
        assert!(text.contains(from), "{from}");
        self.write("policies/testnet.toml", text.replacen(from, to, 1));
    }

    pub(crate) fn host(&self, number: usize) -> &Host {
        self.hosts.get(number - 1).unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// What `--report deploy.json` wrote.
    pub(crate) fn report(&self) -> Value {
        serde_json::from_str(&self.read("deploy.json")).unwrap()
    }

    /// `race deploy` with these arguments, as the run 7 of `alice`.
    pub(crate) fn race(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_race"));
        command
            .arg("deploy")
            .args(arguments)
            .current_dir(self.directory.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            // What is left behind is seen there.
            .env("TMPDIR", self.path("tmp"))
            .env("GITHUB_SHA", SHA)
            .env("GITHUB_RUN_ID", "7")
            .env("GITHUB_RUN_ATTEMPT", "1")
            .env("GITHUB_REPOSITORY", "octo-org/chain")
            .env("GITHUB_ACTOR", "alice")
            .env("TESTNET_SSH_KEY", &self.host(1).sshd.client_key)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        Running::start(self.race(arguments))
    }

    /// Runs it, and expects this exit code.
    pub(crate) fn deploy(&self, arguments: &[&str], code: i32) -> Ended {
        ended(self.race(arguments), code)
    }

    /// Processes that were told to end, or were killed, need a moment.
    pub(crate) fn nothing_is_left_here(&self) {
        let mut left = Vec::new();
        let soon = Instant::now() + Duration::from_secs(10);
        while Instant::now() < soon {
            left = self.left_here();
            if left.is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("left behind: {left:?}");
    }

    /// What our side has left, processes and files.
    fn left_here(&self) -> Vec<String> {
        let files = fs::read_dir(self.path("tmp")).unwrap();
        let files = files.map(|entry| entry.unwrap().path().display().to_string());
        running_in(&self.path("tmp")).into_iter().chain(files).collect()
    }
}

/// Runs it, and expects this exit code.
pub(crate) fn ended(command: Command, code: i32) -> Ended {
    let ended = Running::start(command).end();
    assert_eq!(ended.code, Some(code), "{}{}", ended.stdout, ended.stderr);
    ended
}

/// A step that runs a script and has an undo, both with the host's name as `$1`.
pub(crate) fn script(name: &str, text: &str, undo: &str) -> String {
    format!(
        "[[deploy.step]]\nname = \"{name}\"\nscript = '''\n{text}\n'''\nargs = [\"{{host}}\"]\n\
         undo_script = '''\n{undo}\n'''\n"
    )
}

/// A step that sends a file of ours to `to` below a host's directory.
pub(crate) fn upload(name: &str, from: &str, to: &str) -> String {
    format!("[[deploy.step]]\nname = \"{name}\"\nupload = {{ from = \"{from}\", to = \"AT/{to}\" }}\n")
}

/// The path as text.
pub(crate) fn text(path: &Path) -> String {
    path.display().to_string()
}
