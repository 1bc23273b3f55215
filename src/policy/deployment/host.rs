//! The hosts of a deployment and those that connections pass through.

use serde::{Deserialize, Serialize};

/// One SSH target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// How the host is called in plans and logs.
    pub name: String,
    /// Host name or IP address.
    pub address: String,
    /// TCP port of the SSH server.
    #[serde(default = "ssh_port")]
    pub port: u16,
    /// The user to log in as.
    #[serde(default = "ssh_user")]
    pub user: String,
    /// The host's public keys, as `known_hosts` has them after the host's name, for
    /// example `ssh-ed25519 AAAA...`. A host that shows another key is refused, and nothing
    /// switches that off. May be left out where `known_hosts_env` is given.
    #[serde(default)]
    pub host_keys: Vec<String>,
    /// Names of the `[[deploy.jump]]` hosts that the connection passes through, in order.
    #[serde(default)]
    pub jump: Vec<String>,
    /// The program, with its arguments, whose standard input and output are the
    /// connection. Instead of `jump`.
    #[serde(default)]
    pub proxy_command: Vec<String>,
    /// The groups that the host is in, for `only`.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// A host that connections pass through. Nothing is run on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jump {
    /// How `jump` of a host names it.
    pub name: String,
    /// Host name or IP address, as seen from the jump host before.
    pub address: String,
    /// TCP port of the SSH server.
    #[serde(default = "ssh_port")]
    pub port: u16,
    /// The user to log in as.
    #[serde(default = "ssh_user")]
    pub user: String,
    /// Its public keys, as with a host.
    #[serde(default)]
    pub host_keys: Vec<String>,
}

fn ssh_port() -> u16 {
    22
}

fn ssh_user() -> String {
    "deploy".to_owned()
}
