//! One command on one host: the exact arguments, made of what the policy says
//! about program, user, directory and environment.

use std::collections::BTreeMap;
use std::time::Duration;

use super::template::{Filling, PlanError};
use crate::policy::{Work, words};

/// Runs `"$2"...` in the directory `$1`.
const IN_DIRECTORY: &str = r#"cd -- "$1" && shift && exec "$@""#;

/// One command on one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// How the policy calls it.
    pub name: String,
    /// The program and its arguments, exactly: `sudo`, `env` and the change of
    /// directory included. There is never a secret in it.
    pub argv: Vec<String>,
    /// The user whom `sudo` in `argv` names.
    pub user: Option<String>,
    /// The variables of ours whose values it reads on its standard input, in this
    /// order, each with a line break.
    pub secrets: Vec<String>,
    /// How long it may take.
    pub time_limit: Duration,
}

/// What a command is run as, and where.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    /// By `sudo -n`; the login user where there is none.
    pub(super) user: Option<&'p str>,
    /// The login directory where there is none.
    pub(super) directory: Option<&'p str>,
    /// Variables beside those that are there.
    pub(super) env: &'p BTreeMap<String, String>,
}

impl<'p> Place<'p> {
    /// The login directory and its environment, as `user`.
    pub(super) const fn of(user: Option<&'p str>) -> Self {
        const NO_VARIABLES: &BTreeMap<String, String> = &BTreeMap::new();
        Self { user, directory: None, env: NO_VARIABLES }
    }
}

/// What makes the command after it run as `user`.
pub(super) fn sudo(user: Option<&str>) -> Vec<String> {
    user.map_or_else(Vec::new, |user| ["sudo", "-n", "-u", user, "--"].map(str::to_owned).to_vec())
}

/// The command that does `work`, which is no upload, in `place`.
pub(super) fn command(
    filling: Filling<'_>,
    name: &str,
    work: Work<'_>,
    place: Place<'_>,
    time_limit: Duration,
) -> Result<Command, PlanError> {
    let user = place.user.map(|user| filling.valid("user name", words::is_user, user)).transpose()?;
    let mut argv = sudo(user);
    if !place.env.is_empty() {
        argv.push("env".to_owned());
    }
    for (name, value) in place.env {
        filling.valid("name of a variable", words::is_variable, name)?;
        argv.push(format!("{name}={}", filling.word(value)?));
    }
    if let Some(directory) = place.directory {
        let directory = if directory == "/" { directory.to_owned() } else { filling.path(directory)? };
        argv.extend(["sh", "-c", IN_DIRECTORY, "sh", &directory].map(str::to_owned));
    }
    argv.extend(program(filling, name, work)?);
    Ok(Command {
        name: name.to_owned(),
        argv,
        user: user.map(str::to_owned),
        secrets: Vec::new(),
        time_limit,
    })
}

/// Program and arguments of `work`. Of a script nothing is filled in but its
/// arguments; its name is its `$0`, so that Bash's messages begin with it.
fn program(filling: Filling<'_>, name: &str, work: Work<'_>) -> Result<Vec<String>, PlanError> {
    match work {
        Work::Run(argv) => {
            let argv = filling.words(argv)?;
            match argv.first() {
                Some(program) if words::is_program(program) => Ok(argv),
                Some(program) => {
                    Err(PlanError::Program { at: filling.at.to_owned(), program: program.clone() })
                }
                None => Err(PlanError::Unclear(filling.at.to_owned())),
            }
        }
        Work::Script { text, .. } if text.contains('\0') => Err(PlanError::Nul(filling.at.to_owned())),
        Work::Script { text, args } => {
            // Debian's Bash reads ~/.bashrc for a command that comes by SSH, unless told not to.
            let mut argv =
                ["bash", "--norc", "-euo", "pipefail", "-c", text, name].map(str::to_owned).to_vec();
            argv.extend(filling.words(args)?);
            Ok(argv)
        }
        Work::Upload(_) => Err(PlanError::Unclear(filling.at.to_owned())),
    }
}
