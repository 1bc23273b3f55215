//! What `race samples` tells of what it did: lines, JSON, and the step's summary.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::cli::Format;
use crate::exit::Exit;
use crate::race::sampled::artifact_name;
use crate::race::{Run, Verdict};
use crate::report::actions::{markdown, write_summary};
use crate::report::{inert, inert_json};
use crate::soak::Checkpoint;

use super::super::{Context, Failure};
use super::open::Soak;

/// What was done.
#[derive(Default)]
pub(super) struct Told {
    lines: Vec<String>,
    soaks: Vec<Value>,
    settled: Vec<Value>,
    /// Soaks that were not looked after, and why.
    pub(super) failed: Vec<(String, String)>,
}

impl Told {
    /// A soak was looked at.
    pub(super) fn looked(&mut self, soak: &Soak, checkpoint: &Checkpoint) {
        let Checkpoint { verdict, counted, target, reason, warnings, .. } = checkpoint;
        let mut line =
            format!("{}: {}, {counted} of {target} sessions: {}", soak.name(), verdict.word(), reason.text);
        for warning in warnings {
            let _ = write!(line, "; warning: {warning}");
        }
        self.lines.push(line);
        self.soaks.push(json!({
            "run": run_of(&soak.run),
            "pull_request": soak.run.pull_request,
            "artifact": artifact_name(soak.attempt),
            "verdict": verdict.word(),
            "counted": counted,
            "target": target,
            "reason": reason.text,
        }));
    }

    /// A verdict was written, or was found to be written.
    pub(super) fn settled(&mut self, run: &Run, verdict: &Verdict) {
        let (word, reason) = (verdict.outcome().word(), verdict.reason.to_string());
        self.lines.push(format!("run {}, attempt {}: {word}: {reason}", run.id, run.attempt));
        self.settled.push(json!({"run": run_of(run), "verdict": word, "reason": reason}));
    }
}

fn run_of(run: &Run) -> Value {
    json!({"id": run.id, "attempt": run.attempt, "head_sha": run.head_sha, "url": run.url})
}

/// Makes it known.
pub(super) fn tell(context: &Context, told: &Told) -> Result<(), Failure> {
    let failed = told.failed.iter().map(|(soak, why)| format!("{soak}: not looked after: {why}"));
    let lines: Vec<String> = told.lines.iter().cloned().chain(failed).collect();
    if let Some(path) = context.runner.path("GITHUB_STEP_SUMMARY")
        && !lines.is_empty()
    {
        let mut text = "### Soaks\n\n".to_owned();
        for line in &lines {
            let _ = writeln!(text, "- {}", markdown(line));
        }
        if let Err(error) = write_summary(&path, &text) {
            context.output.log(&format!("cannot write the step's summary: {error}"));
        }
    }
    let shown = match context.shared.format {
        Format::Human => {
            let lines: Vec<_> = lines.iter().map(|line| inert(line)).collect();
            context.output.result(&lines.join("\n"))
        }
        Format::Json => {
            let failed: Vec<Value> =
                told.failed.iter().map(|(soak, why)| json!({"soak": soak, "reason": why})).collect();
            let json = json!({
                "schema": "race.samples/1",
                "soaks": told.soaks,
                "settled": told.settled,
                "failed": failed,
            });
            context.output.json(&inert_json(&json.to_string()))
        }
    };
    shown.map_err(|error| Failure::caused(Exit::Internal, "cannot write the result", &error))
}
