//! What follows the steps of a deployment: after an undo, until a host is ready,
//! and what is fetched when it failed.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::step::{Work, time_limit};
use crate::policy::duration;

/// A command that a host runs after all of its undos. Exactly one of `run` and
/// `script` is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AfterUndo {
    /// How it is called in plans and logs.
    pub name: String,
    /// The groups of hosts that it is for; all hosts where it is empty.
    #[serde(default)]
    pub only: Vec<String>,
    /// The program and its arguments, filled in as with a step.
    #[serde(default)]
    pub run: Option<Vec<String>>,
    /// A script for `bash -euo pipefail`. Nothing is filled in.
    #[serde(default)]
    pub script: Option<String>,
    /// What the script finds as `$1`, `$2` and so on.
    #[serde(default)]
    pub args: Vec<String>,
    /// The user it runs as, by `sudo -n`; the login user where left out.
    #[serde(default)]
    pub user: Option<String>,
    /// The absolute path of the directory it runs in; the login directory where left out.
    #[serde(default)]
    pub directory: Option<String>,
    /// Variables of its environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// How long it may take.
    #[serde(with = "duration", default = "time_limit")]
    pub time_limit: Duration,
}

impl AfterUndo {
    /// What it does. None where it says nothing, or more than one thing.
    #[must_use]
    pub fn work(&self) -> Option<Work<'_>> {
        match (&self.run, &self.script) {
            (Some(argv), None) => Some(Work::Run(argv)),
            (None, Some(text)) => Some(Work::Script { text, args: &self.args }),
            _ => None,
        }
    }
}

/// A check that is repeated until it holds. Exactly one of `run`, `tcp_port` and
/// `rpc_port` is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// How the check is called in plans and logs.
    pub name: String,
    /// The groups of hosts that it is for; all hosts where it is empty.
    #[serde(default)]
    pub only: Vec<String>,
    /// A program and its arguments, filled in as with a step: the host is ready
    /// when it ends with 0.
    #[serde(default)]
    pub run: Option<Vec<String>>,
    /// The user that `run` runs as, by `sudo -n`; the login user where left out.
    #[serde(default)]
    pub user: Option<String>,
    /// The host is ready when it accepts a connection from itself to this TCP port.
    #[serde(default)]
    pub tcp_port: Option<u16>,
    /// The port of a node's RPC on the host's loopback address: the host is ready
    /// when `system_health` says that the node does not sync.
    #[serde(default)]
    pub rpc_port: Option<u16>,
    /// With `rpc_port`: what `system_version` must contain, for example `"{short_sha}"`.
    /// Filled in as with a step.
    #[serde(default)]
    pub version_contains: Option<String>,
    /// With `rpc_port`: how many peers the node must have at least.
    #[serde(default)]
    pub min_peers: u32,
    /// How long one try may take.
    #[serde(with = "duration", default = "try_limit")]
    pub time_limit: Duration,
    /// The time between two tries.
    #[serde(with = "duration", default = "every")]
    pub every: Duration,
    /// How long it may take until the check holds.
    #[serde(with = "duration", default = "within")]
    pub within: Duration,
}

/// What a check looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadyWhen<'r> {
    /// A program ends with 0.
    Run(&'r [String]),
    /// A TCP port accepts connections.
    TcpPort(u16),
    /// A node's RPC answers well at this port.
    RpcPort(u16),
}

impl Ready {
    /// What the check looks at. None where it says nothing, or more than one thing.
    #[must_use]
    pub fn when(&self) -> Option<ReadyWhen<'_>> {
        match (&self.run, self.tcp_port, self.rpc_port) {
            (Some(argv), None, None) => Some(ReadyWhen::Run(argv)),
            (None, Some(port), None) => Some(ReadyWhen::TcpPort(port)),
            (None, None, Some(port)) => Some(ReadyWhen::RpcPort(port)),
            _ => None,
        }
    }
}

/// Something that tells why a deployment failed. Exactly one of `run` and `file`
/// is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collect {
    /// The name of the file that it is written to, in the host's directory of logs.
    pub name: String,
    /// The groups of hosts that it is for; all hosts where it is empty.
    #[serde(default)]
    pub only: Vec<String>,
    /// A program whose output is written, with its arguments, filled in as with a step.
    #[serde(default)]
    pub run: Option<Vec<String>>,
    /// The absolute path of a file on the host, of which the last 10 MiB are
    /// written. Filled in as with a step.
    #[serde(default)]
    pub file: Option<String>,
    /// The user who reads it, by `sudo -n`; the login user where left out.
    #[serde(default)]
    pub user: Option<String>,
    /// How long it may take.
    #[serde(with = "duration", default = "collect_limit")]
    pub time_limit: Duration,
}

/// Where something that is collected comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<'c> {
    /// A program's output.
    Run(&'c [String]),
    /// A file.
    File(&'c str),
}

impl Collect {
    /// Where it comes from. None where it says nothing, or more than one thing.
    #[must_use]
    pub fn source(&self) -> Option<Source<'_>> {
        match (&self.run, &self.file) {
            (Some(argv), None) => Some(Source::Run(argv)),
            (None, Some(path)) => Some(Source::File(path)),
            _ => None,
        }
    }
}

fn try_limit() -> Duration {
    Duration::from_secs(10)
}

fn every() -> Duration {
    Duration::from_secs(2)
}

fn within() -> Duration {
    Duration::from_mins(2)
}

fn collect_limit() -> Duration {
    Duration::from_mins(1)
}
