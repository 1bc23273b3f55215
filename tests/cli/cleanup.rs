//! `race cleanup`: what a decided race has left waiting.

use testnet_deployer::rehearsal::github::Token;
use testnet_deployer::rehearsal::world::{Conclusion, ReviewState, Status};

use crate::scene::{Ended, Scene, start};

const CANCEL: &str = "after_win = \"cancel-run\"\n";

fn cleanup(scene: &Scene, policy: &str) -> Ended {
    let rights = ["actions: write", "contents", "statuses"];
    scene.github.admit(Token::of_workflow("ghs_cleanup", &rights));
    scene.write("policies/race.toml", policy);
    let mut step = scene.step(&["cleanup", "--policies", "policies"]);
    step.env("GITHUB_TOKEN", "ghs_cleanup").env("GITHUB_JOB", "cleanup-after-null");
    let ended = start(step).end();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    ended
}

/// How often the run was asked to be cancelled.
fn cancels(scene: &Scene) -> usize {
    scene.exchanges().iter().filter(|exchange| exchange.path.ends_with("/cancel")).count()
}

/// The check's status on the head, as a settled attempt has it.
fn post(scene: &Scene, state: &str, attempt: u32) {
    let url =
        format!("{}/octo-org/chain/actions/runs/{}/attempts/{attempt}", scene.github.server_url(), scene.run);
    let sha = scene.head_sha.clone();
    scene.github.change(|world, now| {
        world.set_status(&sha, "testnet-deployer", state, Some(&url), "github-actions[bot]", now);
    });
}

#[test]
fn what_waits_is_told_and_left() {
    let scene = Scene::new();
    scene.approve_and_complete("null", Conclusion::Success);
    post(&scene, "success", 1);
    let told = cleanup(&scene, "").stdout;
    assert!(told.contains("left waiting: testnet") && told.contains("/actions/runs/"), "{told}");
    assert_eq!(cancels(&scene), 0);
}

#[test]
fn a_run_is_cancelled_once_its_status_says_that_it_won() {
    let scene = Scene::new();
    scene.approve_and_complete("null", Conclusion::Success);
    let told = cleanup(&scene, CANCEL).stdout;
    assert!(told.contains("does not say yet"), "{told}");
    for (state, attempt) in [("pending", 1), ("success", 2), ("failure", 1)] {
        post(&scene, state, attempt);
        assert!(cleanup(&scene, CANCEL).stdout.contains("does not say yet"), "{state} {attempt}");
    }
    assert_eq!(cancels(&scene), 0);
    post(&scene, "success", 1);
    let told = cleanup(&scene, CANCEL).stdout;
    assert!(told.contains("cancelled the run, which waited for a review of testnet"), "{told}");
    assert_eq!(cancels(&scene), 1);
    assert_eq!(
        scene.github.read(|world| world.job(scene.testnet).unwrap().status.clone()),
        Status::Completed
    );
    let told = cleanup(&scene, CANCEL).stdout;
    assert!(told.contains("nothing waits any more"), "{told}");
    assert_eq!(cancels(&scene), 1);
}

#[test]
fn the_checks_own_job_is_as_good_as_a_status() {
    let scene = Scene::new();
    scene.approve_and_complete("null", Conclusion::Success);
    scene.github.change(|world, now| world.complete(scene.check, Conclusion::Success, now));
    assert!(cleanup(&scene, CANCEL).stdout.contains("cancelled the run"));
    assert_eq!(cancels(&scene), 1);
}

#[test]
fn a_deployment_that_goes_on_is_not_cut_off() {
    let scene = Scene::new();
    scene.write("policies/race.toml", "");
    scene.github.change(|world, now| {
        world.protect("third", &["alice"], now);
        world.submit_job(scene.run, "third", Some("third"), now);
    });
    let third = "[[branch]]\nname = \"testnet\"\n[[branch]]\nname = \"null\"\n[[branch]]\nname = \"third\"\n";
    scene.approve_and_complete("null", Conclusion::Success);
    scene.review("testnet", ReviewState::Approved, "");
    scene.github.change(|world, now| world.begin(scene.testnet, now));
    post(&scene, "success", 1);
    let told = cleanup(&scene, &format!("{CANCEL}{third}")).stdout;
    assert!(told.contains("not cancelled: testnet is at work"), "{told}");
    assert_eq!(cancels(&scene), 0);
}

#[test]
fn a_race_that_is_not_won_is_never_touched() {
    let scene = Scene::new();
    post(&scene, "success", 1);
    assert!(cleanup(&scene, CANCEL).stdout.contains("is not won"));
    scene.approve_and_complete("testnet", Conclusion::Failure);
    assert!(cleanup(&scene, CANCEL).stdout.contains("is not won"));
    assert_eq!(cancels(&scene), 0);
}

#[test]
fn without_the_right_to_cancel_it_says_so() {
    let scene = Scene::new();
    scene.approve_and_complete("null", Conclusion::Success);
    post(&scene, "success", 1);
    scene.github.admit(Token::of_workflow("ghs_reads", &["actions", "contents", "statuses"]));
    scene.write("policies/race.toml", CANCEL);
    let mut step = scene.step(&["cleanup", "--policies", "policies"]);
    step.env("GITHUB_TOKEN", "ghs_reads");
    let ended = start(step).end();
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("actions: write"), "{}", ended.stderr);
}
