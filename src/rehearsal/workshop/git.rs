//! The repository that is pushed to: a bare one on disk, of git's own.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use jiff::Timestamp;

use crate::rehearsal::world::Commit;

/// Who merges, at a time that is always the same: so the same content is the same commit.
const MERGER: [(&str, &str); 6] = [
    ("GIT_AUTHOR_NAME", "GitHub"),
    ("GIT_AUTHOR_EMAIL", "noreply@github.com"),
    ("GIT_AUTHOR_DATE", "2026-11-02T09:00:00Z"),
    ("GIT_COMMITTER_NAME", "GitHub"),
    ("GIT_COMMITTER_EMAIL", "noreply@github.com"),
    ("GIT_COMMITTER_DATE", "2026-11-02T09:00:00Z"),
];

/// Runs git in that directory, with no settings but the repository's own, and returns
/// what it says.
///
/// # Errors
///
/// When it cannot be started, or fails: with its own words.
pub fn git(directory: &Path, arguments: &[&str]) -> io::Result<String> {
    let output = Command::new("git")
        .args(["-c", "init.defaultBranch=main", "-c", "advice.detachedHead=false"])
        .args(arguments)
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .envs(MERGER)
        .stdin(Stdio::null())
        .output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(io::Error::other(format!("git {}: {}", arguments.first().unwrap_or(&""), said.trim())))
}

/// A bare repository.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) path: PathBuf,
}

impl Origin {
    /// An empty one.
    pub(super) fn new(path: PathBuf) -> io::Result<Self> {
        std::fs::create_dir_all(&path)?;
        git(&path, &["init", "--quiet", "--bare"])?;
        // As GitHub does, for actions/checkout.
        git(&path, &["config", "uploadpack.allowAnySHA1InWant", "true"])?;
        Ok(Self { path })
    }

    fn say(&self, arguments: &[&str]) -> io::Result<String> {
        git(&self.path, arguments)
    }

    /// The git branches, without `refs/heads/`, with their commits.
    pub(super) fn heads(&self) -> io::Result<BTreeMap<String, String>> {
        let told = self.say(&["for-each-ref", "--format=%(objectname) %(refname:lstrip=2)", "refs/heads"])?;
        let pairs = told.lines().filter_map(|line| line.split_once(' '));
        Ok(pairs.map(|(sha, name)| (name.to_owned(), sha.to_owned())).collect())
    }

    /// A commit with its files. Of several parents the first one is told.
    pub(super) fn commit(&self, sha: &str, at: Timestamp) -> io::Result<Commit> {
        let told = self.say(&["log", "-1", "--format=%P%n%s", sha])?;
        let (parents, message) = told.split_once('\n').unwrap_or_default();
        let parent = parents.split_whitespace().next().map(str::to_owned);
        let message = message.trim().to_owned();
        let names = self.say(&["ls-tree", "-r", "-z", "--name-only", sha])?;
        let names = names.split('\0').filter(|name| !name.is_empty());
        let file = |name: &str| Ok((name.to_owned(), self.say(&["show", &format!("{sha}:{name}")])?));
        Ok(Commit { message, at, parent, files: names.map(file).collect::<io::Result<_>>()? })
    }

    /// Merges two commits, and returns the new one. Nothing points to it yet.
    pub(super) fn merge(&self, base: &str, head: &str, message: &str) -> io::Result<String> {
        let tree = self.say(&["merge-tree", "--write-tree", base, head])?;
        let tree = tree.lines().next().unwrap_or_default();
        let made = self.say(&["commit-tree", tree, "-p", base, "-p", head, "-m", message])?;
        Ok(made.trim().to_owned())
    }

    /// Has a git branch point to a commit.
    pub(super) fn point(&self, branch: &str, sha: &str) -> io::Result<()> {
        self.say(&["update-ref", &format!("refs/heads/{branch}"), sha]).map(drop)
    }
}
