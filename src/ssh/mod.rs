//! Commands on the testnet's hosts, by the `ssh` client that is installed. Host
//! keys are pinned, and there is no way to switch that off.

mod config;
mod connection;
mod error;
mod lines;
mod master;
mod stream;
mod target;

pub use connection::{Answer, Connection};
pub use error::SshError;
pub use stream::{Ended, Stream};
pub use target::{Hop, Target};

#[cfg(test)]
mod tests {
    use super::Target;

    /// A host without pinned keys, at an address that `ssh` could misread.
    pub(super) fn target() -> Target {
        Target::from(&crate::policy::Host {
            name: "validator-1".to_owned(),
            address: "[fe80::1%eth0]".to_owned(),
            port: 2222,
            user: "deploy".to_owned(),
            host_keys: Vec::new(),
            jump: Vec::new(),
            proxy_command: Vec::new(),
            groups: Vec::new(),
        })
    }
}
