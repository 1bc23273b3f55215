//! The few things that are written: commit statuses, and reviews of environments.
//! And what is read around each write, because no write is repeated blindly.

use serde::Serialize;

use super::client::{Client, read, segment};
use super::error::ApiError;
use super::model;
use crate::race::choose::PendingReview;
use crate::race::settle::Posted;

/// Pages of statuses that are read: GitHub keeps a thousand of one name.
const PAGES: usize = 20;

/// A commit status to be set.
#[derive(Clone, Debug, Serialize)]
pub struct NewStatus<'a> {
    /// Its name.
    pub context: &'a str,
    /// `pending`, `success`, `failure` or `error`.
    pub state: &'a str,
    /// A line for people, of 140 characters at most.
    pub description: &'a str,
    /// Where its details are.
    pub target_url: &'a str,
}

/// A reviewer's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// The jobs may go on.
    Approved,
    /// The jobs fail.
    Rejected,
}

#[derive(Serialize)]
struct Review<'a> {
    environment_ids: &'a [u64],
    state: Decision,
    comment: &'a str,
}

impl Client {
    /// Every status called `context` that was ever set on a commit, newest first
    /// (`GET /repos/{owner}/{repo}/commits/{ref}/statuses`).
    ///
    /// # Errors
    ///
    /// When GitHub cannot be read.
    pub async fn statuses(&mut self, sha: &str, context: &str) -> Result<Vec<Posted>, ApiError> {
        let mut path = Some(format!("commits/{}/statuses?per_page=100", segment(sha)));
        let mut posted = Vec::new();
        for _ in 0..PAGES {
            let Some(page) = path else { break };
            let answer = self.ask(&page, false).await?;
            let statuses: Vec<model::Status> = read(&page, &answer.body)?;
            // GitHub compares contexts without regard to case.
            let ours = statuses.into_iter().filter(|status| status.context.eq_ignore_ascii_case(context));
            posted.extend(ours.map(Posted::from));
            path = answer.next;
        }
        Ok(posted)
    }

    /// Sets a commit status, once (`POST /repos/{owner}/{repo}/statuses/{sha}`).
    ///
    /// # Errors
    ///
    /// When GitHub refuses, or its answer does not come: then it may be set.
    pub async fn set_status(&mut self, sha: &str, status: &NewStatus<'_>) -> Result<Posted, ApiError> {
        let path = format!("statuses/{}", segment(sha));
        self.post::<model::Status>(&path, "statuses: write", Some(status)).await.map(Posted::from)
    }

    /// The environments of a run that wait for a review
    /// (`GET .../actions/runs/{run_id}/pending_deployments`).
    ///
    /// # Errors
    ///
    /// When GitHub cannot be read.
    pub async fn pending_reviews(&mut self, run_id: u64) -> Result<Vec<PendingReview>, ApiError> {
        let path = format!("actions/runs/{run_id}/pending_deployments");
        let pending: Vec<model::PendingDeployment> = self.get_patiently(&path).await?;
        Ok(pending.into_iter().map(PendingReview::from).collect())
    }

    /// Approves or rejects environments of a run, once
    /// (`POST .../actions/runs/{run_id}/pending_deployments`).
    ///
    /// # Errors
    ///
    /// When GitHub refuses, or its answer does not come: then it may be done.
    pub async fn review(
        &mut self,
        run_id: u64,
        environment_ids: &[u64],
        state: Decision,
        comment: &str,
    ) -> Result<(), ApiError> {
        let path = format!("actions/runs/{run_id}/pending_deployments");
        let review = Review { environment_ids, state, comment };
        let _: serde::de::IgnoredAny = self.post(&path, "deployments: write", Some(&review)).await?;
        Ok(())
    }

    /// Asks GitHub to cancel a run (`POST .../actions/runs/{run_id}/cancel`). One that
    /// has ended, or is being cancelled (409), needs none.
    ///
    /// # Errors
    ///
    /// When GitHub refuses, or its answer does not come: then it may be done.
    pub async fn cancel(&mut self, run_id: u64) -> Result<(), ApiError> {
        let path = format!("actions/runs/{run_id}/cancel");
        match self.post::<serde::de::IgnoredAny>(&path, "actions: write", None::<&()>).await {
            Ok(_) | Err(ApiError::Status { status: 409, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
