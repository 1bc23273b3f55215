//! A deployment's plan read by real shells: every argument arrives as it is.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use std::process::{Command, Output};

use serde_json::{Value, json};
use testnet_deployer::deploy::{Change, HostPlan, Values, plan, quoted};

/// Text that a shell, or a program, would misread if it ever read it.
const ODD: &str = "$(reboot) `id`; 'a' \"b\"\n\\ * ~ é -n {{x}}";
/// The same with its placeholders filled in.
const FILLED: &str = "$(reboot) `id`; 'a' \"b\"\n\\ * ~ é -n {x}";

fn planned(tables: Value) -> HostPlan {
    let mut policy =
        json!({"host": [{"name": "validator-1", "address": "a", "host_keys": ["ssh-rsa AAAA"]}]});
    policy.as_object_mut().unwrap().extend(tables.as_object().unwrap().clone());
    let values = Values::new(&"a".repeat(40), Some(7), Some(1), None).unwrap();
    plan(&serde_json::from_value(policy).unwrap(), &values).unwrap().waves[0][0].clone()
}

/// What is left of the arguments of one step when no shell is around them.
fn run(mut keys: Value) -> Output {
    keys["name"] = json!("one step");
    let host = planned(json!({"step": [keys]}));
    let Change::Command(command) = &host.steps[0].change else { panic!("an upload") };
    Command::new(&command.argv[0]).args(&command.argv[1..]).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What a real `sh` writes for this program.
fn sh(program: &str) -> String {
    let output = Command::new("sh").args(["-c", program]).output().unwrap();
    assert!(output.status.success(), "{program}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// The arguments that a real `sh` reads in `words`.
fn read_by_sh(words: &str) -> Vec<String> {
    sh(&format!("printf '%s\\0' {words}")).split_terminator('\0').map(str::to_owned).collect()
}

#[test]
fn quoted_words_survive_a_shell() {
    let mut words: Vec<String> = (1_u8..128).map(|byte| char::from(byte).to_string()).collect();
    words.extend(["", "-n", "--", "''", "a=b", "!!", "#x", "{a,b}", "\u{202e}", ODD].map(str::to_owned));
    assert_eq!(read_by_sh(&quoted(&words)), words);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig {
        cases: 64, failure_persistence: None, ..proptest::prelude::ProptestConfig::default()
    })]

    #[test]
    fn any_quoted_words_survive_a_shell(words in proptest::collection::vec("[^\0]{0,12}", 1..6)) {
        proptest::prop_assert_eq!(read_by_sh(&quoted(&words)), words);
    }
}

#[test]
fn directory_environment_and_arguments_arrive_as_they_are() {
    let directory = tempfile::Builder::new().prefix("it's $(id) {a").tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let output = run(json!({
        "run": ["sh", "-c", "pwd; printf '%s|' \"$A\" \"$@\"", "sh", ODD, "", "--"],
        "directory": path.replace('{', "{{"),
        "env": {"A": ODD},
    }));
    assert_eq!(text(&output.stdout), format!("{path}\n{FILLED}|{FILLED}||--|"));
    let output =
        run(json!({"run": ["touch", "begun"], "directory": format!("{}/none", path.replace('{', "{{"))}));
    assert!(!output.status.success(), "a command does not run elsewhere than it shall");
    assert!(!std::path::Path::new("begun").exists());
}

#[test]
fn a_script_is_strict_and_is_given_its_arguments() {
    let script = "printf '%s|' \"$0\" \"$@\"";
    let output = run(json!({"script": script, "args": [ODD, "", "-e"]}));
    assert_eq!(text(&output.stdout), format!("one step|{FILLED}||-e|"));
    for script in ["echo $UNSET; echo on", "false; echo on", "false | cat; echo on"] {
        let output = run(json!({"script": script}));
        assert!(!output.status.success() && output.stdout.is_empty(), "{script}: {output:?}");
    }
}

#[test]
fn the_undo_list_calls_its_functions_with_these_words() {
    let host = planned(json!({
        "step": [
            {"name": "binary", "user": "root", "upload": {"from": "node", "to": "/srv/a b/node"}},
            {"name": "it's done", "run": ["true"], "undo": ["y", ODD, ""]},
            {"name": "new chain", "script": "a", "args": ["b c"], "undo_script": "l1\nl2"},
        ],
        "after_undo": [{"name": "restart; reboot", "run": ["systemctl", "restart", "node"]}],
    }));
    let functions = ["undo_upload", "undo_command", "afterwards"]
        .map(|name| format!("{name}() {{ printf '%s|' {name} \"$@\"; echo; }}\n"));
    assert_eq!(
        sh(&format!("set -eu\n{}{}", functions.concat(), host.undo_list())),
        format!(
            "undo_command|3|new chain|600|bash|--norc|-euo|pipefail|-c|l1\nl2|new chain|b c|\n\
             undo_command|2|it's done|600|y|{FILLED}||\n\
             undo_upload|1|binary|/srv/a b/node|sudo|-n|-u|root|--|\n\
             afterwards|restart; reboot|600|systemctl|restart|node|\n"
        )
    );
}
