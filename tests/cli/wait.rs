//! `race wait`: every ending of the table, and what it writes for each.

use serde_json::json;
use testnet_deployer::rehearsal::github::{Options, Token};
use testnet_deployer::rehearsal::world::{Conclusion, ReviewState};

use crate::scene::{Scene, start};

#[test]
fn an_approved_branch_that_succeeds_wins_and_everything_says_so() {
    let scene = Scene::new();
    let wait = scene.wait(&[]);
    scene.await_readings(2);
    scene.review("null", ReviewState::Approved, "docs only");
    scene.complete("null", Conclusion::Success);
    let ended = wait.end();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.starts_with("won: null succeeded; approved by alice\n"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("::error"), "{}", ended.stdout);
    let verdict = scene.verdict();
    assert_eq!(verdict["schema"], "race.verdict/1");
    assert_eq!(
        (&verdict["verdict"], &verdict["winner"], &verdict["exit_code"]),
        (&json!("won"), &json!("null"), &json!(0))
    );
    assert_eq!(verdict["reason"]["code"], "branch-succeeded");
    assert_eq!(verdict["run"]["id"], scene.run);
    assert_eq!(verdict["run"]["head_sha"], scene.head_sha);
    assert_eq!(verdict["run"]["pull_request"], scene.pull_request);
    assert_eq!(verdict["branches"][0]["state"], "waiting");
    assert_eq!(
        verdict["branches"][1]["reviews"],
        json!([{"state": "approved", "user": "alice", "comment": "docs only"}])
    );
    assert_eq!(verdict["branches"][1]["jobs"][0]["conclusion"], "success");
    assert!(verdict["decided_at"].is_string());
    assert_eq!(scene.output("verdict").as_deref(), Some("won"));
    assert_eq!(scene.output("winner").as_deref(), Some("null"));
    assert_eq!(scene.output("exit_code").as_deref(), Some("0"));
    assert!(scene.read("summary.md").starts_with("### testnet-deployer: won"));
    scene.exchanges();
}

#[test]
fn every_ending_has_its_code_its_word_and_at_most_one_annotation() {
    type Play = fn(&Scene);
    let cases: [(&str, Play, i32, &str, &str); 7] = [
        (
            "testnet wins",
            |s| s.approve_and_complete("testnet", Conclusion::Success),
            0,
            "won",
            "branch-succeeded",
        ),
        (
            "testnet fails",
            |s| s.approve_and_complete("testnet", Conclusion::Failure),
            10,
            "lost",
            "branch-failed",
        ),
        (
            "both rejected",
            |s| {
                s.review("testnet", ReviewState::Rejected, "no");
                s.review("null", ReviewState::Rejected, "no");
            },
            11,
            "lost",
            "all-rejected",
        ),
        (
            "cancelled",
            |s| s.github.change(|world, now| world.cancel_run(s.run, now)),
            13,
            "cancelled",
            "cancelled",
        ),
        (
            "nobody approved",
            |s| {
                s.github.change(|world, now| world.release(s.null, now));
                s.complete("null", Conclusion::Success);
            },
            14,
            "void",
            "review-missing",
        ),
        (
            "a timer's approval is nobody's",
            |s| {
                s.add_review("null", ReviewState::Approved, "github-actions[bot]", "5 minute wait timer");
                s.github.change(|world, now| world.release(s.null, now));
                s.complete("null", Conclusion::Success);
            },
            14,
            "void",
            "review-missing",
        ),
        (
            "the environment is not protected",
            |s| {
                s.github.change(|world, now| {
                    world.protect("null", &[], now);
                    world.release(s.null, now);
                });
                s.complete("null", Conclusion::Success);
            },
            14,
            "void",
            "environment-unprotected",
        ),
    ];
    for (name, play, code, word, reason) in cases {
        let scene = Scene::new();
        let wait = scene.wait(&[]);
        scene.await_readings(1);
        play(&scene);
        let ended = wait.end();
        let verdict = scene.verdict();
        assert_eq!(ended.code, code, "{name}: {}{}", ended.stdout, ended.stderr);
        assert_eq!(
            (&verdict["verdict"], &verdict["reason"]["code"]),
            (&json!(word), &json!(reason)),
            "{name}"
        );
        assert_eq!(verdict["exit_code"], code, "{name}");
        let annotations = ended.stdout.lines().filter(|line| line.starts_with("::error")).count();
        assert_eq!(annotations, usize::from(code != 0), "{name}: {}", ended.stdout);
        scene.exchanges();
    }
}

#[test]
fn an_environment_that_is_gone_protects_nothing() {
    let scene = Scene::new();
    let wait = scene.wait(&[]);
    scene.await_readings(1);
    scene.review("null", ReviewState::Approved, "");
    scene.github.change(|world, _| world.environments.retain(|environment| environment.name != "null"));
    scene.complete("null", Conclusion::Success);
    assert_eq!(wait.end().code, 14);
    assert_eq!(scene.verdict()["reason"]["code"], "environment-gone");
    scene.exchanges();
}

