//! The keys of a workflow file that a rehearsal knows. The models skip what they do
//! not know, and they know more than is honoured here: so every key is looked at.

use yaml_serde::{Mapping, Value};

/// Of the workflow.
pub const WORKFLOW: [&str; 7] = ["name", "run-name", "on", "permissions", "concurrency", "env", "jobs"];
/// Of a job.
pub const JOB: [&str; 10] = [
    "name",
    "environment",
    "runs-on",
    "timeout-minutes",
    "permissions",
    "needs",
    "if",
    "env",
    "outputs",
    "steps",
];
/// Of a step.
pub const STEP: [&str; 6] = ["name", "id", "if", "run", "uses", "env"];
/// Of a step that uses an action, besides.
pub const USES: [&str; 1] = ["with"];
/// Of `concurrency`.
pub const CONCURRENCY: [&str; 2] = ["group", "cancel-in-progress"];
/// The events that a file may name.
pub const EVENTS: [&str; 4] = ["pull_request", "workflow_dispatch", "merge_group", "schedule"];
/// Of an input of `workflow_dispatch`.
pub const INPUT: [&str; 3] = ["description", "required", "type"];

/// Says which key of the file is not known, if one is not.
pub(super) fn check(text: &str) -> Result<(), String> {
    let file: Value = yaml_serde::from_str(text).map_err(|error| format!("cannot be read: {error}"))?;
    let file = mapping(&file, "the file")?;
    known(file, "the workflow", &[&WORKFLOW])?;
    if let Some(on) = file.get("on") {
        match on {
            Value::Mapping(events) => {
                known(events, "`on`", &[&EVENTS])?;
                for (name, event) in events.iter().filter(|(_, event)| !event.is_null()) {
                    match key(name, "`on`")? {
                        "workflow_dispatch" => dispatch(event)?,
                        // When it runs is for the rehearsal to say.
                        "schedule" => {}
                        name => return Err(format!("`on.{name}`: a filter is not known here")),
                    }
                }
            }
            Value::String(event) if EVENTS.contains(&event.as_str()) => {}
            _ => return Err(format!("`on`: only {} is known here", EVENTS.join(", "))),
        }
    }
    if let Some(concurrency @ Value::Mapping(_)) = file.get("concurrency") {
        known(mapping(concurrency, "`concurrency`")?, "`concurrency`", &[&CONCURRENCY])?;
    }
    let jobs = file.get("jobs").ok_or("the workflow has no jobs")?;
    for (name, job) in mapping(jobs, "`jobs`")? {
        let place = format!("job `{}`", key(name, "`jobs`")?);
        let job = mapping(job, &place)?;
        known(job, &place, &[&JOB])?;
        if job.get("environment").is_some_and(|environment| !environment.is_string()) {
            return Err(format!("{place}: `environment` must be a name; `null` is one only in quotes"));
        }
        let steps = job.get("steps").and_then(Value::as_sequence).map(Vec::as_slice).unwrap_or_default();
        for (index, step) in steps.iter().enumerate() {
            let place = format!("{place}, step {}", index + 1);
            let step = mapping(step, &place)?;
            let also: &[&str] = if step.contains_key("uses") { &USES } else { &[] };
            known(step, &place, &[&STEP, also])?;
        }
    }
    Ok(())
}

fn dispatch(event: &Value) -> Result<(), String> {
    let place = "`on.workflow_dispatch`";
    let event = mapping(event, place)?;
    known(event, place, &[&["inputs"]])?;
    for (name, input) in event.get("inputs").and_then(Value::as_mapping).into_iter().flatten() {
        let place = format!("the input `{}`", key(name, place)?);
        let input = mapping(input, &place)?;
        known(input, &place, &[&INPUT])?;
        if input.get("type").is_some_and(|kind| kind.as_str() != Some("string")) {
            return Err(format!("{place}: only the type `string` is known here"));
        }
    }
    Ok(())
}

fn mapping<'v>(value: &'v Value, place: &str) -> Result<&'v Mapping, String> {
    value.as_mapping().ok_or_else(|| format!("{place} is no mapping"))
}

fn key<'v>(key: &'v Value, place: &str) -> Result<&'v str, String> {
    key.as_str().ok_or_else(|| format!("{place}: a key is not text; `null` must be quoted"))
}

fn known(mapping: &Mapping, place: &str, sets: &[&[&str]]) -> Result<(), String> {
    for name in mapping.keys() {
        let name = key(name, place)?;
        if !sets.iter().any(|set| set.contains(&name)) {
            return Err(format!("{place}: the key `{name}` is not known here"));
        }
    }
    Ok(())
}
