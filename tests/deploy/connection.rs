//! Connections that break, and hosts that are out of reach for a while: in the end
//! every host is as it was, and is said to be.

use std::fs;

use crate::process::until;
use crate::scene::{Scene, script, upload};

/// A step that says so and hangs on the second host, until a file is there.
fn waits() -> String {
    let waits = "echo begun here\n[ \"$1\" != validator-2 ] || until [ -e go ]; do sleep 0.05; done";
    upload("node", "node", "node") + &script("sync", waits, "true")
}

/// Two hosts with an old version, and a policy of [`waits`].
fn scene() -> Scene {
    let scene = Scene::new(2, &waits());
    scene.write("node", "new");
    for host in &scene.hosts {
        host.write("node", "old");
    }
    scene
}

fn is_back(scene: &Scene, hosts: &[usize]) {
    for number in hosts {
        let host = scene.host(*number);
        assert_eq!(host.read("node").unwrap(), "old", "{}", host.name);
        let left: Vec<String> =
            host.names().into_iter().filter(|name| !["node", "go"].contains(&name.as_str())).collect();
        assert_eq!(left, Vec::<String>::new());
        until("nothing runs on the host", || host.running().is_empty());
    }
    scene.nothing_is_left_here();
}

#[test]
fn a_connection_killed_in_a_step_takes_every_host_back() {
    let scene = scene();
    let running = scene.start(&["--report", "deploy.json"]);
    running.line("validator-2 | begun here");
    scene.host(2).cut();
    let ended = running.end();
    assert_eq!(ended.code, Some(30), "{}", ended.stderr);
    let what = "validator-2: step `sync` was cut short: the connection was lost";
    ended.says(&[what, "every host is as it was; undone: validator-1, validator-2"]);
    assert_eq!(scene.report()["hosts"][1]["steps"][1]["error"], what);
    is_back(&scene, &[1, 2]);
}

#[test]
fn a_connection_killed_in_an_upload_takes_every_host_back() {
    let scene = scene();
    fs::File::create(scene.path("node")).unwrap().set_len(60_000_000).unwrap();
    scene.host(1).write("node", vec![0; 60_000_000]);
    let running = scene.start(&["--report", "deploy.json"]);
    let host = scene.host(2);
    until("the upload has begun", || {
        let part = host.names().into_iter().find(|name| name.ends_with(".part"));
        part.is_some_and(|part| fs::metadata(host.path(&part)).is_ok_and(|part| part.len() > 0))
    });
    host.cut();
    let ended = running.end();
    assert_eq!(ended.code, Some(30), "{}", ended.stderr);
    ended.says(&["every host is as it was; undone: validator-1, validator-2"]);
    let report = scene.report();
    let step = &report["hosts"][1]["steps"][0];
    assert_eq!((&step["name"], step["error"].is_string()), (&"node".into(), true), "{report}");
    is_back(&scene, &[2]);
}

#[test]
fn a_host_out_of_reach_undoes_by_itself_and_says_so_later() {
    let scene = scene();
    let running = scene.start(&[]);
    running.line("validator-2 | begun here");
    let host = scene.host(2);
    host.answer(false);
    host.cut();
    until("it has undone by itself", || host.deployments().iter().all(|one| one.undone.is_some()));
    running.line("validator-2: not undone yet: ");
    host.answer(true);
    let ended = running.end();
    assert_eq!(ended.code, Some(30), "{}", ended.stderr);
    ended.says(&["every host is as it was; undone: validator-1, validator-2"]);
    is_back(&scene, &[1, 2]);
    assert!(host.read(".race/lease").is_none());
}

#[test]
fn a_connection_lost_where_nothing_is_to_be_done_is_made_anew() {
    let scene = scene();
    let running = scene.start(&[]);
    running.line("validator-2 | begun here");
    let host = scene.host(1);
    let deadline = || {
        let deployments = host.deployments();
        fs::read_to_string(deployments.first().unwrap().directory.join("deadline")).unwrap()
    };
    let before = deadline();
    host.cut();
    until("the undo is put off over a new connection", || deadline() != before);
    scene.host(2).write("go", "");
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for host in &scene.hosts {
        assert_eq!(host.read("node").unwrap(), "new");
        assert!(host.deployments().iter().all(crate::host::Deployment::is_confirmed));
    }
}

#[test]
fn a_version_that_lets_nobody_in_is_taken_back() {
    let scene = scene();
    let running = scene.start(&[]);
    running.line("validator-2 | begun here");
    // What is connected stays so; nobody new is let in.
    scene.host(2).answer(false);
    scene.host(2).write("go", "");
    let ended = running.end();
    assert_eq!(ended.code, Some(30), "{}", ended.stderr);
    ended.says(&[
        "confirming over new connections",
        "every host is as it was; undone: validator-1, validator-2",
    ]);
    assert!(!ended.stderr.contains("validator-1: confirmed"));
    is_back(&scene, &[1, 2]);
}

#[test]
fn we_who_slept_too_long_find_that_the_hosts_have_undone() {
    let scene = scene();
    let running = scene.start(&[]);
    running.line("validator-2 | begun here");
    running.signal("STOP");
    for host in &scene.hosts {
        until("it has undone by itself", || host.deployments().iter().all(|one| one.undone.is_some()));
    }
    scene.host(2).write("go", "");
    running.signal("CONT");
    let ended = running.end();
    assert_eq!(ended.code, Some(30), "{}", ended.stderr);
    ended.says(&["every host is as it was; undone: validator-1, validator-2"]);
    is_back(&scene, &[1, 2]);
}
