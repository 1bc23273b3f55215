//! The steps of a deployment: what is done on a host, and how it is undone.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::policy::duration;

/// One change: a file or directory, a command or a script. Exactly one of
/// `upload`, `run` and `script` is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// How the step is called in plans and logs.
    pub name: String,
    /// The groups of hosts that the step is for; all hosts where it is empty.
    #[serde(default)]
    pub only: Vec<String>,
    /// A file or directory that is put onto the host. Its undo is built in: what
    /// was there before comes back.
    #[serde(default)]
    pub upload: Option<Upload>,
    /// The program and its arguments, as a list. No shell reads them. `{sha}`,
    /// `{short_sha}`, `{run_id}`, `{attempt}`, `{pull_request}` and `{host}` are filled in;
    /// `{{` and `}}` are braces.
    #[serde(default)]
    pub run: Option<Vec<String>>,
    /// A script for `bash -euo pipefail`. Nothing is filled in.
    #[serde(default)]
    pub script: Option<String>,
    /// What the script, and `undo_script`, find as `$1`, `$2` and so on. Filled in as with
    /// `run`.
    #[serde(default)]
    pub args: Vec<String>,
    /// The user it runs as, by `sudo -n`; the login user where left out.
    #[serde(default)]
    pub user: Option<String>,
    /// The absolute path of the directory it runs in; the login directory where left out.
    /// Filled in as with `run`.
    #[serde(default)]
    pub directory: Option<String>,
    /// Variables of its environment, for example `{ RUST_LOG = "info" }`. The values are
    /// filled in as with `run`.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Names of variables of ours whose values the command reads on its standard input, in
    /// this order, each with a line break. They are on no command line.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// How long it may take on one host, and how long its undo may.
    #[serde(with = "duration", default = "time_limit")]
    pub time_limit: Duration,
    /// The program that undoes it, with its arguments, run with the same user, directory and
    /// environment, without the secrets. `[]`: there is nothing to undo. Where neither this
    /// nor `undo_script` is given, `race policy check` warns: what the step did would stay.
    #[serde(default)]
    pub undo: Option<Vec<String>>,
    /// Instead of `undo`: a script, which is given the same `args`.
    #[serde(default)]
    pub undo_script: Option<String>,
}

/// A file or directory that is put onto a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// The file or directory, from the directory that `race deploy` runs in. Filled in as
    /// with `run`.
    pub from: String,
    /// Its absolute path on the host. Filled in as with `run`.
    pub to: String,
    /// Its permissions in octal digits, for example `"0755"`; those it has here where left
    /// out.
    #[serde(default)]
    pub mode: Option<String>,
    /// `user` or `user:group` that it belongs to; the user who puts it there where left out.
    #[serde(default)]
    pub owner: Option<String>,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work<'s> {
    /// Puts a file or directory onto the host.
    Upload(&'s Upload),
    /// Runs a program.
    Run(&'s [String]),
    /// Runs a script.
    Script {
        /// Its text.
        text: &'s str,
        /// Its arguments.
        args: &'s [String],
    },
}

impl Step {
    /// What the step does. None where it says nothing, or more than one thing.
    #[must_use]
    pub fn work(&self) -> Option<Work<'_>> {
        match (&self.upload, &self.run, &self.script) {
            (Some(upload), None, None) => Some(Work::Upload(upload)),
            (None, Some(argv), None) => Some(Work::Run(argv)),
            (None, None, Some(text)) => Some(Work::Script { text, args: &self.args }),
            _ => None,
        }
    }
}

impl Upload {
    /// The permissions as a number: None where they are left out or no permissions.
    #[must_use]
    pub fn permissions(&self) -> Option<u32> {
        let digits = self.mode.as_deref()?;
        let octal = matches!(digits.len(), 3 | 4) && digits.bytes().all(|digit| matches!(digit, b'0'..=b'7'));
        octal.then(|| u32::from_str_radix(digits, 8).ok()).flatten()
    }
}

pub(super) fn time_limit() -> Duration {
    Duration::from_mins(10)
}
