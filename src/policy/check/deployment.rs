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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::policy::{Deploy, Policy, Severity};

    /// What is wrong when these keys of the example have other values: the keys and
    /// how much it matters.
    fn found(changes: &[(&str, Value)]) -> Vec<(String, Severity)> {
        let mut deploy = serde_json::to_value(Policy::example().deploy.unwrap()).unwrap();
        for (pointer, value) in changes {
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            match deploy.pointer_mut(parent).unwrap() {
                Value::Object(fields) => drop(fields.insert(key.to_owned(), value.clone())),
                Value::Array(rows) if key == "-" => rows.push(value.clone()),
                Value::Array(rows) => rows[key.parse::<usize>().unwrap()] = value.clone(),
                other => panic!("{pointer}: {other}"),
            }
        }
        let deploy: Deploy = serde_json::from_value(deploy).unwrap();
        let mut problems = Vec::new();
        super::deployment(&deploy, &mut problems);
        problems.into_iter().map(|problem| (problem.key, problem.severity)).collect()
    }

    #[test]
    fn every_rule_finds_what_it_is_for_and_nothing_else() {
        let nothing = Value::Null;
        let run = json!(["true"]);
        assert_eq!(found(&[]), []);
        for (change, value, key) in [
            ("/host/0/name", json!("-x"), "host.0.name"),
            ("/host/1/name", json!("validator-1"), "host.1.name"),
            ("/host/0/address", json!("-oProxyCommand=x"), "host.0.address"),
            ("/host/0/port", json!(0), "host.0.port"),
            ("/host/0/user", json!("-l"), "host.0.user"),
            ("/host/0/jump", json!(["bastion", "nobody"]), "host.0.jump.1"),
            ("/host/0/jump", json!(["bastion", "bastion"]), "host.0.jump.1"),
            ("/host/1/jump", json!(["bastion"]), "host.1.proxy_command"),
            ("/host/1/proxy_command", json!([""]), "host.1.proxy_command"),
            ("/host/1/proxy_command", json!(["aws", "a\nProxyCommand x"]), "host.1.proxy_command"),
            ("/host/0/groups/-", json!("a b"), "host.0.groups.1"),
            ("/jump/0/address", json!(""), "jump.0.address"),
            ("/step/0/name", json!("a\nb"), "step.0.name"),
            ("/step/1/name", json!("binary"), "step.1.name"),
            ("/step/0/only/-", json!("collators"), "step.0.only.1"),
            ("/step/1/script", json!("true"), "step.1"),
            ("/step/1/run", nothing.clone(), "step.1"),
            ("/step/1/run", json!([]), "step.1.run"),
            ("/step/1/run", json!(["A=b"]), "step.1.run"),
            ("/step/1/run", json!(["-x"]), "step.1.run"),
            ("/step/1/run", json!(["x", "a\0b"]), "step.1.run"),
            ("/step/1/args", json!(["x"]), "step.1.args"),
            ("/step/1/user", json!("#0"), "step.1.user"),
            ("/step/1/directory", json!("srv"), "step.1.directory"),
            ("/step/1/env", json!({"A-B": "x"}), "step.1.env.A-B"),
            ("/step/1/time_limit", json!("0s"), "step.1.time_limit"),
            ("/step/1/undo", json!([""]), "step.1.undo"),
            ("/step/1/undo_script", json!("x"), "step.1.undo_script"),
            ("/step/2/script", json!(" "), "step.2.script"),
            ("/step/2/undo_script", json!(""), "step.2.undo_script"),
            ("/step/2/secrets", json!(["A B"]), "step.2.secrets.0"),
            ("/step/2/secrets", json!(["A", "A"]), "step.2.secrets.1"),
            ("/step/2/secrets", json!(["TESTNET_SSH_KEY"]), "step.2.secrets.0"),
            ("/step/2/env", json!({"SURI": "x"}), "step.2.secrets.0"),
            ("/step/0/upload/from", json!(""), "step.0.upload.from"),
            ("/step/0/upload/to", json!("/"), "step.0.upload.to"),
            ("/step/0/upload/to", json!("usr/bin"), "step.0.upload.to"),
            ("/step/0/upload/to", json!("/usr/../etc"), "step.0.upload.to"),
            ("/step/0/upload/mode", json!("0888"), "step.0.upload.mode"),
            ("/step/0/upload/mode", json!("rwx"), "step.0.upload.mode"),
            ("/step/0/upload/owner", json!("root:"), "step.0.upload.owner"),
            ("/step/0/undo", json!([]), "step.0.undo"),
            ("/step/0/undo_script", json!("x"), "step.0.undo_script"),
            ("/step/0/env", json!({"A": "x"}), "step.0.env"),
            ("/step/0/directory", json!("/"), "step.0.directory"),
            ("/step/0/secrets", json!(["SURI"]), "step.0.secrets"),
            ("/after_undo/0/run", nothing.clone(), "after_undo.0"),
            ("/after_undo/0/args", json!(["x"]), "after_undo.0.args"),
            ("/after_undo/0/only", json!(["x"]), "after_undo.0.only.0"),
            ("/after_undo/1/name", json!("restart what came back"), "after_undo.1.name"),
            ("/after_undo/1/time_limit", json!("0s"), "after_undo.1.time_limit"),
            ("/ready/0/tcp_port", json!(1), "ready.0"),
            ("/ready/0/rpc_port", json!(0), "ready.0"),
            ("/ready/0/every", json!("0s"), "ready.0.every"),
            ("/ready/0/within", json!("0s"), "ready.0.within"),
            ("/ready/0/time_limit", json!("0s"), "ready.0.time_limit"),
            ("/ready/1/version_contains", json!("x"), "ready.1.version_contains"),
            ("/ready/1/min_peers", json!(1), "ready.1.min_peers"),
            ("/ready/1/user", json!("root"), "ready.1.user"),
            ("/ready/2/run", json!(["--"]), "ready.2.run"),
            ("/collect/0/name", json!("../x"), "collect.0.name"),
            ("/collect/0/file", json!("/x"), "collect.0"),
            ("/collect/1/file", json!("x"), "collect.1.file"),
            ("/collect/1/run", run, "collect.1"),
            ("/connect_timeout", json!("0s"), "connect_timeout"),
            ("/private_key_env", json!("A B"), "private_key_env"),
            ("/known_hosts_env", json!(""), "known_hosts_env"),
            ("/ssh_config", json!(""), "ssh_config"),
            ("/state_directory", json!("../x"), "state_directory"),
            ("/state_directory", json!("/"), "state_directory"),
            ("/state_directory", json!("-x"), "state_directory"),
            ("/max_parallel", json!(0), "max_parallel"),
            ("/undo_after", json!("9s"), "undo_after"),
            ("/lease", json!("90s"), "lease"),
        ] {
            let expected = [(format!("deploy.{key}"), Severity::Error)];
            assert_eq!(found(&[(change, value.clone())]), expected, "{change}: {value}");
        }
        let renamed = found(&[("/jump/0/name", json!("../bastion"))]);
        assert_eq!(renamed[0], ("deploy.jump.0.name".to_owned(), Severity::Error));
        assert_eq!(renamed[1], ("deploy.host.0.jump.0".to_owned(), Severity::Error));
    }

    #[test]
    fn keys_are_pinned_by_the_policy_or_by_a_variable() {
        let none = ("/host/0/host_keys", json!([]));
        assert_eq!(found(std::slice::from_ref(&none)), []);
        let of = |key: &str| (key.to_owned(), Severity::Error);
        assert_eq!(found(&[none, ("/known_hosts_env", Value::Null)]), [of("deploy.host.0.host_keys")]);
        let jump = [("/jump/0/host_keys", json!([])), ("/known_hosts_env", Value::Null)];
        assert_eq!(found(&jump), [of("deploy.jump.0.host_keys")]);
    }

    #[test]
    fn what_is_probably_not_meant_is_a_warning() {
        let nothing = Value::Null;
        for (changes, key) in [
            (vec![("/step/1/undo", nothing.clone())], "step.1.name"),
            (vec![("/step/2/undo_script", nothing)], "step.2.name"),
            (vec![("/host/1/groups", json!(["idle"]))], "host.1.groups"),
            (vec![("/host/0/jump", json!([]))], "jump.0.name"),
            (vec![("/canary", json!(3))], "canary"),
            (vec![("/canary", json!(2)), ("/max_parallel", json!(1))], "canary"),
        ] {
            assert_eq!(found(&changes), [(format!("deploy.{key}"), Severity::Warning)]);
        }
        assert_eq!(found(&[("/step/1/undo", json!([]))]), [], "there is nothing to undo");
    }

    #[test]
    fn the_warning_about_an_undo_names_the_step_and_what_to_write() {
        let mut deploy = Policy::example().deploy.unwrap();
        deploy.steps[1].undo = None;
        let mut problems = Vec::new();
        super::deployment(&deploy, &mut problems);
        assert!(problems[0].message.contains("`restart`") && problems[0].help.contains("`undo = []`"));
    }
}
