//! A push after a soak: what needs no testnet keeps the verdict, all else races anew.

use serde_json::json;
use testnet_deployer::rehearsal::github::{Exchange, Fault, Options, Token, Trouble};
use testnet_deployer::rehearsal::world::{Conclusion, ReviewState};

use crate::scene::{Ended, Scene, start};

const POLICY: &str = "carry = \"not-needed\"\n";
const CRITERIA: &str = "[criteria]\nharmless = [\"docs/**\"]\nunmatched = \"recommended\"\n\
    [[criteria.rule]]\nname = \"core\"\nadvice = \"required\"\npaths = [\"runtime/**\"]\n";

/// A pull request that touches the core, whose testnet has won where `soaked`.
fn scene(soaked: bool) -> Scene {
    let scene = Scene::with(Options::default(), |_| {});
    scene
        .github
        .admit(Token::of_workflow("ghs_carry", &["actions", "contents", "pull_requests", "statuses: write"]));
    scene.github.change(|world, _| {
        for sha in [&scene.base_sha, &scene.head_sha] {
            world.write_file(sha, "policies/race.toml", POLICY);
            world.write_file(sha, "policies/criteria.toml", CRITERIA);
            world.write_file(sha, "runtime/a.rs", "a\n");
        }
        world.write_file(&scene.head_sha, "runtime/a.rs", "b\n");
    });
    if soaked {
        scene.approve_and_complete("testnet", Conclusion::Success);
    }
    scene
}

/// A push that changes one file; its run has begun, and nobody has reviewed. Gives the
/// run and the head.
fn push(scene: &Scene, path: &str) -> (u64, String) {
    pushed(scene, |world, number, now| world.push(number, "more", now), path)
}

fn pushed(
    scene: &Scene,
    how: impl FnOnce(&mut testnet_deployer::rehearsal::world::World, u64, jiff::Timestamp) -> String,
    path: &str,
) -> (u64, String) {
    let (run, head) = scene.github.change(|world, now| {
        let head = how(world, scene.pull_request, now);
        world.write_file(&head, path, &format!("{head}\n"));
        // Its concurrency group cancels the run before.
        let before = world.runs.last().unwrap().id;
        world.cancel_run(before, now);
        let run = world.start_pull_request_run(scene.pull_request, now);
        world.submit_job(run, "testnet", Some("testnet"), now);
        world.submit_job(run, "null", Some("null"), now);
        (run, head)
    });
    let event = json!({"pull_request": {
        "number": scene.pull_request,
        "head": {"sha": head, "ref": "change-12", "repo": {"id": 1}},
        "base": {"sha": scene.base_sha, "ref": "main", "repo": {"id": 1}},
    }, "repository": {"id": 1, "default_branch": "main"}});
    scene.write("event.json", &event.to_string());
    (run, head)
}

fn step(scene: &Scene, run: u64, arguments: &[&str]) -> Ended {
    let mut command = scene.step(arguments);
    command.env("GITHUB_TOKEN", "ghs_carry").env("GITHUB_RUN_ID", run.to_string());
    start(command).end()
}

/// `race wait` of that run; where nothing is carried over, it gives up at once.
fn wait(scene: &Scene, run: u64) -> Ended {
    let ended = step(scene, run, &["wait", "--verdict", "verdict.json", "--deadline", "1s"]);
    scene.exchanges();
    ended
}

