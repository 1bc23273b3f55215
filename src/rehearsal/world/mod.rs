//! A model of the part of GitHub that the race looks at: no HTTP, no clock, no
//! threads. Tests and the rehearsal change it, `rehearsal::github` shows it.
//!
//! Whoever knows GitHub's own words knows this module. What a job, an
//! environment or a review does here, it does on GitHub too; where GitHub's
//! behaviour is not documented, the comment says so.

mod artifact;
pub(in crate::rehearsal) mod diff;
mod environment;
mod history;
mod job;
mod repository;
mod review;
mod run;
mod setup;

pub use artifact::Artifact;
pub use diff::FileChange;
pub use environment::{Environment, Reviewer};
pub use job::{Annotation, Conclusion, Job, Runner, Status, Step};
pub use repository::{Comment, Commit, CommitStatus, NewStatus, PullRequest, Repository, StatusError, User};
pub use review::{PendingDeployment, Review, ReviewError, ReviewState};
pub use run::Run;
pub use setup::{Ruleset, Team};

use std::collections::BTreeMap;

use jiff::Timestamp;

/// One repository and everything in it.
#[derive(Clone, Debug)]
pub struct World {
    /// The repository.
    pub repository: Repository,
    /// Everyone who has been named so far.
    pub users: Vec<User>,
    /// Commits by SHA, with the files that a test or a rehearsal put there.
    pub commits: BTreeMap<String, Commit>,
    /// Refs without `refs/`, for example `heads/main`, and the SHA they point to.
    pub refs: BTreeMap<String, String>,
    /// Pull requests, oldest first.
    pub pull_requests: Vec<PullRequest>,
    /// Workflow runs, oldest first.
    pub runs: Vec<Run>,
    /// Jobs of all runs and attempts, in the order in which they were created.
    pub jobs: Vec<Job>,
    /// Environments, in the order in which they were created.
    pub environments: Vec<Environment>,
    /// Artifacts of all runs, oldest first.
    pub artifacts: Vec<Artifact>,
    /// Commit statuses, oldest first.
    pub statuses: Vec<CommitStatus>,
    /// Teams of the repository's owner.
    pub teams: Vec<Team>,
    /// Rulesets that are about the repository, oldest first.
    pub rulesets: Vec<Ruleset>,
    /// Classic protection of git branches by name, as the API has it.
    pub protections: BTreeMap<String, serde_json::Value>,
    /// Comments on pull requests, oldest first.
    pub comments: Vec<Comment>,
    next_id: u64,
}

impl World {
    /// An empty repository with one commit on its default branch `main`.
    ///
    /// `full_name` is `owner/name`.
    #[must_use]
    pub fn new(full_name: &str, now: Timestamp) -> Self {
        let (owner, name) = full_name.split_once('/').unwrap_or(("octo-org", full_name));
        let mut world = Self {
            repository: Repository {
                id: 1_296_269,
                owner: owner.to_owned(),
                name: name.to_owned(),
                default_branch: "main".to_owned(),
                private: false,
                created_at: now,
            },
            users: Vec::new(),
            commits: BTreeMap::new(),
            refs: BTreeMap::new(),
            pull_requests: Vec::new(),
            runs: Vec::new(),
            jobs: Vec::new(),
            environments: Vec::new(),
            artifacts: Vec::new(),
            statuses: Vec::new(),
            teams: Vec::new(),
            rulesets: Vec::new(),
            protections: BTreeMap::new(),
            comments: Vec::new(),
            next_id: 1000,
        };
        world.user(owner);
        let first = world.commit("Begin", now);
        world.refs.insert("heads/main".to_owned(), first);
        world
    }

    /// A number that nothing else in this world bears.
    fn fresh_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }
}

#[cfg(test)]
mod tests;
