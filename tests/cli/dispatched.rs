//! A pull request of a fork: its own run has no secrets, a run is dispatched for it,
//! and the check of its own run takes over that one's verdict; from nobody else.

use serde_json::{Value, json};
use testnet_deployer::rehearsal::github::Token;
use testnet_deployer::rehearsal::world::{Conclusion, ReviewState};

use crate::scene::{Ended, Running, Scene, start};

pub(crate) const CHECK: &str = "testnet-deployer";

/// The run that a maintainer dispatched.
pub(crate) struct Dispatched {
    pub(crate) run: u64,
    testnet: u64,
    null: u64,
}

/// A fork's pull request, and tokens as the shipped workflow gives them.
pub(crate) fn scene() -> Scene {
    let scene = Scene::of_fork();
    admit(&scene);
    scene
}

fn admit(scene: &Scene) {
    scene.github.revoke("ghs_workflow");
    scene.github.admit(Token::of_workflow("ghs_workflow", &["actions", "contents", "statuses"]));
    let writes = ["actions", "contents", "checks", "pull_requests", "statuses: write"];
    scene.github.admit(Token::of_workflow("ghs_dispatched", &writes));
}

pub(crate) fn title(scene: &Scene) -> String {
    format!("{CHECK} for #{} at {}", scene.pull_request, scene.head_sha)
}

/// A run is dispatched: its gates wait, its check runs.
pub(crate) fn dispatch(scene: &Scene, title: &str) -> Dispatched {
    scene.github.change(|world, now| {
        let run = world.dispatch_run("dora", title, now);
        let testnet = world.submit_job(run, "testnet", Some("testnet"), now);
        let null = world.submit_job(run, "null", Some("null"), now);
        let check = world.submit_job(run, CHECK, None, now);
        world.begin(check, now);
        Dispatched { run, testnet, null }
    })
}

/// `race` as a step of the dispatched run.
fn in_it(scene: &Scene, run: u64, job: &str, arguments: &[&str], inputs: &Value) -> Ended {
    scene.write(
        "dispatch.json",
        &json!({"inputs": inputs, "repository": {"default_branch": "main"}}).to_string(),
    );
    let mut command = scene.step(arguments);
    command
        .env("GITHUB_TOKEN", "ghs_dispatched")
        .env("GITHUB_RUN_ID", run.to_string())
        .env("GITHUB_JOB", job)
        .env("GITHUB_EVENT_NAME", "workflow_dispatch")
        .env("GITHUB_EVENT_PATH", scene.path("dispatch.json"));
    start(command).end()
}

fn inputs(scene: &Scene) -> Value {
    json!({"pull_request": scene.pull_request.to_string(), "sha": scene.head_sha})
}

fn open(scene: &Scene, run: u64) -> Ended {
    in_it(scene, run, "open", &["settle", "--open", "--policies", "policies"], &inputs(scene))
}

fn settle(scene: &Scene, run: u64) -> Ended {
    in_it(scene, run, "settle", &["settle", "--policies", "policies"], &inputs(scene))
}

/// Approves a gate of the dispatched run, and ends its job.
pub(crate) fn approve(scene: &Scene, dispatched: &Dispatched, name: &str, conclusion: Conclusion) {
    let Dispatched { run, testnet, null } = *dispatched;
    let job = if name == "testnet" { testnet } else { null };
    scene.github.change(|world, now| {
        let id = world.environment(name).unwrap().id;
        world.review(run, &[id], ReviewState::Approved, "alice", "", now).unwrap();
        world.begin(job, now);
        world.begin_step(job, "work", now);
        world.end_step(job, conclusion.clone(), now);
        world.complete(job, conclusion, now);
    });
}

fn wait(scene: &Scene) -> Running {
    scene.wait(&["--deadline", "30s"])
}

/// The check of the pull request's own run, in a second attempt of that job alone.
fn re_run_check(scene: &Scene) -> Running {
    let check = scene.github.change(|world, now| {
        world.start_attempt(scene.run, now);
        world.submit_job(scene.run, CHECK, None, now)
    });
    scene.github.change(|world, now| world.begin(check, now));
    let mut command =
        scene.step(&["wait", "--policies", "policies", "--verdict", "verdict.json", "--deadline", "30s"]);
    command.env("GITHUB_RUN_ATTEMPT", "2");
    start(command)
}

fn end_check(scene: &Scene, conclusion: Conclusion) {
    scene.github.change(|world, now| world.complete(scene.check, conclusion, now));
}

