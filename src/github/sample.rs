//! Samples of soaks: artifacts of the whole repository by name with the runs that kept
//! them, and the runs whose soak may go on.

use std::io::Write;

use jiff::Timestamp;
use serde::Deserialize;

use super::artifact::{Artifact, List, Listed};
use super::client::{Client, read, segment};
use super::error::ApiError;
use super::model;
use crate::race::dispatched::{DISPATCH, subject_of};
use crate::race::sampled::Maker;

/// Pages of a hundred that are read of a list.
const PAGES: usize = 10;

/// The largest archive of a checkpoint.
const LARGEST: u64 = 64 << 20;

/// The repository that everything is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// GitHub's number for it.
    pub id: u64,
    /// Its default git branch.
    pub default_branch: String,
}

/// An artifact, and what the list tells of the run that kept it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The artifact.
    pub artifact: Artifact,
    /// GitHub has thrown its archive away.
    pub expired: bool,
    /// The run that kept it.
    pub run: u64,
    /// The repository that the run is of.
    pub repository: u64,
    /// The one that the run's commit is of.
    pub head_repository: u64,
    /// The git branch, or tag, of that commit.
    pub head_branch: String,
}

/// A run of the gate's workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateRun {
    /// Its number.
    pub id: u64,
    /// Its newest attempt.
    pub attempt: u64,
    /// Its page.
    pub url: String,
    /// The commit that it is about.
    pub head_sha: String,
    /// The pull request, where that is known.
    pub pull_request: Option<u64>,
    /// It was cancelled.
    pub cancelled: bool,
    /// Its approved jobs get secrets: it is neither of a fork, nor dispatched elsewhere
    /// than on the default branch.
    pub may_deploy: bool,
}

#[derive(Deserialize)]
struct Repository {
    id: u64,
    #[serde(default)]
    default_branch: Option<String>,
}

#[derive(Deserialize)]
struct Compared {
    status: String,
}

impl Client {
    /// The repository's number and default git branch (`GET /repos/{owner}/{repo}`).
    ///
    /// # Errors
    ///
    /// When GitHub cannot be read.
    pub async fn home(&mut self) -> Result<Home, ApiError> {
        let path = format!("repos/{}", self.repository());
        let found: Repository = self.get_beside(&path).await?;
        Ok(Home { id: found.id, default_branch: found.default_branch.unwrap_or_default() })
    }

    /// The artifacts of that name, the newest first, asked for once and conditionally
    /// (`GET .../actions/artifacts`). Of very many only the thousand that GitHub lists
    /// first.
    ///
    /// # Errors
    ///
    /// When GitHub cannot be read.
    pub async fn artifacts_named(&mut self, name: &str) -> Result<Vec<Kept>, ApiError> {
        let mut path = Some(format!("actions/artifacts?name={}&per_page=100", segment(name)));
        let mut found = Vec::new();
        for _ in 0..PAGES {
            let Some(page) = path else { break };
            let answer = self.ask(&page, true).await?;
            let list: List = read(&page, &answer.body)?;
            path = answer.next;
            found.extend(list.artifacts.into_iter().filter(|one| one.name == name).filter_map(kept));
        }
        found.sort_by_key(|kept| std::cmp::Reverse(kept.artifact.id));
        Ok(found)
    }

    /// The run that kept an artifact (`GET .../actions/runs/{run_id}`), asked for once.
    ///
    /// # Errors
    ///
    /// When there is none, or GitHub cannot be read.
    pub async fn maker(&mut self, run: u64) -> Result<Maker, ApiError> {
        let run: model::Run = self.get(&format!("actions/runs/{run}")).await?;
        Ok(Maker {
            is_from_here: run.is_of_here(),
            event: run.event,
            workflow: run.path,
            started_on: run.head_branch,
            head_sha: run.head_sha,
        })
    }

