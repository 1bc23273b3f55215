//! `race choose`: one approved, the others rejected, by a reviewer, with whatever
//! others do at the same time.

use std::time::Duration;

use serde_json::Value;
use testnet_deployer::rehearsal::github::{Fault, Options, Token, Trouble};
use testnet_deployer::rehearsal::world::{Conclusion, ReviewState, World};

use crate::scene::{Ended, Running, Scene, start};

fn scene() -> Scene {
    prepared(|_| {})
}

fn prepared(prepare: impl FnOnce(&mut World)) -> Scene {
    let scene = Scene::with(Options::default(), prepare);
    for login in ["alice", "bob", "carol"] {
        scene.github.admit(Token::of_person(&format!("ghp_{login}"), login));
    }
    scene
}

fn choosing(scene: &Scene, login: &str, arguments: &[&str]) -> Running {
    let run = scene.run.to_string();
    let base = ["choose", arguments[0], &run, "--policies", "policies"];
    let arguments: Vec<&str> = base.iter().chain(&arguments[1..]).copied().collect();
    let mut command = scene.race(&arguments);
    command.env("GH_TOKEN", format!("ghp_{login}")).env("GITHUB_REPOSITORY", "octo-org/chain");
    start(command)
}

fn choose(scene: &Scene, login: &str, arguments: &[&str]) -> Ended {
    choosing(scene, login, arguments).end()
}

/// The reviews as `alice approved testnet`, oldest first.
fn reviews(scene: &Scene) -> Vec<String> {
    scene.github.read(|world| {
        let reviews = world.run(scene.run).unwrap().reviews.iter();
        reviews
            .map(|review| {
                format!("{} {} {}", review.user, review.state.as_str(), review.environments.join("+"))
            })
            .collect()
    })
}

fn posts(scene: &Scene) -> usize {
    scene.exchanges().iter().filter(|exchange| exchange.method == "POST").count()
}

