//! `race advise`: does this change need a testnet, by the criteria of its base?

mod comment;
mod local;
mod remote;

use crate::cli::{Advise, Format};
use crate::criteria::Advised;
use crate::exit::Exit;
use crate::report::actions::{write_outputs, write_summary};
use crate::report::advice::{About, Told};
use crate::report::inert;

use super::{Context, Failure};

pub(super) use remote::{Subject, advice_on};

/// Runs `race advise`.
pub(super) async fn run(arguments: &Advise, context: &Context) -> Result<Exit, Failure> {
    if let Some(base) = &arguments.base {
        let head = arguments.head.as_deref().unwrap_or("HEAD");
        let (advised, about) = local::advise(context, base, head).await?;
        tell(context, Told { advised: &advised, about: &about })?;
        return Ok(Exit::Done);
    }
    let (mut client, subject) = remote::subject(arguments, context).await?;
    let settings = remote::settings(context, &mut client, &subject).await?;
    let (advised, about) = advice_on(&mut client, settings.policy.criteria.as_ref(), &subject)
        .await
        .map_err(|error| super::connect::failed(&error))?;
    let told = Told { advised: &advised, about: &about };
    tell(context, told)?;
    if arguments.comment {
        comment::put(context, &mut client, &subject, &told.comment()).await?;
    }
    Ok(Exit::Done)
}

/// Makes an advice known: stdout, and in Actions outputs and summary of the step.
fn tell(context: &Context, told: Told<'_>) -> Result<(), Failure> {
    let output = &context.output;
    let shown = match context.shared.format {
        Format::Json => {
            let json = told.json().map_err(|error| {
                Failure::caused(Exit::Internal, "cannot write the advice as JSON", &error)
            })?;
            output.json(&json)
        }
        Format::Human => output.result(&told.text(output.style.color_out)),
    };
    let Told { advised, .. } = told;
    if let Some(path) = context.runner.path("GITHUB_OUTPUT") {
        let reason = advised.to_string();
        let needed = if advised.advice.needs_testnet() { "true" } else { "false" };
        let outputs =
            [("advice", advised.advice.word()), ("reason", &*inert(&reason)), ("testnet_needed", needed)];
        write_outputs(&path, &outputs)
            .map_err(|error| Failure::caused(Exit::Internal, "cannot write the step's outputs", &error))?;
    }
    if let Some(path) = context.runner.path("GITHUB_STEP_SUMMARY")
        && let Err(error) = write_summary(&path, &told.summary())
    {
        output.log(&format!("cannot write the step's summary: {error}"));
    }
    shown.map_err(|error| Failure::caused(Exit::Internal, "cannot write the advice", &error))
}

/// One line for the log of who needs to know the advice.
pub(super) fn advice_line(advised: &Advised) -> String {
    format!("testnet {} by the criteria: {advised}", advised.advice.word())
}

/// An advice and what it is about.
type Looked = (Advised, About);
