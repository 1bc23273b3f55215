//! One job of a simulation, and what its step is about.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::Job;
use super::super::expression::{self, Scope};
use super::super::needs::Needed;
use crate::race::watch::Watch;
use crate::rehearsal::world::Conclusion;

/// One job of a simulation.
pub(super) struct Execution {
    pub(super) job: Job,
    /// The world's number for it, once GitHub knows the job.
    pub(super) id: Option<u64>,
    /// When a runner takes it, and has taken it.
    pub(super) begins: Option<Timestamp>,
    /// When something is to be done about it next.
    pub(super) due: Option<Timestamp>,
    /// The step that runs.
    pub(super) step: Option<usize>,
    pub(super) doing: Option<Doing>,
    failed: bool,
    /// The context `steps`.
    steps: Map<String, Value>,
    /// How it ended, as its dependents are told.
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

/// What the step that runs is about.
pub(super) enum Doing {
    /// It ends when it is due, with these outputs.
    Ends { success: bool, outputs: Value },
    /// It keeps an artifact of this name.
    Keeps(String),
    /// It waits for what the build hands over.
    Fetches,
    /// `race wait`, or `race settle`.
    Watches(Box<Watch>),
}

impl Doing {
    /// Ends well, with nothing to tell.
    pub(super) fn ends() -> Self {
        Self::Ends { success: true, outputs: json!({}) }
    }
}

impl Execution {
    pub(super) fn of(job: &Job) -> Self {
        Self {
            job: job.clone(),
            id: None,
            begins: None,
            due: None,
            step: None,
            doing: None,
            failed: false,
            steps: Map::new(),
            conclusion: None,
            outputs: Map::new(),
        }
    }

    /// Whether it has ended.
    pub(super) const fn is_over(&self) -> bool {
        self.conclusion.is_some()
    }

    /// What the job's expressions can see.
    pub(super) fn scope(&self, github: &Value, needs: &Value) -> Scope {
        let contexts = json!({
            "github": github, "env": {}, "secrets": {}, "steps": self.steps, "needs": needs, "inputs": {},
        });
        Scope { contexts, success: !self.failed, failure: self.failed, cancelled: false }
    }

    /// The step has ended.
    pub(super) fn record(&mut self, conclusion: &Conclusion, outputs: &Value) {
        self.failed |= *conclusion == Conclusion::Failure;
        let step = self.step.and_then(|at| self.job.steps.get(at));
        if let Some(id) = step.and_then(|step| step.id.clone()) {
            let word = conclusion.as_str();
            self.steps.insert(id, json!({"outcome": word, "conclusion": word, "outputs": outputs}));
        }
        self.doing = None;
    }

    /// The job has ended by itself: its conclusion and its outputs.
    pub(super) fn finish(&mut self, github: &Value, needs: &Value) -> Result<Conclusion, String> {
        let scope = self.scope(github, needs);
        for (name, value) in &self.job.outputs {
            let value = expression::render(value, &scope)?;
            self.outputs.insert(name.clone(), Value::String(value));
        }
        Ok(if self.failed { Conclusion::Failure } else { Conclusion::Success })
    }

    /// Nothing more comes of it.
    pub(super) fn end(&mut self, conclusion: Conclusion) {
        self.conclusion = Some(conclusion);
        (self.due, self.doing) = (None, None);
    }
}
