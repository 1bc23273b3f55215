//! `race inspect`: from anywhere, of any run.

use std::process::Command;

use serde_json::Value;
use testnet_deployer::rehearsal::github::{Fault, Trouble};
use testnet_deployer::rehearsal::world::{Conclusion, ReviewState};

use crate::scene::{Scene, start};

/// A run that `null` won, with the check set.
fn won() -> Scene {
    let scene = Scene::new();
    scene.review("null", ReviewState::Approved, "docs only");
    scene.complete("null", Conclusion::Success);
    scene
}

#[test]
fn every_way_to_name_a_run_finds_it() {
    let scene = won();
    // Another workflow of the same commit, newer, that does not race.
    scene.github.change(|world, now| {
        let other = world.start_pull_request_run(scene.pull_request, now);
        world.ended_job(other, "unit tests", None, Conclusion::Success, now);
    });
    let id = scene.run.to_string();
    let url = format!("{}/octo-org/chain/actions/runs/{id}/job/5", scene.github.server_url());
    let attempt = format!("{}/octo-org/chain/actions/runs/{id}/attempts/1", scene.github.server_url());
    let number = scene.pull_request.to_string();
    let short = scene.head_sha[..9].to_owned();
    let subjects: [&[&str]; 6] =
        [&[&id], &[&url], &[&attempt], &[&scene.head_sha], &["--pr", &number], &[&short]];
    for subject in subjects {
        let arguments: Vec<&str> =
            ["inspect", "--policies", "policies"].iter().chain(subject).copied().collect();
        let ended = scene.desk(&arguments);
        assert_eq!(ended.code, 0, "{subject:?}: {}", ended.stderr);
        assert!(
            ended.stdout.starts_with("won: null succeeded; approved by alice\n"),
            "{subject:?}: {}",
            ended.stdout
        );
    }
    scene.exchanges();
}

#[test]
fn it_tells_who_chose_what_and_what_the_loser_does_now() {
    let scene = won();
    scene.github.change(|world, now| {
        world.set_status(&scene.head_sha, "testnet-deployer", "success", None, "github-actions[bot]", now);
    });
    let ended = scene.desk(&["inspect", &scene.run.to_string(), "--policies", "policies"]);
    for part in [
        "* null  succeeded",
        "approved by alice \"docs only\"",
        "testnet  waiting",
        "job testnet: waiting for",
        "check testnet-deployer",
        "success (status)",
        "pull request #",
    ] {
        assert!(ended.stdout.contains(part), "{part}: {}", ended.stdout);
    }
}

#[test]
fn its_code_is_that_it_could_tell_or_on_request_the_verdicts() {
    let scene = Scene::new();
    scene.approve_and_complete("testnet", Conclusion::Failure);
    let id = scene.run.to_string();
    let base = ["inspect", id.as_str(), "--policies", "policies"];
    for (lag, young) in [("1h", true), ("0s", false)] {
        let mut command = scene.race(&base);
        command.env("GH_TOKEN", "ghp_person").env("GITHUB_REPOSITORY", "octo-org/chain");
        command.env("RACE_POLLING__REVIEW_LAG", lag);
        let ended = start(command).end();
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(ended.stdout.contains("not yet confirmed"), young, "{}", ended.stdout);
    }
    let ended = scene.desk(&[base.as_slice(), &["--exit-verdict", "--format", "json"]].concat());
    assert_eq!(ended.code, 10);
    let verdict: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        (verdict["schema"].as_str(), verdict["exit_code"].as_u64()),
        (Some("race.verdict/1"), Some(10))
    );
}

#[test]
fn what_is_not_there_is_exit_4_and_what_is_no_subject_exit_2() {
    let scene = won();
    assert_eq!(scene.desk(&["inspect", "4711", "--policies", "policies"]).code, 4);
    assert_eq!(scene.desk(&["inspect", "--pr", "4711", "--policies", "policies"]).code, 4);
    assert_eq!(scene.desk(&["inspect", "https://example.com/x", "--policies", "policies"]).code, 2);
    assert_eq!(scene.desk(&["inspect", "1", "--repo", "no-slash"]).code, 2);
}

#[test]
fn it_finds_repository_and_commit_in_a_checkout() {
    let scene = won();
    let git = |arguments: &[&str]| {
        let status = Command::new("git").args(arguments).current_dir(scene.path(".")).status().unwrap();
        assert!(status.success(), "{arguments:?}");
    };
    git(&["init", "--quiet"]);
    git(&["remote", "add", "origin", "git@github.com:octo-org/chain.git"]);
    let mut command = scene.race(&["inspect", &scene.run.to_string(), "--policies", "policies"]);
    command.env("GH_TOKEN", "ghp_person");
    let ended = start(command).end();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.starts_with("won: null"), "{}", ended.stdout);
}

