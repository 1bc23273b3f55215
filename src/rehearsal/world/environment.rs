//! Environments and what protects them.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Conclusion, Status, World};

/// An environment of the repository.
#[derive(Clone, Debug)]
pub struct Environment {
    /// GitHub's number for it.
    pub id: u64,
    /// Its name; GitHub compares names without regard to case.
    pub name: String,
    /// Who may approve. Empty: jobs do not wait for anyone.
    pub reviewers: Vec<Reviewer>,
    /// Whether the one who started a run may not approve it.
    pub prevent_self_review: bool,
    /// Minutes that every job waits, with or without a review.
    pub wait_timer: u32,
    /// Whether only refs that match a pattern may deploy here. Alone it holds no job
    /// back.
    pub branch_policy: bool,
    /// The patterns.
    pub branch_patterns: Vec<String>,
    /// Whether only protected branches may deploy here.
    pub protected_branches: bool,
    /// Values of the secrets by name.
    pub secrets: BTreeMap<String, String>,
    /// Values of the variables by name.
    pub variables: BTreeMap<String, String>,
    /// Whether administrators may let jobs pass without a review.
    pub admins_bypass: bool,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A required reviewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reviewer {
    /// Login of a person.
    User(String),
    /// Slug of a team, with the logins of its members.
    Team(String, Vec<String>),
}

impl Reviewer {
    /// Whether this entry lets `login` review.
    #[must_use]
    pub fn includes(&self, login: &str) -> bool {
        match self {
            Self::User(user) => user == login,
            Self::Team(_, members) => members.iter().any(|member| member == login),
        }
    }
}

impl Environment {
    /// Whether a job that names this environment has to wait.
    #[must_use]
    pub fn holds_jobs(&self) -> bool {
        !self.reviewers.is_empty() || self.wait_timer > 0
    }

    /// Whether `login` may approve or reject a run that `started_by` began.
    #[must_use]
    pub fn may_review(&self, login: &str, started_by: &str) -> bool {
        self.reviewers.iter().any(|reviewer| reviewer.includes(login))
            && !(self.prevent_self_review && login == started_by)
    }
}

impl World {
    /// Creates an environment that `reviewers` guard; with nobody named it is
    /// unprotected. One that is there already gets these reviewers instead.
    pub fn protect(&mut self, name: &str, reviewers: &[&str], now: Timestamp) -> &mut Environment {
        for login in reviewers {
            self.user(login);
        }
        let index = self.ensure_environment(name, now);
        let environment = &mut self.environments[index];
        environment.reviewers = reviewers.iter().map(|login| Reviewer::User((*login).to_owned())).collect();
        environment
    }

    /// The environment of that name.
    #[must_use]
    pub fn environment(&self, name: &str) -> Option<&Environment> {
        self.environments.iter().find(|environment| environment.name.eq_ignore_ascii_case(name))
    }

    /// Takes an environment away. The jobs that wait on it fail.
    pub fn delete_environment(&mut self, name: &str, now: Timestamp) {
        self.environments.retain(|environment| !environment.name.eq_ignore_ascii_case(name));
        let waiting: Vec<u64> = self
            .jobs
            .iter()
            .filter(|job| job.status == Status::Waiting && job.names_environment(name))
            .map(|job| job.id)
            .collect();
        for job in waiting {
            self.complete(job, Conclusion::Failure, now);
        }
    }

    /// Where the environment is. A missing one is made, without protection: that
    /// is what GitHub does when a job names it.
    pub(super) fn ensure_environment(&mut self, name: &str, now: Timestamp) -> usize {
        let known = self.environments.iter().position(|known| known.name.eq_ignore_ascii_case(name));
        known.unwrap_or_else(|| {
            let id = self.fresh_id();
            self.environments.push(Environment {
                id,
                name: name.to_owned(),
                reviewers: Vec::new(),
                prevent_self_review: false,
                wait_timer: 0,
                branch_policy: false,
                branch_patterns: Vec::new(),
                protected_branches: false,
                secrets: BTreeMap::new(),
                variables: BTreeMap::new(),
                admins_bypass: true,
                created_at: now,
            });
            self.environments.len() - 1
        })
    }
}
