//! Which policy is in force: the base's, never the pull request's own.

use std::path::Path;

use crate::config::{Flag, PolicyFile, Settings};
use crate::github::{ApiError, Client, Event};
use crate::policy::{Carry, FILES, Policy, Selection};

use super::connect::failed;
use super::context::files_in;
use super::{Context, Failure};

/// Why the policy in force is not known.
pub(super) enum Unknown {
    /// GitHub did not tell; it may later.
    Api(ApiError),
    /// What was found cannot be used.
    Failure(Failure),
}

impl From<ApiError> for Unknown {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<Failure> for Unknown {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<Unknown> for Failure {
    fn from(unknown: Unknown) -> Self {
        match unknown {
            Unknown::Api(error) => failed(&error),
            Unknown::Failure(failure) => failure,
        }
    }
}

/// The settings with the policy that is in force.
///
/// `--policies DIR` names a directory that the caller vouches for. Without it a
/// run's policy is read by the API: at the base's commit for a pull request or a
/// merge group, else at the run's own. Elsewhere `./policies` is read.
pub(super) async fn in_force(
    context: &Context,
    client: &mut Client,
    event: &Event,
    flags: &[Flag],
) -> Result<Settings, Unknown> {
    if let Some(directory) = &context.shared.policies {
        return Ok(context.settings_in(directory, flags)?);
    }
    if !context.runner.in_actions() {
        let files = match Path::new("policies") {
            directory if directory.is_dir() => files_in(directory)?,
            _ => {
                context.output.log("there is no directory policies: the built-in defaults are in force");
                Vec::new()
            }
        };
        return Ok(context.settings(&files, flags)?);
    }
    let own = context.runner.get("GITHUB_SHA").map(str::to_owned);
    let Some(commit) = event.base_sha.clone().or(own) else {
        context
            .output
            .log("neither base nor commit of this run is known: the built-in defaults are in force");
        return Ok(context.settings(&[], flags)?);
    };
    read_at(context, client, &commit, flags, Criteria::WhereTheyDecide).await
}

/// Whether the criteria are read too. Every file costs a request, and a hundred races
/// of one repository share its rate limit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Criteria {
    Always,
    WhereTheyDecide,
}

/// The settings with the policy that stands at a commit, read by the API.
pub(super) async fn at_commit(
    context: &Context,
    client: &mut Client,
    commit: &str,
    flags: &[Flag],
) -> Result<Settings, Unknown> {
    read_at(context, client, commit, flags, Criteria::Always).await
}

const fn asks_nothing_of_the_criteria(policy: &Policy) -> bool {
    matches!((policy.selection, policy.carry), (Selection::Manual, Carry::Never))
}

async fn read_at(
    context: &Context,
    client: &mut Client,
    commit: &str,
    flags: &[Flag],
    criteria: Criteria,
) -> Result<Settings, Unknown> {
    let short = crate::race::short_sha(commit);
    let mut files = Vec::new();
    for (name, _) in FILES {
        let decides = || {
            let read = context.settings(&files, flags);
            !matches!(read, Ok(settings) if asks_nothing_of_the_criteria(&settings.policy))
        };
        if name == "criteria.toml" && criteria == Criteria::WhereTheyDecide && !decides() {
            continue;
        }
        let path = format!("policies/{name}");
        if let Some(text) = client.file_at(&path, commit).await? {
            files.push(PolicyFile { name, place: format!("{path} at {short}"), text });
        }
    }
    if files.is_empty() {
        context.output.log(&format!("{short} has no policies: the built-in defaults are in force"));
    }
    Ok(context.settings(&files, flags)?)
}
