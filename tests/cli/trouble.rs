//! `race wait` while GitHub is in trouble, or refuses.

use std::time::Duration;

use jiff::SignedDuration;
use testnet_deployer::rehearsal::github::{Fault, Token, Trouble};
use testnet_deployer::rehearsal::world::Conclusion;

use crate::scene::Scene;

#[test]
fn it_lives_through_outages_of_every_kind() {
    for fault in [Fault::BadGateway, Fault::Dropped] {
        let scene = Scene::new();
        scene.github.trouble(Trouble::new(fault.clone()).times(3));
        let wait = scene.wait(&[]);
        scene.await_readings(4);
        // Another one while the evidence for the verdict is read.
        scene.github.trouble(Trouble::new(fault.clone()).on("/environments/").times(1));
        scene.approve_and_complete("testnet", Conclusion::Success);
        let ended = wait.end();
        assert_eq!(ended.code, 0, "{fault:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("trying again"), "{fault:?}: {}", ended.stderr);
    }
}

#[test]
fn an_outage_until_the_deadline_is_undecided_and_says_so() {
    let scene = Scene::new();
    scene.github.trouble(Trouble::new(Fault::BadGateway));
    let ended = scene.wait(&["--deadline", "1500ms"]).end();
    assert_eq!(ended.code, 12, "{}", ended.stderr);
    let verdict = scene.verdict();
    assert_eq!(verdict["reason"]["code"], "unreachable");
    assert!(verdict["reason"]["text"].as_str().unwrap().contains("502"), "{verdict}");
}

#[test]
fn a_win_during_an_outage_is_seen_when_it_is_over() {
    let scene = Scene::new();
    let wait = scene.wait(&[]);
    scene.await_readings(2);
    scene.github.trouble(Trouble::new(Fault::Dropped).times(2));
    scene.approve_and_complete("testnet", Conclusion::Success);
    assert_eq!(wait.end().code, 0);
}

#[test]
fn rate_limits_are_waited_out_and_nothing_is_asked_meanwhile() {
    let scene = Scene::new();
    let wait = scene.wait(&[]);
    scene.await_readings(2);
    let reset = scene.github.now() + SignedDuration::from_secs(2);
    scene.github.exhaust_rate_limit(reset);
    // The next counted request is refused; without one the quiet look goes on.
    scene.approve_and_complete("testnet", Conclusion::Success);
    let ended = wait.end();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let exchanges = scene.exchanges();
    let refused = exchanges.iter().position(|exchange| exchange.status == 403).unwrap();
    let after = exchanges.get(refused + 1).unwrap();
    assert!(after.at >= exchanges[refused].at + SignedDuration::from_millis(900), "{after:?}");
    assert!(exchanges.iter().filter(|exchange| exchange.status == 403).count() <= 2);
}

#[test]
fn a_secondary_limit_is_obeyed_to_the_second() {
    let scene = Scene::new();
    scene.github.trouble(Trouble::new(Fault::SecondaryLimit(Duration::from_secs(2))).times(1));
    let wait = scene.wait(&[]);
    scene.await_readings(3);
    scene.approve_and_complete("null", Conclusion::Success);
    let ended = wait.end();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let exchanges = scene.exchanges();
    assert_eq!(exchanges[0].status, 429);
    assert!(exchanges[1].at >= exchanges[0].at + SignedDuration::from_secs(2));
    assert!(ended.stderr.contains("rate limit"), "{}", ended.stderr);
}

#[test]
fn refusals_end_it_after_three_readings_with_what_to_do() {
    let cases = [
        (Fault::BadCredentials, 3, "GITHUB_TOKEN"),
        (Fault::MissingPermission, 3, "actions: read"),
        (Fault::NotFound, 4, "private repository"),
    ];
    for (fault, code, help) in cases {
        let scene = Scene::new();
        scene.github.trouble(Trouble::new(fault.clone()));
        let ended = scene.wait(&[]).end();
        assert_eq!(ended.code, code, "{fault:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(help), "{fault:?}: {}", ended.stderr);
        assert!(scene.github.exchanges().len() >= 3, "{fault:?}");
    }
}

#[test]
fn a_refusal_that_passes_ends_nothing() {
    let scene = Scene::new();
    scene.github.trouble(Trouble::new(Fault::NotFound).times(2));
    let wait = scene.wait(&[]);
    scene.await_readings(3);
    scene.approve_and_complete("null", Conclusion::Success);
    assert_eq!(wait.end().code, 0);
}

#[test]
fn a_missing_permission_for_the_evidence_is_named_and_nothing_wins_without_it() {
    let scene = Scene::new();
    let wait = scene.wait(&[]);
    scene.await_readings(1);
    scene.github.trouble(Trouble::new(Fault::MissingPermission).on("/environments/"));
    scene.approve_and_complete("testnet", Conclusion::Success);
    let ended = wait.end();
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("actions: read"), "{}", ended.stderr);
}

#[test]
fn a_token_is_needed_and_never_shown() {
    let scene = Scene::new();
    let mut command = scene.step(&["wait", "--policies", "policies"]);
    command.env_remove("GITHUB_TOKEN");
    let ended = crate::scene::start(command).end();
    assert_eq!(ended.code, 3);
    assert!(ended.stderr.contains("GITHUB_TOKEN"), "{}", ended.stderr);

    let scene = Scene::new();
    scene.github.revoke("ghs_workflow");
    scene.github.admit(Token::of_workflow("ghs_other", &["actions"]));
    let mut command = scene.step(&["wait", "--policies", "policies", "-vv"]);
    command.env("GITHUB_TOKEN", "ghs_notvalid");
    let ended = crate::scene::start(command).end();
    assert_eq!(ended.code, 3);
    assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("ghs_notvalid"));
}

#[test]
fn a_rate_limit_that_is_used_up_from_the_start_is_waited_out() {
    let scene = Scene::new();
    scene.github.exhaust_rate_limit(scene.github.now() + SignedDuration::from_secs(2));
    let wait = crate::scene::start(scene.step(&["wait", "--verdict", "verdict.json"]));
    let refused = scene.github.wait_until(Duration::from_secs(30), |_, exchanges| !exchanges.is_empty());
    assert!(refused);
    scene.approve_and_complete("null", Conclusion::Success);
    let ended = wait.end();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(scene.exchanges()[0].status, 403);
}

#[test]
fn an_outage_from_the_start_until_the_deadline_is_undecided() {
    let scene = Scene::new();
    scene.github.trouble(Trouble::new(Fault::Dropped));
    let wait = crate::scene::start(scene.step(&["wait", "--verdict", "verdict.json", "--deadline", "2s"]));
    let ended = wait.end();
    assert_eq!(ended.code, 12, "{}", ended.stderr);
    assert_eq!(scene.verdict()["reason"]["code"], "unreachable");
}
