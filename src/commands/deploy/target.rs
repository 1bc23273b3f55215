//! How a host is logged in to: what the policy and this machine say of it.

use std::time::Duration;

use crate::config::Secret;
use crate::policy::{self, Host};
use crate::ssh::{Connection, Hop, SshError, Target};

use super::Setting;

/// The way to a host, and the key to it.
pub(in crate::commands) struct Way {
    target: Target,
    key: Option<Secret>,
    limit: Duration,
}

impl Way {
    /// Logs in.
    pub(in crate::commands) async fn open(&self) -> Result<Connection, SshError> {
        Connection::open(&self.target, self.key.as_ref().map(Secret::expose), self.limit).await
    }

    /// Logs in to forward ports, and for nothing else.
    pub(in crate::commands) async fn open_to_forward(&self) -> Result<Connection, SshError> {
        let target = Target { only_forwards: true, ..self.target.clone() };
        Connection::open(&target, self.key.as_ref().map(Secret::expose), self.limit).await
    }

    /// Logs in for a question that everybody may know.
    pub(super) async fn open_to_confirm(&self) -> Result<Connection, SshError> {
        let target = Target { nothing_secret: true, ..self.target.clone() };
        Connection::open(&target, self.key.as_ref().map(Secret::expose), self.limit).await
    }
}

/// The way to `host`.
pub(in crate::commands) fn of(host: &Host, policy: &policy::Deploy, setting: &Setting) -> Way {
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
    Way { target, key: setting.key.clone(), limit: policy.connect_timeout }
}
