//! `race doctor`: what is wrong with a repository's set-up, why it matters and how
//! to mend it; with `--fix` it is mended after a yes.

mod look;
mod mend;
mod tell;
mod values;

use std::io::BufRead as _;

use crate::cli::Doctor;
use crate::config::Secret;
use crate::exit::Exit;
use crate::setup::mending::{MOST_REVIEWERS, Means, Plan, plan};
use crate::setup::{Finding, Severity};

use super::connect::{client_as, failed};
use super::{Context, Failure};

use look::look;
use mend::{Mended, carry_out};
use tell::{Told, tell};

/// Runs `race doctor`.
pub(super) async fn run(arguments: &Doctor, context: &Context) -> Result<Exit, Failure> {
    let admin = context.runner.secret("RACE_ADMIN_TOKEN");
    let token = admin.or_else(|| context.runner.token());
    let mut client =
        client_as(context, arguments.repo.as_deref(), token.as_ref().map(Secret::expose)).await?;
    let before = look(context, &mut client).await?;
    let mut told = Told {
        repository: before.facts.repository.full_name.clone(),
        findings: before.findings.clone(),
        exit: ending(&before.findings, arguments.strict),
        mended: None,
    };
    if !arguments.fix {
        tell(context, &told)?;
        return Ok(told.exit);
    }

    let values = values::gather(arguments, context, &before)?;
    let mut means = Means { reviewers: Vec::new(), values: values.keys().cloned().collect() };
    if arguments.reviewers.len() > MOST_REVIEWERS {
        let message = format!("GitHub takes {MOST_REVIEWERS} reviewers of an environment at most");
        return Err(Failure::new(Exit::Invalid, message).help("name a team by --reviewer team:SLUG"));
    }
    for name in &arguments.reviewers {
        let found = client.reviewer(name).await.map_err(|error| {
            let mut failure = failed(&error);
            failure.message = format!("the reviewer `{name}` cannot be found: {}", failure.message);
            failure
                .help("write --reviewer LOGIN, or --reviewer team:SLUG for a team of the repository's owner")
        })?;
        means.reviewers.push(found);
    }
    let plan = plan(&before.facts, &before.policy, &before.findings, &means);
    if plan.changes.is_empty() {
        told.mended = Some(Mended::nothing(plan));
        tell(context, &told)?;
        return Ok(told.exit);
    }
    show(context, &plan);
    if !arguments.yes && !confirmed(context) {
        return Err(Failure::new(Exit::Invalid, "nothing was changed: nobody said yes")
            .help("answer `yes`, or pass --yes"));
    }
    let mended = carry_out(context, &mut client, plan, &values).await;
    let exit = mended.exit();
    // Whatever came of it: what is so now is told, not what should be.
    let after = look(context, &mut client).await;
    let stopped = mended.stopped.clone();
    told.mended = Some(mended);
    match after {
        Ok(after) => {
            told.exit = exit.unwrap_or_else(|| ending(&after.findings, arguments.strict));
            told.findings = after.findings;
        }
        Err(failure) => {
            context.output.log(&format!("what is so now could not be read: {}", failure.message));
            told.exit = exit.unwrap_or(Exit::Partial);
        }
    }
    tell(context, &told)?;
    match stopped {
        Some((message, help)) => {
            let failure = Failure::new(told.exit, message);
            Err(match help {
                Some(help) => failure.help(help),
                None => failure,
            })
        }
        None => Ok(told.exit),
    }
}

/// How it ends where nothing went wrong on the way.
fn ending(findings: &[Finding], strict: bool) -> Exit {
    let counts = |finding: &Finding| strict || finding.code.severity() == Severity::Red;
    if findings.iter().any(counts) { Exit::Findings } else { Exit::Done }
}

fn show(context: &Context, plan: &Plan) {
    context.output.log("This would be changed:");
    for change in &plan.changes {
        context.output.log(&format!("  {}", change.told()));
    }
    for (finding, why) in &plan.left {
        context.output.log(&format!(
            "  not: {} {} {} ({why})",
            finding.code.word(),
            finding.subject,
            finding.item
        ));
    }
}

/// Whether somebody says yes. Nothing else goes on meanwhile, so it may block.
fn confirmed(context: &Context) -> bool {
    context.output.log("Change it? Type yes:");
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.is_ok() && line.trim().eq_ignore_ascii_case("yes")
}
