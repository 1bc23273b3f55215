//! How a host is logged in to: what the policy and this machine say of it.

use std::time::Duration;

use crate::config::Secret;
use crate::policy::{self, Host};
use crate::ssh::{Connection, Hop, SshError, Target};

use super::Setting;

/// The way to a host, and the key to it.
pub(in crate::commands) struct Way<'d> {
    target: Target,
    key: Option<&'d Secret>,
    limit: Duration,
}

impl Way<'_> {
    /// Logs in.
    pub(in crate::commands) async fn open(&self) -> Result<Connection, SshError> {
        Connection::open(&self.target, self.key.map(Secret::expose), self.limit).await
    }
}

/// The way to `host`.
pub(in crate::commands) fn of<'d>(host: &Host, policy: &policy::Deploy, setting: &'d Setting) -> Way<'d> {
    let jump = |name: &String| {
        policy.jumps.iter().find(|jump| jump.name == *name).map(|jump| Hop {
            name: jump.name.clone(),
            address: jump.address.clone(),
            port: jump.port,
            user: jump.user.clone(),
            host_keys: jump.host_keys.clone(),
        })
    };
    let target = Target {
        jumps: host.jump.iter().filter_map(jump).collect(),
        proxy_command: host.proxy_command.clone(),
        known_hosts: setting.known_hosts.clone(),
        ssh_config: setting.ssh_config.clone(),
        ..Target::from(host)
    };
    Way { target, key: setting.key.as_ref(), limit: policy.connect_timeout }
}
