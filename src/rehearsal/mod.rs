//! Stand-ins on loopback: GitHub (world and HTTP), a dev chain, SSH hosts; and
//! the rehearsal that plays the whole flow against them. The product uses none
//! of this.
//!
//! A rehearsal is a [`scenario`](scenario::Scenario), played on a stage (the
//! stand-ins and the files of a repository) by the jobs of the shipped workflow.

mod afterwards;
pub mod arguments;
mod deployment;
mod desk;
pub mod dev_chain;
pub mod github;
mod legs;
mod page;
mod play;
mod relay;
mod reviewer;
mod samples;
pub mod scenario;
mod show;
pub mod ssh_host;
mod stage;
mod staged;
mod testnet;
pub mod workflow;
pub mod workshop;
pub mod world;

pub use workflow::leave_with_rehearsal;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};

use crate::exit::Exit;
use crate::report::{Color, Format, Output, Paint, Style};
use crate::setup::by_criteria::by_criteria;
use crate::setup::workflow::POLL;
use arguments::{Arguments, Mode, Selection};
use scenario::Scenario;
use workflow::{SHIPPED, Workflow};

/// Runs `rehearse` with `arguments`, the first being the program's name.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let parsed = Arguments::try_parse_from(arguments).and_then(|arguments| {
        let scenario = Scenario::try_from(&arguments)?;
        let workflow = read_workflow(arguments.workflow.as_deref(), &scenario)?;
        Ok((scenario, workflow, arguments.keep.map(empty_directory).transpose()?))
    });
    let (scenario, workflow, keep) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Invalid } else { Exit::Done };
            // Without a stream to write to there is nobody to tell.
            drop(error.print());
            return exit.into();
        }
    };
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let style = Style::new(Format::Human, Color::Auto, false, set("NO_COLOR"), dumb);
    let output = Output::new(style);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(output, &error),
    };
    let ended = runtime.block_on(async {
        match scenario.legs {
            Some(count) => legs::play(&scenario, count, keep.as_deref(), output).await,
            None => play::play(&scenario, &workflow, keep.as_deref(), output).await,
        }
    });
    runtime.shutdown_background();
    ended.map_or_else(|error| failed(output, &error), ExitCode::from)
}

/// The workflow that is played: the shipped one, or that of the file.
fn read_workflow(path: Option<&Path>, scenario: &Scenario) -> Result<Workflow, clap::Error> {
    let wrong = |message: String| {
        let name = path.map_or("the shipped workflow".to_owned(), |path| path.display().to_string());
        Arguments::command().error(ErrorKind::ValueValidation, format!("{name}: {message}"))
    };
    let text = match path {
        Some(path) => std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?,
        None => match (scenario.mode, scenario.selection) {
            (Mode::Relay, Selection::Auto) => by_criteria(&workflow::relay()),
            (Mode::Poll, Selection::Auto) => by_criteria(POLL),
            (Mode::Sampled, Selection::Auto) => by_criteria(workflow::SAMPLED),
            (Mode::Sampled, _) => workflow::SAMPLED.to_owned(),
            (Mode::Relay, _) => workflow::relay(),
            (Mode::Poll, _) => SHIPPED.to_owned(),
        },
    };
    Workflow::parse(&text).map_err(wrong)
}

/// Logs of two rehearsals in one directory would mislead, and what lies there
/// already may be dear to somebody.
fn empty_directory(path: PathBuf) -> Result<PathBuf, clap::Error> {
    match std::fs::read_dir(&path).map(|mut entries| entries.next().is_none()) {
        Ok(false) => {
            let message = format!("the directory {} is not empty", path.display());
            Err(Arguments::command().error(ErrorKind::ValueValidation, message))
        }
        _ => Ok(path),
    }
}

fn failed(output: Output, error: &std::io::Error) -> ExitCode {
    output.log_painted(Paint::Red, &format!("the rehearsal itself failed: {error}"));
    Exit::Internal.into()
}
