//! What can go wrong on the way to a host, read from what `ssh` says, and what to
//! do about it.

use std::io;
use std::time::Duration;

use super::Target;
use crate::exit::Exit;

/// What went wrong with a host.
#[derive(Debug, thiserror::Error)]
pub enum SshError {
    /// The host shows a key of a kind that is not pinned.
    #[error("{host}: its host key is not among the pinned ones{shown}")]
    HostKeyUnknown {
        /// The host's name.
        host: String,
        /// The key's fingerprint in parentheses, where `ssh` tells it.
        shown: String,
    },
    /// The host shows another key than the pinned one.
    #[error("{host}: its host key is not the pinned one{shown}")]
    HostKeyChanged {
        /// The host's name.
        host: String,
        /// The key's fingerprint in parentheses, where `ssh` tells it.
        shown: String,
    },
    /// A pinned key cannot be read.
    #[error("{host}: `{key}` is no host key")]
    HostKeyInvalid {
        /// The host's name.
        host: String,
        /// The pinned key.
        key: String,
    },
    /// A line of the known hosts cannot be trusted.
    #[error("{host}: line {line} of the known hosts {what}")]
    KnownHosts {
        /// The host's name.
        host: String,
        /// The line's number, from 1.
        line: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// `ssh` cannot be given, or does not understand, the configuration.
    #[error("{host}: the ssh configuration is wrong: {text}")]
    Config {
        /// The host's name.
        host: String,
        /// What is wrong.
        text: String,
    },
    /// The proxy command did not bring a connection.
    #[error("{host}: the proxy command brought no connection: {text}")]
    ProxyCommand {
        /// The host's name.
        host: String,
        /// What it says.
        text: String,
    },
    /// The private key cannot be read by `ssh`.
    #[error("{host}: the private key cannot be used")]
    PrivateKeyInvalid {
        /// The host's name.
        host: String,
    },
    /// The host does not let us in.
    #[error("{host}: it refuses our key")]
    AuthenticationRefused {
        /// The host's name.
        host: String,
    },
    /// Nothing listens on the port.
    #[error("{host}: connection refused")]
    Refused {
        /// The host's name.
        host: String,
    },
    /// No way leads to the host.
    #[error("{host}: out of reach: {text}")]
    Unreachable {
        /// The host's name.
        host: String,
        /// What `ssh` says.
        text: String,
    },
    /// It took too long.
    #[error("{host}: {what} took longer than {limit:?}")]
    TimedOut {
        /// The host's name.
        host: String,
        /// What took too long.
        what: &'static str,
        /// The limit.
        limit: Duration,
    },
    /// The connection broke.
    #[error("{host}: the connection was lost")]
    Lost {
        /// The host's name.
        host: String,
    },
    /// The `ssh` client or its directory cannot be had on this machine.
    #[error("{host}: {what}")]
    Local {
        /// The host's name.
        host: String,
        /// What was tried.
        what: &'static str,
        /// Why it did not work.
        #[source]
        source: io::Error,
    },
    /// Anything else.
    #[error("{host}: {text}")]
    Other {
        /// The host's name.
        host: String,
        /// What `ssh` says.
        text: String,
    },
}

impl SshError {
    /// Reads what `ssh` wrote to stderr when it could not connect.
    pub(super) fn from_stderr(target: &Target, stderr: &str) -> Self {
        let says = |texts: &[&str]| texts.iter().any(|text| stderr.contains(text));
        let text = || {
            let lines =
                stderr.lines().map(str::trim).filter(|line| !line.is_empty() && !line.contains("debug1:"));
            let text = lines.collect::<Vec<_>>().join("; ");
            if text.is_empty() {
                "it lets us in and runs nothing for us; a key that can only forward does so".to_owned()
            } else {
                text.chars().take(300).collect()
            }
        };
        // Behind a jump host or a proxy command there is no peer with a port; and it
        // is the host that cannot be reached where the jump host says so.
        let on_the_way = says(&["UNKNOWN port 65535"]) && !says(&["open failed: "]);
        let named = |name: &str| stderr.contains(name);
        let jump = target.jumps.iter().find(|jump| named(&jump.name) || named(jump.plain_address()));
        let host = match jump.or(target.jumps.first()) {
            Some(jump) if on_the_way => format!("{} (the jump host to {})", jump.name, target.host.name),
            _ => target.host.name.clone(),
        };
        let shown = || {
            let fingerprint = stderr.split_whitespace().rev().find(|word| word.starts_with("SHA256:"));
            let plain = |c: char| c.is_ascii_alphanumeric() || ":+/=".contains(c);
            fingerprint.map_or_else(String::new, |word| {
                format!(" (it shows {})", word.chars().filter(|c| plain(*c)).take(60).collect::<String>())
            })
        };
        // A changed key also "fails verification", and so comes first.
        if says(&["REMOTE HOST IDENTIFICATION HAS CHANGED"]) {
            Self::HostKeyChanged { host, shown: shown() }
        } else if says(&["host key is known", "Host key verification failed", "no matching host key type"]) {
            Self::HostKeyUnknown { host, shown: shown() }
        } else if says(&["exec: ssh: not found"]) {
            Self::Local { host, what: "cannot run ssh", source: io::ErrorKind::NotFound.into() }
        } else if says(&["Bad configuration option", "bad configuration option", "/config line "]) {
            Self::Config { host, text: text() }
        } else if on_the_way && target.jumps.is_empty() && !target.proxy_command.is_empty() {
            Self::ProxyCommand { host, text: text() }
        } else if says(&["Load key "]) {
            Self::PrivateKeyInvalid { host }
        } else if says(&["Permission denied", "Too many authentication failures"]) {
            Self::AuthenticationRefused { host }
        } else if says(&["Connection refused"]) {
            Self::Refused { host }
        } else if says(&["Could not resolve", "No route to host", "unreachable", "timed out"]) {
            Self::Unreachable { host, text: text() }
        } else if says(&[
            "Connection closed",
            "Connection reset",
            "Broken pipe",
            "kex_exchange_identification",
        ]) {
            Self::Lost { host }
        } else {
            Self::Other { host, text: text() }
        }
    }