#[test]
fn watching_follows_a_run_to_its_end() {
    let scene = Scene::new();
    let mut command = scene.race(&["inspect", &scene.run.to_string(), "--policies", "policies", "--watch"]);
    command.env("GH_TOKEN", "ghp_person").env("GITHUB_REPOSITORY", "octo-org/chain");
    let watching = start(command);
    scene.await_readings(3);
    scene.approve_and_complete("testnet", Conclusion::Success);
    let ended = watching.end();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stderr.contains("waiting for a review of testnet"), "{}", ended.stderr);
    assert!(ended.stdout.starts_with("won: testnet"), "{}", ended.stdout);
}

/// A run that `testnet` won, whose job noted this.
fn noted(notices: &[(&'static str, &str, &str)]) -> Scene {
    let scene = Scene::new();
    scene.review("testnet", ReviewState::Approved, "");
    scene.github.change(|world, now| {
        for (level, title, message) in notices {
            world.annotate(scene.testnet, level, title, message, now);
        }
    });
    scene.complete("testnet", Conclusion::Success);
    scene
}

const FIGURES: &str = "passed: 500 of 500 sessions, 1..501, 2026-11-23T10:00:00Z to 2026-11-23T18:21:07Z, \
                       4 nodes, median 60.012 s";

#[test]
fn it_tells_what_the_testnet_showed() {
    // A leg before has noted its own, and other programs theirs.
    let earlier = FIGURES.replace("18:21:07", "12:00:00").replace("passed: 500", "unfinished: 120");
    let scene = noted(&[
        ("notice", "testnet soak", FIGURES),
        ("notice", "testnet soak", &earlier),
        ("notice", "lint", "fine"),
        ("warning", "testnet soak", "failed: it did not"),
    ]);
    let id = scene.run.to_string();
    let ended = scene.desk(&["inspect", &id, "--policies", "policies"]);
    let line = "testnet showed: passed, 500 of 500 sessions, 1..501, 8h21m7s, 4 nodes, 1m each by the median \
                (as the job said)";
    assert!(ended.stdout.contains(line), "{}", ended.stdout);
    let exchanges = scene.exchanges();
    let asked: Vec<_> = exchanges.iter().filter(|one| one.path.ends_with("/annotations")).collect();
    assert_eq!(asked.len(), 1, "one request for the job that ran");
    let ended = scene.desk(&["inspect", &id, "--policies", "policies", "--format", "json"]);
    let verdict: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        verdict["branches"][0]["soak"],
        serde_json::json!({
            "verdict": "passed", "counted": 500, "target": 500, "baseline": 1, "last": 501,
            "from": "2026-11-23T10:00:00Z", "to": "2026-11-23T18:21:07Z", "nodes": 4, "median_s": 60.012,
        })
    );
    assert!(verdict["branches"][1].get("soak").is_none(), "{verdict}");
}

#[test]
fn what_no_monitor_noted_is_left_out_and_decides_nothing() {
    let forged = FIGURES.replace("passed", "passed\u{1b}[31m");
    let scene = noted(&[
        ("notice", "testnet soak", &forged),
        ("notice", "testnet soak", "failed: 0 of 500 sessions\n::error::x"),
        ("notice", "another title", FIGURES),
        ("warning", "testnet soak", FIGURES),
    ]);
    let id = scene.run.to_string();
    let ended = scene.desk(&["inspect", &id, "--policies", "policies"]);
    assert!(ended.stdout.starts_with("won: testnet"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("showed"), "{}", ended.stdout);
    // What says that it failed stands beside a job that succeeded, and the job decides.
    let scene = noted(&[("notice", "testnet soak", &FIGURES.replace("passed", "failed"))]);
    let id = scene.run.to_string();
    let ended = scene.desk(&["inspect", &id, "--policies", "policies", "--exit-verdict"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.contains("testnet showed: failed, "), "{}", ended.stdout);
    // Where the annotations cannot be read, all else is told.
    scene.github.trouble(Trouble::new(Fault::MissingPermission).on("/annotations"));
    let ended = scene.desk(&["inspect", &id, "--policies", "policies", "--exit-verdict"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(!ended.stdout.contains("showed"), "{}", ended.stdout);
}
