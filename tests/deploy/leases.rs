//! Two deployments and one testnet: exactly one goes on.

use std::process::Command;

use jiff::Timestamp;
use testnet_deployer::rehearsal::github::{Fault, GitHub, Options, Token, Trouble};
use testnet_deployer::rehearsal::world::{Conclusion, World};

use crate::process::{Running, until};
use crate::scene::{SETTINGS, Scene, ended, script};

/// The commit of the other run.
const OTHER: &str = "fedcba9876543210fedcba9876543210fedcba98";

/// A step that tells when it has begun, and goes on when a file is there.
fn waits() -> String {
    script("wait", "echo at it\nuntil [ -e go ]; do sleep 0.05; done\necho \"$2\" >version", "rm -f version")
        .replace("args = [\"{host}\"]", "args = [\"{host}\", \"{sha}\"]")
}

/// As run 8 of `bob`, with another commit.
fn as_bob(mut command: Command) -> Command {
    command.env("GITHUB_RUN_ID", "8").env("GITHUB_ACTOR", "bob").env("GITHUB_SHA", OTHER);
    command
}

fn go(scene: &Scene) {
    scene.hosts.iter().for_each(|host| host.write("go", ""));
}

#[test]
fn the_second_says_whom_it_waits_for_and_goes_on_when_it_is_free() {
    let scene = Scene::new(2, &waits());
    let first = scene.start(&[]);
    first.line("validator-1 | at it");
    scene.change_policy("lock_wait = \"0s\"", "lock_wait = \"45s\"");
    let second = Running::start(as_bob(scene.race(&[])));
    second.line("waiting for run 7 attempt 1 of alice (sha 0123456789a)");
    scene.change_policy("lock_wait = \"45s\"", "lock_wait = \"0s\"");
    let third = ended(as_bob(scene.race(&[])), 30);
    third.says(&["the testnet is held by run 7 attempt 1 of alice", "on validator-1", "no host was touched"]);
    assert!(scene.host(2).deployments().is_empty());
    let check = scene.deploy(&["--check"], 0);
    assert!(check.stdout.contains("held by run 7 attempt 1 of alice"), "{}", check.stdout);
    go(&scene);
    let first = first.end();
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    assert_eq!(scene.host(2).read("version").unwrap().trim(), crate::scene::SHA);
    // As the soak's verdict gives it back.
    let released = scene.deploy(&["--release"], 0);
    assert!(released.stdout.contains("validator-1: released"), "{}", released.stdout);
    let second = second.end();
    assert_eq!(second.code, Some(0), "{}", second.stderr);
    for host in &scene.hosts {
        assert_eq!(host.read("version").unwrap().trim(), OTHER);
        assert!(host.deployments().iter().all(crate::host::Deployment::is_confirmed));
    }
}

#[test]
fn two_at_once_take_it_on_every_host_or_on_none() {
    let scene = Scene::new(3, &waits());
    go(&scene);
    scene.change_policy("[deploy]\n", "[deploy]\ncanary = 0\n");
    let alice = scene.start(&[]);
    let bob = Running::start(as_bob(scene.race(&[])));
    let (alice, bob) = (alice.end(), bob.end());
    let codes = (alice.code, bob.code);
    let winner = match codes {
        (Some(0), Some(30)) => crate::scene::SHA,
        (Some(30), Some(0)) => OTHER,
        _ => panic!("{codes:?}\n{}\n{}", alice.stderr, bob.stderr),
    };
    for host in &scene.hosts {
        assert_eq!(host.read("version").unwrap().trim(), winner);
    }
}

