//! What a change is made of: the files that differ between two commits, and what
//! GitHub knows of a pull request beside them.

use serde::{Deserialize, Deserializer};

use super::client::{Answer, Client, FIRST_PAUSE, LONGEST_PAUSE, read, segment};
use super::error::{ApiError, Retry};
use super::model;
use crate::criteria::{ChangedFile, Content, Kind};
use crate::policy::Association;

/// How many files a comparison of two commits lists at most.
pub const LISTED_BY_COMPARISON: usize = 300;
/// How many files a pull request's list has at most, and its pages of a hundred.
const LISTED_BY_PULL_REQUEST: usize = 3000;
const PAGES: usize = 31;

/// What a comparison of two commits tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// How the second relates to the first: `ahead`, `behind`, `diverged`, `identical`.
    pub relation: String,
    /// The commit that both descend from: what the change is a change of.
    pub merge_base: String,
    /// The files that differ from it, as far as they are listed.
    pub files: Vec<ListedFile>,
    /// There are no more of them.
    pub whole: bool,
}

/// A file that differs, and the blob that it is now, or was where it is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile {
    /// The file.
    pub file: ChangedFile,
    /// The blob, where GitHub tells it.
    pub blob: Option<String>,
}

/// What a pull request tells of its change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullChange {
    /// Its head now.
    pub head_sha: String,
    /// Its labels.
    pub labels: Vec<String>,
    /// What its author is to the repository, where that is a word known today.
    pub author: Option<Association>,
    /// How many files differ.
    pub files: Option<usize>,
}

#[derive(Deserialize)]
struct Compared {
    #[serde(default, deserialize_with = "lenient")]
    status: String,
    merge_base_commit: Commit,
    files: Option<Vec<Entry>>,
}

#[derive(Deserialize)]
struct Commit {
    sha: String,
}

/// `diff-entry`.
#[derive(Deserialize)]
struct Entry {
    filename: String,
    sha: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    status: String,
    #[serde(default, deserialize_with = "lenient")]
    changes: u64,
    previous_filename: Option<String>,
}

fn lenient<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl From<Entry> for ListedFile {
    fn from(entry: Entry) -> Self {
        let kind = match entry.status.as_str() {
            // What a file was copied from is as it was.
            "added" | "copied" => Kind::Added,
            "removed" => Kind::Removed,
            _ => Kind::Modified,
        };
        // Of a file that is no text GitHub counts no lines, however it differs.
        let content =
            if kind != Kind::Modified || entry.changes > 0 { Content::Differs } else { Content::Unknown };
        let previous = entry.previous_filename.filter(|_| kind == Kind::Modified);
        let file = ChangedFile { path: entry.filename, previous, kind, lines: entry.changes, content };
        Self { file, blob: entry.sha }
    }
}

impl Client {
    /// What differs between what `base` and `head` both descend from and `head`
    /// (`GET /repos/{owner}/{repo}/compare/{base}...{head}`).
    ///
    /// # Errors
    ///
    /// When GitHub cannot be read, or the commits have nothing in common.
    pub async fn compare(&mut self, base: &str, head: &str) -> Result<Comparison, ApiError> {
        // Commits come in pages, files all on the first one.
        let path = format!("compare/{}...{}?per_page=1", segment(base), segment(head));
        let compared: Compared = self.get_patiently(&path).await?;
        let listed = compared.files.is_some();
        let files: Vec<ListedFile> = compared.files.into_iter().flatten().map(ListedFile::from).collect();
        let whole = listed && files.len() < LISTED_BY_COMPARISON;
        let (relation, merge_base) = (compared.status, compared.merge_base_commit.sha);
        Ok(Comparison { relation, merge_base, files, whole })
    }

    /// The files of a pull request (`GET /repos/{owner}/{repo}/pulls/{pull_number}/files`),
    /// and whether there are no more of them.
    ///
    /// # Errors
    ///
    /// When GitHub cannot be read.
    pub async fn pull_files(&mut self, number: u64) -> Result<(Vec<ListedFile>, bool), ApiError> {
        let mut path = Some(format!("pulls/{number}/files?per_page=100"));
        let mut files = Vec::new();
        for _ in 0..PAGES {
            let Some(page) = path.take() else { break };
            let answer = self.ask_patiently(&page).await?;
            let entries: Vec<Entry> = read(&page, &answer.body)?;
            files.extend(entries.into_iter().map(ListedFile::from));
            path = answer.next;
        }
        let whole = path.is_none() && files.len() < LISTED_BY_PULL_REQUEST;
        Ok((files, whole))
    }

    /// What a pull request tells of its change
    /// (`GET /repos/{owner}/{repo}/pulls/{pull_number}`).
    ///
    /// # Errors
    ///
    /// When there is none, or GitHub cannot be read.
    pub async fn pull_change(&mut self, number: u64) -> Result<PullChange, ApiError> {
        let pull: model::Pull = self.get_patiently(&format!("pulls/{number}")).await?;
        Ok(PullChange {
            head_sha: pull.head.sha,
            labels: pull.labels.into_iter().map(|label| label.name).collect(),
            author: Association::of_github(&pull.author_association),
            files: pull.changed_files,
        })
    }

    /// The blob that a file is at a commit
    /// (`GET /repos/{owner}/{repo}/contents/{path}`); `None` where it is none.
    ///
    /// # Errors
    ///
    /// When GitHub cannot be read.
    pub async fn blob_at(&mut self, path: &str, commit: &str) -> Result<Option<String>, ApiError> {
        #[derive(Deserialize)]
        struct Found {
            sha: String,
        }
        let path: Vec<String> = path.split('/').map(segment).collect();
        let path = format!("contents/{}?ref={}", path.join("/"), segment(commit));
        match self.get_patiently::<Found>(&path).await {
            Ok(found) => Ok(Some(found.sha)),
            // A directory is a list.
            Err(ApiError::NotFound { .. } | ApiError::Malformed { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Waits before a write is looked after that got no answer.
    pub async fn pause_before_another(&self, error: &ApiError, tries: u32) {
        let wait = match error.retry() {
            Retry::After(wait) => wait.min(LONGEST_PAUSE),
            _ => FIRST_PAUSE * 2_u32.saturating_pow(tries.min(5)),
        };
        tokio::time::sleep(wait).await;
    }

    /// Asks for a page of a list, again where that may help.
    pub(super) async fn ask_patiently(&mut self, path: &str) -> Result<Answer, ApiError> {
        let mut tries = 0;
        loop {
            match self.ask(path, false).await {
                Ok(answer) => return Ok(answer),
                Err(error) => self.pause_before_retry(error, &mut tries).await?,
            }
        }
    }
}
