//! Finding things: the run behind a commit or a pull request, the state of the
//! check, a policy file at a commit. Each asks again where that may help.

use http::HeaderMap;
use http::header::{ACCEPT, HeaderValue};
use jiff::Timestamp;

use super::client::{Answer, Client, read, segment};
use super::error::{ApiError, Retry};
use super::model;
use super::pace::Toll;
use crate::race::carry::Candidate;
use crate::race::dispatched::Origin;
use crate::race::settle::{AttemptId, Posted};

/// The media type of a file as it is.
const RAW: HeaderValue = HeaderValue::from_static("application/vnd.github.raw+json");
/// A pull request, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequest {
    /// Its number.
    pub number: u64,
    /// Its head.
    pub head_sha: String,
    /// The commit it is to be merged into.
    pub base_sha: String,
    /// It is open: neither merged nor closed.
    pub open: bool,
    /// The git branch of its head.
    pub head_ref: String,
    /// When it was opened.
    pub opened_at: Option<Timestamp>,
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Its newest attempt.
    pub attempt: Option<u64>,
    /// That attempt is completed.
    pub completed: bool,
}

impl Progress {
    /// Whether this attempt of the run goes on no more.
    #[must_use]
    pub fn has_ended(self, attempt: Option<u64>) -> bool {
        self.completed || self.attempt > attempt && attempt.is_some()
    }
}

/// A check run or commit status on a commit.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Check {
    /// `check-run` or `status`.
    pub kind: &'static str,
    /// Its name, or context.
    pub name: String,
    /// Its conclusion or, while it has none, its status.
    pub state: String,
    /// A status's description.
    pub description: String,
    /// Where its details are.
    pub url: String,
    /// When it was last changed, as far as GitHub tells.
    pub at: Option<Timestamp>,
}

/// The newest status of a name, as one look found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewestStatus {
    /// The status.
    pub status: Option<Posted>,
    /// What reading it told of the rate limit.
    pub toll: Toll,
}

impl Client {
    /// A pull request (`GET /repos/{owner}/{repo}/pulls/{pull_number}`).
    ///
    /// # Errors
    ///
    /// When there is none, or GitHub cannot be read.
    pub async fn pull_request(&mut self, number: u64) -> Result<PullRequest, ApiError> {
        let pull: model::Pull = self.get_patiently(&format!("pulls/{number}")).await?;
        Ok(PullRequest {
            number: pull.number,
            head_sha: pull.head.sha,
            base_sha: pull.base.sha,
            open: pull.state == "open",
            head_ref: pull.head.r#ref,
            opened_at: pull.created_at,
        })
    }

    /// The commit that a ref or an abbreviated SHA stands for
    /// (`GET /repos/{owner}/{repo}/commits/{ref}/status`).
    ///
    /// # Errors
    ///
    /// When there is none, or GitHub cannot be read.
    pub async fn commit_of(&mut self, reference: &str) -> Result<String, ApiError> {
        let path = format!("commits/{}/status", segment(reference));
        Ok(self.get_patiently::<model::CombinedStatus>(&path).await?.sha)
    }

    /// How far a run has come (`GET /repos/{owner}/{repo}/actions/runs/{run_id}`).
    ///
    /// # Errors
    ///
    /// When there is none, or GitHub cannot be read.
    pub async fn progress_of(&mut self, run_id: u64) -> Result<Progress, ApiError> {
        let run: model::Run = self.get_patiently(&format!("actions/runs/{run_id}")).await?;
        Ok(Progress { attempt: run.run_attempt, completed: run.status == "completed" })
    }

    /// The newest runs whose head is `head_sha`, newest first
    /// (`GET /repos/{owner}/{repo}/actions/runs`).
    ///
    /// # Errors
    ///
    /// When GitHub cannot be read.
    pub async fn runs_of(&mut self, head_sha: &str) -> Result<Vec<u64>, ApiError> {
        let path = format!("actions/runs?head_sha={}&per_page=30", segment(head_sha));
        let mut runs = self.get_patiently::<model::Runs>(&path).await?.workflow_runs;
        runs.sort_by_key(|run| std::cmp::Reverse((run.created_at, run.id)));
        Ok(runs.into_iter().map(|run| run.id).collect())
    }

    /// The newest runs that pull requests from a git branch started
    /// (`GET /repos/{owner}/{repo}/actions/runs`): a hundred at most.
    ///
    /// # Errors
    ///
    /// When GitHub cannot be read.
    pub async fn runs_on(&mut self, head_ref: &str) -> Result<Vec<Candidate>, ApiError> {
        let path = format!("actions/runs?branch={}&event=pull_request&per_page=100", segment(head_ref));
        let runs = self.get_patiently::<model::Runs>(&path).await?.workflow_runs;
        let candidate = |run: model::Run| Candidate {
            is_of_here: run.is_of_here(),
            run: AttemptId { run: run.id, attempt: run.run_attempt.unwrap_or(1) },
            url: run.html_url,
            event: run.event,
            workflow: run.path,
            head_ref: run.head_branch,
            head_sha: run.head_sha,
            pull_requests: run.pull_requests.into_iter().map(|pull| pull.number).collect(),
            created_at: run.created_at,
        };
        Ok(runs.into_iter().map(candidate).collect())
    }

    /// The names of a run's jobs (`GET .../actions/runs/{run_id}/jobs`).
    ///
    /// # Errors
    ///
    /// When GitHub cannot be read.
    pub async fn job_names(&mut self, run_id: u64) -> Result<Vec<String>, ApiError> {
        let path = format!("actions/runs/{run_id}/jobs?filter=latest&per_page=100");
        let jobs = self.get_patiently::<model::Jobs>(&path).await?.jobs;
        Ok(jobs.into_iter().map(|job| crate::race::Job::from(job).name).collect())
    }

