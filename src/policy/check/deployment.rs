//! What must hold between the values of `[deploy]`.

use std::time::Duration;

use super::{Problem, error, hosts, steps, warning};
use crate::policy::Deploy;
use crate::policy::words;

/// The least of `undo_after`: a host must not undo because of a slow minute.
const LEAST_UNDO_AFTER: Duration = Duration::from_secs(10);

/// Every problem of `deploy`.
pub(super) fn deployment(deploy: &Deploy, problems: &mut Vec<Problem>) {
    if deploy.hosts.is_empty() {
        problems.push(error("deploy.host", "there is no host to deploy to", "add a [[deploy.host]]"));
    }
    if deploy.steps.is_empty() {
        problems.push(error("deploy.step", "there is nothing to do on the hosts", "add a [[deploy.step]]"));
    }
    names(deploy, problems);
    variables(deploy, problems);
    times(deploy, problems);
    waves(deploy, problems);
    hosts::check(deploy, problems);
    steps::check(deploy, problems);
}

/// Names are safe and, each kind for itself, no two alike.
fn names(deploy: &Deploy, problems: &mut Vec<Problem>) {
    type Rule = fn(&str) -> bool;
    const WORD: (Rule, &str) = (words::is_name, "letters, digits, `.`, `_` and `-`, a letter or digit first");
    const TITLE: (Rule, &str) = (words::is_title, "one line of text");
    let names = [
        ("host", "hosts", WORD, deploy.hosts.iter().map(|host| &host.name).collect::<Vec<_>>()),
        ("jump", "jump hosts", WORD, deploy.jumps.iter().map(|jump| &jump.name).collect()),
        ("step", "steps", TITLE, deploy.steps.iter().map(|step| &step.name).collect()),
        ("after_undo", "commands", TITLE, deploy.after_undo.iter().map(|command| &command.name).collect()),
        ("ready", "checks", TITLE, deploy.ready.iter().map(|ready| &ready.name).collect()),
        ("collect", "files", WORD, deploy.collect.iter().map(|collect| &collect.name).collect()),
    ];
    for (table, kind, (rule, legal), names) in names {
        for (position, name) in names.iter().enumerate() {
            let key = format!("deploy.{table}.{position}.name");
            if !rule(name) {
                problems.push(error(
                    &key,
                    format!("a name here is {legal}"),
                    "write for example `validator-1`",
                ));
            }
            if names[..position].contains(name) {
                problems.push(error(
                    key,
                    format!("two {kind} are called `{name}`"),
                    "give each a name of its own",
                ));
            }
        }
    }
}

fn variables(deploy: &Deploy, problems: &mut Vec<Problem>) {
    for (key, name) in [
        ("deploy.private_key_env", Some(&deploy.private_key_env)),
        ("deploy.known_hosts_env", deploy.known_hosts_env.as_ref()),
    ] {
        if name.is_some_and(|name| !words::is_variable(name)) {
            problems.push(error(
                key,
                "this is no name of an environment variable",
                "write for example `TESTNET_SSH_KEY`",
            ));
        }
    }
    if deploy.ssh_config.as_deref().is_some_and(|path| path.is_empty() || path.contains(char::is_control)) {
        problems.push(error("deploy.ssh_config", "this is no path", "write for example `ssh_config`"));
    }
    // The state's parent is made where it is not there; it never climbs.
    let state = deploy.state_directory.trim_start_matches('/');
    if !words::is_absolute(&format!("/{state}")) || deploy.state_directory.starts_with(['-', '~']) {
        problems.push(error(
            "deploy.state_directory",
            "this is no path of a directory, absolute or in the login directory",
            "write for example `.race` or `/var/lib/race`",
        ));
    }
}

fn times(deploy: &Deploy, problems: &mut Vec<Problem>) {
    if deploy.connect_timeout.is_zero() {
        problems.push(error(
            "deploy.connect_timeout",
            "this gives no time at all",
            "write for example `15s`",
        ));
    }
    if deploy.undo_after < LEAST_UNDO_AFTER {
        problems.push(error(
            "deploy.undo_after",
            "a hiccup of the network would undo the deployment",
            "write for example `90s`; the least is `10s`",
        ));
    }
    if deploy.lease <= deploy.undo_after {
        problems.push(error(
            "deploy.lease",
            "the lease would expire before the host has undone what it protects",
            "make it longer than `undo_after`, for example `1h`",
        ));
    }
}

fn waves(deploy: &Deploy, problems: &mut Vec<Problem>) {
    if deploy.max_parallel == 0 {
        problems.push(error(
            "deploy.max_parallel",
            "a wave of no hosts never ends",
            "write for example `10`; `1` is one host after the other",
        ));
    }
    if deploy.canary > deploy.hosts.len() && !deploy.hosts.is_empty() && deploy.canary > 1 {
        problems.push(warning(
            "deploy.canary",
            format!("there are only {} hosts: all of them are the first wave", deploy.hosts.len()),
            "write `1`, or `0` for no canary",
        ));
    } else if deploy.max_parallel > 0 && deploy.canary > deploy.max_parallel {
        problems.push(warning(
            "deploy.canary",
            "the first wave is larger than the later ones, which it shall spare",
            "make it smaller than `max_parallel`",
        ));
    }
}
