//! One execution of one job: how far it is, and what its expressions can see.

use std::io;
use std::process::{ExitStatus, Stdio};

use serde_json::{Map, Value, json};
use tokio::process::Child;

use super::expression::{self, Scope};
use super::machine::{Machine, of_the_run};
use super::needs::Needed;
use super::output::outputs;
use super::{Job, Pairs, Step, process};
use crate::rehearsal::stage::Stage;
use crate::rehearsal::staged::Staged;
use crate::rehearsal::world::Conclusion;

/// The variables of the runner that are no part of the context `github`.
const NO_CONTEXT: [&str; 3] = ["actions", "output", "step_summary"];

/// One execution of one job.
pub(super) struct Execution {
    pub(super) job: Job,
    /// The world's number for it, once GitHub knows the job.
    pub(super) id: Option<u64>,
    pub(super) machine: Machine,
    /// The step that runs, or that ran last.
    pub(super) step: Option<usize>,
    /// Where in the job's log that step began.
    pub(super) log_from: u64,
    failed: bool,
    /// Of the first step that failed, else of the last process.
    pub(super) status: Option<ExitStatus>,
    /// The context `steps`.
    steps: Map<String, Value>,
    /// How it ended.
    pub(super) conclusion: Option<Conclusion>,
    pub(super) outputs: Map<String, Value>,
}

impl Needed for Execution {
    fn job(&self) -> &Job {
        &self.job
    }

    fn conclusion(&self) -> Option<&Conclusion> {
        self.conclusion.as_ref()
    }

    fn outputs(&self) -> &Map<String, Value> {
        &self.outputs
    }
}

/// What all executions of a run share.
pub(super) struct Run<'a> {
    pub(super) stage: &'a Stage,
    pub(super) staged: Staged,
    pub(super) workflow: String,
    /// The payload of the event.
    pub(super) event: Value,
}

impl Run<'_> {
    /// Whether somebody has cancelled it.
    fn is_cancelled(&self) -> bool {
        self.stage.github.read(|world| world.run(self.staged.id).is_some_and(|run| run.cancelled))
    }

    /// A text of the workflow itself, such as its `run-name`: none where it makes no text.
    pub(super) fn told(&self, text: Option<&str>) -> Result<Option<String>, String> {
        let Some(text) = text else { return Ok(None) };
        let variables = self.stage.github.read(|world| of_the_run(world, self.staged.id));
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let github = json!({
            "event": self.event, "event_name": self.staged.event, "workflow": self.workflow,
            "ref": variable("GITHUB_REF"),
        });
        let contexts = json!({"github": github, "inputs": inputs_of(&self.event)});
        let told =
            expression::render(text, &Scope { contexts, success: true, failure: false, cancelled: false })?;
        Ok(Some(told).filter(|told| !told.trim().is_empty()))
    }
}

/// The context `inputs`, which only a dispatched run has something in.
fn inputs_of(event: &Value) -> Value {
    event.get("inputs").filter(|inputs| inputs.is_object()).cloned().unwrap_or_else(|| json!({}))
}

impl Execution {
    pub(super) fn new(job: Job, staged: &Staged) -> io::Result<Self> {
        let machine = Machine::new(staged, &job.id)?;
        Ok(Self {
            job,
            id: None,
            machine,
            step: None,
            log_from: 0,
            failed: false,
            status: None,
            steps: Map::new(),
            conclusion: None,
            outputs: Map::new(),
        })
    }

