//! Plans exact to the byte. What real shells make of them is in `tests/plan.rs`.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Change, PlanError, Undo, Values, plan};
use crate::policy::{Deploy, Policy};

const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

fn values() -> Values {
    Values::new(SHA, Some(7), Some(2), Some(12)).unwrap()
}

/// A deployment of these further tables to the hosts called so.
fn deploy(hosts: &[&str], tables: Value) -> Deploy {
    let hosts = hosts.iter().map(|name| json!({"name": name, "address": "a", "host_keys": ["ssh-rsa AAAA"]}));
    let mut policy = json!({"host": hosts.collect::<Vec<_>>(), "step": []});
    policy.as_object_mut().unwrap().extend(tables.as_object().unwrap().clone());
    serde_json::from_value(policy).unwrap()
}

/// The arguments of the one step, made of these keys, and those of its undo.
fn step(mut keys: Value) -> Result<(Vec<String>, Option<Vec<String>>), PlanError> {
    keys["name"] = json!("one step");
    let plan = plan(&deploy(&["validator-1"], json!({"step": [keys]})), &values())?;
    let step = plan.waves[0][0].steps[0].clone();
    let Change::Command(command) = step.change else { panic!("an upload") };
    let undo = match step.undo {
        Undo::Command(undo) => Some(undo.argv),
        _ => None,
    };
    Ok((command.argv, undo))
}