#[test]
fn at_the_deadline_it_says_what_is_pending_and_who_may_act() {
    let scene = Scene::new();
    let ended = scene.wait(&["--deadline", "1s"]).end();
    assert_eq!(ended.code, 12, "{}", ended.stderr);
    let verdict = scene.verdict();
    assert_eq!(
        (&verdict["verdict"], &verdict["winner"], &verdict["decided_at"]),
        (&json!("undecided"), &json!(null), &json!(null))
    );
    let text = verdict["reason"]["text"].as_str().unwrap();
    assert!(text.contains("testnet by alice or bob") && text.contains("null by alice"), "{text}");
    assert!(ended.stdout.contains("::error title=testnet-deployer%3A undecided::"), "{}", ended.stdout);
    assert!(ended.stdout.contains("Review deployments"), "{}", ended.stdout);
    assert_eq!(scene.output("winner").as_deref(), Some(""));
    scene.exchanges();
}

#[test]
fn a_signal_ends_it_in_order_with_everything_written() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let scene = Scene::new();
        let wait = scene.wait(&[]);
        scene.await_readings(2);
        wait.signal(signal);
        let ended = wait.end();
        assert_eq!(ended.code, code, "{}", ended.stderr);
        let verdict = scene.verdict();
        assert_eq!((&verdict["verdict"], &verdict["exit_code"]), (&json!("undecided"), &json!(12)));
        assert_eq!(verdict["reason"]["code"], "interrupted");
        assert_eq!(scene.output("verdict").as_deref(), Some("undecided"));
    }
}

#[test]
fn while_nothing_moves_it_asks_for_the_job_list_alone_and_that_is_not_counted() {
    let scene = Scene::new();
    let wait = scene.wait(&[]);
    scene.await_readings(8);
    let exchanges = scene.exchanges();
    let (start_up, quiet) =
        exchanges.split_at(exchanges.iter().rposition(|exchange| exchange.counted).unwrap() + 1);
    assert!(start_up.len() <= 4, "{start_up:#?}");
    assert!(quiet.len() >= 6);
    for exchange in quiet {
        assert!(exchange.path.ends_with("/jobs") && exchange.status == 304, "{exchange:?}");
    }
    wait.signal("TERM");
    wait.end();
}

#[test]
fn without_etags_it_asks_just_the_same() {
    let scene = Scene::with(Options { hourly_limit: 1_000_000, ..Options::default() }, |_| {});
    scene.github.set_etags(false);
    let wait = scene.wait(&[]);
    scene.await_readings(4);
    scene.approve_and_complete("testnet", Conclusion::Success);
    assert_eq!(wait.end().code, 0);
    scene.exchanges();
}

#[test]
fn on_enterprise_server_the_api_has_a_path_of_its_own() {
    let scene = Scene::with(Options { base_path: "/api/v3", ..Options::default() }, |_| {});
    let wait = scene.wait(&[]);
    scene.await_readings(1);
    scene.approve_and_complete("testnet", Conclusion::Success);
    assert_eq!(wait.end().code, 0);
    scene.exchanges();
}

#[test]
fn jobs_beyond_the_first_page_are_read() {
    let scene = Scene::new();
    scene.github.change(|world, now| {
        // GitHub lists jobs as they were made; the branches are on the third page.
        let branches = world.jobs.split_off(0);
        for number in 0..230 {
            world.ended_job(scene.run, &format!("unit ({number})"), None, Conclusion::Success, now);
        }
        world.jobs.extend(branches);
    });
    let wait = scene.wait(&[]);
    scene.await_readings(3);
    scene.approve_and_complete("testnet", Conclusion::Success);
    assert_eq!(wait.end().code, 0);
    assert_eq!(scene.verdict()["winner"], "testnet");
    let pages = scene
        .exchanges()
        .iter()
        .filter(|exchange| exchange.query.iter().any(|(key, value)| key == "page" && value == "3"))
        .count();
    assert!(pages > 0);
}

#[test]
fn a_soak_that_no_job_can_hold_is_said_at_the_start() {
    let scene = Scene::new();
    scene.write(
        "policies/testnet.toml",
        "[monitor]\nsession_length = \"60s\"\n[[monitor.node]]\nurl = \"ws://127.0.0.1:1\"\n",
    );
    let wait = scene.wait(&["--deadline", "5h40m"]);
    scene.await_readings(1);
    scene.approve_and_complete("null", Conclusion::Success);
    let ended = wait.end();
    assert!(ended.stdout.contains("::warning") && ended.stdout.contains("8h20m"), "{}", ended.stdout);
}

