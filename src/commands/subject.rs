//! How a run is named: by its number or URL, a commit, a ref, or a pull request.

use crate::exit::Exit;
use crate::github::{Client, Repository, is_sha};
use crate::policy::Policy;
use crate::race::stands_for;

use super::connect::{client, client_of, commit_in_checkout, failed};
use super::{Context, Failure};

/// How many of a commit's runs are looked into for the one that races.
const RUNS: usize = 10;

/// What names a run.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Run { repository: Option<Repository>, id: u64, attempt: Option<u64> },
    PullRequest(u64),
    Commit(String),
    Reference(String),
}

impl Subject {
    /// What the arguments name: `--pr`, else the subject, else this run in Actions,
    /// else the checkout's HEAD.
    pub(super) fn read(text: Option<&str>, pr: Option<u64>, context: &Context) -> Result<Self, Failure> {
        if let Some(number) = pr {
            return Ok(Self::PullRequest(number));
        }
        let own_run = context.runner.get("GITHUB_RUN_ID").filter(|_| context.runner.in_actions());
        match (text, own_run) {
            (Some(text), _) | (None, Some(text)) => Self::parse(text),
            (None, None) => Ok(Self::Reference("HEAD".to_owned())),
        }
    }

    /// A client for the repository that the subject or the flag names.
    pub(super) async fn client(&self, context: &Context, flag: Option<&str>) -> Result<Client, Failure> {
        match self {
            Self::Run { repository: Some(repository), .. } => client_of(&context.runner, repository.clone()),
            _ => client(context, flag).await,
        }
    }

    fn parse(text: &str) -> Result<Self, Failure> {
        if text.starts_with("https://") || text.starts_with("http://") {
            return Self::of_url(text).ok_or_else(|| {
                Failure::new(Exit::Invalid, format!("`{text}` is no URL of a run or a pull request"))
                    .help("copy it from the run's page: https://github.com/OWNER/NAME/actions/runs/ID")
            });
        }
        // A SHA may be all digits, a run's number is never that long.
        if is_sha(text) {
            return Ok(Self::Commit(text.to_owned()));
        }
        if let Ok(id) = text.parse() {
            return Ok(Self::Run { repository: None, id, attempt: None });
        }
        Ok(Self::Reference(text.to_owned()))
    }

    /// `https://host/OWNER/NAME/actions/runs/ID[/attempts/N][/...]`.
    fn of_url(url: &str) -> Option<Self> {
        let url = url::Url::parse(url).ok()?;
        let segments: Vec<&str> = url.path_segments()?.collect();
        let [owner, name, "actions", "runs", id, rest @ ..] = segments.as_slice() else { return None };
        let attempt = match rest {
            ["attempts", attempt, ..] => Some(attempt.parse().ok()?),
            _ => None,
        };
        let repository = Repository::parse(&format!("{owner}/{name}"))?;
        Some(Self::Run { repository: Some(repository), id: id.parse().ok()?, attempt })
    }

    /// The run, and its attempt where one was named.
    pub(super) async fn find(
        self,
        client: &mut Client,
        policy: &Policy,
    ) -> Result<(u64, Option<u64>), Failure> {
        let head_sha = match self {
            Self::Run { id, attempt, .. } => return Ok((id, attempt)),
            Self::PullRequest(number) => {
                client.pull_request(number).await.map_err(|error| failed(&error))?.head_sha
            }
            Self::Commit(sha) => sha,
            Self::Reference(reference) => match commit_in_checkout(&reference).await {
                Some(sha) => sha,
                None => client.commit_of(&reference).await.map_err(|error| failed(&error))?,
            },
        };
        let runs = client.runs_of(&head_sha).await.map_err(|error| failed(&error))?;
        for id in runs.into_iter().take(RUNS) {
            let names = client.job_names(id).await.map_err(|error| failed(&error))?;
            let races = |name: &String| policy.branches.iter().any(|branch| stands_for(&branch.gate, name));
            if names.iter().any(races) {
                return Ok((id, None));
            }
        }
        let short = crate::race::short_sha(&head_sha);
        Err(Failure::new(Exit::NotFound, format!("no run of commit {short} has a branch of the race")).help(
            "name the run itself, by its number or URL; the newest ten runs of the commit were looked at",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_told_by_its_form() {
        let sha = "0123456789012345678901234567890123456789";
        let run = |repository: Option<&str>, id, attempt| Subject::Run {
            repository: repository.and_then(Repository::parse),
            id,
            attempt,
        };
        for (text, expected) in [
            ("7", run(None, 7, None)),
            (sha, Subject::Commit(sha.to_owned())),
            ("main", Subject::Reference("main".to_owned())),
            ("https://github.com/o/r/actions/runs/7", run(Some("o/r"), 7, None)),
            ("https://ghe.example/o/r/actions/runs/7/attempts/2", run(Some("o/r"), 7, Some(2))),
            ("https://github.com/o/r/actions/runs/7/job/9", run(Some("o/r"), 7, None)),
        ] {
            assert_eq!(Subject::parse(text).unwrap(), expected, "{text}");
        }
        assert_eq!(Subject::parse("https://github.com/o/r/issues/7").unwrap_err().exit, Exit::Invalid);
    }
}
