//! How commits come after each other: pushes to a pull request, and what a merge queue
//! makes of one.

use jiff::Timestamp;

use super::World;

impl World {
    /// Makes a commit on top of another one, with its files, and returns its SHA.
    pub fn commit_onto(&mut self, parent: &str, message: &str, now: Timestamp) -> String {
        let files = self.commits.get(parent).map(|commit| commit.files.clone()).unwrap_or_default();
        let sha = self.commit(message, now);
        if let Some(commit) = self.commits.get_mut(&sha) {
            (commit.parent, commit.files) = (Some(parent.to_owned()), files);
        }
        sha
    }

    /// Pushes a commit on top of a pull request's head, and returns the new head.
    pub fn push(&mut self, number: u64, message: &str, now: Timestamp) -> String {
        let head = self.pull_request(number).map(|pull| pull.head_sha.clone()).unwrap_or_default();
        let pushed = self.commit_onto(&head, message, now);
        self.set_head(number, &pushed, now);
        pushed
    }

    /// Replaces all commits of a pull request by one with the same files, made on its
    /// base, and returns the new head.
    pub fn force_push(&mut self, number: u64, message: &str, now: Timestamp) -> String {
        let Some(pull) = self.pull_request(number).cloned() else { return String::new() };
        let files = self.commits.get(&pull.head_sha).map(|commit| commit.files.clone()).unwrap_or_default();
        let pushed = self.commit_onto(&pull.base_sha, message, now);
        if let Some(commit) = self.commits.get_mut(&pushed) {
            commit.files = files;
        }
        self.set_head(number, &pushed, now);
        pushed
    }

    fn set_head(&mut self, number: u64, sha: &str, now: Timestamp) {
        let merge_sha = self.commit(&format!("Merge {sha}"), now);
        let Some(pull) = self.pull_request_mut(number) else { return };
        (pull.head_sha, pull.merge_sha) = (sha.to_owned(), merge_sha.clone());
        let (head_ref, pull) = (format!("heads/{}", pull.head_ref), format!("pull/{number}"));
        self.refs.insert(head_ref, sha.to_owned());
        self.refs.insert(format!("{pull}/head"), sha.to_owned());
        self.refs.insert(format!("{pull}/merge"), merge_sha);
    }

    /// Puts a pull request into the merge queue: makes the commit and the git branch of
    /// its group, starts the run for them, and returns the run's number.
    pub fn queue(&mut self, number: u64, now: Timestamp) -> u64 {
        let Some(pull) = self.pull_request(number).cloned() else { return 0 };
        let group = self.commit_onto(&pull.base_sha, &format!("Merge pull request #{number}"), now);
        let files = self.commits.get(&pull.head_sha).map(|commit| commit.files.clone()).unwrap_or_default();
        if let Some(commit) = self.commits.get_mut(&group) {
            commit.files.extend(files);
        }
        let name = format!("gh-readonly-queue/{}/pr-{number}-{}", pull.base_ref, pull.base_sha);
        self.refs.insert(format!("heads/{name}"), group.clone());
        let id = self.start_run("merge_group", &group, "github-merge-queue[bot]", now);
        if let Some(run) = self.run_mut(id) {
            run.head_ref = Some(name);
        }
        id
    }

    /// A commit and what it was made on, as far as that is known, newest first.
    pub(super) fn line<'w>(&'w self, sha: &'w str) -> Vec<&'w str> {
        let mut line = vec![sha];
        let mut at = sha;
        while let Some(parent) = self.commits.get(at).and_then(|commit| commit.parent.as_deref()) {
            line.push(parent);
            at = parent;
        }
        line
    }

    /// How many commits lie between a commit and one that it descends from; one where
    /// that is not known.
    #[must_use]
    pub fn distance(&self, from: &str, to: &str) -> usize {
        if from == to {
            return 0;
        }
        self.line(from).iter().position(|sha| *sha == to).unwrap_or(1)
    }
}
