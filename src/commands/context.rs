//! What every command is given: flags, environment, output.

use std::path::Path;

use crate::cli::Shared;
use crate::config::{Flag, Layers, PolicyFile, Runner, Settings};
use crate::exit::Exit;
use crate::policy::FILES;
use crate::report::Output;

use super::Failure;

/// What every command is given.
pub struct Context {
    /// The flags that every command takes.
    pub shared: Shared,
    /// The environment.
    pub runner: Runner,
    /// The standard streams.
    pub output: Output,
}

impl Context {
    /// The settings, with the policy files of `directory`.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or the settings cannot be used (exit 2).
    pub fn settings_in(&self, directory: &Path, flags: &[Flag]) -> Result<Settings, Failure> {
        let files = files_in(directory).map_err(|failure| match self.runner.in_actions() && !directory.is_dir() {
            // A job checks out the base, and has this where a pull request brings the first ones.
            true => failure.help(
                "the commit that is checked out has no policies: the testnet can be had once they are merged, \
                 and until then only a branch that spares it can win",
            ),
            false => failure,
        })?;
        self.settings(&files, flags)
    }

    /// The settings, with these policy files. Warnings go to the log.
    ///
    /// # Errors
    ///
    /// When the settings cannot be used (exit 2).
    pub fn settings(&self, files: &[PolicyFile], flags: &[Flag]) -> Result<Settings, Failure> {
        let settings = Layers { files, runner: &self.runner, flags }.settle()?;
        for warning in &settings.warnings {
            self.output.log(&warning.to_string());
        }
        Ok(settings)
    }

    /// The settings, from `--policies` or `./policies`, for commands that do not ask
    /// GitHub: what they act on is checked out beside them.
    ///
    /// # Errors
    ///
    /// When there is no policy, or it cannot be used (exit 2).
    pub fn local_settings(&self, flags: &[Flag]) -> Result<Settings, Failure> {
        match &self.shared.policies {
            Some(directory) => self.settings_in(directory, flags),
            None => self.settings_in(Path::new("policies"), flags),
        }
    }
}

/// The policy files of a directory, those that are there.
///
/// # Errors
///
/// When the directory is not there, or a file cannot be read (exit 2).
pub(super) fn files_in(directory: &Path) -> Result<Vec<PolicyFile>, Failure> {
    if !directory.is_dir() {
        return Err(Failure::new(Exit::Invalid, format!("there is no directory {}", directory.display()))
            .help("name the directory with the policy files by --policies DIR"));
    }
    let mut files = Vec::new();
    for (name, _) in FILES {
        let path = directory.join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => files.push(PolicyFile { name, place: path.display().to_string(), text }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(Failure::caused(
                    Exit::Invalid,
                    &format!("cannot read {}", path.display()),
                    &error,
                ));
            }
        }
    }
    Ok(files)
}
