//! `race settle`: the verdict as a commit status, for every ending, of every
//! attempt, and through outages.

use std::time::Duration;

use serde_json::json;
use testnet_deployer::rehearsal::github::{Fault, Token, Trouble};
use testnet_deployer::rehearsal::world::{CommitStatus, Conclusion, ReviewState};

use crate::scene::{Ended, Running, Scene, start};

const CHECK: &str = "testnet-deployer";

/// A scene whose token may write statuses.
pub(crate) fn scene() -> Scene {
    let scene = Scene::new();
    admit(&scene, &["actions", "contents", "statuses: write"]);
    scene
}

pub(crate) fn admit(scene: &Scene, permissions: &[&str]) {
    scene.github.revoke("ghs_workflow");
    scene.github.admit(Token::of_workflow("ghs_workflow", permissions));
}

pub(crate) fn tail_of(scene: &Scene, attempt: u32, more: &[&str]) -> Running {
    let base = ["settle", "--policies", "policies"];
    let arguments: Vec<&str> = base.iter().chain(more).copied().collect();
    let mut command = scene.step(&arguments);
    command.env("GITHUB_RUN_ATTEMPT", attempt.to_string());
    start(command)
}

pub(crate) fn settle(scene: &Scene, more: &[&str]) -> Ended {
    tail_of(scene, 1, more).end()
}

/// Every status of the check, oldest first, as `attempt state`.
pub(crate) fn statuses(scene: &Scene) -> Vec<String> {
    all(scene)
        .iter()
        .map(|status| {
            let url = status.target_url.as_deref().unwrap_or_default();
            format!("{} {}", url.rsplit('/').next().unwrap_or_default(), status.state)
        })
        .collect()
}

fn all(scene: &Scene) -> Vec<CommitStatus> {
    scene.github.read(|world| {
        let ours = world.statuses.iter().filter(|status| status.context == CHECK);
        ours.cloned().collect()
    })
}

fn posts(scene: &Scene) -> usize {
    scene.exchanges().iter().filter(|exchange| exchange.method == "POST").count()
}

#[test]
fn every_ending_has_its_status_and_an_undecided_race_none() {
    type Play = fn(&Scene);
    let cases: [(&str, Play, i32, Option<&str>, &str); 6] = [
        (
            "won",
            |s| s.approve_and_complete("null", Conclusion::Success),
            0,
            Some("success"),
            "null succeeded; approved by alice",
        ),
        (
            "failed",
            |s| s.approve_and_complete("testnet", Conclusion::Failure),
            10,
            Some("failure"),
            "testnet failed",
        ),
        (
            "rejected",
            |s| {
                s.review("testnet", ReviewState::Rejected, "no");
                s.review("null", ReviewState::Rejected, "no");
            },
            11,
            Some("failure"),
            "no branch is left",
        ),
        (
            "void",
            |s| {
                s.github.change(|world, now| world.release(s.null, now));
                s.complete("null", Conclusion::Success);
            },
            14,
            Some("error"),
            "no person's approval",
        ),
        (
            "cancelled",
            |s| s.github.change(|world, now| world.cancel_run(s.run, now)),
            13,
            Some("error"),
            "the run was cancelled",
        ),
        ("undecided", |s| s.review("null", ReviewState::Rejected, ""), 12, None, ""),
    ];
    for (name, play, code, state, text) in cases {
        let scene = scene();
        play(&scene);
        let ended = settle(&scene, &["--verdict", "verdict.json"]);
        assert_eq!(ended.code, 0, "{name}: {}{}", ended.stdout, ended.stderr);
        let there = all(&scene);
        assert_eq!(there.last().map(|status| status.state.as_str()), state, "{name}: {}", ended.stderr);
        assert!(there.len() <= 1, "{name}: {there:?}");
        if let Some(status) = there.last() {
            assert!(status.description.as_ref().unwrap().contains(text), "{name}: {status:?}");
            let page =
                format!("{}/octo-org/chain/actions/runs/{}/attempts/1", scene.github.server_url(), scene.run);
            assert_eq!(status.target_url.as_deref(), Some(&*page));
            assert_eq!(status.sha, scene.head_sha);
        }
        assert_eq!(scene.verdict()["exit_code"], code, "{name}");
        assert!(scene.output("verdict").is_some());
        // Again: it stands. And on request the code is the verdict's.
        let again = settle(&scene, &["--exit-verdict"]);
        assert_eq!(again.code, code, "{name}: {}", again.stderr);
        assert_eq!(all(&scene), there, "{name}");
        scene.exchanges();
    }
}

