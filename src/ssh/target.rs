//! Where a connection leads, by way of whom, and whose keys are trusted on the way.

use super::SshError;
use crate::policy::Host;

/// One SSH server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// How it is called in logs, in known hosts and in a client configuration.
    pub name: String,
    /// Host name or IP address.
    pub address: String,
    /// TCP port.
    pub port: u16,
    /// The user to log in as.
    pub user: String,
    /// Its public keys, `ssh-ed25519 AAAA...`; more may be in [`Target::known_hosts`].
    pub host_keys: Vec<String>,
}

/// A host and the way to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The host.
    pub host: Hop,
    /// The jump hosts, in the order in which they are passed.
    pub jumps: Vec<Hop>,
    /// A command whose stdin and stdout are the connection, in place of jump hosts;
    /// empty where there is none.
    pub proxy_command: Vec<String>,
    /// Lines as `ssh-keyscan` prints them; those that name no hop do not count.
    pub known_hosts: String,
    /// The text of a client configuration that is read after ours: where both have
    /// an option, ours counts.
    pub ssh_config: String,
    /// Nothing that goes over this connection need stay secret for decades.
    pub nothing_secret: bool,
    /// Nothing is run on the host: ports are forwarded, and no more. So a key suffices
    /// that can do nothing else.
    pub only_forwards: bool,
}

impl From<&Host> for Target {
    fn from(host: &Host) -> Self {
        let hop = Hop {
            name: host.name.clone(),
            address: host.address.clone(),
            port: host.port,
            user: host.user.clone(),
            host_keys: host.host_keys.clone(),
        };
        Self {
            host: hop,
            jumps: Vec::new(),
            proxy_command: Vec::new(),
            known_hosts: String::new(),
            ssh_config: String::new(),
            nothing_secret: false,
            only_forwards: false,
        }
    }
}

impl Target {
    /// Every server on the way, the host last.
    pub(super) fn hops(&self) -> impl Iterator<Item = &Hop> {
        self.jumps.iter().chain([&self.host])
    }

    /// The pinned keys, as a file of known hosts has them, under the hops' names.
    pub(super) fn pinned(&self) -> Result<String, SshError> {
        let mut text = String::new();
        for hop in self.hops() {
            for key in &hop.host_keys {
                let pinned = public_key(key).ok_or_else(|| SshError::HostKeyInvalid {
                    host: hop.name.clone(),
                    key: key.chars().take(60).collect(),
                })?;
                text.push_str(&format!("{} {pinned}\n", hop.name));
            }
        }
        for (line, number) in self.known_hosts.lines().map(str::trim).zip(1..) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |what| SshError::KnownHosts { host: self.host.name.clone(), line: number, what };
            let (names, key) =
                line.split_once([' ', '\t']).ok_or_else(|| wrong("is no line of known hosts"))?;
            if names.starts_with('@') {
                return Err(wrong("has a mark, and only plain keys are trusted"));
            }
            if names.starts_with('|') {
                return Err(wrong("is hashed: nobody can see whom it trusts"));
            }
            if names.contains(['*', '?', '!']) {
                return Err(wrong("has a pattern: name each host"));
            }
            let key = public_key(key).ok_or_else(|| wrong("holds no public key"))?;
            for hop in self.hops().filter(|hop| names.split(',').any(|name| hop.is_called(name))) {
                text.push_str(&format!("{} {key}\n", hop.name));
            }
        }
        Ok(text)
    }
}

impl Hop {
    /// The address as `ssh` wants it, without the brackets of an IPv6 address.
    pub(super) fn plain_address(&self) -> &str {
        self.address.trim_matches(['[', ']'])
    }

    /// Whether a name in a line of known hosts means this server.
    fn is_called(&self, name: &str) -> bool {
        let address = self.plain_address();
        match name.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
            Some((host, port)) => port.parse() == Ok(self.port) && (host == address || host == self.name),
            None => name == self.name || name == address,
        }
    }
}

/// The kind and the data of a public key, whatever comment follows.
fn public_key(text: &str) -> Option<String> {
    let mut words = text.split_ascii_whitespace();
    let all = |word: &str, more: &[u8]| word.bytes().all(|b| b.is_ascii_alphanumeric() || more.contains(&b));
    // A mark such as `@cert-authority` would widen what is trusted.
    let kind = words.next().filter(|kind| !kind.starts_with('@') && all(kind, b"-@."))?;
    let data = words.next().filter(|data| all(data, b"+/="))?;
    Some(format!("{kind} {data}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(host_keys: &[&str]) -> Target {
        let mut target = crate::ssh::tests::target();
        target.host.host_keys = host_keys.iter().map(|key| (*key).to_owned()).collect();
        target
    }

    #[test]
    fn pinned_keys_are_written_under_the_hosts_name() {
        let text = target(&["ssh-ed25519 AAAA+/= root@host", "ssh-rsa BBBB"]).pinned().unwrap();
        assert_eq!(text, "validator-1 ssh-ed25519 AAAA+/=\nvalidator-1 ssh-rsa BBBB\n");
        for key in ["", "ssh-ed25519", "* ssh-ed25519 AAAA", "@cert-authority * ssh-ed25519 AAAA", "a b;c"] {
            assert!(matches!(target(&[key]).pinned(), Err(SshError::HostKeyInvalid { .. })), "{key}");
        }
    }

    #[test]
    fn of_known_hosts_only_plain_lines_for_our_hosts_count() {
        let mut target = target(&[]);
        target.known_hosts = "# 127.0.0.1:22 SSH-2.0\n\n[fe80::1%eth0]:2222 ssh-ed25519 AAAA\n\
                              other,validator-1 ssh-rsa BBBB comment\n[fe80::1%eth0]:22 ssh-ed25519 CCCC\n\
                              other ssh-ed25519 DDDD\n"
            .to_owned();
        let pinned = target.pinned().unwrap();
        assert_eq!(pinned, "validator-1 ssh-ed25519 AAAA\nvalidator-1 ssh-rsa BBBB\n");
        for line in [
            "@cert-authority validator-1 ssh-ed25519 AAAA",
            "@revoked validator-1 ssh-ed25519 AAAA",
            "|1|salt=|hash= ssh-ed25519 AAAA",
            "* ssh-ed25519 AAAA",
            "validator-1 ssh-ed25519",
            "validator-1",
        ] {
            target.known_hosts = format!("other ssh-rsa B\n{line}\n");
            assert!(matches!(target.pinned(), Err(SshError::KnownHosts { line: 2, .. })), "{line}");
        }
    }
}