#[test]
fn a_run_that_has_ended_is_taken_over() {
    let now = Timestamp::now();
    let mut world = World::new("octo-org/chain", now);
    let number = world.open_pull_request("carol", "Rotate keys", now);
    let runs = [(); 2].map(|()| world.start_pull_request_run(number, now));
    for run in runs {
        let job = world.submit_job(run, "testnet", None, now);
        world.begin(job, now);
    }
    let github = GitHub::start(world, Options::default()).unwrap();
    github.admit(Token::of_workflow("ghs_workflow", &["actions", "contents"]));
    let scene = Scene::new(2, &waits());
    go(&scene);
    let run = |arguments: &[&str], run: u64, code| {
        let mut command = scene.race(arguments);
        command.env("GITHUB_API_URL", github.api_url()).env("GITHUB_TOKEN", "ghs_workflow");
        command.env("GITHUB_RUN_ID", run.to_string());
        ended(command, code)
    };
    let [first, second] = runs;
    run(&[], first, 0);
    run(&[], second, 30).says(&[&format!("the testnet is held by run {first} attempt 1")]);
    run(&["--release"], second, 30).says(&["it is not known that its run has ended", "--force"]);
    assert!(scene.host(2).read(".race/lease").is_some());
    github.change(|world, now| world.cancel_run(first, now));
    run(&[], second, 0).says(&[&format!("taking over from run {first}"), "its run has ended"]);
    assert!(scene.host(2).read(".race/lease").unwrap().contains(&format!(" {second}-1 ")));
    run(&["--release"], first, 30);
    run(&["--release", "--force"], first, 0);
    assert!(scene.hosts.iter().all(|host| host.read(".race/lease").is_none()));
    github.change(|world, now| world.cancel_run(second, now));
    run(&[], first, 0);
    run(&[], second, 0);
    github.change(|world, now| world.cancel_run(second, now));
    let released = run(&["--release"], first, 0);
    assert!(released.stdout.contains("validator-2: released"), "{}", released.stdout);
    let released = run(&["--release"], first, 0);
    assert!(released.stdout.contains("validator-2: nobody has it"), "{}", released.stdout);
}

/// Where the proof is the soak, that outlives the run that has deployed.
#[test]
fn a_soak_that_outlives_its_run_keeps_the_testnet() {
    let now = Timestamp::now();
    let mut world = World::new("octo-org/chain", now);
    let number = world.open_pull_request("carol", "Rotate keys", now);
    let head = world.pull_request(number).unwrap().head_sha.clone();
    let runs = [(); 2].map(|()| world.start_pull_request_run(number, now));
    for run in runs {
        world.ended_job(run, "testnet", None, Conclusion::Success, now);
    }
    let github = GitHub::start(world, Options::default()).unwrap();
    github.admit(Token::of_workflow("ghs_workflow", &["actions", "contents", "pull_requests", "statuses"]));
    let scene = Scene::new(2, &waits());
    let policy = "[[branch]]\nname = \"testnet\"\nproof = \"soak\"\n[[branch]]\nname = \"null\"\nspares_testnet = true\n";
    scene.write("policies/race.toml", policy);
    go(&scene);
    let run = |run: u64, code| {
        let mut command = scene.race(&[]);
        command.env("GITHUB_API_URL", github.api_url()).env("GITHUB_TOKEN", "ghs_workflow");
        command.env("GITHUB_RUN_ID", run.to_string()).env("GITHUB_SHA", &head);
        ended(command, code)
    };
    let says = |run: u64, state: &str| {
        let page = format!("https://github.com/octo-org/chain/actions/runs/{run}/attempts/1");
        github
            .change(|world, now| world.set_status(&head, "testnet-deployer", state, Some(&page), "bot", now));
    };
    let [first, second] = runs;
    run(first, 0);
    says(first, "pending");
    run(second, 30).says(&[&format!("the testnet is held by run {first} attempt 1")]);
    says(first, "failure");
    run(second, 0).says(&[&format!("taking over from run {first}"), "its run has ended"]);
    says(second, "pending");
    github.trouble(Trouble::new(Fault::BadGateway).on("/statuses"));
    run(first, 30).says(&["cannot tell whether the soak of run", "the testnet is held by run"]);
    github.calm();
    github.change(|world, _| world.pull_request_mut(number).unwrap().open = false);
    run(first, 0).says(&[&format!("taking over from run {second}")]);
}

#[test]
fn a_lease_that_is_taken_from_us_ends_the_deployment() {
    let scene = Scene::new(2, &waits());
    scene.policy(SETTINGS, &waits());
    let first = scene.start(&[]);
    first.line("validator-1 | at it");
    // Somebody who knows better, and another who comes at once.
    let force = ended(as_bob(scene.race(&["--release", "--force"])), 0);
    assert!(force.stdout.contains("validator-2: released"), "{}", force.stdout);
    let second = Running::start(as_bob(scene.race(&[])));
    let first = first.end();
    assert_eq!(first.code, Some(30), "{}", first.stderr);
    go(&scene);
    let second = second.end();
    assert_eq!(second.code, Some(0), "{}", second.stderr);
    for host in &scene.hosts {
        assert_eq!(host.read("version").unwrap().trim(), OTHER);
        assert!(host.read(".race/lease").unwrap().contains(" 8-1 "), "nobody else's lease is given back");
        until("the keepers have left", || host.running().is_empty());
    }
}