fn states(scene: &Scene) -> Vec<String> {
    scene.github.read(|world| world.statuses.iter().map(|status| status.state.clone()).collect())
}

pub(crate) fn asked(scene: &Scene, part: &str) -> usize {
    scene.exchanges().iter().filter(|exchange| exchange.path.contains(part)).count()
}

#[test]
fn what_the_dispatched_run_wins_turns_the_waiting_check_green() {
    let scene = scene();
    let wait = wait(&scene);
    scene.await_readings(1);
    let dispatched = dispatch(&scene, &title(&scene));
    let opened = open(&scene, dispatched.run);
    assert_eq!(opened.code, 0, "{}{}", opened.stdout, opened.stderr);
    approve(&scene, &dispatched, "testnet", Conclusion::Success);
    let settled = settle(&scene, dispatched.run);
    assert_eq!(settled.code, 0, "{}{}", settled.stdout, settled.stderr);
    assert!(settled.stdout.contains("takes this verdict"), "{}{}", settled.stdout, settled.stderr);
    let ended = wait.end();
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    let verdict = scene.verdict();
    assert_eq!(
        (&verdict["verdict"], &verdict["winner"], &verdict["reason"]["code"]),
        (&json!("won"), &json!(null), &json!("dispatched-won"))
    );
    let text = verdict["reason"]["text"].as_str().unwrap();
    assert!(text.contains(&dispatched.run.to_string()) && text.contains("approved by alice"), "{text}");
    assert_eq!(verdict["run"]["id"], scene.run);
    assert_eq!(states(&scene), ["pending", "success"]);
    let inspected = scene.desk(&["inspect", &scene.run.to_string(), "--policies", "policies"]);
    assert!(
        inspected.stdout.contains(&format!("runs/{}/attempts/1", dispatched.run)),
        "{}",
        inspected.stdout
    );
    scene.exchanges();
}

#[test]
fn a_check_that_was_red_before_is_green_when_it_is_run_again() {
    // Lost, and cancelled so that GitHub lets a job be run again.
    let plays: [fn(&Scene); 2] = [
        |scene| {
            scene.approve_and_complete("testnet", Conclusion::Failure);
            scene.github.change(|world, now| world.complete(scene.null, Conclusion::Cancelled, now));
        },
        |scene| {
            scene.github.change(|world, now| {
                world.complete(scene.testnet, Conclusion::Cancelled, now);
                world.complete(scene.null, Conclusion::Cancelled, now);
            });
        },
    ];
    for play in plays {
        let scene = scene();
        play(&scene);
        let red = wait(&scene).end();
        assert!([10, 13].contains(&red.code), "{}{}", red.stdout, red.stderr);
        end_check(&scene, Conclusion::Failure);
        let dispatched = dispatch(&scene, &title(&scene));
        assert_eq!(open(&scene, dispatched.run).code, 0);
        approve(&scene, &dispatched, "testnet", Conclusion::Success);
        let settled = settle(&scene, dispatched.run);
        let told = format!("re-run the job {CHECK}");
        assert!(settled.stdout.contains(&told), "{}{}", settled.stdout, settled.stderr);
        assert!(scene.read("summary.md").contains("re-run the job"), "{}", scene.read("summary.md"));
        let green = re_run_check(&scene).end();
        assert_eq!(green.code, 0, "{}{}", green.stdout, green.stderr);
        assert_eq!(scene.verdict()["reason"]["code"], "dispatched-won");
        scene.exchanges();
    }
}

#[test]
fn while_the_dispatched_run_goes_on_a_lost_race_waits_for_it() {
    let scene = scene();
    let dispatched = dispatch(&scene, &title(&scene));
    assert_eq!(open(&scene, dispatched.run).code, 0);
    scene.approve_and_complete("testnet", Conclusion::Failure);
    let wait = wait(&scene);
    scene.await_readings(4);
    approve(&scene, &dispatched, "null", Conclusion::Success);
    assert_eq!(settle(&scene, dispatched.run).code, 0);
    let ended = wait.end();
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains("which was dispatched for this commit"), "{}", ended.stderr);
    scene.exchanges();
}

