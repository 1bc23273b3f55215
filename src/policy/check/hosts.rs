//! What must hold for the hosts of `[deploy]` and the ways to them.

use super::{Problem, error, warning};
use crate::policy::words;
use crate::policy::{Deploy, Host};

/// Every problem of hosts and jump hosts, their names left out.
pub(super) fn check(deploy: &Deploy, problems: &mut Vec<Problem>) {
    for (position, host) in deploy.hosts.iter().enumerate() {
        let at = format!("deploy.host.{position}");
        target(deploy, &at, &host.address, host.port, &host.user, &host.host_keys, problems);
        way(deploy, &at, host, problems);
        for (group, name) in host.groups.iter().enumerate() {
            if !words::is_name(name) {
                problems.push(error(
                    format!("{at}.groups.{group}"),
                    "a group's name is letters, digits, `.`, `_` and `-`",
                    "write for example `validators`",
                ));
            }
        }
        let has_work = deploy
            .steps
            .iter()
            .any(|step| step.only.is_empty() || step.only.iter().any(|group| host.groups.contains(group)));
        if !has_work && !deploy.steps.is_empty() {
            problems.push(warning(
                format!("{at}.groups"),
                format!("no step is for `{}`: nothing is done there", host.name),
                "put the host into a group that a step names, or take it out",
            ));
        }
    }
    for (position, jump) in deploy.jumps.iter().enumerate() {
        let at = format!("deploy.jump.{position}");
        target(deploy, &at, &jump.address, jump.port, &jump.user, &jump.host_keys, problems);
        if !deploy.hosts.iter().any(|host| host.jump.contains(&jump.name)) {
            problems.push(warning(
                format!("{at}.name"),
                format!("no host is reached through `{}`", jump.name),
                "name it in `jump` of a host, or take it out",
            ));
        }
    }
}

/// What a host and a jump host have alike.
fn target(
    deploy: &Deploy,
    at: &str,
    address: &str,
    port: u16,
    user: &str,
    host_keys: &[String],
    problems: &mut Vec<Problem>,
) {
    if !words::is_address(address) {
        problems.push(error(
            format!("{at}.address"),
            "this is neither a host name nor an IP address",
            "write for example `203.0.113.10`",
        ));
    }
    if port == 0 {
        problems.push(error(format!("{at}.port"), "no server listens to port 0", "write for example `22`"));
    }
    if !words::is_user(user) {
        problems.push(error(format!("{at}.user"), "this is no user name", "write for example `deploy`"));
    }
    if host_keys.is_empty() && deploy.known_hosts_env.is_none() {
        problems.push(error(
            format!("{at}.host_keys"),
            "no host key is pinned, so any host would be trusted",
            "on the host, read /etc/ssh/ssh_host_ed25519_key.pub and write its first two words here, or name a \
             variable with known_hosts lines in `deploy.known_hosts_env`",
        ));
    }
}

/// How the host is reached.
fn way(deploy: &Deploy, at: &str, host: &Host, problems: &mut Vec<Problem>) {
    for (position, name) in host.jump.iter().enumerate() {
        let key = format!("{at}.jump.{position}");
        if !deploy.jumps.iter().any(|jump| jump.name == *name) {
            problems.push(error(
                key,
                format!("there is no jump host `{name}`"),
                "add a [[deploy.jump]] of that name",
            ));
        } else if host.jump[..position].contains(name) {
            problems.push(error(key, format!("the way passes `{name}` twice"), "name each jump host once"));
        }
    }
    if host.proxy_command.is_empty() {
        return;
    }
    if !host.jump.is_empty() {
        problems.push(error(
            format!("{at}.proxy_command"),
            "the host has jump hosts too: only one way can be taken",
            "leave out `jump` or `proxy_command`",
        ));
    }
    let broken = |word: &String| word.contains(char::is_control);
    if host.proxy_command.first().is_some_and(String::is_empty) || host.proxy_command.iter().any(broken) {
        problems.push(error(
            format!("{at}.proxy_command"),
            "this is no program with arguments of one line each",
            "write `proxy_command = [\"program\", \"argument\"]`",
        ));
    }
}