    /// Whether a commit is part of a git branch
    /// (`GET .../commits/heads/{branch}`, then `GET .../compare/{sha}...{commit}`), each
    /// asked for once. A tag of the same name is never meant.
    ///
    /// # Errors
    ///
    /// When GitHub cannot be read.
    pub async fn is_part_of(&mut self, branch: &str, commit: &str) -> Result<bool, ApiError> {
        #[derive(Deserialize)]
        struct Commit {
            sha: String,
        }
        let names: Vec<String> = branch.split('/').map(segment).collect();
        let tip = match self.get::<Commit>(&format!("commits/heads/{}", names.join("/"))).await {
            Ok(tip) => tip.sha,
            Err(ApiError::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(error),
        };
        let path = format!("compare/{}...{}?per_page=1", segment(&tip), segment(commit));
        match self.get::<Compared>(&path).await {
            Ok(compared) => Ok(["identical", "behind"].contains(&compared.status.as_str())),
            Err(ApiError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether a commit is the head of an open pull request
    /// (`GET .../commits/{commit_sha}/pulls`), asked for once.
    ///
    /// # Errors
    ///
    /// When GitHub cannot be read.
    pub async fn is_wanted(&mut self, sha: &str) -> Result<bool, ApiError> {
        let path = format!("commits/{}/pulls?per_page=100", segment(sha));
        let pulls: Vec<model::Pull> = self.get(&path).await?;
        Ok(pulls.iter().any(|pull| pull.state == "open" && pull.head.sha == sha))
    }

    /// The archive of an artifact, held to its digest where GitHub tells one.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is too large, or is not what GitHub says.
    pub async fn archive(&mut self, artifact: &Artifact) -> Result<Vec<u8>, ApiError> {
        let mut archive = Archive::default();
        let digest = format!("sha256:{}", self.download(artifact, LARGEST, &mut archive).await?);
        if artifact.digest.as_ref().is_some_and(|told| *told != digest) {
            let path = format!("actions/artifacts/{}/zip", artifact.id);
            return Err(ApiError::Malformed { path, message: format!("it has the digest {digest}") });
        }
        Ok(archive.0)
    }

    /// The runs of a workflow's file since then, the newest first
    /// (`GET .../actions/workflows/{workflow_id}/runs`).
    ///
    /// # Errors
    ///
    /// When GitHub cannot be read.
    pub async fn runs_since(
        &mut self,
        file: &str,
        since: Timestamp,
        home: &Home,
    ) -> Result<Vec<GateRun>, ApiError> {
        let day = since.strftime("%Y-%m-%d").to_string();
        let created = segment(&format!(">={day}"));
        let mut path =
            Some(format!("actions/workflows/{}/runs?created={created}&per_page=100", segment(file)));
        let mut found = Vec::new();
        for _ in 0..PAGES {
            let Some(page) = path else { break };
            let answer = self.ask(&page, false).await?;
            let list: model::Runs = read(&page, &answer.body)?;
            path = answer.next;
            found.extend(list.workflow_runs.into_iter().map(|run| gate_run(run, home)));
        }
        found.sort_by_key(|run| std::cmp::Reverse(run.id));
        Ok(found)
    }
}

/// An archive in memory.
#[derive(Default)]
struct Archive(Vec<u8>);

impl Write for Archive {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// An artifact that no run is named for was kept by nobody that could be believed.
fn kept(found: Listed) -> Option<Kept> {
    let run = found.workflow_run?;
    let digest = Some(found.digest).filter(|digest| !digest.is_empty());
    Some(Kept {
        artifact: Artifact { id: found.id, name: found.name, digest },
        expired: found.expired,
        run: run.id?,
        repository: run.repository_id?,
        head_repository: run.head_repository_id?,
        head_branch: run.head_branch?,
    })
}

fn gate_run(run: model::Run, home: &Home) -> GateRun {
    let dispatched = (run.event == DISPATCH).then(|| subject_of(&run.display_title)).flatten();
    let may_deploy = match run.event.as_str() {
        "pull_request" => run.without_secrets().is_none() && run.is_of_here(),
        DISPATCH => dispatched.is_some() && run.head_branch == home.default_branch,
        _ => false,
    };
    let (about, sha) = dispatched.unzip();
    GateRun {
        id: run.id,
        attempt: run.run_attempt.unwrap_or(1),
        url: run.html_url,
        head_sha: sha.unwrap_or(run.head_sha),
        pull_request: about.or_else(|| run.pull_requests.first().map(|pull| pull.number)),
        cancelled: run.conclusion == "cancelled",
        may_deploy,
    }
}