#[test]
fn arguments_are_exact() {
    let cd = r#"cd -- "$1" && shift && exec "$@""#;
    for (keys, argv, undo) in [
        (
            json!({"run": ["x", "{sha}", "{short_sha}-{run_id}.{attempt}"]}),
            vec!["x", SHA, "0123456789a-7.2"],
            None,
        ),
        (
            json!({"run": ["x", "PR {pull_request} on {host}", "it's {{here}}", ""], "undo": []}),
            vec!["x", "PR 12 on validator-1", "it's {here}", ""],
            None,
        ),
        (
            json!({"run": ["systemctl", "restart", "node"], "user": "root", "undo": ["systemctl", "stop", "{host}"]}),
            vec!["sudo", "-n", "-u", "root", "--", "systemctl", "restart", "node"],
            Some(vec!["sudo", "-n", "-u", "root", "--", "systemctl", "stop", "validator-1"]),
        ),
        (
            json!({"run": ["x"], "directory": "/srv/{host}", "env": {"B": "{short_sha} $HOME", "A": ""},
                   "user": "node", "secrets": ["SURI"], "undo_script": "y"}),
            vec![
                "sudo",
                "-n",
                "-u",
                "node",
                "--",
                "env",
                "A=",
                "B=0123456789a $HOME",
                "sh",
                "-c",
                cd,
                "sh",
                "/srv/validator-1",
                "x",
            ],
            Some(vec![
                "sudo",
                "-n",
                "-u",
                "node",
                "--",
                "env",
                "A=",
                "B=0123456789a $HOME",
                "sh",
                "-c",
                cd,
                "sh",
                "/srv/validator-1",
                "bash",
                "--norc",
                "-euo",
                "pipefail",
                "-c",
                "y",
                "one step",
            ]),
        ),
        (
            json!({"script": "echo \"${1}\" {sha}\n", "args": ["{sha}", "-n"], "undo_script": "undo {x}"}),
            vec!["bash", "--norc", "-euo", "pipefail", "-c", "echo \"${1}\" {sha}\n", "one step", SHA, "-n"],
            Some(vec!["bash", "--norc", "-euo", "pipefail", "-c", "undo {x}", "one step", SHA, "-n"]),
        ),
    ] {
        let (planned, planned_undo) = step(keys).unwrap();
        assert_eq!(planned, argv);
        assert_eq!(
            planned_undo.as_deref(),
            undo.as_deref()
                .map(|undo| undo.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
                .as_deref()
        );
    }
}

#[test]
fn the_undo_list_is_exact() {
    let policy = deploy(
        &["validator-1"],
        json!({
            "step": [
                {"name": "binary", "user": "root", "upload": {"from": "node", "to": "/usr/local/bin/node"}},
                {"name": "spec", "upload": {"from": "spec", "to": "/srv/a b/spec"}},
                {"name": "flush it's", "run": ["true"], "undo": []},
                {"name": "tell", "run": ["true"]},
                {"name": "restart", "run": ["x"], "user": "root", "time_limit": "1m30s500ms", "undo": ["y", "{sha}"]},
                {"name": "new chain", "script": "a", "args": ["b c"], "time_limit": "1ms", "undo_script": "l1\nl2"},
            ],
            "after_undo": [{"name": "restart again", "run": ["systemctl", "restart", "node"], "time_limit": "1m"}],
        }),
    );
    let plan = plan(&policy, &values()).unwrap();
    let host = &plan.waves[0][0];
    assert_eq!(
        host.undo_list(),
        "undo_command 6 'new chain' 1 bash --norc -euo pipefail -c 'l1\nl2' 'new chain' 'b c'\n\
         undo_command 5 restart 91 sudo -n -u root -- y 0123456789abcdef0123456789abcdef01234567\n\
         undo_upload 2 spec '/srv/a b/spec'\n\
         undo_upload 1 binary /usr/local/bin/node sudo -n -u root --\n\
         afterwards 'restart again' 60 systemctl restart node\n"
    );
    assert_eq!(host.undo_limit(), Duration::from_millis(150_501));
    assert_eq!(host.users().into_iter().collect::<Vec<_>>(), ["root"]);
}

#[test]
fn a_plan_of_everything_is_shown() {
    let policy = Policy::example().deploy.unwrap();
    let plan = plan(&policy, &values()).unwrap();
    let rendered = plan.rendered();
    let (first, second) = rendered.split_once("wave 2\n").unwrap();
    assert!(second.starts_with("  validator-2\n    1. binary"), "{second}");
    insta::assert_snapshot!(first);
    insta::assert_json_snapshot!(plan.json()["hosts"][0]);
    assert_eq!(plan.json()["schema"], "race.plan/1");
    assert_eq!(plan.secrets().into_iter().collect::<Vec<_>>(), ["SURI"]);
}

#[test]
fn the_digest_is_the_same_wherever_it_is_made() {
    let digest = |policy: &Deploy, sha: &str| {
        plan(policy, &Values::new(sha, None, None, None).unwrap()).unwrap().digest()
    };
    let policy = deploy(&["a", "b"], json!({"step": [{"name": "s", "run": ["x", "{sha}"]}]}));
    assert_eq!(digest(&policy, SHA), "c89d862d8fb5542cd650d7add971580220ea3910e36ba0a43f85db5b4a4fa69f");
    let mut waited = policy.clone();
    waited.lock_wait = Duration::ZERO;
    assert_eq!(digest(&waited, SHA), digest(&policy, SHA));
    assert_ne!(digest(&policy, &"a".repeat(40)), digest(&policy, SHA));
    let mut together = policy.clone();
    together.canary = 0;
    assert_ne!(digest(&together, SHA), digest(&policy, SHA));
}

#[test]
fn hosts_go_in_waves_in_the_policys_order() {
    let waves = |hosts: usize, canary: usize, max_parallel: usize| {
        let names: Vec<String> = (1..=hosts).map(|number| number.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut policy = deploy(&names, json!({"step": [{"name": "s", "run": ["x"]}]}));
        (policy.canary, policy.max_parallel) = (canary, max_parallel);
        let plan = plan(&policy, &values()).unwrap();
        assert!(plan.hosts().map(|host| host.host.as_str()).eq(names.iter().copied()));
        assert_eq!(plan.hosts_by_wave().count(), hosts);
        plan.waves.iter().map(Vec::len).collect::<Vec<_>>()
    };
    for (hosts, canary, max_parallel, expected) in [
        (0, 1, 10, vec![]),
        (1, 1, 10, vec![1]),
        (1, 0, 10, vec![1]),
        (5, 1, 2, vec![1, 2, 2]),
        (5, 0, 2, vec![2, 2, 1]),
        (5, 2, 10, vec![2, 3]),
        (3, 9, 1, vec![3]),
        (3, 1, 0, vec![1, 1, 1]),
    ] {
        assert_eq!(waves(hosts, canary, max_parallel), expected, "{hosts} {canary} {max_parallel}");
    }
}

#[test]
fn a_step_is_for_the_hosts_of_its_groups() {
    let mut policy = deploy(
        &["a", "b"],
        json!({
            "step": [{"name": "all", "run": ["x"]}, {"name": "some", "only": ["v"], "run": ["y"], "undo": ["z"]}],
            "ready": [{"name": "p2p", "only": ["v"], "tcp_port": 30333}],
        }),
    );
    policy.hosts[1].groups = vec!["v".to_owned()];
    let plan = plan(&policy, &values()).unwrap();
    let found: Vec<_> =
        plan.hosts().map(|host| (host.steps.len(), host.ready.len(), host.undo_list())).collect();
    assert_eq!(found, [(1, 0, String::new()), (2, 1, "undo_command 2 some 600 z\n".to_owned())]);
}

#[test]
fn what_cannot_be_planned_is_said_with_its_place() {
    for (keys, message) in [
        (json!({"run": ["{branch}"]}), "step `one step`: there is no placeholder `{branch}`"),
        (json!({"run": ["{}"]}), "step `one step`: there is no placeholder `{}`"),
        (
            json!({"run": ["{sha"]}),
            "step `one step`: a brace stands alone in `{sha`; write `{{` or `}}` for a brace itself",
        ),
        (
            json!({"run": ["sha}"]}),
            "step `one step`: a brace stands alone in `sha}`; write `{{` or `}}` for a brace itself",
        ),
        (json!({"run": ["a\0b"]}), "step `one step`: an argument holds a NUL character"),
        (json!({"script": "a\0b"}), "step `one step`: an argument holds a NUL character"),
        (json!({"run": []}), "step `one step`: there is not exactly one thing to do"),
        (json!({"run": ["a"], "script": "b"}), "step `one step`: there is not exactly one thing to do"),
        (json!({"run": ["A=b", "c"]}), "step `one step`: `A=b` is no program"),
        (json!({"run": ["-i"], "user": "root"}), "step `one step`: `-i` is no program"),
        (json!({"run": ["a"], "user": "-i"}), "step `one step`: `-i` is no user name"),
        (json!({"run": ["a"], "env": {"-S": "b"}}), "step `one step`: `-S` is no name of a variable"),
        (json!({"run": ["a"], "directory": "-"}), "step `one step`: `-` is no absolute path"),
        (json!({"run": ["a"], "undo": ["{x}"]}), "step `one step`: there is no placeholder `{x}`"),
        (
            json!({"upload": {"from": "a", "to": "/a/../../etc/shadow"}}),
            "step `one step`: `/a/../../etc/shadow` is no absolute path",
        ),
        (
            json!({"upload": {"from": "a", "to": "/a", "mode": "rwx"}}),
            "step `one step`: `rwx` is no mode in octal digits",
        ),
        (json!({"upload": {"from": "a", "to": "/a", "owner": "-R"}}), "step `one step`: `-R` is no owner"),
    ] {
        assert_eq!(step(keys).unwrap_err().to_string(), message);
    }
    let nothing = Values::new(SHA, None, None, None).unwrap();
    let policy = deploy(
        &["a"],
        json!({"ready": [{"name": "rpc", "rpc_port": 9944, "version_contains": "{pull_request}"}]}),
    );
    let error = plan(&policy, &nothing).unwrap_err().to_string();
    assert_eq!(error, "ready `rpc`: this run has no value for `{pull_request}`");
}

#[test]
fn values_are_validated() {
    for sha in ["", "main", "0123456789ABCDEF0123456789abcdef01234567", "$(id)", &SHA[1..]] {
        assert!(matches!(Values::new(sha, None, None, None), Err(PlanError::Sha(_))), "{sha}");
    }
    assert!(Values::new(&"a".repeat(64), None, None, None).is_ok());
    for host in ["a b", "..", "-oX", "", "a/b", "{sha}", "a\n"] {
        let refused = plan(&deploy(&[host], json!({})), &values()).unwrap_err();
        assert_eq!(refused, PlanError::Host(host.to_owned()));
    }
}

proptest::proptest! {
    #[test]
    fn a_value_never_adds_an_argument_or_changes_another(
        host in "[A-Za-z0-9_][A-Za-z0-9._-]{0,20}",
        run_id in 0_u64..,
        before in proptest::collection::vec("[^{}\0]{0,8}", 0..4),
        after in "[^{}\0]{0,8}",
    ) {
        let filled = |placeholder: &str| {
            let argv: Vec<String> = std::iter::once("x".to_owned())
                .chain(before.iter().cloned())
                .chain([format!("{placeholder}{after}")])
                .collect();
            let policy = deploy(&[&host], json!({"step": [{"name": "s", "run": argv}]}));
            let plan = plan(&policy, &Values::new(SHA, Some(run_id), Some(1), Some(2)).unwrap()).unwrap();
            let Change::Command(command) = &plan.waves[0][0].steps[0].change else { panic!("an upload") };
            command.argv.clone()
        };
        let empty = filled("");
        for placeholder in ["{host}", "{sha}", "{short_sha}", "{run_id}", "{attempt}", "{pull_request}"] {
            let argv = filled(placeholder);
            proptest::prop_assert_eq!(argv.len(), empty.len());
            proptest::prop_assert_eq!(&argv[..argv.len() - 1], &empty[..empty.len() - 1]);
            let last = argv[argv.len() - 1].strip_suffix(&after).unwrap();
            proptest::prop_assert!(last.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)));
        }
    }
}