    /// The check runs and statuses called `name` on a commit, newest first, asked for
    /// once and conditionally
    /// (`GET .../commits/{ref}/check-runs`, `GET .../commits/{ref}/status`).
    ///
    /// # Errors
    ///
    /// When GitHub cannot be read.
    pub async fn checks(&mut self, head_sha: &str, name: &str) -> Result<Vec<Check>, ApiError> {
        let sha = segment(head_sha);
        let path =
            format!("commits/{sha}/check-runs?check_name={}&filter=latest&per_page=100", segment(name));
        let runs: model::CheckRuns = read(&path, &self.ask(&path, true).await?.body)?;
        let path = format!("commits/{sha}/status?per_page=100");
        let statuses: model::CombinedStatus = read(&path, &self.ask(&path, true).await?.body)?;
        let runs = runs.check_runs;
        let runs = runs.into_iter().map(|run| Check {
            kind: "check-run",
            state: if run.conclusion.is_empty() { run.status } else { run.conclusion },
            description: String::new(),
            url: run.html_url,
            at: run.completed_at.or(run.started_at),
            name: run.name,
        });
        let statuses = statuses.statuses.into_iter().map(|status| Check {
            kind: "status",
            state: status.state,
            description: status.description,
            url: status.target_url,
            at: status.updated_at,
            name: status.context,
        });
        // GitHub compares contexts without regard to case.
        let mut checks: Vec<Check> =
            runs.chain(statuses).filter(|check| check.name.eq_ignore_ascii_case(name)).collect();
        checks.sort_by_key(|check| std::cmp::Reverse(check.at));
        Ok(checks)
    }

    /// The newest status called `name` on a commit, asked for once and conditionally
    /// (`GET .../commits/{ref}/status`).
    ///
    /// # Errors
    ///
    /// When GitHub cannot be read.
    pub async fn newest_status(&mut self, sha: &str, name: &str) -> Result<NewestStatus, ApiError> {
        let mut path = Some(format!("commits/{}/status?per_page=100", segment(sha)));
        let mut toll = Toll::Free;
        let mut newest: Option<model::Status> = None;
        while let Some(page) = path {
            let answer = self.ask(&page, true).await?;
            toll = match answer {
                Answer { unchanged: true, .. } => toll,
                Answer { repeated: true, .. } if toll != Toll::Due => Toll::Wasted,
                _ => Toll::Due,
            };
            let statuses: model::CombinedStatus = read(&page, &answer.body)?;
            // GitHub compares contexts without regard to case, and numbers as it goes.
            let ours =
                statuses.statuses.into_iter().filter(|status| status.context.eq_ignore_ascii_case(name));
            newest = newest.into_iter().chain(ours).max_by_key(|status| status.id);
            path = answer.next;
        }
        Ok(NewestStatus { status: newest.map(Posted::from), toll })
    }

    /// Where an attempt of a run comes from (`GET .../actions/runs/{run_id}/attempts/{n}`);
    /// `None` where there is none.
    ///
    /// # Errors
    ///
    /// When GitHub cannot be read.
    pub async fn origin_of(&mut self, attempt: AttemptId) -> Result<Option<Origin>, ApiError> {
        let AttemptId { run, attempt } = attempt;
        match self.get::<model::Run>(&format!("actions/runs/{run}/attempts/{attempt}")).await {
            Ok(run) => Ok(Some(Origin {
                event: run.event,
                workflow: run.path,
                started_on: run.head_branch,
                started_at: run.head_sha,
                title: run.display_title,
            })),
            Err(ApiError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads a file of the repository at a commit
    /// (`GET /repos/{owner}/{repo}/contents/{path}`), as text.
    async fn get_file(&mut self, path: &str) -> Result<String, ApiError> {
        let headers = HeaderMap::from_iter([(ACCEPT, RAW)]);
        let answer = self.send(path, headers).await?;
        String::from_utf8(answer.body.into())
            .map_err(|error| ApiError::Malformed { path: path.to_owned(), message: error.to_string() })
    }

    /// A file at a commit (`GET /repos/{owner}/{repo}/contents/{path}`), `None` where
    /// the commit has none.
    ///
    /// # Errors
    ///
    /// When GitHub cannot be read.
    pub async fn file_at(&mut self, path: &str, commit: &str) -> Result<Option<String>, ApiError> {
        let path: Vec<String> = path.split('/').map(segment).collect();
        let path = format!("contents/{}?ref={}", path.join("/"), segment(commit));
        let mut tries = 0;
        loop {
            match self.get_file(&path).await {
                Ok(text) => return Ok(Some(text)),
                Err(ApiError::NotFound { .. }) => return Ok(None),
                Err(error) => self.pause_before_retry(error, &mut tries).await?,
            }
        }
    }
}

impl ApiError {
    /// Whether the same request may bring more later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        self.retry() != Retry::Never
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_has_ended_when_its_run_has_or_a_newer_one_began() {
        let progress = |attempt, completed| Progress { attempt: Some(attempt), completed };
        for (found, attempt, ended) in [
            (progress(1, true), Some(1), true),
            (progress(1, false), Some(1), false),
            (progress(2, false), Some(1), true),
            (progress(2, false), None, false),
            (Progress { attempt: None, completed: false }, Some(1), false),
        ] {
            assert_eq!(found.has_ended(attempt), ended, "{found:?} {attempt:?}");
        }
    }
}
