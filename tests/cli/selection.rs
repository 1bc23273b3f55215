//! `guarded` and `auto`: the criteria of the base have their say in the race.

use serde_json::json;
use testnet_deployer::rehearsal::github::{Fault, Options, Token, Trouble};
use testnet_deployer::rehearsal::world::{Conclusion, ReviewState};

use crate::scene::{Ended, Running, Scene, start};

const CRITERIA: &str = "[criteria]\nharmless = [\"docs/**\"]\n[[criteria.rule]]\nname = \"core\"\n\
    advice = \"required\"\npaths = [\"runtime/**\"]\n[[criteria.rule]]\nname = \"tools\"\n\
    advice = \"recommended\"\npaths = [\"tools/**\"]\n";

/// A scene with such a selection whose pull request changes one file.
fn scene(selection: &str, changed: &str) -> Scene {
    let scene = Scene::with(Options::default(), |_| {});
    let permissions = ["actions", "contents", "pull_requests", "statuses: write"];
    scene.github.admit(Token::of_workflow("ghs_select", &permissions));
    scene.github.change(|world, _| {
        for sha in [&scene.base_sha, &scene.head_sha] {
            world.write_file(sha, "policies/race.toml", &format!("selection = \"{selection}\"\n"));
            world.write_file(sha, "policies/criteria.toml", CRITERIA);
        }
        world.write_file(&scene.head_sha, changed, "x\n");
    });
    scene
}

fn step(scene: &Scene, arguments: &[&str]) -> Running {
    let mut command = scene.step(arguments);
    command.env("GITHUB_TOKEN", "ghs_select");
    start(command)
}

fn wait(scene: &Scene) -> Ended {
    let ended = step(scene, &["wait", "--verdict", "verdict.json"]).end();
    scene.exchanges();
    ended
}

#[test]
fn guarded_excludes_null_where_a_testnet_is_required() {
    let scene = scene("guarded", "runtime/a.rs");
    scene.approve_and_complete("null", Conclusion::Success);
    let waiting = step(&scene, &["wait", "--verdict", "verdict.json"]);
    scene.await_readings(3);
    scene.approve_and_complete("testnet", Conclusion::Success);
    let ended = waiting.end();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(scene.verdict()["winner"], "testnet");
    assert!(
        ended.stderr.contains("testnet required by the criteria: core: runtime/a.rs"),
        "{}",
        ended.stderr
    );
    let warnings = scene.verdict()["warnings"].to_string();
    assert!(warnings.contains("null is excluded"), "{warnings}");
    // The change is looked at once, however often the jobs are.
    let compared = scene.exchanges().iter().filter(|one| one.path.contains("/compare/")).count();
    assert_eq!(compared, 1);
}

#[test]
fn guarded_leaves_the_choice_where_a_testnet_is_only_recommended() {
    let scene = scene("guarded", "tools/a.rs");
    scene.approve_and_complete("null", Conclusion::Success);
    assert_eq!(wait(&scene).code, 0);
    assert_eq!(scene.verdict()["winner"], "null");
}

#[test]
fn auto_needs_nobody_where_no_testnet_is_needed() {
    let scene = scene("auto", "docs/a.md");
    scene.github.change(|world, now| {
        world.protect("null", &[], now);
        world.release(scene.null, now);
    });
    scene.complete("null", Conclusion::Success);
    let ended = wait(&scene);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(scene.verdict()["reason"]["code"], "testnet-not-needed");
}

#[test]
fn auto_takes_no_null_where_a_testnet_is_needed() {
    let scene = scene("auto", "tools/a.rs");
    scene.approve_and_complete("null", Conclusion::Success);
    scene.review("testnet", ReviewState::Rejected, "not now");
    let ended = wait(&scene);
    assert_eq!(ended.code, 11, "{}", ended.stderr);
}

#[test]
fn settle_and_inspect_judge_by_the_same_criteria() {
    let scene = scene("guarded", "runtime/a.rs");
    scene.approve_and_complete("null", Conclusion::Success);
    let settled = step(&scene, &["settle", "--verdict", "verdict.json"]).end();
    assert_eq!(settled.code, 0, "{}", settled.stderr);
    assert_eq!(scene.verdict()["verdict"], "undecided");
    scene.write("policies/race.toml", "selection = \"guarded\"\n");
    scene.write("policies/criteria.toml", CRITERIA);
    let run = scene.run.to_string();
    let ended = scene.desk(&["inspect", &run, "--verdict", "verdict.json"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(scene.verdict()["verdict"], "undecided");
    scene.exchanges();
}

#[test]
fn a_change_that_may_not_be_read_ends_with_the_permission_that_is_missing() {
    let scene = scene("guarded", "docs/a.md");
    scene.approve_and_complete("null", Conclusion::Success);
    scene.github.trouble(Trouble::new(Fault::MissingPermission).on("/compare/"));
    let ended = wait(&scene);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("contents: read"), "{}", ended.stderr);
}

#[test]
fn manual_asks_nothing_of_the_change() {
    let scene = scene("manual", "runtime/a.rs");
    scene.approve_and_complete("null", Conclusion::Success);
    assert_eq!(wait(&scene).code, 0);
    assert!(!scene.github.was_asked("/compare/"));
}

/// Whoever decides, `inspect` tells what the criteria say, and a verdict holds it where
/// they were asked.
#[test]
fn what_the_criteria_say_is_told_beside_the_verdict() {
    let scene = scene("guarded", "runtime/a.rs");
    scene.approve_and_complete("testnet", Conclusion::Success);
    assert_eq!(wait(&scene).code, 0);
    let advice = &scene.verdict()["advice"];
    assert_eq!(
        (&advice["advice"], &advice["testnet_needed"]),
        (&"required".into(), &true.into()),
        "{advice}"
    );
    assert_eq!(advice["rules"][0]["rule"], "core", "{advice}");
    assert_eq!(advice["rules"][0]["files"][0]["path"], "runtime/a.rs", "{advice}");
    let summary = scene.read("summary.md");
    assert!(summary.contains("By the criteria testnet required: core: runtime/a.rs"), "{summary}");

    let run = scene.run.to_string();
    scene.write("policies/criteria.toml", CRITERIA);
    let ended = scene.desk(&["inspect", &run, "--verdict", "verdict.json"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let told = "by the criteria testnet required:\n    required: core: runtime/a.rs\n";
    assert!(ended.stdout.contains(told), "{}", ended.stdout);
    assert_eq!(scene.verdict()["advice"]["advice"], "required");
    // It is only told: where it cannot be had, all else stands.
    scene.github.trouble(Trouble::new(Fault::MissingPermission).on("/compare/"));
    let ended = scene.desk(&["inspect", &run, "--verdict", "verdict.json"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!((&scene.verdict()["verdict"], &scene.verdict()["advice"]), (&"won".into(), &json!(null)));
    scene.exchanges();

    // Without criteria nobody is asked.
    std::fs::remove_file(scene.path("policies/criteria.toml")).unwrap();
    scene.github.calm();
    scene.github.forget_exchanges();
    assert_eq!(scene.desk(&["inspect", &run, "--verdict", "verdict.json"]).code, 0);
    assert!(scene.verdict()["advice"].is_null() && !scene.github.was_asked("/compare/"));
}
