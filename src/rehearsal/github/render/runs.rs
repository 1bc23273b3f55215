//! Runs, jobs and their check runs.

use serde_json::{Value, json};

use super::{Render, time};
use crate::rehearsal::world::{Annotation, Conclusion, Job, ReviewState, Run, Step};

/// The workflow that every run is of.
const WORKFLOW_ID: u64 = 161_335;
/// Its file's name, by which GitHub finds it as well.
const WORKFLOW_FILE: &str = "testnet-deployer.yml";

/// What GitHub notes on a job that a protection rule failed.
const REJECTION: &str = "The deployment was rejected or didn't satisfy other protection rules.";

impl Render<'_> {
    /// `workflow-run`, as one attempt of it shows.
    pub(in super::super) fn run(&self, run: &Run, attempt: u32) -> Value {
        let id = run.id;
        let (status, conclusion) = self.world.run_state(run, attempt);
        let api = self.api_url(&format!("/actions/runs/{id}"));
        let commit = self.world.commits.get(&run.head_sha);
        let title = run.pull_request.and_then(|number| self.world.pull_request(number));
        let title = title.map_or(run.workflow.as_str(), |pull| &pull.title);
        let title = run.title.as_deref().unwrap_or(title);
        let fork =
            run.pull_request.filter(|_| run.from_fork).and_then(|number| self.world.pull_request(number));
        let author = json!({"name": run.actor, "email": format!("{}@example.com", run.actor.replace(['[', ']'], "-"))});
        json!({
            "id": id,
            "name": run.workflow,
            "node_id": format!("WFR_{id}"),
            "check_suite_id": suite(run.id),
            "check_suite_node_id": format!("CS_{}", suite(run.id)),
            "head_branch": run.head_ref,
            "head_sha": run.head_sha,
            "path": run.workflow_path,
            "display_title": title,
            "run_number": run.number,
            "run_attempt": attempt,
            "event": run.event,
            "status": status.as_str(),
            "conclusion": conclusion.as_ref().map(Conclusion::as_str),
            "workflow_id": WORKFLOW_ID,
            "url": api,
            "html_url": self.web_url(&format!("/actions/runs/{id}")),
            "pull_requests": self.minimal_pull_requests(run),
            "created_at": time(run.created_at),
            "updated_at": time(run.updated_at),
            "run_started_at": time(run.started_at),
            "actor": self.user(&run.actor),
            "triggering_actor": self.user(&run.actor),
            "referenced_workflows": [],
            "jobs_url": format!("{api}/jobs"),
            "logs_url": format!("{api}/logs"),
            "check_suite_url": self.api_url(&format!("/check-suites/{}", suite(run.id))),
            "artifacts_url": format!("{api}/artifacts"),
            "cancel_url": format!("{api}/cancel"),
            "rerun_url": format!("{api}/rerun"),
            "previous_attempt_url": (attempt > 1).then(|| format!("{api}/attempts/{}", attempt - 1)),
            "workflow_url": self.api_url(&format!("/actions/workflows/{WORKFLOW_ID}")),
            "head_commit": {
                "id": run.head_sha,
                "tree_id": run.head_sha,
                "message": commit.map_or("", |commit| &commit.message),
                "timestamp": time(commit.map_or(run.created_at, |commit| commit.at)),
                "author": author,
                "committer": author,
            },
            "repository": self.minimal_repository(),
            "head_repository": fork.map_or_else(|| self.minimal_repository(), |pull| self.fork_of(&pull.author, false)),
        })
    }

    /// `workflow`, by its number or its file's name.
    pub(in super::super) fn workflow(&self, asked: &str) -> Option<Value> {
        if asked != WORKFLOW_FILE && asked != WORKFLOW_ID.to_string() {
            return None;
        }
        let path = format!(".github/workflows/{WORKFLOW_FILE}");
        let at = time(self.world.repository.created_at);
        Some(json!({
            "id": WORKFLOW_ID,
            "node_id": format!("W_{WORKFLOW_ID}"),
            "name": self.world.runs.first().map_or("", |run| &run.workflow),
            "path": path,
            "state": "active",
            "created_at": at,
            "updated_at": at,
            "url": self.api_url(&format!("/actions/workflows/{WORKFLOW_ID}")),
            "html_url": self.web_url(&format!("/blob/main/{path}")),
            "badge_url": self.web_url(&format!("/actions/workflows/{WORKFLOW_FILE}/badge.svg")),
        }))
    }

    /// `job`.
    pub(in super::super) fn job(&self, job: &Job) -> Value {
        let id = job.id;
        let run = self.world.run(job.run);
        json!({
            "id": id,
            "run_id": job.run,
            "workflow_name": run.map(|run| &run.workflow),
            "head_branch": run.and_then(|run| run.head_ref.as_ref()),
            "run_url": self.api_url(&format!("/actions/runs/{}", job.run)),
            "run_attempt": job.attempt,
            "node_id": format!("CR_{id}"),
            "head_sha": run.map_or("", |run| &run.head_sha),
            "url": self.api_url(&format!("/actions/jobs/{id}")),
            "html_url": self.job_page(job),
            "status": job.status.as_str(),
            "conclusion": job.conclusion.as_ref().map(Conclusion::as_str),
            "created_at": time(job.created_at),
            "started_at": time(job.started_at),
            "completed_at": job.completed_at.map(time),
            "name": job.name,
            "steps": job.steps.iter().zip(1..).map(|(step, number)| self::step(step, number)).collect::<Vec<_>>(),
            "check_run_url": self.api_url(&format!("/check-runs/{id}")),
            "labels": ["ubuntu-24.04"],
            "runner_id": job.runner.as_ref().map(|runner| runner.id),
            "runner_name": job.runner.as_ref().map(|runner| &runner.name),
            "runner_group_id": job.runner.as_ref().map(|_| 0),
            "runner_group_name": job.runner.as_ref().map(|_| "GitHub Actions"),
        })
    }

    /// `check-run`, the face that a job shows to its commit.
    pub(in super::super) fn check_run(&self, job: &Job) -> Value {
        let id = job.id;
        let run = self.world.run(job.run);
        let annotations = self.annotations_of(job).len();
        let url = self.api_url(&format!("/check-runs/{id}"));
        json!({
            "id": id,
            "node_id": format!("CR_{id}"),
            "head_sha": run.map_or("", |run| &run.head_sha),
            "name": job.name,
            "external_id": format!("{id}-external"),
            "url": url,
            "html_url": self.job_page(job),
            "details_url": self.job_page(job),
            "status": job.status.as_str(),
            "conclusion": job.conclusion.as_ref().map(Conclusion::as_str),
            "started_at": time(job.started_at),
            "completed_at": job.completed_at.map(time),
            "output": {
                "title": null,
                "summary": null,
                "text": null,
                "annotations_count": annotations,
                "annotations_url": format!("{url}/annotations"),
            },
            "check_suite": {"id": suite(job.run)},
            "app": self.actions_app(),
            "pull_requests": run.map(|run| self.minimal_pull_requests(run)).unwrap_or_default(),
        })
    }

    /// `check-annotation`s of a job: why a protection rule failed it, and what its
    /// steps noted.
    pub(in super::super) fn annotations(&self, job: &Job) -> Vec<Value> {
        let annotation = |noted: Annotation| {
            json!({
                "path": ".github",
                "start_line": 1,
                "end_line": 1,
                "start_column": null,
                "end_column": null,
                "annotation_level": noted.level,
                "title": noted.title,
                "message": noted.message,
                "raw_details": "",
                "blob_href": self.web_url("/blob/main/.github"),
            })
        };
        self.annotations_of(job).into_iter().map(annotation).collect()
    }

    fn annotations_of(&self, job: &Job) -> Vec<Annotation> {
        let rejected = job.conclusion == Some(Conclusion::Failure)
            && job.steps.is_empty()
            && self.world.run(job.run).is_some_and(|run| {
                run.reviews.iter().any(|review| {
                    review.state == ReviewState::Rejected
                        && review.environments.iter().any(|name| job.names_environment(name))
                })
            });
        let rejection = Annotation { level: "failure", title: String::new(), message: REJECTION.to_owned() };
        rejected.then_some(rejection).into_iter().chain(job.annotations.iter().cloned()).collect()
    }

    fn job_page(&self, job: &Job) -> String {
        self.web_url(&format!("/actions/runs/{}/job/{}", job.run, job.id))
    }

    /// `integration`: GitHub Actions.
    pub(in super::super) fn actions_app(&self) -> Value {
        let at = time(self.world.repository.created_at);
        json!({
            "id": 15368,
            "slug": "github-actions",
            "node_id": "A_15368",
            "owner": self.user("github"),
            "name": "GitHub Actions",
            "description": "Automate your workflow from idea to production",
            "external_url": "https://help.github.com/en/actions",
            "html_url": format!("{}/apps/github-actions", self.web),
            "created_at": at,
            "updated_at": at,
            "permissions": {"actions": "write", "checks": "write", "contents": "write", "metadata": "read"},
            "events": [],
        })
    }
}

/// The check suite of a run.
fn suite(run: u64) -> u64 {
    run + 500_000
}

fn step(step: &Step, number: u32) -> Value {
    json!({
        "name": step.name,
        "status": step.status.as_str(),
        "conclusion": step.conclusion.as_ref().map(Conclusion::as_str),
        "number": number,
        "started_at": time(step.started_at),
        "completed_at": step.completed_at.map(time),
    })
}
