//! A deployment made known: `deploy.json`, stdout, the step's summary, and the
//! failure that the process ends with.

use std::fmt::Write as _;
use std::path::Path;

use jiff::Timestamp;

use crate::cli::Format;
use crate::deploy::{Ending, HostState, Outcome, Record, Run, Verdict};
use crate::exit::Exit;
use crate::report::actions::{markdown, write_summary};
use crate::report::{inert, inert_json};

use super::super::Failure;
use super::super::announce::write_whole;
use super::conduct::Deployment;

/// Makes known how the deployment ended.
pub(super) fn report(
    deployment: &Deployment<'_>,
    run: Run,
    began: Timestamp,
    (ending, help): (&Ending, Option<String>),
    file: Option<&Path>,
) -> Result<Exit, Failure> {
    let context = deployment.context;
    let sha = run.head_sha.clone();
    let hosts: Vec<_> = deployment.hosts.iter().map(|host| host.record()).collect();
    let record = Record::of(run, deployment.plan.digest(), (began, Timestamp::now()), hosts, ending);
    let json = serde_json::to_string_pretty(&record)
        .map_err(|error| Failure::caused(Exit::Internal, "cannot write JSON", &error))?;
    if let Some(path) = file {
        write_whole(path, &inert_json(&json)).map_err(|error| {
            Failure::caused(Exit::Internal, &format!("cannot write {}", path.display()), &error)
        })?;
    }
    if let Some(path) = context.runner.path("GITHUB_STEP_SUMMARY")
        && let Err(error) = write_summary(&path, &summary(&record))
    {
        context.output.log(&format!("cannot write the step's summary: {error}"));
    }
    let states: Vec<(&str, HostState)> =
        record.hosts.iter().map(|host| (host.name.as_str(), host.state)).collect();
    let outcome = Outcome::of(&states, ending);
    let shown = match context.shared.format {
        Format::Json => context.output.json(&json),
        Format::Human if outcome.verdict == Verdict::Deployed => {
            let hosts: Vec<&str> = states.iter().map(|(name, _)| *name).collect();
            context.output.result(&inert(&format!("deployed {sha} on {}", hosts.join(", "))))
        }
        Format::Human => Ok(()),
    };
    shown.map_err(|error| Failure::caused(Exit::Internal, "cannot write the result", &error))?;
    if outcome.verdict == Verdict::Deployed {
        return Ok(Exit::Done);
    }
    let failure = Failure::new(outcome.exit, outcome.sentence);
    Err(match (outcome.verdict, help) {
        (Verdict::NotRolledBack, _) => failure.help(
            "look at every host that is named: `race deploy --check` says how it stands, and what to do",
        ),
        (_, Some(help)) => failure.help(help),
        (_, None) => failure,
    })
}

fn summary(record: &Record) -> String {
    let word = match record.verdict {
        Verdict::Deployed => "deployed",
        Verdict::RolledBack => "rolled back",
        Verdict::NotRolledBack => "not known to be rolled back",
        Verdict::Interrupted => "interrupted",
    };
    let mut text = format!("### Deployment: {word}\n\n{}\n\n", markdown(&record.reason));
    text.push_str("| host | wave | state | steps |\n|---|---|---|---|\n");
    for host in &record.hosts {
        let steps = host.steps.iter().filter(|step| step.error.is_none()).count();
        let failed = host.steps.iter().find_map(|step| step.error.as_ref().map(|error| (&step.name, error)));
        let failed = failed.map_or(String::new(), |(name, error)| format!("; `{name}`: {error}"));
        let _ = writeln!(
            text,
            "| {} | {} | {} | {steps} done{} |",
            markdown(&host.name),
            host.wave,
            host.state.word(),
            markdown(&failed)
        );
    }
    text
}
