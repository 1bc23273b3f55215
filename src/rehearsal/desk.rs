//! The reviewer's desk: `race` as a person runs it, outside of any runner.

use std::fs::OpenOptions;
use std::io;
use std::process::Stdio;

use super::stage::{REPOSITORY, REVIEWER_TOKEN, Stage};
use super::workflow::own_executable;

/// What `race inspect` of that run wrote to stdout.
///
/// # Errors
///
/// When the process cannot be started.
pub(super) async fn inspect(stage: &Stage, run: u64, color: bool) -> io::Result<Vec<u8>> {
    let run = run.to_string();
    let color = if color { "always" } else { "never" };
    let log = OpenOptions::new().create(true).append(true).open(stage.path("inspect.log"))?;
    let output = own_executable()?
        .args(["inspect", &run, "--color", color, "--policies"])
        .arg(stage.path("policies"))
        .envs(std::env::var("PATH").ok().map(|path| ("PATH", path)))
        .env("HOME", stage.path("home"))
        .env("LANG", "C.UTF-8")
        .env("GITHUB_API_URL", stage.github.api_url())
        .env("GITHUB_SERVER_URL", stage.github.server_url())
        .env("GITHUB_REPOSITORY", REPOSITORY)
        .env("GH_TOKEN", REVIEWER_TOKEN)
        .stderr(log)
        .stdout(Stdio::piped())
        .spawn()?
        .wait_with_output();
    Ok(output.await?.stdout)
}
