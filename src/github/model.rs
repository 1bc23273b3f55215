//! What we read of GitHub's JSON: little, and leniently. Whatever may be missing,
//! null or new is an option or a text.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

pub(super) use super::pull_model::Pull;
use crate::race;
use crate::race::choose::PendingReview;
use crate::race::settle::{Mark, Posted};

/// A value that may be missing or null, as its default.
pub(super) fn lenient<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A time that may be missing, null, or in a form unknown today.
pub(super) fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.and_then(|text| text.parse().ok()))
}

/// `GET .../actions/runs/{run_id}`.
#[derive(Debug, Deserialize)]
pub(super) struct Run {
    pub(super) id: u64,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) run_attempt: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) html_url: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) event: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) head_sha: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) status: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) conclusion: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) path: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) head_branch: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) display_title: String,
    #[serde(default, deserialize_with = "time")]
    pub(super) run_started_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "time")]
    pub(super) created_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) pull_requests: Vec<PullRequestLink>,
    #[serde(default)]
    repository: Option<RepositoryLink>,
    #[serde(default)]
    head_repository: Option<RepositoryLink>,
    #[serde(default)]
    actor: Option<Account>,
}

#[derive(Debug, Deserialize)]
struct RepositoryLink {
    id: u64,
}

impl Run {
    /// Whether its head is in the repository itself, where the run tells.
    pub(super) fn is_of_here(&self) -> bool {
        let here = self.repository.as_ref().map(|repository| repository.id);
        here.is_some() && self.head_repository.as_ref().map(|head| head.id) == here
    }

    /// Why its jobs get no secrets, where the run tells.
    pub(super) fn without_secrets(&self) -> Option<race::WithoutSecrets> {
        if self.event != "pull_request" {
            return None;
        }
        let here = self.repository.as_ref().map(|repository| repository.id);
        match &self.head_repository {
            // A fork that was deleted since is null.
            head if head.as_ref().map(|head| head.id) != here && here.is_some() => {
                Some(race::WithoutSecrets::Fork)
            }
            _ if self.actor.as_ref().is_some_and(|actor| actor.login == DEPENDABOT) => {
                Some(race::WithoutSecrets::Dependabot)
            }
            _ => None,
        }
    }
}

/// The account whose pull requests GitHub treats like a fork's.
const DEPENDABOT: &str = "dependabot[bot]";

/// A pull request named in a run.
#[derive(Debug, Deserialize)]
pub(super) struct PullRequestLink {
    pub(super) number: u64,
}

/// `GET .../actions/runs`.
#[derive(Debug, Deserialize)]
pub(super) struct Runs {
    pub(super) workflow_runs: Vec<Run>,
}

/// `GET .../actions/runs/{run_id}/jobs`.
#[derive(Debug, Deserialize)]
pub(super) struct Jobs {
    pub(super) jobs: Vec<Job>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Job {
    id: u64,
    #[serde(default, deserialize_with = "lenient")]
    name: String,
    #[serde(default, deserialize_with = "lenient")]
    run_attempt: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    status: String,
    #[serde(default)]
    conclusion: Option<String>,
    #[serde(default)]
    html_url: Option<String>,
    #[serde(default, deserialize_with = "time")]
    started_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "time")]
    completed_at: Option<Timestamp>,
    #[serde(default)]
    steps: Option<Vec<Step>>,
    #[serde(default)]
    runner_id: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct Step {
    #[serde(default, deserialize_with = "lenient")]
    name: String,
    #[serde(default, deserialize_with = "lenient")]
    status: String,
    #[serde(default)]
    conclusion: Option<String>,
}

impl Job {
    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// How it ended, where it has.
    pub(super) fn into_conclusion(self) -> Option<String> {
        self.conclusion.filter(|_| self.status == "completed")
    }
}

impl From<Job> for race::Job {
    fn from(job: Job) -> Self {
        let steps = job.steps.map(|steps| {
            let ran = |step: &Step| match step.status.as_str() {
                "in_progress" => true,
                "completed" => step.conclusion.as_deref() != Some("skipped"),
                _ => false,
            };
            steps.into_iter().map(|step| race::Step { ran: ran(&step), name: step.name }).collect()
        });
        Self {
            id: job.id,
            name: job.name,
            attempt: job.run_attempt.unwrap_or(1),
            status: race::JobStatus::from(job.status.as_str()),
            conclusion: job.conclusion.as_deref().map(race::Conclusion::from),
            url: job.html_url,
            started_at: job.started_at,
            completed_at: job.completed_at,
            steps,
            has_runner: job.runner_id.is_some_and(|id| id > 0),
        }
    }
}

/// `GET .../actions/runs/{run_id}/approvals`.
#[derive(Debug, Deserialize)]
pub(super) struct Approval {
    #[serde(default, deserialize_with = "lenient")]
    environments: Vec<EnvironmentLink>,
    #[serde(default, deserialize_with = "lenient")]
    state: String,
    #[serde(default)]
    user: Option<Account>,
    #[serde(default, deserialize_with = "lenient")]
    comment: String,
}

