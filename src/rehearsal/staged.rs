//! A run on the stage: the pull request's own, for one of a fork the one that a
//! maintainer dispatched, and that of the merge queue. Each has its event, its tokens and a place for its files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::github::Token;
use super::reviewer::Person;
use super::stage::{REVIEWER, Stage};
use super::workflow::Workflow;
use super::world::Run;
use crate::race::sampled::WORKFLOW;

/// A run on the stage.
#[derive(Clone, Debug)]
pub(super) struct Staged {
    /// GitHub's number for it.
    pub(super) id: u64,
    /// What started it.
    pub(super) event: &'static str,
    /// In what its jobs' names and tokens differ from those of the pull request's own run.
    pub(super) prefix: &'static str,
    /// Whether approved jobs get secrets, and any job a token that writes.
    trusted: bool,
    place: PathBuf,
}

impl Staged {
    /// The pull request's own run, with the payload of its event.
    ///
    /// # Errors
    ///
    /// When the stand-in refuses, or a file cannot be written.
    pub(super) async fn pull_requests_own(stage: &Stage, trusted: bool) -> io::Result<Self> {
        Self { id: stage.run, event: "pull_request", prefix: "", trusted, place: stage.path("") }
            .of_the_pull_request(stage, "opened")
            .await
    }

    /// The author pushes a change of that file, which cancels the run before.
    ///
    /// # Errors
    ///
    /// When the stand-in refuses, or a file cannot be written.
    pub(super) async fn pushed(stage: &Stage, file: &str) -> io::Result<Self> {
        let id = stage.github.change(|world, now| {
            let head = world.push(stage.pull_request, "Push", now);
            world.write_file(&head, file, "pushed\n");
            world.cancel_run(stage.run, now);
            world.start_pull_request_run(stage.pull_request, now)
        });
        let place = stage.path("pushed");
        fs::create_dir_all(&place)?;
        Self { id, event: "pull_request", prefix: "pushed ", trusted: true, place }
            .of_the_pull_request(stage, "synchronize")
            .await
    }

    async fn of_the_pull_request(self, stage: &Stage, action: &str) -> io::Result<Self> {
        let event = of_pull_request(stage, stage.pull_request, action).await?;
        self.write_event(&event)?;
        Ok(self)
    }

    /// A run that something in the repository has started, with a place of its own.
    ///
    /// # Errors
    ///
    /// When nobody knows such an event here, the stand-in refuses, or a file cannot be
    /// written.
    pub(super) async fn of_run(stage: &Stage, id: u64) -> io::Result<Self> {
        let run = stage.github.read(|world| world.run(id).cloned());
        let run = run.ok_or_else(|| io::Error::other(format!("there is no run {id}")))?;
        let (event, payload) = match run.pull_request {
            Some(number) => ("pull_request", of_pull_request(stage, number, "opened").await?),
            None if run.event == "merge_group" => ("merge_group", of_merge_group(stage, &run).await?),
            None => return Err(io::Error::other(format!("the event `{}` is not known here", run.event))),
        };
        let place = stage.path("runs").join(id.to_string());
        fs::create_dir_all(&place)?;
        let staged = Self { id, event, prefix: "", trusted: !run.from_fork, place };
        staged.write_event(&payload)?;
        Ok(staged)
    }

    /// Dispatches the workflow for the pull request, as a maintainer does who has
    /// looked at its head.
    ///
    /// # Errors
    ///
    /// When the workflow asks for other inputs than number and commit.
    pub(super) async fn dispatched(stage: &Stage, workflow: &Workflow) -> io::Result<Self> {
        let person: Person = stage.reviewer();
        let pull = person.get(&format!("/pulls/{}", stage.pull_request)).await?;
        let inputs = json!({"pull_request": stage.pull_request.to_string(), "sha": pull["head"]["sha"]});
        if let Some(other) = workflow.inputs.iter().find(|name| inputs.get(name).is_none()) {
            return Err(io::Error::other(format!("nobody knows what to give as the input `{other}`")));
        }
        if workflow.inputs.is_empty() {
            return Err(io::Error::other("the workflow has no `workflow_dispatch` with inputs"));
        }
        let event = json!({
            "inputs": inputs,
            "ref": "refs/heads/main",
            "workflow": ".github/workflows/testnet-deployer.yml",
            "sender": {"login": REVIEWER},
            "repository": person.get("").await?,
        });
        let id = stage.github.change(|world, now| world.dispatch_run(REVIEWER, &workflow.name, now));
        let place = stage.path("dispatched");
        fs::create_dir_all(&place)?;
        let staged = Self { id, event: "workflow_dispatch", prefix: "dispatched ", trusted: true, place };
        staged.write_event(&event)?;
        Ok(staged)
    }

