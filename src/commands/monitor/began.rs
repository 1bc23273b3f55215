//! When the job began that this leg of a soak runs in: its limit is the job's.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::timeout;

use super::super::connect::client_of;
use super::super::{Context, Failure};
use crate::exit::Exit;
use crate::github::Repository;

/// How long GitHub may take to tell. A soak does not hang on it.
const PATIENCE: Duration = Duration::from_secs(3);

/// When the job began, and who says so.
pub(super) struct Began {
    /// The moment.
    pub(super) at: Timestamp,
    /// Who says so, in words.
    pub(super) told: String,
}

/// By the report of the deployment, else by GitHub's job list, else since this process
/// began, at `own`.
pub(super) async fn began(
    context: &Context,
    deployment: Option<&Path>,
    own: Timestamp,
) -> Result<Began, Failure> {
    if let Some(path) = deployment {
        let at = deployment_began(path)?;
        return Ok(Began { at, told: "counted from the start of the deployment".to_owned() });
    }
    if !context.runner.in_actions() {
        return Ok(Began { at: own, told: "counted from now on".to_owned() });
    }
    let asked = timeout(PATIENCE, job_began(context)).await;
    let asked = asked.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())));
    Ok(match asked {
        // A clock that is ahead of GitHub's must not make the leg longer.
        Ok(at) => Began { at: at.min(own), told: "counted from the start of this job, by GitHub".to_owned() },
        Err(why) => {
            Began { at: own, told: format!("counted from now on: when this job began is not known ({why})") }
        }
    })
}

/// When GitHub says that this job began. Its name is not known to us: GITHUB_JOB is the
/// job's key in the workflow's file, so it is found by its runner.
async fn job_began(context: &Context) -> Result<Timestamp, String> {
    let runner = &context.runner;
    let get = |name: &str| runner.get(name).ok_or_else(|| format!("{name} is not set"));
    let repository = Repository::parse(get("GITHUB_REPOSITORY")?).ok_or("GITHUB_REPOSITORY names none")?;
    let run = get("GITHUB_RUN_ID")?.parse().map_err(|_| "GITHUB_RUN_ID is no number")?;
    let attempt = get("GITHUB_RUN_ATTEMPT")?.parse().map_err(|_| "GITHUB_RUN_ATTEMPT is no number")?;
    let name = get("RUNNER_NAME")?;
    let mut client = client_of(runner, repository).map_err(|failure| failure.message)?;
    let found = client.began_on(run, attempt, name).await.map_err(|error| error.to_string())?;
    found.ok_or_else(|| "not exactly one job runs on this runner".to_owned())
}

/// When the deployment of this job began, by its `race.deploy/1`.
fn deployment_began(path: &Path) -> Result<Timestamp, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::caused(Exit::Invalid, &format!("cannot read {}", path.display()), &error)
    })?;
    let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let began = value["started_at"].as_str().and_then(|text| text.parse().ok());
    began.ok_or_else(|| {
        Failure::new(Exit::Invalid, format!("{} does not tell when the deployment began", path.display()))
            .help("--deployment wants the race.deploy/1 that `race deploy` wrote in this job")
    })
}