#[derive(Debug, Deserialize)]
struct EnvironmentLink {
    #[serde(default, deserialize_with = "lenient")]
    id: u64,
    #[serde(default, deserialize_with = "lenient")]
    name: String,
}

#[derive(Debug, Deserialize)]
struct Account {
    #[serde(default, deserialize_with = "lenient")]
    login: String,
    #[serde(default, rename = "type", deserialize_with = "lenient")]
    kind: String,
}

impl From<Approval> for race::Review {
    fn from(approval: Approval) -> Self {
        Self {
            environments: approval.environments.into_iter().map(|environment| environment.name).collect(),
            state: match approval.state.as_str() {
                "approved" => race::ReviewState::Approved,
                "rejected" => race::ReviewState::Rejected,
                _ => race::ReviewState::Other,
            },
            user: approval.user.map(|user| race::User {
                // A satisfied wait timer is listed as an approval by a bot.
                kind: if user.kind == "User" && !user.login.ends_with("[bot]") {
                    race::UserKind::Person
                } else {
                    race::UserKind::Other
                },
                login: user.login,
            }),
            comment: approval.comment,
        }
    }
}

/// `GET .../actions/runs/{run_id}/pending_deployments`.
#[derive(Debug, Deserialize)]
pub(super) struct PendingDeployment {
    environment: EnvironmentLink,
    #[serde(default, deserialize_with = "lenient")]
    wait_timer: u64,
    #[serde(default, deserialize_with = "lenient")]
    reviewers: Vec<Reviewer>,
    #[serde(default, deserialize_with = "lenient")]
    current_user_can_approve: bool,
    #[serde(default, deserialize_with = "time")]
    wait_timer_started_at: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
struct Reviewer {
    #[serde(default)]
    reviewer: Option<ReviewerAccount>,
}

/// A user (with a login) or a team (with a slug).
#[derive(Debug, Deserialize)]
struct ReviewerAccount {
    #[serde(default)]
    login: Option<String>,
    #[serde(default)]
    slug: Option<String>,
}

/// Logins, and teams as `@slug`.
fn names(reviewers: Vec<Reviewer>) -> Vec<String> {
    let name = |account: ReviewerAccount| account.login.or(account.slug.map(|slug| format!("@{slug}")));
    reviewers.into_iter().filter_map(|reviewer| reviewer.reviewer).filter_map(name).collect()
}

impl From<PendingDeployment> for race::Pending {
    fn from(pending: PendingDeployment) -> Self {
        Self {
            environment: pending.environment.name,
            reviewers: names(pending.reviewers),
            wait_timer: pending.wait_timer,
        }
    }
}

impl From<PendingDeployment> for PendingReview {
    fn from(pending: PendingDeployment) -> Self {
        let timer = Duration::from_secs(pending.wait_timer.saturating_mul(60));
        let began = pending.wait_timer_started_at.filter(|_| !timer.is_zero());
        Self {
            environment: pending.environment.name,
            environment_id: pending.environment.id,
            may_review: pending.current_user_can_approve,
            reviewers: names(pending.reviewers),
            timer_ends: began.and_then(|began| began.checked_add(timer).ok()),
        }
    }
}

/// `GET .../environments/{environment_name}`.
#[derive(Debug, Deserialize)]
pub(super) struct Environment {
    #[serde(default, deserialize_with = "lenient")]
    protection_rules: Vec<ProtectionRule>,
}

#[derive(Debug, Deserialize)]
struct ProtectionRule {
    #[serde(default, rename = "type", deserialize_with = "lenient")]
    kind: String,
    #[serde(default, deserialize_with = "lenient")]
    reviewers: Vec<serde_json::Value>,
}

impl From<Environment> for race::Protection {
    fn from(environment: Environment) -> Self {
        let reviewed =
            |rule: &ProtectionRule| rule.kind == "required_reviewers" && !rule.reviewers.is_empty();
        if environment.protection_rules.iter().any(reviewed) { Self::Reviewers } else { Self::Open }
    }
}

/// `GET .../commits/{ref}/status`.
#[derive(Debug, Deserialize)]
pub(super) struct CombinedStatus {
    pub(super) sha: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) statuses: Vec<Status>,
}

/// `GET .../commits/{ref}/statuses`, and what `POST .../statuses/{sha}` answers.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) id: u64,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) target_url: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) context: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) state: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) description: String,
    #[serde(default, deserialize_with = "time")]
    pub(super) updated_at: Option<Timestamp>,
}

impl From<Status> for Posted {
    fn from(status: Status) -> Self {
        Self {
            id: status.id,
            mark: Mark::of_word(&status.state),
            description: status.description,
            target_url: status.target_url,
        }
    }
}

/// `GET .../commits/{ref}/check-runs`.
#[derive(Debug, Deserialize)]
pub(super) struct CheckRuns {
    pub(super) check_runs: Vec<CheckRun>,
}

#[derive(Debug, Deserialize)]
pub(super) struct CheckRun {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) name: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) html_url: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) status: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) conclusion: String,
    #[serde(default, deserialize_with = "time")]
    pub(super) started_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "time")]
    pub(super) completed_at: Option<Timestamp>,
}
