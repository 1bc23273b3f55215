//! A host of the testnet: an `sshd` whose logins begin in a directory of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;

use crate::sshd::Sshd;

/// One host, with the name that the policy gives it.
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) sshd: Sshd,
}

impl Host {
    pub(crate) fn start(name: &str) -> Self {
        let sshd = Sshd::with(|directory| {
            let root = directory.join("root");
            fs::create_dir(&root).unwrap();
            let login = "[ ! -e .fault ] || . ./.fault; exec /bin/sh -c \"$SSH_ORIGINAL_COMMAND\"";
            format!("ForceCommand cd {} && {{ {login}; }}", root.display())
        });
        Self { name: name.to_owned(), sshd }
    }

    /// Lets this key in, and no other.
    pub(crate) fn admit(&self, public_key: &str) {
        fs::write(self.sshd.directory.path().join("authorized_keys"), public_key).unwrap();
    }

    /// What belongs to a public key that may be admitted.
    pub(crate) fn public_key(&self) -> String {
        fs::read_to_string(self.sshd.directory.path().join("client.pub")).unwrap()
    }

    /// All that the host may change.
    pub(crate) fn root(&self) -> PathBuf {
        self.sshd.directory.path().join("root")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    /// A file's text; nothing where there is none.
    pub(crate) fn read(&self, name: &str) -> Option<String> {
        fs::read(self.path(name)).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The names in its directory besides those of ours, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        names(&self.root()).into_iter().filter(|name| ![".race", ".fault"].contains(&name.as_str())).collect()
    }

    /// Its deployments' directories, in order.
    pub(crate) fn deployments(&self) -> Vec<Deployment> {
        deployments(&self.path(".race"))
    }

    /// Cuts every connection, without a word: the processes that serve them are killed.
    pub(crate) fn cut(&self) {
        let children = self.sshd.children.lock().unwrap();
        let parents: Vec<String> = children.iter().map(|child| child.id().to_string()).collect();
        for pid in parents.iter().flat_map(|pid| served_by(pid)) {
            let _ = Command::new("kill").args(["-s", "KILL", &pid]).status();
        }
    }

    /// The next call of this subcommand is lost with its connection, or every call of it:
    /// what it should do is done before, where `done` says so.
    pub(crate) fn lose(&self, subcommand: &str, done: bool, always: bool) {
        let once = if always { "" } else { "rm .fault" };
        let run = if done { "/bin/sh -c \"$SSH_ORIGINAL_COMMAND\" >/dev/null" } else { "" };
        let fault = format!(
            "case $SSH_ORIGINAL_COMMAND in *' .race {subcommand} '*)\n{once}\n{run}\nkill -KILL $PPID\nexit ;; esac\n"
        );
        self.write(".fault", fault);
    }

    /// Takes no new connection from now on; or does so again.
    pub(crate) fn answer(&self, yes: bool) {
        self.sshd.answers.store(yes, Ordering::Relaxed);
    }

    /// What runs on the host, as command lines.
    pub(crate) fn running(&self) -> Vec<String> {
        running_in(&self.root())
    }
}

/// What the host keeps of a deployment.
#[derive(Debug)]
pub(crate) struct Deployment {
    pub(crate) directory: PathBuf,
    /// `confirmed` or `undo`, once it is decided.
    pub(crate) decision: Option<String>,
    /// How the undo ended.
    pub(crate) undone: Option<String>,
}

impl Deployment {
    /// Whether nothing will happen any more.
    pub(crate) fn is_settled(&self) -> bool {
        self.is_confirmed() || self.undone.is_some()
    }

    pub(crate) fn is_confirmed(&self) -> bool {
        self.decision.as_deref() == Some("confirmed")
    }
}

/// The deployments below a state directory.
pub(crate) fn deployments(state: &Path) -> Vec<Deployment> {
    let all = state.join("deployments");
    let of = |name: String| {
        let directory = all.join(name);
        let read =
            |name| fs::read_to_string(directory.join(name)).ok().map(|text: String| text.trim().to_owned());
        Deployment { decision: read("decision"), undone: read("undone"), directory: directory.clone() }
    };
    names(&all).into_iter().map(of).collect()
}

/// The processes that are in this directory or were told of it, as command lines.
pub(crate) fn running_in(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(|entry| Some(entry.ok()?.path()));
    let command = |path: PathBuf| {
        let line = fs::read(path.join("cmdline")).ok().filter(|line| !line.is_empty())?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let there = fs::read_link(path.join("cwd")).is_ok_and(|cwd| cwd.starts_with(directory));
        let told = line.contains(&directory.display().to_string());
        // Most of the program's line is its text; what it does comes last.
        let last: String = line.chars().skip(line.chars().count().saturating_sub(300)).collect();
        (there || told).then(|| format!("{}: {last}", path.display()))
    };
    entries.filter_map(command).collect()
}

fn names(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// A process of `sshd`, and those of its children that are `sshd`, too.
fn served_by(pid: &str) -> Vec<String> {
    let Ok(name) = fs::read_to_string(format!("/proc/{pid}/comm")) else { return Vec::new() };
    if !name.starts_with("sshd") {
        return Vec::new();
    }
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children = children.split_whitespace().flat_map(served_by);
    std::iter::once(pid.to_owned()).chain(children).collect()
}
