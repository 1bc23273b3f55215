//! A deployment that fails: every host as it was, and those that are not named.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use crate::process::until;
use crate::scene::{SETTINGS, Scene, script, upload};

/// A step that writes itself and its undo into the host's log.
fn noted(name: &str, more: &str) -> String {
    script(name, &format!("echo 'do {name}' >>log\n{more}"), &format!("echo 'undo {name}' >>log"))
}

const AFTER: &str =
    "[[deploy.after_undo]]\nname = \"restart\"\nrun = [\"sh\", \"-c\", \"echo after >>log\"]\n";
const COLLECT: &str = "[[deploy.collect]]\nname = \"node.log\"\nrun = [\"cat\", \"node.txt\"]\n\
                       [[deploy.collect]]\nname = \"as-file.log\"\nfile = \"AT/node.txt\"\n";

#[test]
fn a_step_that_fails_in_the_second_wave_takes_every_host_back() {
    let fails = noted("c", "echo no space >&2\n[ \"$1\" != validator-3 ] || exit 3");
    let steps = [
        upload("node", "artifact/node", "node"),
        upload("fresh", "artifact/node", "fresh"),
        upload("site", "artifact/site", "site"),
        noted("a", ""),
        noted("b", ""),
        fails,
        AFTER.to_owned(),
        COLLECT.to_owned(),
    ]
    .concat();
    let scene = Scene::new(4, "");
    scene.policy(&format!("{SETTINGS}max_parallel = 2\n"), &steps);
    scene.write("artifact/node", "new\n");
    scene.write("artifact/site/index.html", "new\n");
    let old = [0, 255, 10, 13, 7];
    for host in &scene.hosts {
        host.write("node", old);
        fs::set_permissions(host.path("node"), fs::Permissions::from_mode(0o640)).unwrap();
        host.write("node.txt", format!("log of {}\n", host.name));
    }
    let ended = scene.deploy(&["--report", "deploy.json", "--logs", "logs"], 30);
    ended.says(&[
        "validator-3: step `c` ended with status 3",
        "every host is as it was; undone: validator-1, validator-2, validator-3; not touched: validator-4",
    ]);
    for host in &scene.hosts {
        assert_eq!(fs::read(host.path("node")).unwrap(), old);
        assert_eq!(fs::metadata(host.path("node")).unwrap().permissions().mode() & 0o7777, 0o640);
        let log = host.read("log").unwrap_or_default();
        let mut expected = vec!["node", "node.txt"];
        if host.name == "validator-4" {
            assert!(log.is_empty() && host.deployments().is_empty());
        } else {
            expected.insert(0, "log");
            let all = "do a\ndo b\ndo c\nundo c\nundo b\nundo a\nafter\n";
            // The second of its wave may have been stopped before its last step.
            let some = ["do a\ndo b\nundo b\nundo a\nafter\n", "do a\nundo a\nafter\n", "after\n", ""];
            assert!(log == all || host.name == "validator-2" && some.contains(&log.as_str()), "{log}");
        }
        let expected: Vec<&str> =
            expected.into_iter().filter(|name| *name != "log" || !log.is_empty()).collect();
        assert_eq!(host.names(), expected);
        assert!(host.read(".race/lease").is_none(), "the testnet is free again");
        until("the keeper has left", || host.running().is_empty());
        let collected = |file| fs::read_to_string(scene.path("logs").join(&host.name).join(file)).ok();
        let expected = (host.name != "validator-4").then(|| format!("log of {}\n", host.name));
        assert_eq!((collected("node.log"), collected("as-file.log")), (expected.clone(), expected));
    }
    let report = scene.report();
    assert_eq!((&report["verdict"], &report["exit_code"]), (&"rolled-back".into(), &30.into()));
    let states: Vec<&str> =
        report["hosts"].as_array().unwrap().iter().map(|host| host["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["undone", "undone", "undone", "untouched"]);
    let steps = report["hosts"][2]["steps"].as_array().unwrap();
    assert_eq!(steps.last().unwrap()["exit_code"], 3);
    assert!(report["hosts"][2]["undo"]["ended_at"].is_string());
    scene.nothing_is_left_here();
}

#[test]
fn a_host_that_does_not_become_ready_is_taken_back() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let checks = format!(
        "[[deploy.ready]]\nname = \"port\"\ntcp_port = {port}\nevery = \"100ms\"\nwithin = \"20s\"\n\
         [[deploy.ready]]\nname = \"never\"\nrun = [\"sh\", \"-c\", \"echo still down; exit 4\"]\n\
         every = \"100ms\"\nwithin = \"1s\"\n"
    );
    let scene = Scene::new(2, &(upload("node", "node", "node") + &checks));
    scene.write("node", "new");
    scene.host(1).write("node", "old");
    let ended = scene.deploy(&[], 30);
    ended.says(&[
        "validator-1: `port` holds",
        "validator-1: not ready: `never` did not hold within 1s: status 4: still down",
        "every host is as it was; undone: validator-1; not touched: validator-2",
    ]);
    assert_eq!(scene.host(1).read("node").unwrap(), "old");
    drop(listener);
    scene.change_policy("within = \"20s\"", "within = \"1s\"");
    scene.deploy(&[], 30).says(&[&format!("`port` did not hold within 1s: nothing listens on port {port}")]);
}

#[test]
fn an_undo_that_fails_names_the_host_and_is_tried_again_by_the_next_deployment() {
    let stop = script("stop", "echo old >state", "echo try >>tries\n[ -e mended ]");
    let scene = Scene::new(2, &(stop + &script("fail", "[ -e mended ] || exit 9", "true")));
    let ended = scene.deploy(&["--report", "deploy.json"], 31);
    ended.says(&[
        "validator-1: the undo failed: stop",
        "not known to be undone: validator-1",
        "race deploy --check",
    ]);
    let host = scene.host(1);
    assert_eq!(host.read("tries").unwrap(), "try\n", "one that fails is not tried over and over");
    assert_eq!(scene.report()["hosts"][0]["undo"]["failed"][0], "stop");
    assert!(host.read(".race/lease").is_some(), "nobody else is let in");

    let ended = scene.deploy(&["--check"], 5);
    assert!(ended.stdout.contains("is neither confirmed nor undone"), "{}", ended.stdout);
    let ended = scene.deploy(&[], 30);
    ended.says(&["left cannot be undone: stop", "no host was touched"]);
    assert_eq!(host.read("tries").unwrap(), "try\ntry\n");
    host.write("mended", "");
    scene.host(2).write("mended", "");
    scene.deploy(&[], 0).says(&["validator-1: undoing what the deployment 7-1."]);
    assert_eq!(host.read("tries").unwrap(), "try\ntry\ntry\n");
}

#[test]
fn a_step_that_hangs_is_ended_with_all_that_it_started() {
    let hangs = script("sync", "echo begun >begun\nsleep 600 & sleep 600", "rm begun");
    let scene = Scene::new(1, &hangs.replace("undo_script", "time_limit = \"1s\"\nundo_script"));
    scene.deploy(&[], 30).says(&["step `sync` took longer than 1s and was ended", "undone: validator-1"]);
    until("nothing runs on the host", || scene.host(1).running().is_empty());
    assert_eq!(scene.host(1).names(), Vec::<String>::new());
}
