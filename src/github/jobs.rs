//! Single jobs: what their steps noted for people, and when the one that we are began.

use jiff::Timestamp;
use serde::Deserialize;

use super::client::{Client, read};
use super::error::ApiError;

/// What a step noted for people. Any job can note what it likes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its title.
    pub title: String,
    /// The text.
    pub message: String,
}

#[derive(Deserialize)]
struct Annotation {
    annotation_level: Option<String>,
    title: Option<String>,
    message: Option<String>,
}

#[derive(Deserialize)]
struct Jobs {
    jobs: Vec<Running>,
}

#[derive(Deserialize)]
struct Running {
    status: Option<String>,
    runner_name: Option<String>,
    started_at: Option<String>,
}

impl Client {
    /// The first hundred notices of a job, asked for once
    /// (`GET .../check-runs/{check_run_id}/annotations`; a job's number is that of its
    /// check run).
    ///
    /// # Errors
    ///
    /// When GitHub cannot be read.
    pub async fn notices_of(&mut self, job: u64) -> Result<Vec<Notice>, ApiError> {
        let path = format!("check-runs/{job}/annotations?per_page=100");
        let annotations: Vec<Annotation> = self.get(&path).await?;
        let notices = annotations.into_iter().filter(|one| one.annotation_level.as_deref() == Some("notice"));
        let text = Option::unwrap_or_default;
        Ok(notices.map(|one| Notice { title: text(one.title), message: text(one.message) }).collect())
    }

    /// When the job began that this runner has in progress, in that attempt of that run
    /// (`GET .../actions/runs/{run_id}/attempts/{n}/jobs`); none where no job, or more
    /// than one, is it.
    ///
    /// # Errors
    ///
    /// When GitHub cannot be read.
    pub async fn began_on(
        &mut self,
        run: u64,
        attempt: u32,
        runner: &str,
    ) -> Result<Option<Timestamp>, ApiError> {
        let mut path = Some(format!("actions/runs/{run}/attempts/{attempt}/jobs?per_page=100"));
        let mut ours = Vec::new();
        while let Some(page) = path {
            let answer = self.ask(&page, false).await?;
            let jobs: Jobs = read(&page, &answer.body)?;
            ours.extend(jobs.jobs.into_iter().filter(|job| {
                job.status.as_deref() == Some("in_progress") && job.runner_name.as_deref() == Some(runner)
            }));
            path = answer.next;
        }
        let [ours] = ours.as_slice() else { return Ok(None) };
        Ok(ours.started_at.as_ref().and_then(|at| at.parse().ok()))
    }
}
