//! A branch whose proof is its soak: whose artifact is believed, and what `race samples`
//! does with several soaks at once.

use jiff::Timestamp;
use serde_json::{Value, json};
use testnet_deployer::policy::Policy;
use testnet_deployer::race::sampled::WORKFLOW;
use testnet_deployer::rehearsal::dev_chain::{DevChain, DevChainOptions};
use testnet_deployer::rehearsal::github::Token;
use testnet_deployer::rehearsal::world::{Conclusion, World};
use testnet_deployer::soak::{Checkpoint, Run, State, Subject, Terms};

use crate::scene::{Ended, Scene, start};

const POLICY: &str = "[[branch]]\nname = \"testnet\"\nproof = \"soak\"\n\n[[branch]]\nname = \"null\"\nspares_testnet = true\n";

/// Nobody listens there.
const MONITOR: &str = "[monitor]\nsession_length = \"60s\"\ntarget_sessions = 100000\n\n[[monitor.node]]\nurl = \"ws://127.0.0.1:9\"\n";

/// A scene whose testnet was deployed, with approval, and whose soak goes on.
fn soaking() -> Scene {
    let scene = Scene::new();
    scene.write("policies/race.toml", POLICY);
    scene.approve_and_complete("testnet", Conclusion::Success);
    scene.github.admit(Token::of_workflow(
        "ghs_samples",
        &["actions", "contents", "pull_requests", "statuses: write"],
    ));
    scene.github.change(|world, _| {
        let base = world.refs["heads/main"].clone();
        world.write_file(&base, "policies/race.toml", POLICY);
        world.write_file(&base, "policies/testnet.toml", MONITOR);
    });
    scene
}

/// A checkpoint of the scene's run that says so.
fn checkpoint(scene: &Scene, verdict: &str) -> Value {
    let monitor = Policy::example().monitor.unwrap();
    let head = scene.head_sha.clone();
    let subject = Subject {
        sha: Some(head.clone()),
        code_hash: Some("0x".to_owned() + &"0".repeat(64)).and_then(|hash| hash.parse().ok()),
        ..Subject::default()
    };
    let mut monitor = monitor;
    monitor.expect = Default::default();
    let terms = Terms::new(monitor, &subject).unwrap();
    let run = Run { id: Some(scene.run), attempt: Some(1), head_sha: Some(head), ..Run::default() };
    let mut json = serde_json::to_value(Checkpoint::of(&run, &terms, &State::new(&terms))).unwrap();
    json["verdict"] = json!(verdict);
    json["target"] = json!(0);
    json
}

fn keep(world: &mut World, scene: &Scene, by: u64, text: &str, now: Timestamp) -> u64 {
    let name = format!("soak-{}-1", scene.run);
    world.upload_artifact(by, &name, &[("soak.json".to_owned(), text.as_bytes().to_vec())], now).unwrap()
}

/// What a run that is made by `by` keeps, says that the soak passed.
fn kept_by(scene: &Scene, by: impl FnOnce(&mut World, Timestamp) -> u64) -> u64 {
    let text = checkpoint(scene, "passed").to_string();
    scene.github.change(|world, now| {
        let run = by(world, now);
        keep(world, scene, run, &text, now)
    })
}

fn inspect(scene: &Scene) -> Ended {
    let run = scene.run.to_string();
    scene.desk(&["inspect", &run, "--exit-verdict", "--policies", "policies"])
}

fn scheduled(world: &mut World, now: Timestamp) -> u64 {
    world.start_scheduled_run(WORKFLOW, now)
}

#[test]
fn what_the_samples_of_the_default_branch_keep_is_the_proof() {
    for (verdict, code) in [("unfinished", 12), ("unmeasured", 12), ("failed", 10), ("passed", 0)] {
        let scene = soaking();
        assert_eq!(inspect(&scene).code, 12, "without a proof the soak goes on");
        let text = checkpoint(&scene, verdict).to_string();
        scene.github.change(|world, now| {
            let run = scheduled(world, now);
            keep(world, &scene, run, &text, now)
        });
        let ended = inspect(&scene);
        assert_eq!(ended.code, code, "{verdict}: {}{}", ended.stdout, ended.stderr);
        assert!(
            ended.stdout.contains(&format!("soak of testnet  {verdict}, 0 of 0 sessions")),
            "{}",
            ended.stdout
        );
        scene.exchanges();
    }
}

