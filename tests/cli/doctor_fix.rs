//! `race doctor --fix`: what it writes, that it writes it once, and what it does when
//! GitHub refuses on the way.

use serde_json::Value;
use std::io::Write as _;
use std::process::Stdio;
use testnet_deployer::rehearsal::github::{Exchange, Fault, Options, Token, Trouble};
use testnet_deployer::rehearsal::world::Reviewer;

use crate::doctor::merged;
use crate::scene::{Ended, Scene, start};

const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----";

/// A repository with the files merged and nothing set up, and an administrator.
fn bare() -> Scene {
    let scene = Scene::with(Options::default(), merged);
    scene.github.change(|world, _| world.environments.clear());
    scene.github.admit(Token::of_person("ghp_admin", "octo-admin"));
    scene.write("key", KEY);
    scene
}

fn fix(scene: &Scene, more: &[&str]) -> Ended {
    start(command(scene, more)).end()
}

fn command(scene: &Scene, more: &[&str]) -> std::process::Command {
    let base = ["doctor", "--format", "json", "--fix", "--reviewer", "alice", "--reviewer", "team:core"];
    let arguments: Vec<&str> = base.iter().chain(more).copied().collect();
    let mut command = scene.race(&arguments);
    command
        .env("RACE_ADMIN_TOKEN", "ghp_admin")
        .env("GITHUB_TOKEN", "ghs_workflow")
        .env("GITHUB_REPOSITORY", "octo-org/chain")
        .env("REGION", "north");
    command
}

const WHOLE: [&str; 3] = ["--yes", "--value", "TESTNET_SSH_KEY=key"];

fn told(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{}{}", ended.stdout, ended.stderr))
}

fn codes(told: &Value) -> Vec<&str> {
    told["findings"].as_array().unwrap().iter().filter_map(|finding| finding["code"].as_str()).collect()
}

fn count(list: &Value) -> usize {
    list.as_array().unwrap().len()
}

fn writes(exchanges: &[Exchange]) -> Vec<String> {
    let written = exchanges.iter().filter(|exchange| exchange.method != "GET");
    written.map(|exchange| format!("{} {}", exchange.method, exchange.path)).collect()
}

#[test]
fn a_bare_repository_becomes_green_and_the_second_time_there_is_nothing_to_do() {
    let scene = bare();
    let ended = fix(&scene, &WHOLE);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    let first = told(&ended);
    assert_eq!(count(&first["fix"]["done"]), 5, "{first:#}");
    // GitHub's API has no way to keep administrators from bypassing.
    assert_eq!(codes(&first), ["admins-bypass", "admins-bypass"]);
    scene.github.read(|world| {
        let testnet = world.environment("testnet").unwrap();
        let team = Reviewer::Team("core".to_owned(), vec!["alice".to_owned(), "bob".to_owned()]);
        assert_eq!(testnet.reviewers, [Reviewer::User("alice".to_owned()), team]);
        assert!(testnet.prevent_self_review && world.environment("null").unwrap().prevent_self_review);
        // The stand-in holds the private key, and has opened the box.
        assert_eq!(testnet.secrets["TESTNET_SSH_KEY"], KEY);
        assert_eq!(testnet.variables["REGION"], "north");
    });
    let exchanges = scene.exchanges();
    assert_eq!(
        writes(&exchanges),
        [
            "PUT /repos/octo-org/chain/environments/null",
            "PUT /repos/octo-org/chain/environments/testnet",
            "PUT /repos/octo-org/chain/environments/testnet/secrets/TESTNET_SSH_KEY",
            "POST /repos/octo-org/chain/environments/testnet/variables",
            "POST /repos/octo-org/chain/rulesets",
        ]
    );
    for text in [&ended.stdout, &ended.stderr] {
        assert!(!text.contains("c2VjcmV0") && !text.contains("ghp_admin"), "{text}");
    }
    assert!(exchanges.iter().all(|exchange| {
        !exchange.request_body.as_ref().is_some_and(|body| body.to_string().contains("c2VjcmV0"))
    }));

    scene.github.forget_exchanges();
    let ended = fix(&scene, &WHOLE);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let second = told(&ended);
    assert_eq!((count(&second["fix"]["plan"]), count(&second["fix"]["left"])), (0, 0), "{second:#}");
    assert_eq!(writes(&scene.exchanges()), [] as [&str; 0]);
}

#[test]
fn what_was_set_up_by_hand_stays() {
    let scene = bare();
    scene.github.change(|world, now| {
        let testnet = world.protect("testnet", &["dora"], now);
        testnet.wait_timer = 15;
        testnet.protected_branches = true;
        let rule = serde_json::json!({"type": "deletion"});
        let id = world.add_ruleset("testnet-deployer", vec![rule]);
        world.rulesets.iter_mut().find(|ruleset| ruleset.id == id).unwrap().enforcement =
            "disabled".to_owned();
    });
    let ended = fix(&scene, &WHOLE);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    scene.github.read(|world| {
        let testnet = world.environment("testnet").unwrap();
        assert_eq!(testnet.reviewers, [Reviewer::User("dora".to_owned())]);
        assert_eq!((testnet.wait_timer, testnet.prevent_self_review), (15, true));
        assert_eq!(testnet.branch_patterns, ["refs/pull/*/merge", "main"]);
        let [ruleset] = &world.rulesets[..] else { panic!("{:?}", world.rulesets) };
        let kinds: Vec<&str> = ruleset.rules.iter().filter_map(|rule| rule["type"].as_str()).collect();
        assert_eq!(kinds, ["deletion", "required_status_checks", "pull_request"]);
        assert_eq!(ruleset.enforcement, "active");
    });
    scene.exchanges();
}

