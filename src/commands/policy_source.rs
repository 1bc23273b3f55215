//! Which policy is in force: the base's, never the pull request's own.

use std::path::Path;

use crate::config::{Flag, PolicyFile, Settings};
use crate::github::{Client, Event};
use crate::policy::FILES;

use super::connect::failed;
use super::context::files_in;
use super::{Context, Failure};

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
) -> Result<Settings, Failure> {
    if let Some(directory) = &context.shared.policies {
        return context.settings_in(directory, flags);
    }
    if !context.runner.in_actions() {
        let files = match Path::new("policies") {
            directory if directory.is_dir() => files_in(directory)?,
            _ => {
                context.output.log("there is no directory policies: the built-in defaults are in force");
                Vec::new()
            }
        };
        return context.settings(&files, flags);
    }
    let own = context.runner.get("GITHUB_SHA").map(str::to_owned);
    let Some(commit) = event.base_sha.clone().or(own) else {
        context
            .output
            .log("neither base nor commit of this run is known: the built-in defaults are in force");
        return context.settings(&[], flags);
    };
    let short = commit.get(..11).unwrap_or(&commit);
    let mut files = Vec::new();
    for (name, _) in FILES {
        let path = format!("policies/{name}");
        if let Some(text) = client.file_at(&path, &commit).await.map_err(|error| failed(&error))? {
            files.push(PolicyFile { name, place: format!("{path} at {short}"), text });
        }
    }
    if files.is_empty() {
        context.output.log(&format!("{short} has no policies: the built-in defaults are in force"));
    }
    context.settings(&files, flags)
}
