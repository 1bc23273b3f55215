//! The workflow that looks after soaks at times: when it does, and how long a look takes.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::expression;
use super::super::{Job, Workflow};
use super::durations::SET_UP;
use super::execution::Execution;
use super::later;
use super::step::Kind;
use crate::rehearsal::world::Conclusion;
use crate::setup::RunsOn;

/// A workflow on a schedule.
pub(super) struct Samples {
    /// From one look to the next.
    every: Duration,
    /// How long a look is on its runner.
    pub(super) takes: Duration,
    /// The name of its job, and whose runner it is.
    pub(super) job: (String, RunsOn),
}

impl Samples {
    /// By the file that `race init` writes.
    ///
    /// # Errors
    ///
    /// What of it is not understood.
    pub(super) fn of(text: &str) -> Result<Self, String> {
        let workflow = Workflow::parse(text)?;
        let [job] = workflow.jobs.as_slice() else { return Err("the samples are not one job".to_owned()) };
        let file: yaml_serde::Value = yaml_serde::from_str(text).map_err(|error| error.to_string())?;
        let cron = file.get("on").and_then(|on| on.get("schedule")).and_then(|several| several.get(0));
        let cron = cron.and_then(|one| one.get("cron")).and_then(|cron| cron.as_str());
        let every = every(cron.ok_or("the samples have no schedule")?)?;
        Ok(Self { every, takes: takes(job)?, job: (job.name.clone(), job.runs_on) })
    }

    /// The first look after that moment; all begin to be counted at `began`.
    pub(super) fn after(&self, began: Timestamp, moment: Timestamp) -> Timestamp {
        let mut next = began;
        while next <= moment {
            next = later(next, self.every);
        }
        next
    }
}

/// How long a look takes that finds one soak.
fn takes(job: &Job) -> Result<Duration, String> {
    let mut execution = Execution::of(job);
    let mut takes = SET_UP;
    for (at, step) in job.steps.iter().enumerate() {
        execution.step = Some(at);
        let scope = execution.scope(&json!({}), &Value::Null);
        if expression::holds(step.condition.as_deref(), &scope)? {
            takes += Kind::of(step)?.takes()?;
            execution.record(&Conclusion::Success, &json!({"soak-1": "soak-1-1"}));
        }
    }
    Ok(takes)
}

/// The pause of a schedule: `M * * * *` is every hour, `M */H * * *` every H hours.
fn every(cron: &str) -> Result<Duration, String> {
    let unknown = || format!("the schedule `{cron}` is not known here");
    let fields: Vec<&str> = cron.split_whitespace().collect();
    let [minute, hours, "*", "*", "*"] = fields.as_slice() else { return Err(unknown()) };
    minute.parse::<u32>().map_err(|_| unknown())?;
    let hours = match hours.strip_prefix("*/") {
        Some(hours) => hours.parse().map_err(|_| unknown())?,
        None if *hours == "*" => 1,
        None => return Err(unknown()),
    };
    Ok(Duration::from_hours(hours))
}