#[test]
fn an_attempt_is_opened_once_and_the_next_one_replaces_its_status() {
    let scene = scene();
    for _ in 0..2 {
        let ended = settle(&scene, &["--open"]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
    }
    assert_eq!(statuses(&scene), ["1 pending"]);
    scene.approve_and_complete("testnet", Conclusion::Failure);
    assert_eq!(settle(&scene, &[]).code, 0);
    assert_eq!(settle(&scene, &["--open"]).code, 0);
    assert_eq!(statuses(&scene), ["1 pending", "1 failure"]);

    // Re-run: the green or red of the attempt before must not stay.
    scene.github.change(|world, now| {
        world.cancel_run(scene.run, now);
        world.start_attempt(scene.run, now);
        world.submit_job(scene.run, "testnet", Some("testnet"), now);
    });
    let open = tail_of(&scene, 2, &["--open", "--format", "json"]).end();
    let told: serde_json::Value = serde_json::from_str(&open.stdout).unwrap();
    assert_eq!((&told["state"], &told["written"]), (&json!("pending"), &json!(true)));
    let null = scene.github.change(|world, now| world.submit_job(scene.run, "null", Some("null"), now));
    scene.review("null", ReviewState::Approved, "");
    scene.github.change(|world, now| {
        world.begin(null, now);
        world.begin_step(null, "work", now);
        world.end_step(null, Conclusion::Success, now);
        world.complete(null, Conclusion::Success, now);
    });
    // A tail of the first attempt that comes late has no say any more.
    let late = settle(&scene, &[]);
    assert_eq!(late.code, 0, "{}", late.stderr);
    assert!(late.stderr.contains("attempt 2 has begun since"), "{}", late.stderr);
    assert_eq!(tail_of(&scene, 2, &[]).end().code, 0);
    assert_eq!(statuses(&scene), ["1 pending", "1 failure", "2 pending", "2 success"]);
    scene.exchanges();
}

#[test]
fn a_verdict_is_never_replaced_within_its_attempt() {
    let scene = scene();
    scene.approve_and_complete("testnet", Conclusion::Failure);
    assert_eq!(settle(&scene, &[]).code, 0);
    scene.approve_and_complete("null", Conclusion::Success);
    let later = settle(&scene, &["--exit-verdict"]);
    assert_eq!(later.code, 0, "the run is won by now: {}", later.stderr);
    assert!(later.stdout.contains("::warning") && later.stdout.contains("keeps it"), "{}", later.stdout);
    assert_eq!(statuses(&scene), ["1 failure"]);
    // Someone else writes over it: the next one puts it back.
    scene.github.change(|world, now| {
        world.set_status(&scene.head_sha, CHECK, "success", None, "mallory", now);
    });
    assert_eq!(settle(&scene, &[]).code, 0);
    assert_eq!(all(&scene).last().unwrap().state, "failure");
    scene.exchanges();
}

#[test]
fn what_was_cut_off_is_read_before_it_is_written_again() {
    for (fault, written) in [(Fault::AnswerLost, 1), (Fault::Dropped, 1), (Fault::BadGateway, 1)] {
        let scene = scene();
        scene.approve_and_complete("null", Conclusion::Success);
        scene.github.trouble(Trouble::new(fault.clone()).method("POST").times(1));
        let ended = settle(&scene, &[]);
        assert_eq!(ended.code, 0, "{fault:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("trying again"), "{fault:?}: {}", ended.stderr);
        assert_eq!(statuses(&scene).len(), written, "{fault:?}");
        let exchanges = scene.exchanges();
        let first = exchanges.iter().position(|exchange| exchange.method == "POST").unwrap();
        assert!(exchanges[first + 1].path.ends_with("/statuses"), "{:?}", exchanges[first + 1]);
        assert_eq!(posts(&scene), if fault == Fault::AnswerLost { 1 } else { 2 }, "{fault:?}");
    }
}

#[test]
fn an_outage_of_everything_ends_at_the_deadline_without_a_status() {
    let scene = scene();
    scene.approve_and_complete("null", Conclusion::Success);
    scene.github.trouble(Trouble::new(Fault::BadGateway));
    let ended = settle(&scene, &["--deadline", "1500ms", "--verdict", "verdict.json"]);
    assert_eq!(ended.code, 12, "{}", ended.stderr);
    assert_eq!(scene.verdict()["reason"]["code"], "unreachable");
    assert!(all(&scene).is_empty());
}

#[test]
fn an_outage_of_writing_alone_is_told_with_the_verdict_all_the_same() {
    let scene = scene();
    scene.approve_and_complete("null", Conclusion::Success);
    scene.github.trouble(Trouble::new(Fault::BadGateway).method("POST"));
    let ended = settle(&scene, &["--deadline", "2s", "--verdict", "verdict.json"]);
    assert_eq!(ended.code, 12, "{}", ended.stderr);
    assert_eq!(scene.verdict()["verdict"], "won");
    assert!(ended.stdout.contains("::error"), "{}", ended.stdout);
}

#[test]
fn without_permission_it_names_it_and_ends_with_3() {
    for permissions in [&["actions"][..], &["actions", "statuses"]] {
        for more in [&["--open"][..], &[]] {
            let scene = scene();
            admit(&scene, permissions);
            scene.approve_and_complete("null", Conclusion::Success);
            let ended = settle(&scene, more);
            assert_eq!(ended.code, 3, "{permissions:?}: {}", ended.stderr);
            assert!(ended.stderr.contains("statuses: "), "{permissions:?}: {}", ended.stderr);
            assert!(all(&scene).is_empty());
        }
    }
    // A fork's token only reads.
    let scene = scene();
    admit(&scene, &["actions", "statuses"]);
    let event = json!({"pull_request": {
        "number": scene.pull_request,
        "head": {"sha": scene.head_sha, "repo": {"id": 2}},
        "base": {"sha": scene.base_sha, "repo": {"id": 1}},
    }});
    scene.write("event.json", &event.to_string());
    let ended = settle(&scene, &["--open"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("fork") && ended.stderr.contains("race wait"), "{}", ended.stderr);
}

#[test]
fn in_a_merge_queue_it_writes_on_the_groups_head_what_the_pull_requests_has() {
    for (state, code) in [("success", 0), ("failure", 10)] {
        let scene = scene();
        admit(&scene, &["checks", "statuses: write", "pull_requests"]);
        let group = scene.github.change(|world, now| world.commit("group", now));
        let number = scene.pull_request;
        let event = json!({"merge_group": {
            "head_sha": group, "base_sha": scene.base_sha,
            "head_ref": format!("refs/heads/gh-readonly-queue/main/pr-{number}-{group}"),
        }});
        scene.write("event.json", &event.to_string());
        scene.github.change(|world, now| {
            world.complete(scene.check, Conclusion::Cancelled, now - Duration::from_secs(60));
        });
        let queue = |more: &[&str]| {
            let base = ["settle", "--policies", "policies"];
            let arguments: Vec<&str> = base.iter().chain(more).copied().collect();
            let mut command = scene.step(&arguments);
            command.env("GITHUB_EVENT_NAME", "merge_group");
            start(command)
        };
        assert_eq!(queue(&["--open"]).end().code, 0);
        scene.github.change(|world, now| {
            world.set_status(&scene.head_sha, CHECK, "pending", None, "github-actions[bot]", now);
        });
        // There is none yet: it waits for it.
        let waiting = queue(&["--exit-verdict"]);
        let asked = scene.github.wait_until(Duration::from_secs(30), |_, exchanges| {
            exchanges.iter().filter(|exchange| exchange.path.ends_with("/status")).count() >= 2
        });
        assert!(asked);
        scene.github.change(|world, now| {
            world.set_status(&scene.head_sha, CHECK, state, None, "github-actions[bot]", now);
        });
        let ended = waiting.end();
        assert_eq!(ended.code, code, "{}{}", ended.stdout, ended.stderr);
        let there = all(&scene).into_iter().filter(|status| status.sha == group);
        let states: Vec<String> = there.map(|status| status.state).collect();
        assert_eq!(states, ["pending", state]);
        scene.exchanges();
    }
}

#[test]
fn a_job_list_that_lags_behind_the_job_that_settles_is_read_again() {
    let scene = scene();
    // The list neither shows our own job nor the end of what it needs.
    scene.review("null", ReviewState::Approved, "");
    let mut command = scene.step(&["settle", "--policies", "policies"]);
    command.env("GITHUB_JOB", "after-null").env("RACE_POLLING__REVIEW_LAG", "20s");
    let tail = start(command);
    scene.await_readings(2);
    scene.complete("null", Conclusion::Success);
    let ended = tail.end();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(statuses(&scene), ["1 success"]);

    // Where it shows our own job, an undecided race is left at once.
    let scene = self::scene();
    scene.review("null", ReviewState::Approved, "");
    scene.github.change(|world, now| {
        let job = world.submit_job(scene.run, "after-null", None, now);
        world.begin(job, now);
    });
    let mut command = scene.step(&["settle", "--policies", "policies"]);
    command.env("GITHUB_JOB", "after-null").env("RACE_POLLING__REVIEW_LAG", "1h");
    let ended = start(command).end();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stderr.contains("nothing is written"), "{}", ended.stderr);
    let readings = scene.exchanges().iter().filter(|exchange| exchange.path.ends_with("/jobs")).count();
    assert_eq!(readings, 1);
    assert!(all(&scene).is_empty());
}

#[test]
fn hostile_and_long_names_make_a_description_that_github_takes() {
    let scene = scene();
    let name = format!("wörk\n::error::owned {}", "ü".repeat(200));
    scene.write(
        "policies/race.toml",
        "[[branch]]\nname = \"testnet\"\njob = \"wörk*\"\n[[branch]]\nname = \"null\"\n",
    );
    scene.github.change(|world, now| {
        world.ended_job(scene.run, &name, None, Conclusion::Failure, now);
    });
    scene.approve_and_complete("testnet", Conclusion::Success);
    let ended = settle(&scene, &[]);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    let description = all(&scene).last().unwrap().description.clone().unwrap();
    assert_eq!(description.chars().count(), 140);
    assert!(description.contains("owned") && !description.contains('\n'), "{description:?}");
    for line in ended.stdout.lines().chain(ended.stderr.lines()) {
        assert!(!line.starts_with("::error::owned"), "{line}");
    }
    scene.exchanges();
}

#[test]
fn a_run_for_a_pull_request_by_hand_names_the_commit_that_it_took() {
    let scene = scene();
    scene.write("event.json", &json!({"inputs": {"pull_request": "12"}}).to_string());
    let dispatch = |more: &[&str]| {
        let base = ["settle", "--open", "--policies", "policies"];
        let arguments: Vec<&str> = base.iter().chain(more).copied().collect();
        let mut command = scene.step(&arguments);
        command.env("GITHUB_EVENT_NAME", "workflow_dispatch");
        start(command).end()
    };
    let ended = dispatch(&[]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("the input `sha`"), "{}", ended.stderr);
    assert_eq!(dispatch(&["--sha", "abc"]).code, 2);
    let sha = scene.head_sha.clone();
    assert_eq!(dispatch(&["--sha", &sha]).code, 0);
    assert_eq!(all(&scene).last().unwrap().sha, sha);
}

#[test]
fn a_signal_ends_it_in_order() {
    let scene = scene();
    scene.github.trouble(Trouble::new(Fault::BadGateway));
    let tail = tail_of(&scene, 1, &["--verdict", "verdict.json"]);
    scene.await_readings(1);
    tail.signal("TERM");
    assert_eq!(tail.end().code, 143);
    assert_eq!(scene.verdict()["reason"]["code"], "interrupted");
}