#[test]
fn a_dispatched_run_that_lost_changes_nothing() {
    let scene = scene();
    let dispatched = dispatch(&scene, &title(&scene));
    assert_eq!(open(&scene, dispatched.run).code, 0);
    approve(&scene, &dispatched, "testnet", Conclusion::Failure);
    assert_eq!(settle(&scene, dispatched.run).code, 0);
    assert_eq!(states(&scene), ["pending", "failure"]);
    let undecided = scene.wait(&["--deadline", "1s"]).end();
    assert_eq!(undecided.code, 12, "{}{}", undecided.stdout, undecided.stderr);
    assert!(!scene.verdict()["reason"]["text"].as_str().unwrap().contains("dispatched"));
    scene.approve_and_complete("null", Conclusion::Success);
    let ended = wait(&scene).end();
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(scene.verdict()["winner"], "null");
    scene.exchanges();
}

/// Who may push a tag may call it as the base is called, and dispatch the workflow there.
#[test]
fn a_tag_that_is_called_as_the_base_is_not_the_base() {
    let scene = scene();
    let dispatched = dispatch(&scene, &title(&scene));
    scene.github.change(|world, now| {
        let commit = world.commit("Another gate", now);
        world.refs.insert("tags/main".to_owned(), commit.clone());
        world.run_mut(dispatched.run).unwrap().head_sha = commit;
    });
    assert_eq!(open(&scene, dispatched.run).code, 0);
    approve(&scene, &dispatched, "testnet", Conclusion::Success);
    assert_eq!(settle(&scene, dispatched.run).code, 0);
    assert_eq!(states(&scene), ["pending", "success"]);
    let undecided = scene.wait(&["--deadline", "2s"]).end();
    assert_eq!(undecided.code, 12, "{}{}", undecided.stdout, undecided.stderr);
    assert!(asked(&scene, "commits/heads/main") > 0);
    scene.exchanges();
}

#[test]
fn an_open_gate_is_not_covered_up() {
    let scene = scene();
    let dispatched = dispatch(&scene, &title(&scene));
    assert_eq!(open(&scene, dispatched.run).code, 0);
    approve(&scene, &dispatched, "testnet", Conclusion::Success);
    assert_eq!(settle(&scene, dispatched.run).code, 0);
    scene.github.change(|world, now| world.release(scene.null, now));
    scene.complete("null", Conclusion::Success);
    let ended = wait(&scene).end();
    assert_eq!(ended.code, 14, "{}{}", ended.stdout, ended.stderr);
    scene.exchanges();
}

#[test]
fn a_head_that_moved_is_told_and_nothing_is_opened() {
    let scene = scene();
    let dispatched = dispatch(&scene, &title(&scene));
    let moved = scene.github.change(|world, now| {
        let sha = world.commit("Pushed since", now);
        world.pull_request_mut(scene.pull_request).unwrap().head_sha = sha.clone();
        sha
    });
    let opened = open(&scene, dispatched.run);
    let arguments = ["wait", "--policies", "policies"];
    let waited = in_it(&scene, dispatched.run, CHECK, &arguments, &inputs(&scene));
    let settled = settle(&scene, dispatched.run);
    for ended in [opened, waited, settled] {
        assert_eq!(ended.code, 2, "{}{}", ended.stdout, ended.stderr);
        assert!(ended.stdout.contains(&moved), "{}{}", ended.stdout, ended.stderr);
        assert!(ended.stderr.contains("dispatch again"), "{}", ended.stderr);
    }
    assert_eq!(states(&scene), Vec::<String>::new());
    scene.exchanges();
}

#[test]
fn what_was_opened_is_settled_although_the_head_moved_since() {
    let scene = scene();
    let dispatched = dispatch(&scene, &title(&scene));
    assert_eq!(open(&scene, dispatched.run).code, 0);
    scene.github.change(|world, now| {
        let sha = world.commit("Pushed since", now);
        let pull = world.pull_request_mut(scene.pull_request).unwrap();
        pull.head_sha = sha;
        pull.open = false;
    });
    approve(&scene, &dispatched, "testnet", Conclusion::Success);
    let settled = settle(&scene, dispatched.run);
    assert_eq!(settled.code, 0, "{}{}", settled.stdout, settled.stderr);
    assert_eq!(states(&scene), ["pending", "success"]);
    let head = scene.head_sha.clone();
    assert!(scene.github.read(|world| world.statuses.iter().all(|status| status.sha == head)));
    scene.exchanges();
}

/// As little as there can be to deploy.
const DEPLOY: &str = r#"[[deploy.host]]
name = "validator-1"
address = "127.0.0.1"
host_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB3vbGx3hKJJpIKQ0hjjTxRlLhTkVm2vyjHzbpKk3rIV"]