/// Every way to have an artifact of that name kept by something else.
#[test]
fn nobody_elses_artifact_is_ever_a_proof() {
    type Forgery = (&'static str, fn(&mut World, u64, Timestamp) -> u64);
    let forgeries: [Forgery; 9] = [
        ("the pull request's own run", |_, run, _| run),
        ("its run, of a git branch called as the default one", |world, run, _| {
            world.run_mut(run).unwrap().head_ref = Some("main".to_owned());
            run
        }),
        ("its run of a workflow called as the samples'", |world, run, _| {
            let head = world.run(run).unwrap().head_sha.clone();
            let forged = world.start_run("pull_request", &head, "carol", Timestamp::UNIX_EPOCH);
            world.run_mut(forged).unwrap().workflow_path = WORKFLOW.to_owned();
            forged
        }),
        ("a fork's run of such a workflow", |world, _, now| {
            let pull = world.open_fork_pull_request("mallory", "x", now);
            let forged = world.start_pull_request_run(pull, now);
            let run = world.run_mut(forged).unwrap();
            (run.workflow_path, run.head_ref) = (WORKFLOW.to_owned(), Some("main".to_owned()));
            forged
        }),
        ("a fork's run that claims to be scheduled", |world, _, now| {
            let pull = world.open_fork_pull_request("mallory", "x", now);
            let forged = world.start_pull_request_run(pull, now);
            let run = world.run_mut(forged).unwrap();
            (run.workflow_path, run.head_ref) = (WORKFLOW.to_owned(), Some("main".to_owned()));
            run.event = "schedule".to_owned();
            forged
        }),
        ("another workflow of the default branch", |world, _, now| {
            world.start_scheduled_run(".github/workflows/nightly.yml", now)
        }),
        ("a push to the default branch", |world, _, now| {
            let forged = world.start_scheduled_run(WORKFLOW, now);
            world.run_mut(forged).unwrap().event = "push".to_owned();
            forged
        }),
        ("the samples' workflow, dispatched on another git branch", |world, _, now| {
            let forged = world.start_scheduled_run(WORKFLOW, now);
            let run = world.run_mut(forged).unwrap();
            (run.event, run.head_ref) = ("workflow_dispatch".to_owned(), Some("change-12".to_owned()));
            forged
        }),
        ("the samples' workflow, dispatched on a tag called as the default branch", |world, _, now| {
            let evil = world.commit("Another workflow", now);
            world.refs.insert("tags/main".to_owned(), evil.clone());
            let forged = world.start_scheduled_run(WORKFLOW, now);
            let run = world.run_mut(forged).unwrap();
            (run.event, run.head_sha) = ("workflow_dispatch".to_owned(), evil);
            forged
        }),
    ];
    for (what, forge) in forgeries {
        let scene = soaking();
        let own = scene.run;
        kept_by(&scene, |world, now| forge(world, own, now));
        let ended = inspect(&scene);
        assert_eq!(ended.code, 12, "{what}: {}{}", ended.stdout, ended.stderr);
        // Nor does it hide what somebody else has kept before it.
        let scene = soaking();
        kept_by(&scene, scheduled);
        kept_by(&scene, |world, now| forge(world, scene.run, now));
        assert_eq!(inspect(&scene).code, 0, "{what}");
        scene.exchanges();
    }
}

#[test]
fn a_samples_run_that_was_dispatched_on_the_default_branch_is_believed() {
    let scene = soaking();
    kept_by(&scene, |world, now| {
        let run = scheduled(world, now);
        world.run_mut(run).unwrap().event = "workflow_dispatch".to_owned();
        run
    });
    assert_eq!(inspect(&scene).code, 0);
}

#[test]
fn a_proof_that_is_of_something_else_is_none() {
    for (key, value) in
        [("id", json!(1)), ("attempt", json!(2)), ("head_sha", json!("0".repeat(40))), ("id", Value::Null)]
    {
        let scene = soaking();
        let mut text = checkpoint(&scene, "passed");
        text["run"][key] = value;
        scene.github.change(|world, now| {
            let run = scheduled(world, now);
            keep(world, &scene, run, &text.to_string(), now)
        });
        assert_eq!(inspect(&scene).code, 12, "{key}");
    }
}

#[test]
fn a_proof_that_has_expired_is_undecided_and_said_to_be() {
    let scene = soaking();
    let artifact = kept_by(&scene, scheduled);
    scene.github.change(|world, _| {
        world.artifacts.iter_mut().find(|kept| kept.id == artifact).unwrap().expired = true;
    });
    let ended = inspect(&scene);
    assert_eq!(ended.code, 12, "{}", ended.stdout);
    assert!(ended.stdout.contains("has expired"), "{}", ended.stdout);
}

#[test]
fn a_run_that_is_cancelled_ends_its_soak() {
    let scene = soaking();
    scene.github.change(|world, now| world.cancel_run(scene.run, now));
    assert_eq!(inspect(&scene).code, 13);
}

/// `race samples` as the workflow of the default branch runs it.
fn samples(scene: &Scene, more: &[&str], run: u64) -> Ended {
    let base = scene.github.read(|world| world.refs["heads/main"].clone());
    let arguments: Vec<&str> = ["samples", "--format", "json"].iter().chain(more).copied().collect();
    let mut command = scene.step(&arguments);
    command
        .env("GITHUB_TOKEN", "ghs_samples")
        .env("GITHUB_WORKFLOW_REF", format!("octo-org/chain/{WORKFLOW}@refs/heads/main"))
        .env("GITHUB_EVENT_NAME", "schedule")
        .env("GITHUB_RUN_ID", run.to_string())
        .env("GITHUB_JOB", "samples")
        .env("GITHUB_SHA", base)
        .env_remove("GITHUB_EVENT_PATH");
    start(command).end()
}

fn sampling(scene: &Scene) -> u64 {
    scene.github.change(scheduled)
}

fn states(scene: &Scene, sha: &str) -> Vec<String> {
    scene.github.read(|world| {
        let of_it = world.statuses.iter().filter(|status| status.sha == sha);
        of_it.map(|status| status.state.clone()).collect()
    })
}

/// A second pull request whose soak goes on as well.
fn another(scene: &Scene) -> u64 {
    scene.github.change(|world, now| {
        let pull = world.open_pull_request("carol", "Another", now);
        let run = world.start_pull_request_run(pull, now);
        let job = world.submit_job(run, "testnet", Some("testnet"), now);
        let id = world.environment("testnet").unwrap().id;
        let approved = testnet_deployer::rehearsal::world::ReviewState::Approved;
        world.review(run, &[id], approved, "alice", "", now).unwrap();
        world.begin(job, now);
        world.complete(job, Conclusion::Success, now);
        run
    })
}

/// Has the policy name a chain that goes on as long as what is returned.
fn with_a_chain(scene: &Scene) -> (tokio::runtime::Runtime, DevChain) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let chain = runtime.block_on(DevChain::start(DevChainOptions::default())).unwrap();
    let monitor = MONITOR.replace("ws://127.0.0.1:9", &chain.url());
    scene.github.change(|world, _| {
        let base = world.refs["heads/main"].clone();
        world.write_file(&base, "policies/testnet.toml", &monitor);
    });
    (runtime, chain)
}