#[test]
fn the_others_are_rejected_first_and_then_the_chosen_one_is_approved() {
    let scene = scene();
    let ended = choose(&scene, "alice", &["testnet", "--comment", "core change"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(
        ended.stdout,
        format!("rejected null\napproved testnet\ntestnet is chosen in run {}\n", scene.run)
    );
    assert_eq!(reviews(&scene), ["alice rejected null", "alice approved testnet"]);
    let comments: Vec<String> = scene.github.read(|world| {
        world.run(scene.run).unwrap().reviews.iter().map(|review| review.comment.clone()).collect()
    });
    assert_eq!(comments, ["core change", "core change"]);
    let asked: Vec<String> =
        scene.exchanges().iter().map(|exchange| format!("{} {}", exchange.method, exchange.status)).collect();
    assert_eq!(asked, ["GET 200", "POST 200", "GET 200", "POST 200", "GET 200"], "nothing else is asked");
    // Again: there is nothing to do, and that is fine.
    let again = choose(&scene, "alice", &["testnet"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(again.stdout.contains("chosen already"), "{}", again.stdout);
    assert_eq!(reviews(&scene).len(), 2);
}

#[test]
fn all_others_are_rejected_in_one_go_and_json_tells_it() {
    let scene = prepared(|world| {
        world.protect("quick", &["alice"], world.repository.created_at);
    });
    scene.write(
        "policies/race.toml",
        "[[branch]]\nname = \"testnet\"\n[[branch]]\nname = \"null\"\n[[branch]]\nname = \"quick\"\n",
    );
    scene.github.change(|world, now| world.submit_job(scene.run, "quick", Some("quick"), now));
    let ended = choose(&scene, "alice", &["null", "--format", "json"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&told["schema"], &told["chosen"]), (&"race.choice/1".into(), &true.into()));
    assert_eq!(told["done"].as_array().unwrap().len(), 3);
    assert_eq!(told["exit_code"], 0);
    assert_eq!(reviews(&scene), ["alice rejected testnet+quick", "alice approved null"]);
    assert_eq!(posts(&scene), 2);
}

#[test]
fn what_another_reviewer_did_counts_as_done() {
    let scene = scene();
    scene.review("null", ReviewState::Rejected, "");
    assert_eq!(choose(&scene, "bob", &["testnet"]).code, 0);
    assert_eq!(reviews(&scene), ["alice rejected null", "bob approved testnet"]);

    let scene = self::scene();
    scene.review("testnet", ReviewState::Approved, "");
    let ended = choose(&scene, "alice", &["testnet"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(reviews(&scene), ["alice approved testnet", "alice rejected null"]);
    scene.exchanges();
}

#[test]
fn another_branch_that_was_let_through_already_is_not_joined() {
    let scene = scene();
    scene.review("null", ReviewState::Approved, "");
    let ended = choose(&scene, "alice", &["testnet", "--format", "json"]);
    assert_eq!(ended.code, 6, "{}", ended.stderr);
    assert!(ended.stderr.contains("null was let through already"), "{}", ended.stderr);
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&told["chosen"], &told["exit_code"]), (&false.into(), &6.into()));
    assert_eq!(reviews(&scene).len(), 1);
    assert_eq!(posts(&scene), 0);
}

#[test]
fn a_chosen_branch_that_no_longer_waits_changes_nothing() {
    let scene = scene();
    scene.review("testnet", ReviewState::Rejected, "");
    let ended = choose(&scene, "alice", &["testnet"]);
    assert_eq!(ended.code, 6, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("testnet no longer waits") && ended.stderr.contains("rejected"),
        "{}",
        ended.stderr
    );
    assert_eq!(posts(&scene), 0);
}

#[test]
fn one_who_may_not_review_is_told_so_and_why() {
    // Not a reviewer at all, and a reviewer of one branch only.
    let scene = scene();
    for (login, branch, text) in [
        ("carol", "testnet", "carol is not one of its reviewers (alice or bob)"),
        ("bob", "testnet", "you may not review null: bob is not one of its reviewers (alice)"),
    ] {
        let ended = choose(&scene, login, &[branch]);
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        assert!(ended.stderr.contains(text), "{}", ended.stderr);
    }
    // An app is no person.
    let mut command = scene.race(&["choose", "testnet", &scene.run.to_string(), "--policies", "policies"]);
    command.env("GITHUB_TOKEN", "ghs_workflow").env("GITHUB_REPOSITORY", "octo-org/chain");
    let ended = start(command).end();
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("GH_TOKEN"), "{}", ended.stderr);
    assert_eq!(posts(&scene), 0);

    // A reviewer who started the run.
    let scene = prepared(|world| {
        let now = world.repository.created_at;
        world.protect("testnet", &["alice", "carol"], now).prevent_self_review = true;
    });
    let ended = choose(&scene, "carol", &["testnet"]);
    assert_eq!(ended.code, 3);
    assert!(ended.stderr.contains("self-review is prevented"), "{}", ended.stderr);

    // A wait timer that nobody can shorten.
    let scene = prepared(|world| {
        let now = world.repository.created_at;
        world.protect("testnet", &[], now).wait_timer = 30;
    });
    let ended = choose(&scene, "alice", &["testnet"]);
    assert_eq!(ended.code, 3);
    assert!(ended.stderr.contains("wait timer runs until"), "{}", ended.stderr);
    assert_eq!(posts(&scene), 0);
}

#[test]
fn nothing_pending_is_another_thing() {
    let scene = scene();
    scene.github.change(|world, now| world.cancel_run(scene.run, now));
    let ended = choose(&scene, "alice", &["testnet"]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    assert!(ended.stderr.contains("nothing is pending"), "{}", ended.stderr);
    let mut command = scene.race(&["choose", "testnet", "4711", "--policies", "policies"]);
    command.env("GH_TOKEN", "ghp_alice").env("GITHUB_REPOSITORY", "octo-org/chain");
    assert_eq!(start(command).end().code, 4);
    let ended = choose(&scene, "alice", &["nil"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("there is testnet and null"), "{}", ended.stderr);
}

#[test]
fn a_rejection_that_is_refused_stops_it_before_the_approval() {
    let scene = scene();
    scene.github.trouble(Trouble::new(Fault::Unprocessable).method("POST"));
    let ended = choose(&scene, "alice", &["testnet"]);
    assert_eq!(ended.code, 6, "{}", ended.stderr);
    assert!(reviews(&scene).is_empty());
    // Once only, as when two review at the same moment: tried again.
    scene.github.calm();
    scene.github.trouble(Trouble::new(Fault::Unprocessable).method("POST").times(1));
    assert_eq!(choose(&scene, "alice", &["testnet"]).code, 0);
    assert_eq!(reviews(&scene), ["alice rejected null", "alice approved testnet"]);
}

#[test]
fn a_chosen_branch_that_is_taken_away_after_the_rejection_is_told() {
    let scene = scene();
    scene.github.set_latency(Duration::from_millis(300));
    let running = choosing(&scene, "alice", &["testnet", "--format", "json"]);
    let rejected = scene
        .github
        .wait_until(Duration::from_secs(30), |world, _| !world.run(scene.run).unwrap().reviews.is_empty());
    assert!(rejected);
    scene.github.change(|world, now| world.complete(scene.testnet, Conclusion::Cancelled, now));
    let ended = running.end();
    assert_eq!(ended.code, 6, "{}", ended.stderr);
    assert_eq!(reviews(&scene), ["alice rejected null"]);
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(told["done"][0]["environment"], "null");
}

#[test]
fn outages_are_lived_through_and_no_review_is_given_twice() {
    for fault in [Fault::AnswerLost, Fault::Dropped, Fault::BadGateway] {
        // Each of the two writes in turn, and a read in between.
        for part in ["POST", "GET"] {
            let scene = scene();
            if part == "GET" && fault == Fault::AnswerLost {
                continue;
            }
            scene.github.trouble(Trouble::new(fault.clone()).method(part).times(2));
            let ended = choose(&scene, "alice", &["testnet"]);
            assert_eq!(ended.code, 0, "{fault:?} {part}: {}", ended.stderr);
            assert_eq!(
                reviews(&scene),
                ["alice rejected null", "alice approved testnet"],
                "{fault:?} {part}"
            );
            scene.exchanges();
        }
    }
}

#[test]
fn hostile_names_stay_text() {
    let scene = scene();
    let ended = choose(&scene, "alice", &["x\n::error::owned"]);
    assert_eq!(ended.code, 2);
    for line in ended.stdout.lines().chain(ended.stderr.lines()) {
        assert!(!line.trim_start().starts_with("::error::owned"), "{line}");
    }
    let ended = choose(&scene, "alice", &["null", "--comment", "\u{1b}[2J ::error::owned"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(!ended.stdout.contains('\u{1b}'));
}