    /// What the job's expressions can see, with these variables besides.
    fn scope(&self, run: &Run<'_>, needs: &Value, env: &Pairs) -> Scope {
        let variables = self.machine.variables(run, 0);
        let mut github: Map<String, Value> = variables
            .into_iter()
            .filter_map(|(name, value)| {
                let name = name.strip_prefix("GITHUB_")?.to_lowercase();
                (!NO_CONTEXT.contains(&name.as_str())).then_some((name, Value::String(value)))
            })
            .collect();
        let token = run.staged.token_of(&self.job.id);
        github.insert("event".to_owned(), run.event.clone());
        github.insert("token".to_owned(), Value::String(token.clone()));
        let mut secrets = run.staged.secrets_of(run.stage, self.job.environment.as_deref());
        secrets.insert("GITHUB_TOKEN".to_owned(), Value::String(token));
        let env: Map<String, Value> =
            env.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect();
        let contexts = json!({
            "github": github, "env": env, "secrets": secrets, "steps": self.steps, "needs": needs,
            "inputs": inputs_of(&run.event),
        });
        Scope { contexts, success: !self.failed, failure: self.failed, cancelled: false }
    }

    /// Whether the job is to run, now that what it needs has ended.
    pub(super) fn is_wanted(
        &self,
        run: &Run<'_>,
        needs: &Value,
        before: &[Conclusion],
    ) -> Result<bool, String> {
        let scope = self.scope(run, needs, &Vec::new()).after(before, run.is_cancelled());
        expression::holds(self.job.condition.as_deref(), &scope)
    }

    /// Whether this step is to run.
    pub(super) fn wants(&self, step: &Step, run: &Run<'_>, needs: &Value) -> Result<bool, String> {
        expression::holds(step.condition.as_deref(), &self.scope(run, needs, &Vec::new()))
    }

    /// The variables of a step from the file, and what its other texts can see.
    pub(super) fn prepare(
        &self,
        step: &Step,
        run: &Run<'_>,
        needs: &Value,
    ) -> Result<(Pairs, Scope), String> {
        let mut env = Pairs::new();
        for (name, value) in self.job.env.iter().chain(&step.env) {
            let value = expression::render(value, &self.scope(run, needs, &env))?;
            env.push((name.clone(), value));
        }
        let scope = self.scope(run, needs, &env);
        Ok((env, scope))
    }

    /// Starts the process of a step, as GitHub's runner does where no shell is named.
    pub(super) fn spawn(&self, index: usize, script: &str, env: Pairs, run: &Run<'_>) -> io::Result<Child> {
        let log = self.machine.open_log(&run.staged)?;
        let (path, output) = (self.machine.script(index), self.machine.output(index));
        std::fs::write(&path, script)?;
        std::fs::write(output, "")?;
        process::shell()
            .arg("-e")
            .arg(path)
            .current_dir(self.machine.workspace())
            .envs(self.machine.variables(run, index))
            .envs(env)
            .stdout(Stdio::from(log.try_clone()?))
            .stderr(Stdio::from(log))
            .spawn()
    }

    /// The running step has ended.
    pub(super) fn record(
        &mut self,
        status: Option<ExitStatus>,
        conclusion: &Conclusion,
    ) -> Result<(), String> {
        let Some(index) = self.step else { return Ok(()) };
        if !self.failed && status.is_some() {
            self.status = status;
        }
        self.failed |= *conclusion == Conclusion::Failure;
        if let Some(id) = &self.job.steps[index].id {
            let written = std::fs::read_to_string(self.machine.output(index)).unwrap_or_default();
            let word = conclusion.as_str();
            let told = json!({"outcome": word, "conclusion": word, "outputs": outputs(&written)?});
            self.steps.insert(id.clone(), told);
        }
        Ok(())
    }

    /// The job has ended: its conclusion and its outputs.
    pub(super) fn finish(&mut self, run: &Run<'_>, needs: &Value) -> Result<Conclusion, String> {
        let scope = self.scope(run, needs, &Vec::new());
        for (name, value) in &self.job.outputs {
            let value = expression::render(value, &scope)?;
            self.outputs.insert(name.clone(), Value::String(value));
        }
        let conclusion = if self.failed { Conclusion::Failure } else { Conclusion::Success };
        self.conclusion = Some(conclusion.clone());
        Ok(conclusion)
    }
}
