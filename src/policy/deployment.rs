//! The shapes of `[deploy]` in `policies/testnet.toml`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;

/// How the approved commit reaches the hosts of the testnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deploy {
    /// The hosts, in the order in which they are deployed.
    #[serde(rename = "host")]
    pub hosts: Vec<Host>,
    /// What is done on every host, in order.
    #[serde(rename = "step")]
    pub steps: Vec<Step>,
    /// How long the connection to a host may take.
    #[serde(with = "duration", default = "connect_timeout")]
    pub connect_timeout: Duration,
    /// Name of the environment variable that holds the private key. Where it is
    /// not set, the SSH agent's keys are used.
    #[serde(default = "private_key_env")]
    pub private_key_env: String,
}

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
    /// The host's public keys as `known_hosts` has them after the host's name, for
    /// example `ssh-ed25519 AAAA...`. A host that shows another key is refused.
    pub host_keys: Vec<String>,
}

/// One command, the same on every host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// How the step is called in plans and logs.
    pub name: String,
    /// The program and its arguments. No shell reads them. `{sha}`, `{short_sha}`,
    /// `{run_id}`, `{attempt}`, `{pull_request}` and `{host}` are filled in.
    pub run: Vec<String>,
    /// How long the step may take on one host.
    #[serde(with = "duration", default = "time_limit")]
    pub time_limit: Duration,
}

impl Deploy {
    /// A deployment in which every key has a value.
    pub(super) fn example() -> Self {
        Self {
            hosts: vec![Host {
                name: "validator-1".to_owned(),
                address: "203.0.113.10".to_owned(),
                port: ssh_port(),
                user: ssh_user(),
                host_keys: vec!["ssh-ed25519 AAAA...".to_owned()],
            }],
            steps: vec![Step {
                name: "restart".to_owned(),
                run: vec!["sudo".to_owned(), "systemctl".to_owned(), "restart".to_owned(), "node".to_owned()],
                time_limit: time_limit(),
            }],
            connect_timeout: connect_timeout(),
            private_key_env: private_key_env(),
        }
    }
}

fn connect_timeout() -> Duration {
    Duration::from_secs(15)
}

fn private_key_env() -> String {
    "TESTNET_SSH_KEY".to_owned()
}

fn ssh_port() -> u16 {
    22
}

fn ssh_user() -> String {
    "deploy".to_owned()
}

fn time_limit() -> Duration {
    Duration::from_mins(10)
}