#[track_caller]
fn assert_races(scene: &Scene, run: u64, why: &str) {
    let ended = wait(scene, run);
    assert_eq!(ended.code, 12, "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains(&format!("no verdict is carried over: {why}")), "{}", ended.stderr);
}

fn written(exchanges: &[Exchange]) -> Vec<(String, String)> {
    let posted = exchanges.iter().filter(|one| one.method == "POST" && one.path.contains("/statuses/"));
    let body = posted.filter_map(|one| one.request_body.as_ref());
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    body.map(|body| (text(&body["state"]), text(&body["description"]))).collect()
}

#[test]
fn a_push_that_needs_no_testnet_keeps_the_verdict() {
    let scene = scene(true);
    let (run, head) = push(&scene, "docs/a.md");
    let ended = wait(&scene, run);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    let verdict = scene.verdict();
    assert_eq!(verdict["reason"]["code"], "carried-over", "{verdict}");
    let from = &verdict["carried_from"];
    assert_eq!((&from["head_sha"], &from["run"]), (&json!(scene.head_sha), &json!(scene.run)), "{verdict}");
    assert_eq!((&from["changed_files"], &from["base_moved"]), (&json!(1), &json!(false)), "{verdict}");
    let compare = format!("/compare/{}...{}", &scene.head_sha[..11], &head[..11]);
    assert!(from["url"].as_str().unwrap().ends_with(&compare), "{verdict}");
    let summary = scene.read("summary.md");
    assert!(summary.contains(&scene.head_sha[..11]) && summary.contains(&head[..11]), "{summary}");

    // The next one goes back to what was soaked, not to what was carried over.
    let (run, head) = push(&scene, "docs/b.md");
    assert_eq!(wait(&scene, run).code, 0);
    let from = &scene.verdict()["carried_from"];
    assert_eq!((&from["head_sha"], &from["changed_files"]), (&json!(scene.head_sha), &json!(2)));
    assert!(from["url"].as_str().unwrap().ends_with(&head[..11]));
}

#[test]
fn the_relay_writes_it_on_the_head_at_once() {
    let scene = scene(true);
    let (run, head) = push(&scene, "docs/a.md");
    let ended = step(&scene, run, &["settle", "--open"]);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    let written = written(&scene.exchanges());
    let states: Vec<&str> = written.iter().map(|(state, _)| state.as_str()).collect();
    assert_eq!(states, ["pending", "success"], "{written:?}");
    let told = &written[1].1;
    assert!(told.contains(&scene.head_sha[..11]) && told.contains(&head[..11]), "{told}");
    assert!(told.contains("carried over: testnet won on") && told.contains("1 file"), "{told}");

    let (run, _) = push(&scene, "runtime/a.rs");
    assert_eq!(step(&scene, run, &["settle", "--open"]).code, 0);
    let states: Vec<String> = self::written(&scene.exchanges()).into_iter().map(|(state, _)| state).collect();
    assert_eq!(states, ["pending", "success", "pending"]);
}

#[test]
fn what_touches_the_core_or_is_not_known_races_anew() {
    for path in ["runtime/a.rs", "src/other.rs", ".github/workflows/x.yml", "policies/race.toml"] {
        let scene = scene(true);
        let (run, _) = push(&scene, path);
        assert_races(&scene, run, "by the criteria what differs from");
    }
    // Harmless on top of what is not: it is the commit that was soaked that counts.
    let scene = scene(true);
    push(&scene, "runtime/b.rs");
    let (run, _) = push(&scene, "docs/a.md");
    assert_races(&scene, run, "by the criteria what differs from");
}

#[test]
fn what_does_not_lie_on_top_of_the_soaked_commit_races_anew() {
    let scene = scene(true);
    let (run, _) = pushed(&scene, |world, number, now| world.force_push(number, "again", now), "docs/a.md");
    assert_races(&scene, run, "the head does not lie on top of");
}

#[test]
fn only_a_soak_that_won_by_the_same_rules_counts() {
    // Nobody has soaked anything.
    let never = scene(false);
    let (run, _) = push(&never, "docs/a.md");
    assert_races(&never, run, "no earlier head of the pull request has won by a testnet");
    // A person has spared it.
    let spared = scene(false);
    spared.approve_and_complete("null", Conclusion::Success);
    let (run, _) = push(&spared, "docs/a.md");
    assert_races(&spared, run, "no earlier head");
    // Whoever may write a status may write any.
    let lied = scene(false);
    lied.github.change(|world, now| {
        let url = format!("https://github.com/octo-org/chain/actions/runs/{}/attempts/1", lied.run);
        world.set_status(&lied.head_sha, "testnet-deployer", "success", Some(&url), "carol", now);
    });
    let (run, _) = push(&lied, "docs/a.md");
    assert_races(&lied, run, "no earlier head");
    // The gate is open: nobody was asked.
    let open = scene(true);
    open.github.change(|world, now| {
        world.protect("testnet", &[], now);
    });
    let (run, _) = push(&open, "docs/a.md");
    assert_races(&open, run, "no earlier head");
    // It failed, or a person has rejected it, on a newer head.
    for refused in [false, true] {
        let scene = scene(true);
        let (run, _) = push(&scene, "docs/a.md");
        scene.github.change(|world, now| {
            let environment = world.environment("testnet").unwrap().id;
            let jobs = world.all_jobs(run);
            let job = jobs.iter().find(|job| job.name == "testnet").unwrap().id;
            let state = if refused { ReviewState::Rejected } else { ReviewState::Approved };
            world.review(run, &[environment], state, "alice", "", now).unwrap();
            if !refused {
                world.begin(job, now);
                world.begin_step(job, "work", now);
                world.end_step(job, Conclusion::Failure, now);
                world.complete(job, Conclusion::Failure, now);
            }
        });
        let (run, _) = push(&scene, "docs/b.md");
        assert_races(&scene, run, "on ");
    }
}

#[test]
fn what_decides_must_be_as_it_was() {
    // On the base, since the pull request left it.
    for (path, code) in [("policies/testnet.toml", 12), ("other.rs", 0)] {
        let mut scene = scene(true);
        let tip = scene.github.change(|world, now| {
            let tip = world.commit_onto(&scene.base_sha, "base moves", now);
            world.write_file(&tip, path, "# other\n");
            tip
        });
        scene.base_sha = tip;
        let (run, _) = push(&scene, "docs/a.md");
        let ended = wait(&scene, run);
        assert_eq!(ended.code, code, "{path}: {}", ended.stderr);
        let told = if code == 0 { scene.verdict()["reason"]["text"].to_string() } else { ended.stderr };
        let expected =
            if code == 0 { "the base has moved on" } else { "the base has another policy or workflow" };
        assert!(told.contains(expected), "{told}");
    }
    // In the pull request, from before it was soaked.
    let scene = scene(false);
    scene
        .github
        .change(|world, _| world.write_file(&scene.head_sha, ".github/workflows/testnet-deployer.yml", "x"));
    scene.approve_and_complete("testnet", Conclusion::Success);
    let (run, _) = push(&scene, "docs/a.md");
    assert_races(&scene, run, "the pull request changes the policy or the workflow");
}

#[test]
fn what_cannot_be_read_is_no_reason_to_carry_anything() {
    let scene = scene(true);
    let (run, _) = push(&scene, "docs/a.md");
    scene.github.trouble(Trouble::new(Fault::MissingPermission).on("/compare/"));
    assert_races(&scene, run, "");
    // More than a comparison lists.
    let scene = self::scene(true);
    let (run, head) = push(&scene, "docs/a.md");
    scene.github.change(|world, _| {
        for number in 0..300 {
            world.write_file(&head, &format!("docs/{number}.md"), "x\n");
        }
    });
    assert_races(&scene, run, "GitHub does not list all that differs");
}

#[test]
fn where_the_policy_does_not_say_so_nothing_is_asked() {
    let scene = scene(true);
    scene.github.change(|world, _| world.write_file(&scene.base_sha, "policies/race.toml", ""));
    let (run, head) = push(&scene, "docs/a.md");
    // The head's own policy is not in force.
    scene.github.change(|world, _| world.write_file(&head, "policies/race.toml", POLICY));
    assert_eq!(wait(&scene, run).code, 12);
    assert!(!scene.github.was_asked("/compare/"));
}
