//! We are told to leave, or killed: the hosts undo, and nothing of ours stays behind.

use std::time::{Duration, Instant};

use crate::process::until;
use crate::scene::{SETTINGS, Scene, script, upload};

/// Ends a deployment in the middle of a step of the second host.
fn leave(signal: &str, code: Option<i32>) {
    let sync = script(
        "sync",
        "echo at it\n[ \"$1\" = validator-1 ] || { sleep 600 & exec sleep 600; }",
        "touch undid",
    );
    let scene = Scene::new(2, &(upload("node", "node", "node") + &sync));
    scene.write("node", "new");
    let running = scene.start(&["--report", "deploy.json"]);
    running.line("validator-2 | at it");
    let keys = std::fs::read_dir(scene.path("tmp")).unwrap();
    let keys: Vec<_> = keys.filter(|entry| entry.as_ref().unwrap().path().join("key").exists()).collect();
    assert!(keys.is_empty(), "no key is kept once we are logged in: {keys:?}");
    let told = Instant::now();
    running.signal(signal);
    let ended = running.end();
    assert!(told.elapsed() < Duration::from_secs(7), "{signal}: {:?}", told.elapsed());
    assert_eq!(ended.code, code, "{}", ended.stderr);
    scene.nothing_is_left_here();
    for host in &scene.hosts {
        until("it has undone", || {
            host.deployments().iter().all(|one| one.undone.as_deref() == Some("undone ok"))
        });
        until("nothing runs on the host", || host.running().is_empty());
        assert_eq!(host.names(), ["undid"], "{signal}");
    }
    if code.is_some() {
        ended.says(&[&format!("stopped by SIG{signal}; "), "validator-1, validator-2"]);
        let report = scene.report();
        assert_eq!((&report["verdict"], &report["exit_code"]), (&"interrupted".into(), &code.into()));
    }
}

#[test]
fn nothing_stays_behind_whatever_ends_us() {
    std::thread::scope(|scope| {
        for (signal, code) in [("INT", Some(130)), ("TERM", Some(143)), ("KILL", None)] {
            scope.spawn(move || leave(signal, code));
        }
    });
}

#[test]
fn a_signal_while_we_wait_for_the_lease_touches_nothing() {
    let scene = Scene::new(2, &script("touch", "touch it", "rm it"));
    // Another has the second host, so that we have and give back the first.
    scene.policy(SETTINGS, &script("touch", "touch it", "rm it"));
    scene.deploy(&[], 0);
    std::fs::remove_file(scene.host(1).path(".race/lease")).unwrap();
    scene.change_policy("lock_wait = \"0s\"", "lock_wait = \"1m\"");
    let mut command = scene.race(&[]);
    command.env("GITHUB_RUN_ID", "8").env("GITHUB_ACTOR", "bob");
    let running = crate::process::Running::start(command);
    running.line("waiting for run 7 attempt 1 of alice");
    running.signal("TERM");
    let ended = running.end();
    assert_eq!(ended.code, Some(143), "{}", ended.stderr);
    ended.says(&["stopped by SIGTERM; no host was touched"]);
    assert!(scene.host(1).read(".race/lease").is_none());
    assert!(scene.host(2).read(".race/lease").unwrap().contains(" 7-1 "));
}
