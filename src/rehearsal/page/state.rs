//! Where a job or a run stands, as the page words and colours it.

use super::html::{Html, html};
use crate::rehearsal::world::{Conclusion, Job, Run, Status, Step, World};

/// Where a job or a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Waiting,
    Queued,
    Running,
    Succeeded,
    Rejected,
    Failed,
    Cancelled,
    Skipped,
}

impl State {
    /// Of a job. What was rejected has failed without a step.
    pub(super) fn of_job(job: &Job) -> Self {
        match Self::of(&job.status, job.conclusion.as_ref()) {
            Self::Failed if job.steps.is_empty() => Self::Rejected,
            state => state,
        }
    }

    /// Of the newest attempt of a run.
    pub(super) fn of_run(world: &World, run: &Run) -> Self {
        let (status, conclusion) = world.run_state(run, run.attempt);
        Self::of(&status, conclusion.as_ref())
    }

    fn of(status: &Status, conclusion: Option<&Conclusion>) -> Self {
        match (status, conclusion) {
            (Status::Waiting | Status::Pending, _) => Self::Waiting,
            (Status::Queued, _) => Self::Queued,
            (Status::Completed, Some(Conclusion::Success)) => Self::Succeeded,
            (Status::Completed, Some(Conclusion::Cancelled)) => Self::Cancelled,
            (Status::Completed, Some(Conclusion::Skipped | Conclusion::Neutral)) => Self::Skipped,
            (Status::Completed, Some(_)) => Self::Failed,
            _ => Self::Running,
        }
    }

    /// The word for people; in small letters also the class for the style.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Waiting => "Waiting",
            Self::Queued => "Queued",
            Self::Running => "In progress",
            Self::Succeeded => "Success",
            Self::Rejected => "Rejected",
            Self::Failed => "Failure",
            Self::Cancelled => "Cancelled",
            Self::Skipped => "Skipped",
        }
    }

    /// The class for the style.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Rejected | Self::Failed => "failed",
            Self::Cancelled | Self::Skipped => "cancelled",
        }
    }

    /// The round sign before a name. The word beside it says the same.
    pub(super) fn icon(self, page: &mut Html) {
        html!(page, "<svg class=\"icon " (self.class()) "\" viewBox=\"0 0 16 16\" aria-hidden=\"true\">");
        page.markup(match self {
            Self::Waiting => {
                "<circle class=\"ring\" cx=\"8\" cy=\"8\" r=\"6.5\"/><path d=\"M8 4.5V8l2.5 1.5\"/>"
            }
            Self::Queued => "<circle class=\"ring\" cx=\"8\" cy=\"8\" r=\"6.5\"/>",
            Self::Running => {
                "<circle class=\"track\" cx=\"8\" cy=\"8\" r=\"6.5\"/>\
                 <path class=\"turning\" d=\"M8 1.5A6.5 6.5 0 0 1 14.5 8\"/>"
            }
            Self::Succeeded => {
                "<circle class=\"disc\" cx=\"8\" cy=\"8\" r=\"7.5\"/><path d=\"M4.8 8.2l2.2 2.3 4.2-4.8\"/>"
            }
            Self::Rejected | Self::Failed => {
                "<circle class=\"disc\" cx=\"8\" cy=\"8\" r=\"7.5\"/><path d=\"M5.5 5.5l5 5m0-5l-5 5\"/>"
            }
            Self::Cancelled | Self::Skipped => {
                "<circle class=\"disc\" cx=\"8\" cy=\"8\" r=\"7.5\"/><path d=\"M4.8 11.2l6.4-6.4\"/>"
            }
        });
        page.markup("</svg>");
    }
}

/// The step that a job is in, or the one that it failed in.
pub(super) fn step_of(job: &Job) -> Option<&str> {
    let telling =
        |step: &&Step| step.status == Status::InProgress || step.conclusion == Some(Conclusion::Failure);
    job.steps.iter().find(telling).map(|step| step.name.as_str())
}
