//! The configuration that `ssh` is given: for each option the first value counts,
//! so what must hold stands first.

use std::fmt::Write as _;
use std::path::Path;

use super::SshError;
use super::target::{Hop, Target};

/// What no other configuration can change, for jump hosts, too.
const FIXED: &str = "Host *\n\
    StrictHostKeyChecking yes\n\
    GlobalKnownHostsFile /dev/null\n\
    KnownHostsCommand none\n\
    VerifyHostKeyDNS no\n\
    NoHostAuthenticationForLocalhost no\n\
    UpdateHostKeys no\n\
    CheckHostIP no\n\
    CanonicalizeHostname no\n\
    BatchMode yes\n\
    PreferredAuthentications publickey\n\
    HostbasedAuthentication no\n\
    ControlMaster no\n\
    ControlPath none\n\
    ControlPersist no\n\
    ServerAliveInterval 5\n\
    ServerAliveCountMax 3\n\
    ForwardAgent no\n\
    ForwardX11 no\n\
    Tunnel no\n\
    ClearAllForwardings yes\n\
    PermitLocalCommand no\n\
    RemoteCommand none\n\
    RequestTTY no\n\
    EscapeChar none\n\
    AddKeysToAgent no\n\
    LogLevel INFO\n\
    LogVerbose sshconnect.c:verify_host_key():*\n";

/// What a configuration of the team's own may change. Processors have instructions
/// for AES, so that it takes half the time of OpenSSH's first choice.
const CIPHERS: &str = "Ciphers ^aes128-gcm@openssh.com,aes256-gcm@openssh.com";

/// For a connection over which nothing secret goes. OpenSSH's first choice also keeps
/// what was said from quantum computers to come, and takes many times longer.
const QUICK: &str = "KexAlgorithms ^curve25519-sha256";

/// The whole configuration: beside the target's own nothing of this machine's or
/// this user's counts.
pub(super) fn config(target: &Target, directory: &Path, has_key: bool) -> Result<String, SshError> {
    let mut names: Vec<&str> = target.hops().map(|hop| hop.name.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(invalid(target, "a jump host has the host's name"));
    }
    let directory = directory.display();
    // One configuration knows all hops: `ssh` reads it again for each jump.
    let mut text = String::from("IgnoreUnknown LogVerbose,KnownHostsCommand\n");
    let mut before: Option<&Hop> = None;
    for hop in target.hops() {
        for word in [&hop.name, &hop.address, &hop.user] {
            if word.is_empty()
                || word.chars().any(|c| c.is_control() || c.is_whitespace() || "\"#*?!,".contains(c))
            {
                return Err(invalid(
                    target,
                    &format!("`{}` cannot be a name or an address", word.escape_debug()),
                ));
            }
        }
        // `ssh` expands `%`, which stands in the zone of an IPv6 address.
        let address = hop.plain_address().replace('%', "%%");
        let Hop { name, port, user, .. } = hop;
        let _ =
            write!(text, "Host {name}\nHostName {address}\nPort {port}\nUser {user}\nHostKeyAlias {name}\n");
        if let Some(jump) = before {
            let _ = writeln!(text, "ProxyJump {}", jump.name);
        }
        before = Some(hop);
    }
    if !target.proxy_command.is_empty() {
        let _ = writeln!(text, "ProxyCommand {}", proxy_command(target)?);
    }
    let _ = write!(text, "ControlMaster yes\nControlPath {directory}/socket\n{FIXED}");
    let _ = writeln!(text, "UserKnownHostsFile {directory}/known_hosts");
    if has_key {
        let _ = write!(text, "IdentityFile {directory}/key\nIdentitiesOnly yes\nIdentityAgent none\n");
    } else if target.ssh_config.is_empty() {
        text.push_str("IdentityFile none\n");
    }
    text.push_str(&target.ssh_config);
    let _ = writeln!(text, "\nHost *\n{CIPHERS}");
    if target.nothing_secret {
        let _ = writeln!(text, "{QUICK}");
    }
    Ok(text)
}

/// The arguments for the shell through which `ssh` runs the command.
fn proxy_command(target: &Target) -> Result<String, SshError> {
    if !target.jumps.is_empty() {
        return Err(invalid(target, "there are jump hosts and a proxy command"));
    }
    if target.proxy_command.iter().any(|word| word.contains(['\n', '\r', '\0'])) {
        return Err(invalid(target, "the proxy command holds a line break"));
    }
    Ok(crate::deploy::quoted(&target.proxy_command).replace('%', "%%"))
}

fn invalid(target: &Target, text: &str) -> SshError {
    SshError::Config { host: target.host.name.clone(), text: text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssh::tests::target;

    #[test]
    fn the_address_is_as_ssh_reads_it() {
        let text = config(&target(), Path::new("/run/race-x"), true).unwrap();
        assert!(text.contains("HostName fe80::1%%eth0\nPort 2222\nUser deploy\n"), "{text}");
    }

    #[test]
    fn the_quick_key_exchange_is_for_what_is_no_secret() {
        let with = |nothing_secret| {
            let own = "Match all\nCiphers aes256-ctr".to_owned();
            let target = Target { nothing_secret, ssh_config: own, ..target() };
            config(&target, Path::new("/run/race-x"), true).unwrap()
        };
        assert!(!with(false).contains("KexAlgorithms"));
        assert!(with(true).ends_with(&format!("\nHost *\n{CIPHERS}\n{QUICK}\n")));
        // The first value counts, and ours holds for every host.
        assert!(with(false).ends_with(&format!("Ciphers aes256-ctr\nHost *\n{CIPHERS}\n")));
    }

    #[test]
    fn what_would_change_the_configuration_is_refused() {
        let with = |change: fn(&mut Target)| {
            let mut target = target();
            change(&mut target);
            config(&target, Path::new("/run/race-x"), true)
        };
        assert!(with(|target| target.host.user = "a\nProxyCommand x".to_owned()).is_err());
        assert!(with(|target| target.host.address = "a b".to_owned()).is_err());
        assert!(with(|target| target.jumps = vec![target.host.clone()]).is_err());
        assert!(with(|target| target.proxy_command = vec!["a\nb".to_owned()]).is_err());
        let text =
            with(|target| target.proxy_command = vec!["nc".to_owned(), "100% $(id)".to_owned()]).unwrap();
        assert!(text.contains("ProxyCommand nc '100%% $(id)'\n"), "{text}");
    }
}
