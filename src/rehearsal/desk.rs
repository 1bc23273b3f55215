//! The reviewer's desk: `race` as a person runs it, outside of any runner.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use tokio::process::Command;

use super::stage::{REPOSITORY, REVIEWER_TOKEN, Stage};
use super::workflow::own_executable;

/// What `race inspect` of that run wrote to stdout.
///
/// # Errors
///
/// When the process cannot be started.
pub(super) async fn inspect(stage: &Stage, run: u64, color: bool) -> io::Result<Vec<u8>> {
    let color = if color { "always" } else { "never" };
    let output = command(stage, run)?.args(["--color", color]).stdout(Stdio::piped()).spawn()?;
    Ok(output.wait_with_output().await?.stdout)
}

/// What `race inspect` of that run ends with, once it wrote its verdict to the file.
///
/// # Errors
///
/// When the process cannot be started.
pub(super) async fn verdict(stage: &Stage, run: u64, file: &Path) -> io::Result<ExitStatus> {
    let mut command = command(stage, run)?;
    command.args(["--exit-verdict", "--verdict"]).arg(file).stdout(Stdio::null()).spawn()?.wait().await
}

/// `race inspect` of that run.
fn command(stage: &Stage, run: u64) -> io::Result<Command> {
    let log = OpenOptions::new().create(true).append(true).open(stage.path("inspect.log"))?;
    let mut command = own_executable()?;
    command
        .args(["inspect", &run.to_string(), "--policies"])
        .arg(stage.path("policies"))
        .envs(std::env::var("PATH").ok().map(|path| ("PATH", path)))
        .env("HOME", stage.path("home"))
        .env("LANG", "C.UTF-8")
        .env("GITHUB_API_URL", stage.github.api_url())
        .env("GITHUB_SERVER_URL", stage.github.server_url())
        .env("GITHUB_REPOSITORY", REPOSITORY)
        .env("GH_TOKEN", REVIEWER_TOKEN)
        .stderr(log);
    Ok(command)
}
