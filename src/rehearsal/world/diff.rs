//! What differs between two commits, as git tells it.

use std::collections::BTreeMap;

use super::World;

/// A file that differs between two commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// Its path.
    pub path: String,
    /// Its path before it was renamed.
    pub previous: Option<String>,
    /// `added`, `removed`, `modified` or `renamed`.
    pub status: &'static str,
    /// Lines added.
    pub additions: usize,
    /// Lines deleted.
    pub deletions: usize,
    /// The blob that it is, or was where it is gone.
    pub blob: String,
}

impl World {
    /// The commit that both descend from. Of one whose parents are not known it is the
    /// base that the pull request was opened on.
    #[must_use]
    pub fn merge_base<'w>(&'w self, base: &'w str, head: &'w str) -> &'w str {
        let line = self.line(base);
        if let Some(common) = self.line(head).into_iter().find(|sha| line.contains(sha)) {
            return common;
        }
        let pull = self.pull_requests.iter().find(|pull| pull.head_sha == head);
        pull.map_or(base, |pull| &pull.base_sha)
    }

    /// The files that differ between two commits, by path. What disappeared and came
    /// back elsewhere as it was is a rename.
    #[must_use]
    pub fn diff(&self, before: &str, after: &str) -> Vec<FileChange> {
        let none = BTreeMap::new();
        let files = |sha: &str| self.commits.get(sha).map_or(&none, |commit| &commit.files);
        let (before, after) = (files(before), files(after));
        let mut gone: Vec<(&String, &String)> =
            before.iter().filter(|(path, _)| !after.contains_key(*path)).collect();
        let mut changes = Vec::new();
        for (path, text) in after {
            let (old, previous, status) = match before.get(path) {
                Some(old) if old == text => continue,
                Some(old) => (old.as_str(), None, "modified"),
                None => match gone.iter().position(|(_, old)| *old == text) {
                    Some(position) => {
                        let (previous, old) = gone.remove(position);
                        (old.as_str(), Some(previous.clone()), "renamed")
                    }
                    None => ("", None, "added"),
                },
            };
            let (additions, deletions) = lines(old, text);
            let (path, blob) = (path.clone(), blob_of(text));
            changes.push(FileChange { path, previous, status, additions, deletions, blob });
        }
        changes.extend(gone.into_iter().map(|(path, text)| FileChange {
            path: path.clone(),
            previous: None,
            status: "removed",
            additions: 0,
            deletions: text.lines().count(),
            blob: blob_of(text),
        }));
        changes.sort_by(|one, other| one.path.cmp(&other.path));
        changes
    }
}

/// How many lines were added and deleted, wherever they stand.
fn lines(before: &str, after: &str) -> (usize, usize) {
    let mut left: BTreeMap<&str, usize> = BTreeMap::new();
    for line in before.lines() {
        *left.entry(line).or_default() += 1;
    }
    let mut added = 0;
    for line in after.lines() {
        match left.get_mut(line) {
            Some(count) if *count > 0 => *count -= 1,
            _ => added += 1,
        }
    }
    (added, left.values().sum())
}

/// Forty hexadecimal digits that are the same for the same content.
pub(in crate::rehearsal) fn blob_of(text: &str) -> String {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let part = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, text).hash(&mut hasher);
        hasher.finish()
    };
    format!("{:016x}{:016x}{:08x}", part(0), part(1), part(2) >> 32)
}
