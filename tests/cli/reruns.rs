//! Re-runs: a full one, and a partial one in both shapes that GitHub may list.

use testnet_deployer::rehearsal::world::{Conclusion, ReviewState};

use crate::scene::{Running, Scene, start};

/// The first attempt: `testnet` succeeded, `null` was rejected, the check missed it.
fn first_attempt() -> Scene {
    let scene = Scene::new();
    scene.approve_and_complete("testnet", Conclusion::Success);
    scene.review("null", ReviewState::Rejected, "not this one");
    scene.github.change(|world, now| world.complete(scene.check, Conclusion::Failure, now));
    scene
}

fn wait(scene: &Scene) -> Running {
    let mut command = scene.step(&["wait", "--policies", "policies", "--verdict", "verdict.json"]);
    command.env("GITHUB_RUN_ATTEMPT", "2");
    start(command)
}

#[test]
fn what_was_carried_over_counts_once_the_attempt_had_time_to_list_its_own() {
    let scene = first_attempt();
    scene.github.change(|world, now| {
        world.start_attempt(scene.run, now);
        let check = world.submit_job(scene.run, "testnet-deployer", None, now);
        world.begin(check, now);
        world.submit_job(scene.run, "null", Some("null"), now);
    });
    let ended = wait(&scene).end();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let verdict = scene.verdict();
    assert_eq!((verdict["winner"].as_str(), verdict["run"]["attempt"].as_u64()), (Some("testnet"), Some(2)));
    assert_eq!(verdict["branches"][0]["jobs"][0]["attempt"], 1);
    assert!(ended.stdout.contains("(attempt 1)"), "{}", ended.stdout);
    scene.exchanges();
}

#[test]
fn what_is_listed_again_under_the_new_attempt_counts_as_well() {
    let scene = first_attempt();
    scene.github.change(|world, now| {
        world.start_attempt(scene.run, now);
        world.ended_job(scene.run, "testnet", Some("testnet"), Conclusion::Success, now);
        world.submit_job(scene.run, "null", Some("null"), now);
    });
    let ended = wait(&scene).end();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(scene.verdict()["branches"][0]["jobs"][0]["attempt"], 2);
    scene.exchanges();
}

#[test]
fn a_full_re_run_asks_again_and_the_old_success_does_not_count() {
    let scene = first_attempt();
    let null = scene.github.change(|world, now| {
        world.start_attempt(scene.run, now);
        world.submit_job(scene.run, "testnet", Some("testnet"), now);
        world.submit_job(scene.run, "null", Some("null"), now)
    });
    let wait = wait(&scene);
    // Well beyond the time in which a list may lag.
    scene.await_readings(8);
    scene.review("null", ReviewState::Approved, "this time");
    scene.github.change(|world, now| {
        world.begin(null, now);
        world.complete(null, Conclusion::Success, now);
    });
    let ended = wait.end();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(scene.verdict()["winner"], "null");
    let told = scene.desk(&["inspect", &scene.run.to_string(), "--policies", "policies"]);
    assert!(told.stdout.starts_with("won: null"), "{}", told.stdout);
    scene.exchanges();
}