#[test]
fn without_a_yes_nothing_is_changed() {
    for answer in ["", "no\n", "y e s\n"] {
        let scene = bare();
        let mut command = command(&scene, &WHOLE[1..]);
        command.stdin(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains("environment `testnet`: reviewed by alice, team:core"), "{stderr}");
        assert_eq!(writes(&scene.exchanges()), [] as [&str; 0]);
    }
    let scene = bare();
    let mut command = command(&scene, &WHOLE[1..]);
    command.stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"yes\n").unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}

#[test]
fn done_in_part_says_what_was_and_what_was_not() {
    let scene = bare();
    scene.github.trouble(Trouble::new(Fault::MissingPermission).method("PUT").on("/secrets/"));
    let ended = fix(&scene, &WHOLE);
    assert_eq!(ended.code, 6, "{}{}", ended.stdout, ended.stderr);
    let part = told(&ended);
    assert_eq!((count(&part["fix"]["done"]), count(&part["fix"]["not_done"])), (2, 3), "{part:#}");
    assert!(part["fix"]["stopped"].as_str().unwrap().contains("the secret TESTNET_SSH_KEY"), "{part:#}");
    assert!(ended.stderr.contains("environments: write"), "{}", ended.stderr);
    assert_eq!(codes(&part)[..2], ["secret-missing", "check-not-required"]);
    scene.github.calm();
    let ended = fix(&scene, &WHOLE);
    assert_eq!((ended.code, count(&told(&ended)["fix"]["done"])), (0, 3), "{}", ended.stderr);
}

#[test]
fn who_may_not_is_told_so_and_nothing_was_done() {
    let scene = bare();
    for token in ["ghs_workflow", "ghp_writer"] {
        scene.github.admit(Token::of_writer("ghp_writer", "dora"));
        let mut command = command(&scene, &["--yes"]);
        command.env("RACE_ADMIN_TOKEN", token);
        let ended = start(command).end();
        assert_eq!(ended.code, 3, "{token}: {}{}", ended.stdout, ended.stderr);
        assert!(ended.stderr.contains("RACE_ADMIN_TOKEN"), "{}", ended.stderr);
        assert_eq!(count(&told(&ended)["fix"]["done"]), 0);
    }
    scene.exchanges();
}

#[test]
fn an_answer_that_does_not_come_is_looked_for_and_not_written_twice() {
    let scene = bare();
    for path in ["/environments/testnet", "/variables", "/rulesets"] {
        scene.github.trouble(Trouble::new(Fault::AnswerLost).method("POST").on(path).times(1));
        scene.github.trouble(Trouble::new(Fault::AnswerLost).method("PUT").on(path).times(1));
    }
    let ended = fix(&scene, &WHOLE);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    let mut written = writes(&scene.exchanges());
    let all = written.len();
    written.dedup();
    assert_eq!((written.len(), all), (5, 5), "{written:?}");
}

#[test]
fn reviewers_that_are_not_there_and_values_that_are_none_are_refused_before_anything() {
    let scene = bare();
    scene.write("empty", "\n");
    for (more, exit) in [
        (&["--yes", "--reviewer", "nobody-of-that-name"][..], 4),
        (&["--yes", "--reviewer", "team:none"], 4),
        (&["--yes", "--value", "TESTNET_SSH_KEY"], 2),
        (&["--yes", "--value", "TESTNET_SSH_KEY=none"], 2),
        (&["--yes", "--value", "TESTNET_SSH_KEY=empty"], 2),
        (&["--value", "TESTNET_SSH_KEY=-"], 2),
    ] {
        let ended = fix(&scene, more);
        assert_eq!(ended.code, exit, "{more:?}: {}", ended.stderr);
    }
    assert_eq!(writes(&scene.exchanges()), [] as [&str; 0]);
    let mut arguments = vec!["doctor", "--reviewer", "alice"];
    assert_eq!(scene.desk(&arguments).code, 2, "--reviewer is for --fix");
    arguments.truncate(1);
    assert_eq!(scene.desk(&arguments).code, 5);
}

#[test]
fn without_reviewers_no_environment_is_made_and_no_secret_given_away() {
    let scene = bare();
    let mut command =
        scene.race(&["doctor", "--format", "json", "--fix", "--yes", "--value", "TESTNET_SSH_KEY=key"]);
    command.env("GH_TOKEN", "ghp_admin").env("GITHUB_REPOSITORY", "octo-org/chain");
    let ended = start(command).end();
    assert_eq!(ended.code, 5, "{}{}", ended.stdout, ended.stderr);
    let told = told(&ended);
    assert_eq!((count(&told["fix"]["done"]), count(&told["fix"]["left"])), (1, 4), "{told:#}");
    assert!(scene.github.read(|world| world.environments.is_empty()));
    scene.exchanges();
}

/// The page shows one repository before, during and after; this is that repository.
#[test]
fn the_page_shows_what_is_really_printed() {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/commands/doctor.md")).unwrap();
    let scene = bare();
    let run = |arguments: &[&str]| {
        let mut command = scene.race(arguments);
        command
            .env("RACE_ADMIN_TOKEN", "ghp_admin")
            .env("GITHUB_REPOSITORY", "octo-org/chain")
            .env("REGION", "north")
            .stdin(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"yes\n").unwrap();
        let output = child.wait_with_output().unwrap();
        [output.stderr, output.stdout].map(|bytes| String::from_utf8(bytes).unwrap())
    };
    let before = run(&["doctor"]);
    let fixed = run(&[
        "doctor",
        "--fix",
        "--reviewer",
        "alice",
        "--reviewer",
        "team:core",
        "--value",
        "TESTNET_SSH_KEY=key",
    ]);
    for shown in before.iter().chain(&fixed) {
        assert!(page.contains(shown.trim_end()), "the page does not show this:\n{shown}");
    }
}
