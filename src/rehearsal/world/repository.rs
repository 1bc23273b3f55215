//! What a repository holds besides runs: people, commits, pull requests,
//! statuses and files.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::World;

/// The repository.
#[derive(Clone, Debug)]
pub struct Repository {
    /// GitHub's number for it.
    pub id: u64,
    /// Login of its owner.
    pub owner: String,
    /// Its name without the owner.
    pub name: String,
    /// The default git branch.
    pub default_branch: String,
    /// Whether only members see it.
    pub private: bool,
    /// When it was created.
    pub created_at: Timestamp,
}

impl Repository {
    /// `owner/name`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }
}

/// A person or a bot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// GitHub's number for the account.
    pub id: u64,
    /// The account's name; a bot's ends in `[bot]`.
    pub login: String,
}

impl User {
    /// Whether this is an app's account.
    #[must_use]
    pub fn is_bot(&self) -> bool {
        self.login.ends_with("[bot]")
    }
}

/// One commit.
#[derive(Clone, Debug)]
pub struct Commit {
    /// First line of its message.
    pub message: String,
    /// When it was made.
    pub at: Timestamp,
    /// The commit that it was made on, where that is known. Merges have one, too.
    pub parent: Option<String>,
    /// Contents by path.
    pub files: BTreeMap<String, String>,
}

/// One pull request.
#[derive(Clone, Debug)]
pub struct PullRequest {
    /// GitHub's number for the object.
    pub id: u64,
    /// Its number in the repository.
    pub number: u64,
    /// Its title. Written by its author, so not to be trusted.
    pub title: String,
    /// Login of its author.
    pub author: String,
    /// Name of the git branch that it wants to merge.
    pub head_ref: String,
    /// The commit that it wants to merge.
    pub head_sha: String,
    /// Name of the git branch that it wants to merge into.
    pub base_ref: String,
    /// The commit of that branch.
    pub base_sha: String,
    /// The commit that GitHub made of both for trying.
    pub merge_sha: String,
    /// Whether it is still open.
    pub open: bool,
    /// Whether its head is in a fork, which its author owns.
    pub from_fork: bool,
    /// Its labels.
    pub labels: Vec<String>,
    /// What its author is to the repository, in GitHub's word.
    pub association: String,
    /// When it was opened.
    pub created_at: Timestamp,
}

/// A comment on a pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// GitHub's number for it.
    pub id: u64,
    /// The pull request.
    pub number: u64,
    /// Its text.
    pub body: String,
    /// Login of its author.
    pub author: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was last given another text.
    pub updated_at: Timestamp,
}

/// A commit status, as opposed to a check run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitStatus {
    /// GitHub's number for it.
    pub id: u64,
    /// The commit.
    pub sha: String,
    /// Its name; the newest of a name counts.
    pub context: String,
    /// `error`, `failure`, `pending` or `success`.
    pub state: String,
    /// One line for people.
    pub description: Option<String>,
    /// Where the details are.
    pub target_url: Option<String>,
    /// Login of who set it.
    pub creator: String,
    /// When it was set.
    pub created_at: Timestamp,
}

/// What someone says about a commit by a status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewStatus {
    /// Its name.
    pub context: String,
    /// `error`, `failure`, `pending` or `success`.
    pub state: String,
    /// One line for people.
    pub description: Option<String>,
    /// Where the details are.
    pub target_url: Option<String>,
}

/// Why a status is refused. The texts are GitHub's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatusError {
    /// A state that is none.
    #[error("Validation failed: State is not included in the list")]
    State,
    /// More than 140 characters of description.
    #[error("Validation failed: Description is too long (maximum is 140 characters)")]
    Description,
    /// More than 1000 statuses of one commit and context.
    #[error("Validation failed: This SHA and context has reached the maximum number of statuses.")]
    TooMany,
    /// No such commit.
    #[error("No commit found for SHA")]
    NoCommit,
}

impl World {
    /// The user of that login, known from now on.
    pub fn user(&mut self, login: &str) -> User {
        if let Some(known) = self.users.iter().find(|user| user.login == login) {
            return known.clone();
        }
        let user = User { id: self.fresh_id(), login: login.to_owned() };
        self.users.push(user.clone());
        user
    }

    /// Makes a commit without files and returns its SHA.
    pub fn commit(&mut self, message: &str, now: Timestamp) -> String {
        let sha = sha_of(self.fresh_id());
        let commit = Commit { message: message.to_owned(), at: now, parent: None, files: BTreeMap::new() };
        self.commits.insert(sha.clone(), commit);
        sha
    }

    /// Puts a file into the commit `sha`; a commit that is not there is ignored.
    pub fn write_file(&mut self, sha: &str, path: &str, content: &str) {
        if let Some(commit) = self.commits.get_mut(sha) {
            commit.files.insert(path.to_owned(), content.to_owned());
        }
    }

    /// Opens a pull request from a new commit on a new git branch onto the tip of
    /// the default branch, and returns its number.
    pub fn open_pull_request(&mut self, author: &str, title: &str, now: Timestamp) -> u64 {
        let base_ref = self.repository.default_branch.clone();
        let base_sha = self.refs.get(&format!("heads/{base_ref}")).cloned().unwrap_or_default();
        let head_ref = format!("change-{}", self.next_number());
        let head_sha = self.commit(title, now);
        if let Some(head) = self.commits.get_mut(&head_sha) {
            head.parent = Some(base_sha.clone());
        }
        let merge_sha = self.commit(&format!("Merge {head_sha} into {base_sha}"), now);
        self.propose(author, title, [head_ref, head_sha, merge_sha], now)
    }

    fn next_number(&self) -> u64 {
        self.pull_requests.last().map_or(12, |last| last.number + 1)
    }

