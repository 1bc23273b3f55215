//! The shapes of `[deploy]` in `policies/testnet.toml`.

mod example;
mod follow_up;
mod host;
mod step;

pub use follow_up::{AfterUndo, Collect, Ready, ReadyWhen, Source};
pub use host::{Host, Jump};
pub use step::{Step, Upload, Work};

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;

/// How the approved commit reaches the hosts of the testnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deploy {
    /// The hosts, in the order in which they are deployed.
    #[serde(rename = "host")]
    pub hosts: Vec<Host>,
    /// The hosts that connections pass through.
    #[serde(rename = "jump", default)]
    pub jumps: Vec<Jump>,
    /// What is done on the hosts, in order.
    #[serde(rename = "step")]
    pub steps: Vec<Step>,
    /// What brings back to life what an undo restored: after all undos of a host, in order.
    #[serde(default)]
    pub after_undo: Vec<AfterUndo>,
    /// What must hold on a host before the next wave begins, and before anything is confirmed.
    #[serde(default)]
    pub ready: Vec<Ready>,
    /// What is fetched from the hosts when the deployment failed.
    #[serde(default)]
    pub collect: Vec<Collect>,
    /// How long the connection to a host may take.
    #[serde(with = "duration", default = "connect_timeout")]
    pub connect_timeout: Duration,
    /// Name of the environment variable that holds the private key. Where it is
    /// not set, the SSH agent's keys are used.
    #[serde(default = "private_key_env")]
    pub private_key_env: String,
    /// Name of an environment variable with lines of `known_hosts`, as `ssh-keyscan`
    /// prints them: further pinned keys beside those of `host_keys`.
    #[serde(default)]
    pub known_hosts_env: Option<String>,
    /// Path of a configuration of the SSH client. It is read after ours, which wins.
    #[serde(default)]
    pub ssh_config: Option<String>,
    /// Where the hosts keep the lease, the undo and what was replaced: an absolute path, or
    /// one in the login directory.
    #[serde(default = "state_directory")]
    pub state_directory: String,
    /// How many hosts the first wave has. `0`: there is no canary.
    #[serde(default = "canary")]
    pub canary: usize,
    /// How many hosts every later wave has at most.
    #[serde(default = "max_parallel")]
    pub max_parallel: usize,
    /// Without a word from us for so long, a host undoes by itself. At least `10s`.
    #[serde(with = "duration", default = "undo_after")]
    pub undo_after: Duration,
    /// The lease on the testnet expires so long after it was last renewed. Longer than
    /// `undo_after`.
    #[serde(with = "duration", default = "lease")]
    pub lease: Duration,
    /// How long to wait for the end of another's lease.
    #[serde(with = "duration", default = "lock_wait")]
    pub lock_wait: Duration,
}

fn connect_timeout() -> Duration {
    Duration::from_secs(15)
}

fn private_key_env() -> String {
    "TESTNET_SSH_KEY".to_owned()
}

fn state_directory() -> String {
    ".race".to_owned()
}

const fn canary() -> usize {
    1
}

const fn max_parallel() -> usize {
    10
}

fn undo_after() -> Duration {
    Duration::from_secs(90)
}

fn lease() -> Duration {
    Duration::from_hours(1)
}

fn lock_wait() -> Duration {
    Duration::from_mins(30)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_of_two_tables_is_enough() {
        let deploy: Deploy = serde_json::from_value(serde_json::json!({
            "host": [{"name": "a", "address": "b", "host_keys": ["ssh-ed25519 AAAA"]}],
            "step": [{"name": "c", "run": ["true"]}],
        }))
        .unwrap();
        assert_eq!((deploy.canary, deploy.max_parallel), (1, 10));
        assert_eq!(deploy.undo_after, Duration::from_secs(90));
        assert_eq!(deploy.steps[0].work(), Some(Work::Run(&["true".to_owned()])));
        assert_eq!(deploy.steps[0].undo, None, "nothing was said about its undo");
    }

    #[test]
    fn the_example_has_a_value_for_every_key_somewhere() {
        fn left_out(key: &str, value: &serde_json::Value, found: &mut Vec<String>) {
            match value {
                serde_json::Value::Object(fields) if !fields.is_empty() => {
                    fields.iter().for_each(|(name, value)| left_out(&format!("{key}.{name}"), value, found));
                }
                serde_json::Value::Array(rows) if rows.iter().any(serde_json::Value::is_object) => {
                    let mut missing: Option<Vec<String>> = None;
                    for row in rows {
                        let mut of_row = Vec::new();
                        left_out(key, row, &mut of_row);
                        missing = Some(match missing {
                            Some(before) => before.into_iter().filter(|key| of_row.contains(key)).collect(),
                            None => of_row,
                        });
                    }
                    found.extend(missing.unwrap_or_default());
                }
                serde_json::Value::Null => found.push(key.to_owned()),
                value if *value == serde_json::json!([]) || *value == serde_json::json!({}) => {
                    found.push(key.to_owned());
                }
                _ => {}
            }
        }
        let mut found = Vec::new();
        left_out("deploy", &serde_json::to_value(Deploy::example()).unwrap(), &mut found);
        assert_eq!(found, Vec::<String>::new());
    }
}