    /// A scheduled run of the default branch, which looks at soaks.
    ///
    /// # Errors
    ///
    /// When the stand-in refuses, or a file cannot be written.
    pub(super) async fn sampling(stage: &Stage, number: u32) -> io::Result<Self> {
        let event = json!({"schedule": "17 * * * *", "repository": stage.reviewer().get("").await?});
        let id = stage.github.change(|world, now| world.start_scheduled_run(WORKFLOW, now));
        let place = stage.path(&format!("samples-{number}"));
        fs::create_dir_all(&place)?;
        let staged = Self { id, event: "schedule", prefix: "samples: ", trusted: true, place };
        staged.write_event(&event)?;
        Ok(staged)
    }

    /// The merge queue takes the pull request, with the payload of its event.
    ///
    /// # Errors
    ///
    /// When the stand-in refuses, or a file cannot be written.
    pub(super) async fn in_the_queue(stage: &Stage) -> io::Result<Self> {
        let person = stage.reviewer();
        let pull = person.get(&format!("/pulls/{}", stage.pull_request)).await?;
        let id = stage.github.change(|world, now| world.queue(stage.pull_request, now));
        let run = person.get(&format!("/actions/runs/{id}")).await?;
        let event = json!({
            "action": "checks_requested",
            "merge_group": {
                "head_sha": run["head_sha"],
                "head_ref": format!("refs/heads/{}", run["head_branch"].as_str().unwrap_or_default()),
                "base_sha": pull["base"]["sha"],
                "base_ref": format!("refs/heads/{}", pull["base"]["ref"].as_str().unwrap_or_default()),
            },
            "sender": run["actor"],
            "repository": person.get("").await?,
        });
        let place = stage.path("queue");
        fs::create_dir_all(&place)?;
        let staged = Self { id, event: "merge_group", prefix: "queue ", trusted: true, place };
        staged.write_event(&event)?;
        Ok(staged)
    }

    /// A file or directory of this run.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        if name.is_empty() { self.place.clone() } else { self.place.join(name) }
    }

    /// The payload of the event.
    pub(super) fn payload(&self) -> PathBuf {
        self.path("event.json")
    }

    fn write_event(&self, event: &Value) -> io::Result<()> {
        fs::write::<&Path, _>(&self.payload(), event.to_string())
    }

    /// Lets in the token of a job, with what the workflow allows it. In a run of a
    /// fork GitHub takes away what would write.
    pub(super) fn admit_job(&self, stage: &Stage, job: &str, permissions: &[String]) {
        let reads = permissions.iter().map(|right| match right.strip_suffix(": write") {
            Some(name) if !self.trusted => name,
            _ => right.as_str(),
        });
        stage.github.admit(Token::of_workflow(&self.token_of(job), &reads.collect::<Vec<_>>()));
    }

    /// What a job gets as `GITHUB_TOKEN`.
    pub(super) fn token_of(&self, job: &str) -> String {
        format!("ghs_{}_{job}", self.id)
    }

    /// The secrets that a job gets once its environment was approved.
    pub(super) fn secrets_of(&self, stage: &Stage, environment: Option<&str>) -> Map<String, Value> {
        let Some(name) = environment.filter(|_| self.trusted) else { return Map::new() };
        let secrets = stage.github.read(|world| world.environment(name).map(|found| found.secrets.clone()));
        let secrets = secrets.unwrap_or_default().into_iter();
        secrets.map(|(name, value)| (name, Value::String(value))).collect()
    }
}

async fn of_pull_request(stage: &Stage, number: u64, action: &str) -> io::Result<Value> {
    let person = stage.reviewer();
    let pull_request = person.get(&format!("/pulls/{number}")).await?;
    Ok(json!({
        "action": action,
        "number": number,
        "sender": pull_request["user"],
        "repository": person.get("").await?,
        "pull_request": pull_request,
    }))
}

async fn of_merge_group(stage: &Stage, run: &Run) -> io::Result<Value> {
    let person = stage.reviewer();
    let repository = person.get("").await?;
    let base_ref = repository["default_branch"].as_str().unwrap_or_default().to_owned();
    let base = stage.github.read(|world| world.resolve(&base_ref)).unwrap_or_default();
    Ok(json!({
        "action": "checks_requested",
        "merge_group": {
            "head_sha": run.head_sha,
            "head_ref": format!("refs/heads/{}", run.head_ref.as_deref().unwrap_or_default()),
            "base_sha": base,
            "base_ref": format!("refs/heads/{base_ref}"),
        },
        "sender": {"login": run.actor},
        "repository": repository,
    }))
}
