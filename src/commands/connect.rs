//! Where GitHub is, who asks, and of which repository.

use std::process::Stdio;

use tokio::process::Command;

use crate::config::{Runner, Secret};
use crate::exit::Exit;
use crate::github::{ApiError, Client, Connection, Repository, is_sha};

use super::{Context, Failure};

const PUBLIC_API: &str = "https://api.github.com";

/// A client for the repository of `flag`, of the run, or of the git remote.
pub(super) async fn client(context: &Context, flag: Option<&str>) -> Result<Client, Failure> {
    client_of(&context.runner, repository(context, flag).await?)
}

/// The same with this token.
pub(super) async fn client_as(
    context: &Context,
    flag: Option<&str>,
    token: Option<&str>,
) -> Result<Client, Failure> {
    client_with(&context.runner, repository(context, flag).await?, token)
}

async fn repository(context: &Context, flag: Option<&str>) -> Result<Repository, Failure> {
    match flag.or_else(|| context.runner.get("GITHUB_REPOSITORY")) {
        Some(text) => Repository::parse(text).ok_or_else(|| {
            Failure::new(Exit::Invalid, format!("`{text}` is no repository")).help("write OWNER/NAME")
        }),
        None => of_git_remote().await.ok_or_else(|| {
            Failure::new(Exit::Invalid, "no repository is named")
                .help("pass --repo OWNER/NAME, or run in a checkout whose remote `origin` is on GitHub")
        }),
    }
}

/// A client for this repository.
pub(super) fn client_of(runner: &Runner, repository: Repository) -> Result<Client, Failure> {
    let token = runner.token();
    client_with(runner, repository, token.as_ref().map(Secret::expose))
}

fn client_with(runner: &Runner, repository: Repository, token: Option<&str>) -> Result<Client, Failure> {
    let token = token.ok_or_else(|| {
        Failure::new(Exit::Refused, "no token for GitHub's API")
            .help("set GITHUB_TOKEN (in a workflow `env: GITHUB_TOKEN: ${{ github.token }}`) or GH_TOKEN")
    })?;
    let api_url = runner.get("GITHUB_API_URL").unwrap_or(PUBLIC_API);
    Client::new(Connection { api_url, token, repository })
        .map_err(|error| Failure::caused(Exit::Invalid, &format!("no client for {api_url}"), &error))
}

/// What an error of the API means for a command that asks once.
pub(super) fn failed(error: &ApiError) -> Failure {
    Failure::new(error.exit(), error.to_string()).help(error.help())
}

/// The repository of the git remote `origin` of the working directory.
async fn of_git_remote() -> Option<Repository> {
    let git = Command::new("git")
        .args(["remote", "get-url", "origin"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(std::time::Duration::from_secs(5), git).await.ok()?.ok()?;
    repository_of_url(String::from_utf8(output.stdout).ok()?.trim())
}

/// OWNER/NAME of `https://host/OWNER/NAME.git`, `ssh://git@host/OWNER/NAME` or
/// `git@host:OWNER/NAME.git`.
fn repository_of_url(url: &str) -> Option<Repository> {
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?.1,
        None => url.split_once(':')?.1,
    };
    Repository::parse(path.trim_end_matches('/').trim_end_matches(".git"))
}

/// The commit that `reference` stands for in the checkout of the working directory.
pub(super) async fn commit_in_checkout(reference: &str) -> Option<String> {
    // git would read a name that begins with `-` as an option.
    let argument = format!("{reference}^{{commit}}");
    let git = Command::new("git")
        .args(["rev-parse", "--verify", "--quiet", "--end-of-options", &argument])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(std::time::Duration::from_secs(5), git).await.ok()?.ok()?;
    let sha = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && is_sha(&sha)).then_some(sha)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_in_any_form_names_its_repository() {
        for url in [
            "https://github.com/o/r.git",
            "https://github.com/o/r",
            "https://user@ghe.example/o/r/",
            "git@github.com:o/r.git",
            "ssh://git@github.com:22/o/r.git",
        ] {
            assert_eq!(
                repository_of_url(url).map(|repository| repository.to_string()).as_deref(),
                Some("o/r"),
                "{url}"
            );
        }
        assert_eq!(repository_of_url("/srv/git/r.git"), None);
        assert_eq!(repository_of_url("https://github.com/o"), None);
    }
}