    /// Opens a pull request from a git branch, with its commit and the one that GitHub
    /// made of it for trying, onto the tip of the default branch; returns its number.
    pub(in crate::rehearsal) fn propose(
        &mut self,
        author: &str,
        title: &str,
        [head_ref, head_sha, merge_sha]: [String; 3],
        now: Timestamp,
    ) -> u64 {
        self.user(author);
        let number = self.next_number();
        let base_ref = self.repository.default_branch.clone();
        let base_sha = self.refs.get(&format!("heads/{base_ref}")).cloned().unwrap_or_default();
        self.refs.insert(format!("heads/{head_ref}"), head_sha.clone());
        self.refs.insert(format!("pull/{number}/head"), head_sha.clone());
        self.refs.insert(format!("pull/{number}/merge"), merge_sha.clone());
        let id = self.fresh_id();
        self.pull_requests.push(PullRequest {
            id,
            number,
            title: title.to_owned(),
            author: author.to_owned(),
            head_ref,
            head_sha,
            base_ref,
            base_sha,
            merge_sha,
            open: true,
            from_fork: false,
            labels: Vec::new(),
            association: "CONTRIBUTOR".to_owned(),
            created_at: now,
        });
        number
    }

    /// The same from a fork of the author's: what runs for it gets no secrets.
    pub fn open_fork_pull_request(&mut self, author: &str, title: &str, now: Timestamp) -> u64 {
        let number = self.open_pull_request(author, title, now);
        if let Some(pull) = self.pull_request_mut(number) {
            pull.from_fork = true;
        }
        number
    }

    /// The pull request of that number, to be changed at will.
    pub fn pull_request_mut(&mut self, number: u64) -> Option<&mut PullRequest> {
        self.pull_requests.iter_mut().find(|pull| pull.number == number)
    }

    /// The pull request of that number.
    #[must_use]
    pub fn pull_request(&self, number: u64) -> Option<&PullRequest> {
        self.pull_requests.iter().find(|pull| pull.number == number)
    }

    /// Writes a comment on a pull request and returns its number.
    pub fn comment(&mut self, number: u64, author: &str, body: &str, now: Timestamp) -> u64 {
        self.user(author);
        let id = self.fresh_id();
        let (author, body) = (author.to_owned(), body.to_owned());
        self.comments.push(Comment { id, number, body, author, created_at: now, updated_at: now });
        id
    }

    /// The commit that a SHA, the beginning of one, or a ref's name stands for.
    #[must_use]
    pub fn resolve(&self, name: &str) -> Option<String> {
        let name = name.strip_prefix("refs/").unwrap_or(name);
        let by_ref = [name.to_owned(), format!("tags/{name}"), format!("heads/{name}")]
            .iter()
            .find_map(|name| self.refs.get(name).cloned());
        by_ref.or_else(|| {
            let mut starting = self.commits.keys().filter(|sha| name.len() >= 7 && sha.starts_with(name));
            starting.next().cloned()
        })
    }

    /// Sets a commit status.
    pub fn set_status(
        &mut self,
        sha: &str,
        context: &str,
        state: &str,
        target_url: Option<&str>,
        creator: &str,
        now: Timestamp,
    ) {
        let (context, state) = (context.to_owned(), state.to_owned());
        let target_url = target_url.map(str::to_owned);
        self.add_status(sha, NewStatus { context, state, description: None, target_url }, creator, now);
    }

    /// Sets a commit status as the API does, and returns its number.
    ///
    /// # Errors
    ///
    /// As GitHub refuses.
    pub fn post_status(
        &mut self,
        sha: &str,
        status: NewStatus,
        creator: &str,
        now: Timestamp,
    ) -> Result<u64, StatusError> {
        if !["error", "failure", "pending", "success"].contains(&status.state.as_str()) {
            return Err(StatusError::State);
        }
        if status.description.as_ref().is_some_and(|text| text.chars().count() > 140) {
            return Err(StatusError::Description);
        }
        let sha = self.resolve(sha).ok_or(StatusError::NoCommit)?;
        let same =
            |known: &&CommitStatus| known.sha == sha && known.context.eq_ignore_ascii_case(&status.context);
        if self.statuses.iter().filter(same).count() >= 1000 {
            return Err(StatusError::TooMany);
        }
        Ok(self.add_status(&sha, status, creator, now))
    }

    fn add_status(&mut self, sha: &str, status: NewStatus, creator: &str, now: Timestamp) -> u64 {
        self.user(creator);
        let NewStatus { context, state, description, target_url } = status;
        let id = self.fresh_id();
        let (sha, creator) = (sha.to_owned(), creator.to_owned());
        let status =
            CommitStatus { id, sha, context, state, description, target_url, creator, created_at: now };
        self.statuses.push(status);
        id
    }

    /// The newest status of every context of a commit, oldest context first.
    #[must_use]
    pub fn latest_statuses(&self, sha: &str) -> Vec<&CommitStatus> {
        let mut latest: Vec<&CommitStatus> = Vec::new();
        for status in self.statuses.iter().filter(|status| status.sha == sha) {
            match latest.iter_mut().find(|known| known.context.eq_ignore_ascii_case(&status.context)) {
                Some(known) => *known = status,
                None => latest.push(status),
            }
        }
        latest
    }
}

/// A SHA that looks like one: forty hexadecimal digits, the same for the same number.
fn sha_of(number: u64) -> String {
    let mut state = number ^ 0x9e37_79b9_7f4a_7c15;
    let mut sha = String::with_capacity(48);
    while sha.len() < 40 {
        state ^= state >> 30;
        state = state.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        state ^= state >> 27;
        state = state.wrapping_mul(0x94d0_49bb_1331_11eb).wrapping_add(number);
        sha.push_str(&format!("{state:016x}"));
    }
    sha.truncate(40);
    sha
}
