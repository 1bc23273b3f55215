//! What a deployment leaves that nobody ended: found, and undone before anything else.

use std::process::Command;

use crate::process::{Running, until};
use crate::scene::{Scene, script, upload};

#[test]
fn a_deployment_without_its_keeper_is_undone_by_the_next_one() {
    let sync = script("sync", "echo at it\n[ -e go ] || exec sleep 600", "echo undid >>undid");
    let scene = Scene::new(2, &(upload("node", "node", "node") + &sync));
    scene.write("node", "new");
    let host = scene.host(1);
    host.write("node", "old");
    let running = scene.start(&[]);
    running.line("validator-1 | at it");
    let keeper: Vec<String> = host.running().into_iter().filter(|line| line.contains(" keeper ")).collect();
    for line in &keeper {
        let pid = line.strip_prefix("/proc/").unwrap().split(':').next().unwrap();
        assert!(Command::new("kill").args(["-s", "KILL", pid]).status().unwrap().success());
    }
    assert!(!keeper.is_empty());
    running.signal("KILL");
    assert_eq!(running.end().code, None);
    assert_eq!(host.read("node").unwrap(), "new", "nobody undoes it");
    until("the step has ended", || !host.running().iter().any(|line| line.contains("sleep 600")));

    let check = scene.deploy(&["--check"], 5);
    for text in ["is neither confirmed nor undone: ", "no-keeper", "the next deployment undoes it first"] {
        assert!(check.stdout.contains(text), "{text}: {}", check.stdout);
    }
    scene.hosts.iter().for_each(|host| host.write("go", ""));
    scene.write("node", "newer");
    let mut command = scene.race(&[]);
    command.env("GITHUB_RUN_ATTEMPT", "2");
    let attempt = Running::start(command).end();
    // Another's lease is in the way, until that run is known to have ended.
    assert_eq!(attempt.code, Some(30), "{}", attempt.stderr);
    attempt.says(&["the testnet is held by run 7 attempt 1"]);
    let ended = scene.deploy(&[], 0);
    ended.says(&["validator-1: undoing what the deployment 7-1."]);
    assert_eq!(host.read("undid").unwrap(), "undid\n");
    assert_eq!(host.read("node").unwrap(), "newer");
    scene.deploy(&["--check"], 0);
}

#[test]
fn a_host_that_forgot_a_deployment_is_not_called_undone() {
    let forget = script("forget", "rm -rf .race/deployments/*\nexit 1", "true");
    let scene = Scene::new(1, &(upload("node", "node", "node") + &forget));
    scene.write("node", "new");
    let ended = scene.deploy(&[], 31);
    ended.says(&["not known to be undone: validator-1"]);
    assert_eq!(scene.host(1).read("node").unwrap(), "new");
}
