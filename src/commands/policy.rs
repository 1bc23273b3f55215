//! `race policy check|show`: what is wrong with the policy, and where every value
//! of it came from.

use std::fmt::Write as _;

use crate::cli::{Format, Policy, PolicyCommand};
use crate::config::{Diagnostic, Flag, Layers, Origin};
use crate::exit::Exit;
use crate::report::{Paint, inert};

use super::context::files_in;
use super::{Context, Failure};

/// Runs `race policy check|show`.
pub(super) fn run(arguments: &Policy, context: &Context) -> Result<Exit, Failure> {
    match arguments.command {
        PolicyCommand::Check { strict } => check(context, strict),
        PolicyCommand::Show => show(context),
    }
}

fn check(context: &Context, strict: bool) -> Result<Exit, Failure> {
    let directory = context.shared.policies.clone().unwrap_or_else(|| "policies".into());
    let files = files_in(&directory)?;
    let no_flags: [Flag; 0] = [];
    let settled = Layers { files: &files, runner: &context.runner, flags: &no_flags }.settle();
    let (problems, exit) = match settled {
        Ok(settings) if strict && !settings.warnings.is_empty() => (settings.warnings, Exit::Findings),
        Ok(settings) => (settings.warnings, Exit::Done),
        Err(invalid) => (invalid.0, Exit::Invalid),
    };
    let written = match context.shared.format {
        Format::Json => context.output.json(&json(&problems)?),
        Format::Human => {
            let mut text: String = problems.iter().map(|problem| format!("{}\n", human(problem))).collect();
            let names: Vec<&str> = files.iter().map(|file| file.place.as_str()).collect();
            let checked =
                if names.is_empty() { "built-in defaults alone".to_owned() } else { names.join(", ") };
            let _ = match problems.len() {
                0 => writeln!(text, "{}: nothing wrong", inert(&checked)),
                1 => writeln!(text, "{}: 1 problem", inert(&checked)),
                n => writeln!(text, "{}: {n} problems", inert(&checked)),
            };
            context.output.result(&text)
        }
    };
    written.map_err(|error| Failure::caused(Exit::Internal, "cannot write the result", &error))?;
    Ok(exit)
}

fn human(problem: &Diagnostic) -> String {
    crate::report::inert_lines(&problem.to_string())
}

fn show(context: &Context) -> Result<Exit, Failure> {
    let settings = context.local_settings(&[])?;
    let written = match context.shared.format {
        Format::Json => context.output.json(&json(&settings.origins)?),
        Format::Human => context.output.result(&table(&settings.origins, context.output.style.color_out)),
    };
    written.map_err(|error| Failure::caused(Exit::Internal, "cannot write the result", &error))?;
    Ok(Exit::Done)
}

fn table(origins: &[Origin], color: bool) -> String {
    let lines: Vec<(String, &str)> = origins
        .iter()
        .map(|origin| (format!("{} = {}", origin.key, inert(&origin.value)), origin.place.as_str()))
        .collect();
    let width =
        lines.iter().map(|(line, _)| line.chars().count()).filter(|width| *width <= 60).max().unwrap_or(0);
    let mut text = String::new();
    for (line, place) in lines {
        let place = Paint::Dim.on(color, &format!("# {}", inert(place)));
        let _ = writeln!(text, "{line:width$}  {place}");
    }
    text
}

fn json(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value)
        .map_err(|error| Failure::caused(Exit::Internal, "cannot write JSON", &error))
}
