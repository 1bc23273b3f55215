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
        let _ = writeln!(text, "ProxyCommand exec {}", proxy_command(target)?);
    }
    let _ = write!(text, "ControlMaster yes\nControlPath {directory}/socket\n{FIXED}");
    let _ = writeln!(text, "UserKnownHostsFile {directory}/known_hosts");
    if has_key {
        let _ = write!(text, "IdentityFile {directory}/key\nIdentitiesOnly yes\nIdentityAgent none\n");
    } else if target.ssh_config.is_empty() {
        text.push_str("IdentityFile none\n");
    }
    text.push_str(&target.ssh_config);
    text.push('\n');
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
    use super::super::target::tests::target;
    use super::*;

    #[test]
    fn the_address_is_as_ssh_reads_it() {
        let text = config(&target(&[]), Path::new("/run/race-x"), true).unwrap();
        assert!(text.contains("HostName fe80::1%%eth0\nPort 2222\nUser deploy\n"), "{text}");
    }

    #[test]
    fn what_would_change_the_configuration_is_refused() {
        let with = |change: fn(&mut Target)| {
            let mut target = target(&[]);
            change(&mut target);
            config(&target, Path::new("/run/race-x"), true)
        };
        assert!(with(|target| target.host.user = "a\nProxyCommand x".to_owned()).is_err());
        assert!(with(|target| target.host.address = "a b".to_owned()).is_err());
        assert!(with(|target| target.jumps = vec![target.host.clone()]).is_err());
        assert!(with(|target| target.proxy_command = vec!["a\nb".to_owned()]).is_err());
        let text =
            with(|target| target.proxy_command = vec!["nc".to_owned(), "100% $(id)".to_owned()]).unwrap();
        assert!(text.contains("ProxyCommand exec nc '100%% $(id)'\n"), "{text}");
    }
}
