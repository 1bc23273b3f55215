//! One file per subcommand: fetch, call a core, report. The only place where
//! adapters meet.

mod advise;
mod announce;
mod artifact;
mod beside;
mod carrying;
mod change;
mod choose;
mod cleanup;
mod connect;
mod context;
mod deploy;
mod doctor;
mod failure;
mod generate;
mod init;
mod inspect;
mod monitor;
mod observe;
mod persist;
mod policy;
mod policy_source;
mod proof;
mod publish;
mod samples;
mod settle;
mod showed;
mod signals;
mod soaking;
mod subject;
mod unpack;
mod wait;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::cli::{self, Arguments, Command, Shared};
use crate::config::Runner;
use crate::exit::Exit;
use crate::report::actions::Level;
use crate::report::{Color, Format, Output, Paint, Style};

pub use context::Context;
pub use failure::Failure;
pub use signals::{Signal, Signals};

/// Runs `race` with `arguments`, the first being the program's name.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let Arguments { shared, command } = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // clap prints help and version to stdout, and what is wrong to stderr.
            let exit = if error.use_stderr() { Exit::Invalid } else { Exit::Done };
            let _ = error.print();
            return exit.into();
        }
    };
    // A second installation is refused, and then the first one does.
    let _ = color_eyre::install();
    let runner = Runner::of_this_process();
    let style = style(&shared, &runner);
    let output = Output::new(style);
    log_to_stderr(&runner, shared.verbose, style.color_err);

    let context = Context { shared, runner, output };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => {
            let ended = runtime.block_on(dispatch(&command, &context));
            // A blocked task (a name look-up, say) must not hold the process.
            runtime.shutdown_background();
            ended
        }
        Err(error) => Err(Failure::caused(Exit::Internal, "cannot start", &error)),
    };
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => {
            let Failure { exit, message, help } = failure;
            output.annotate(Level::Error, "race", &message);
            if let Some(help) = help {
                output.log_painted(Paint::Dim, &format!("help: {help}"));
            }
            exit.into()
        }
    }
}

/// How output looks, by the flags and the environment.
fn style(shared: &Shared, runner: &Runner) -> Style {
    let format = match shared.format {
        cli::Format::Human => Format::Human,
        cli::Format::Json => Format::Json,
    };
    let color = match shared.color {
        cli::Color::Auto => Color::Auto,
        cli::Color::Always => Color::Always,
        cli::Color::Never => Color::Never,
    };
    let no_color = runner.get("NO_COLOR").is_some();
    let dumb = runner.get("TERM") == Some("dumb");
    Style::new(format, color, runner.in_actions(), no_color, dumb)
}

async fn dispatch(command: &Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::Advise(arguments) => advise::run(arguments, context).await,
        Command::Policy(arguments) => policy::run(arguments, context),
        Command::Generate(arguments) => generate::run(arguments, context),
        Command::Init(arguments) => init::run(arguments, context),
        Command::Cleanup => cleanup::run(context).await,
        Command::Settle(arguments) => settle::run(arguments, context).await,
        Command::Choose(arguments) => choose::run(arguments, context).await,
        Command::Wait(arguments) => wait::run(arguments, context).await,
        Command::Inspect(arguments) => inspect::run(arguments, context).await,
        Command::Deploy(arguments) => deploy::run(arguments, context).await,
        Command::Monitor(arguments) => monitor::run(arguments, context).await,
        Command::Samples(arguments) => samples::run(arguments, context).await,
        Command::Doctor(arguments) => doctor::run(arguments, context).await,
    }
}

/// Diagnostics of the program itself go to stderr, by `RACE_LOG` or `-v`.
fn log_to_stderr(runner: &Runner, verbose: u8, color: bool) {
    let by_flag = match verbose {
        0 => "warn",
        1 => "testnet_deployer=debug,warn",
        _ => "debug",
    };
    let filter: Targets = runner.get("RACE_LOG").unwrap_or(by_flag).parse().unwrap_or_default();
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(color)
        .with_writer(std::io::stderr)
        .without_time()
        .with_filter(filter);
    // A second one is refused, and then the first one does.
    let _ = tracing_subscriber::registry().with(lines).try_init();
}