#[test]
fn the_policy_is_the_bases_and_never_the_pull_requests() {
    let scene = Scene::with(Options::default(), |world| {
        let base = world.refs["heads/main"].clone();
        world.write_file(
            &base,
            "policies/race.toml",
            "check = \"gate\"\n[[branch]]\nname = \"testnet\"\n[[branch]]\nname = \"null\"\n",
        );
    });
    scene.github.change(|world, _| {
        world.write_file(&scene.head_sha, "policies/race.toml", "[rules]\nrequire_review = false\n");
    });
    // What lies in the working directory is a checkout of the head.
    scene.write("policies/race.toml", "[rules]\nrequire_review = false\n");
    let wait = start(scene.step(&["wait", "--verdict", "verdict.json"]));
    scene.await_readings(1);
    scene.github.change(|world, now| world.release(scene.null, now));
    scene.complete("null", Conclusion::Success);
    let ended = wait.end();
    assert_eq!(ended.code, 14, "{}{}", ended.stdout, ended.stderr);
    assert!(scene.read("summary.md").starts_with("### gate: void"));
    for exchange in scene.exchanges().iter().filter(|exchange| exchange.path.contains("/contents/")) {
        assert_eq!(exchange.query, [("ref".to_owned(), scene.base_sha.clone())]);
    }
}

#[test]
fn a_base_without_policies_means_the_defaults_and_says_so() {
    let scene = Scene::new();
    let wait = start(scene.step(&["wait", "--verdict", "verdict.json"]));
    scene.await_readings(1);
    scene.approve_and_complete("null", Conclusion::Success);
    let ended = wait.end();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stderr.contains("built-in defaults"), "{}", ended.stderr);
}

#[test]
fn json_on_stdout_is_json_alone() {
    let scene = Scene::new();
    let wait = scene.wait(&["--format", "json", "--deadline", "1s"]);
    let ended = wait.end();
    let verdict: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(verdict["verdict"], "undecided");
    assert!(ended.stderr.contains("::error title="), "{}", ended.stderr);
}

#[test]
fn outside_of_a_run_it_says_what_to_use_instead() {
    let scene = Scene::new();
    let mut command = scene.race(&["wait"]);
    command.env("GITHUB_TOKEN", "ghs_workflow");
    let ended = start(command).end();
    assert_eq!(ended.code, 2);
    assert!(
        ended.stderr.contains("GITHUB_RUN_ID") && ended.stderr.contains("race inspect"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_token_that_may_read_actions_alone_is_enough_with_policies_at_hand() {
    let scene = Scene::new();
    scene.github.revoke("ghs_workflow");
    scene.github.admit(Token::of_workflow("ghs_workflow", &["actions"]));
    let wait = scene.wait(&[]);
    scene.await_readings(1);
    scene.approve_and_complete("testnet", Conclusion::Success);
    assert_eq!(wait.end().code, 0);
}

#[test]
fn in_a_merge_queue_it_mirrors_the_check_of_the_pull_requests_head() {
    for (state, code, reason) in [("success", 0, "mirrored-success"), ("failure", 10, "mirrored-failure")] {
        let scene = Scene::new();
        scene.github.revoke("ghs_workflow");
        scene.github.admit(Token::of_workflow("ghs_workflow", &["checks", "statuses", "pull_requests"]));
        let number = scene.pull_request;
        let group = "3".repeat(40);
        let event = json!({"merge_group": {
            "head_sha": group, "base_sha": scene.base_sha,
            "head_ref": format!("refs/heads/gh-readonly-queue/main/pr-{number}-{group}"),
        }});
        scene.write("event.json", &event.to_string());
        let mut command = scene.step(&["wait", "--policies", "policies", "--verdict", "verdict.json"]);
        command.env("GITHUB_EVENT_NAME", "merge_group");
        // The run's own check is in progress on that head: it is waited for.
        let wait = start(command);
        let asked = scene.github.wait_until(std::time::Duration::from_secs(30), |_, exchanges| {
            exchanges.iter().filter(|exchange| exchange.path.ends_with("/status")).count() >= 2
        });
        assert!(asked);
        scene.github.change(|world, now| {
            world.complete(scene.check, Conclusion::Cancelled, now - std::time::Duration::from_secs(60));
            world.set_status(&scene.head_sha, "testnet-deployer", state, None, "github-actions[bot]", now);
        });
        let ended = wait.end();
        assert_eq!(ended.code, code, "{}{}", ended.stdout, ended.stderr);
        let verdict = scene.verdict();
        assert_eq!((&verdict["reason"]["code"], &verdict["winner"]), (&json!(reason), &json!(null)));
        assert_eq!(verdict["run"]["head_sha"], group);
        scene.exchanges();
    }
}

#[test]
fn a_fork_is_told_that_only_the_branch_without_secrets_can_win() {
    let scene = Scene::new();
    let event = json!({"pull_request": {
        "number": scene.pull_request,
        "head": {"sha": scene.head_sha, "repo": {"id": 2}},
        "base": {"sha": scene.base_sha, "repo": {"id": 1}},
    }});
    scene.write("event.json", &event.to_string());
    let ended = scene.wait(&["--deadline", "1s"]).end();
    assert_eq!(ended.code, 12);
    assert!(
        ended.stdout.contains("::warning title=race wait::the pull request comes from a fork"),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.contains("only null can win here"), "{}", ended.stdout);
}