    /// How a process ends because of it: 3 where keys or credentials are the
    /// reason, else as a deployment that failed.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::HostKeyUnknown { .. }
            | Self::HostKeyChanged { .. }
            | Self::PrivateKeyInvalid { .. }
            | Self::AuthenticationRefused { .. } => Exit::Refused,
            Self::HostKeyInvalid { .. } | Self::KnownHosts { .. } | Self::Config { .. } => Exit::Invalid,
            Self::Local { .. } => Exit::Internal,
            Self::Refused { .. }
            | Self::Unreachable { .. }
            | Self::ProxyCommand { .. }
            | Self::TimedOut { .. }
            | Self::Lost { .. }
            | Self::Other { .. } => Exit::RolledBack,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        Some(match self {
            Self::HostKeyUnknown { .. } | Self::HostKeyChanged { .. } => {
                "if the host was set up anew, read its /etc/ssh/ssh_host_ed25519_key.pub on its own console and \
                 change `host_keys` in policies/testnet.toml; if it was not, somebody may stand in between"
            }
            Self::HostKeyInvalid { .. } => {
                "write the key's first two words, for example `ssh-ed25519 AAAA...`"
            }
            Self::KnownHosts { .. } => {
                "give the lines that `ssh-keyscan ADDRESS` prints, once you have compared them on the host's console"
            }
            Self::Config { .. } => "see `ssh_config`, the names and the addresses in policies/testnet.toml",
            Self::ProxyCommand { .. } => {
                "run `proxy_command` of policies/testnet.toml by hand on this machine"
            }
            Self::PrivateKeyInvalid { .. } => {
                "the secret must hold the whole private key in OpenSSH's format, without a passphrase"
            }
            Self::AuthenticationRefused { .. } => {
                "add the public half of the key to the user's ~/.ssh/authorized_keys on the host"
            }
            Self::Refused { .. } => "check the port, and that the SSH server runs",
            Self::Unreachable { .. } => "check the address, and that a firewall lets this runner through",
            Self::TimedOut { .. } => {
                "raise the limit in policies/testnet.toml, or see what the host waits for"
            }
            Self::Lost { .. } => "see the SSH server's log on the host",
            Self::Local { .. } => {
                "install the OpenSSH client (openssh-client), and see that /tmp can be written to"
            }
            Self::Other { .. } => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssh::tests::target;

    #[test]
    fn what_ssh_says_is_told_apart() {
        type Is = fn(&SshError) -> bool;
        let cases: [(&str, Is); 12] = [
            (
                "No ED25519 host key is known for a and you have requested strict checking.\n\
                 Host key verification failed.",
                |e| matches!(e, SshError::HostKeyUnknown { .. }),
            ),
            ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.", |e| {
                matches!(e, SshError::HostKeyChanged { .. })
            }),
            ("Unable to negotiate with 127.0.0.1 port 1: no matching host key type found.", |e| {
                matches!(e, SshError::HostKeyUnknown { .. })
            }),
            ("Load key \"key\": error in libcrypto\nroot@a: Permission denied (publickey).", |e| {
                matches!(e, SshError::PrivateKeyInvalid { .. })
            }),
            ("deploy@a: Permission denied (publickey).", |e| {
                matches!(e, SshError::AuthenticationRefused { .. })
            }),
            ("Received disconnect from a: Too many authentication failures", |e| {
                matches!(e, SshError::AuthenticationRefused { .. })
            }),
            ("ssh: connect to host a port 22: Connection refused", |e| matches!(e, SshError::Refused { .. })),
            ("ssh: Could not resolve hostname a: Name or service not known", |e| {
                matches!(e, SshError::Unreachable { .. })
            }),
            ("ssh: connect to host a port 22: No route to host", |e| {
                matches!(e, SshError::Unreachable { .. })
            }),
            ("kex_exchange_identification: Connection closed by remote host", |e| {
                matches!(e, SshError::Lost { .. })
            }),
            ("", |e| matches!(e, SshError::Other { .. })),
            ("config: line 3: Bad configuration option: x", |e| matches!(e, SshError::Config { .. })),
        ];
        for (stderr, is) in cases {
            let error = SshError::from_stderr(&target(), stderr);
            assert!(is(&error), "{stderr}: {error:?}");
        }
    }

    #[test]
    fn keys_and_credentials_end_with_their_own_code() {
        let exit = |stderr| SshError::from_stderr(&target(), stderr).exit();
        assert_eq!(exit("REMOTE HOST IDENTIFICATION HAS CHANGED"), Exit::Refused);
        assert_eq!(exit("Permission denied (publickey)."), Exit::Refused);
        assert_eq!(exit("Connection refused"), Exit::RolledBack);
    }
}