[[deploy.step]]
name = "install"
run = ["install-node", "{short_sha}"]
"#;

#[test]
fn a_dispatched_run_without_its_commit_ends_with_2() {
    let scene = scene();
    let dispatched = dispatch(&scene, "by hand");
    scene.write("policies/testnet.toml", DEPLOY);
    let number = scene.pull_request.to_string();
    for (inputs, told) in [
        (json!({"pull_request": number}), "which commit"),
        (json!({"pull_request": number, "sha": "main"}), "no whole SHA"),
        (json!({"pull_request": "x", "sha": scene.head_sha}), "no pull request's number"),
        (json!({"sha": scene.head_sha}), "without `pull_request`"),
    ] {
        for arguments in [
            &["wait", "--policies", "policies"][..],
            &["settle", "--policies", "policies"],
            &["settle", "--open", "--policies", "policies"],
            &["deploy", "--policies", "policies", "--plan"],
        ] {
            let ended = in_it(&scene, dispatched.run, "any", arguments, &inputs);
            assert_eq!(ended.code, 2, "{arguments:?} {inputs}: {}{}", ended.stdout, ended.stderr);
            assert!(ended.stdout.contains(told), "{arguments:?} {inputs}: {}{}", ended.stdout, ended.stderr);
        }
    }
    assert_eq!(scene.github.exchanges().len(), 0);
}

#[test]
fn only_a_run_without_secrets_looks_for_a_dispatched_one() {
    let scene = Scene::new();
    let wait = scene.wait(&[]);
    scene.await_readings(3);
    scene.approve_and_complete("null", Conclusion::Success);
    assert_eq!(wait.end().code, 0);
    assert_eq!(asked(&scene, "/commits/"), 0);
}

#[test]
fn dependabots_run_looks_for_a_dispatched_one_as_well() {
    let scene = Scene::new();
    admit(&scene);
    scene.github.change(|world, _| {
        let login = world.user("dependabot[bot]").login;
        world.run_mut(scene.run).unwrap().actor = login;
    });
    let wait = wait(&scene);
    scene.await_readings(1);
    let dispatched = dispatch(&scene, &title(&scene));
    approve(&scene, &dispatched, "testnet", Conclusion::Success);
    assert_eq!(settle(&scene, dispatched.run).code, 0);
    let ended = wait.end();
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    let told = format!("pull_request={} and sha={}", scene.pull_request, scene.head_sha);
    assert!(ended.stdout.contains("Dependabot") && ended.stdout.contains(&told), "{}", ended.stdout);
    assert_eq!(scene.verdict()["reason"]["code"], "dispatched-won");
    scene.exchanges();
}

#[test]
fn a_token_that_may_not_read_statuses_only_means_that_the_own_race_decides() {
    let scene = Scene::of_fork();
    let wait = scene.wait(&[]);
    scene.await_readings(6);
    assert_eq!(asked(&scene, "/status"), 3, "a refusal is counted against the rate limit");
    scene.approve_and_complete("null", Conclusion::Success);
    let ended = wait.end();
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("lacks `statuses: read`"), "{}", ended.stdout);
}

/// What the fork's run asks beyond its own race: one look at the status for every
/// reading, free while nothing moves; and once, when there is a win, what judges it.
#[test]
fn what_it_costs() {
    let scene = scene();
    let wait = wait(&scene);
    scene.await_readings(5);
    let dispatched = dispatch(&scene, &title(&scene));
    assert_eq!(open(&scene, dispatched.run).code, 0);
    approve(&scene, &dispatched, "testnet", Conclusion::Success);
    assert_eq!(settle(&scene, dispatched.run).code, 0);
    assert_eq!(wait.end().code, 0);
    let exchanges = scene.exchanges();
    let ours = |path: &str| {
        path.contains(&format!("/commits/{}/status", scene.head_sha)) && !path.contains("statuses")
    };
    let statuses: Vec<u16> = exchanges.iter().filter(|one| ours(&one.path)).map(|one| one.status).collect();
    let charged = statuses.iter().filter(|status| **status != 304).count();
    // Nothing there, then pending or success, or both; and `settle` looks for another check.
    assert!((2..=4).contains(&charged), "{statuses:?}");
    // Where it comes from, and what it has won by; `settle` itself looked twice.
    let origin = format!("/runs/{}/attempts/1", dispatched.run);
    assert!(asked(&scene, &origin) <= 4, "{:?}", asked(&scene, &origin));
}