/// What one look cannot see another one may: what was known before stays the newest.
#[test]
fn a_look_at_nodes_out_of_reach_keeps_nothing() {
    let scene = soaking();
    let run = sampling(&scene);
    let ended = samples(&scene, &[], run);
    assert_eq!(ended.code, 6, "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("no node answers"), "{}", ended.stdout);
    assert_eq!(scene.output("soak-1"), None);
    assert!(states(&scene, &scene.head_sha).is_empty());
}

#[test]
fn one_soak_that_errs_keeps_no_other_from_its_look() {
    let scene = soaking();
    let other = another(&scene);
    let _chain = with_a_chain(&scene);
    let run = sampling(&scene);
    scene.github.change(|world, now| keep(world, &scene, run, "no checkpoint", now));
    let ended = samples(&scene, &[], run);
    assert_eq!(ended.code, 6, "{}{}", ended.stdout, ended.stderr);
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(told["schema"], "race.samples/1");
    assert_eq!(told["soaks"][0]["run"]["id"], other, "{told}");
    assert_eq!(told["soaks"][0]["verdict"], "unfinished", "{told}");
    assert_eq!(told["failed"].as_array().unwrap().len(), 1, "{told}");
    assert!(told["failed"][0]["reason"].as_str().unwrap().contains("is damaged"), "{told}");
    assert_eq!(scene.output("soak-1").unwrap(), format!("soak-{other}-1"));
    assert_eq!(scene.output("soak-2"), None);
    let kept: Value = serde_json::from_str(&scene.read("soaks/1/soak.json")).unwrap();
    assert_eq!(kept["run"]["id"], other);
    assert_eq!(kept["run"]["policy"].as_str().unwrap().len(), 40, "{kept}");
    scene.exchanges();
}

#[test]
fn what_has_ended_is_settled_whatever_became_of_the_run() {
    for (verdict, state, code) in [("passed", "success", 0), ("failed", "failure", 0)] {
        let scene = soaking();
        // The other branch was rejected, so the run ended long ago.
        scene.complete("null", Conclusion::Failure);
        let text = checkpoint(&scene, verdict).to_string();
        let run = sampling(&scene);
        scene.github.change(|world, now| {
            world.set_status(
                &scene.head_sha,
                "testnet-deployer",
                "pending",
                Some(&format!("https://github.com/octo-org/chain/actions/runs/{}/attempts/1", scene.run)),
                "github-actions[bot]",
                now,
            );
            keep(world, &scene, run, &text, now)
        });
        let ended = samples(&scene, &[], run);
        assert_eq!(ended.code, code, "{}{}", ended.stdout, ended.stderr);
        assert_eq!(states(&scene, &scene.head_sha), ["pending", state]);
        // A second time there is nothing left to do.
        assert_eq!(samples(&scene, &[], run).code, 0);
        assert_eq!(states(&scene, &scene.head_sha), ["pending", state]);
        scene.exchanges();
    }
}

#[test]
fn what_was_looked_at_is_settled_by_what_was_kept_alone() {
    let scene = soaking();
    let run = sampling(&scene);
    let text = checkpoint(&scene, "passed").to_string();
    scene.write("soaks/1/soak.json", &text);
    scene.github.change(|world, now| keep(world, &scene, run, &text, now));
    let ended = samples(&scene, &["--settle"], run);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(states(&scene, &scene.head_sha), ["success"]);
}

#[test]
fn a_pull_request_that_was_closed_ends_its_soak() {
    let scene = soaking();
    let run = sampling(&scene);
    scene.github.change(|world, _| world.pull_request_mut(scene.pull_request).unwrap().open = false);
    let ended = samples(&scene, &[], run);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(states(&scene, &scene.head_sha), ["error"]);
}

#[test]
fn elsewhere_it_refuses_to_sample() {
    let scene = soaking();
    let run = sampling(&scene);
    for reference in [
        "octo-org/chain/.github/workflows/other.yml@refs/heads/main".to_owned(),
        format!("octo-org/chain/{WORKFLOW}@refs/heads/change-12"),
        format!("octo-org/chain/{WORKFLOW}@refs/tags/main"),
    ] {
        let mut command = scene.step(&["samples"]);
        command.env("GITHUB_TOKEN", "ghs_samples").env("GITHUB_WORKFLOW_REF", &reference);
        command.env("GITHUB_RUN_ID", run.to_string());
        let ended = start(command).end();
        assert_eq!(ended.code, 2, "{reference}: {}", ended.stderr);
        let told = format!("{}{}", ended.stdout, ended.stderr);
        assert!(told.contains("what others keep is not believed"), "{told}");
    }
}
