//! A deployment that succeeds: in which order hosts are changed, and what is there
//! afterwards.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use crate::process::until;
use crate::scene::{SETTINGS, SHA, Scene, script, text};

/// Two uploads, a script that writes down when it ran, and a check that waits for
/// a file.
fn steps(scene: &Scene) -> String {
    let start =
        format!("echo \"$1 start\" >>{}\necho \"out of $1\"\necho careful >&2", text(&scene.path("log")));
    let node = "[[deploy.step]]\nname = \"node\"\n\
                upload = { from = \"artifact/node\", to = \"AT/node\", mode = \"0755\", owner = \"OWNER\" }\n\
                [[deploy.step]]\nname = \"site\"\nupload = { from = \"artifact/site\", to = \"AT/site\" }\n";
    let ready = "[[deploy.ready]]\nname = \"go\"\nrun = [\"test\", \"-e\", \"go\"]\nevery = \"100ms\"\nwithin = \"40s\"\n";
    let owner = &scene.host(1).sshd.user;
    format!("{}{}{ready}", node.replace("OWNER", owner), script("start", &start, "true"))
}

#[test]
fn three_hosts_get_it_in_two_waves() {
    let scene = Scene::new(3, "");
    scene.policy(SETTINGS, &steps(&scene));
    let node: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    scene.write("artifact/node", &node);
    scene.write("artifact/site/pages/index.html", "new");
    for number in [2, 3] {
        scene.host(number).write("go", "");
    }
    let running = scene.start(&["--report", "deploy.json", "--logs", "logs"]);
    running.line("validator-1: `go` does not hold yet");
    for number in [2, 3] {
        assert_eq!(scene.host(number).names(), ["go"], "the canary is not ready yet");
        assert!(scene.host(number).deployments().is_empty());
    }
    assert_eq!(scene.read("log"), "validator-1 start\n");
    scene.host(1).write("go", "");
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.stdout, format!("deployed {SHA} on validator-1, validator-2, validator-3\n"));
    ended.says(&[
        "canary 1 of 2: validator-1",
        "wave 2 of 2: validator-2, validator-3",
        "validator-3 | careful",
    ]);
    assert!(!ended.stderr.contains("OPENSSH"), "the key is nowhere in the log");
    let log = scene.read("log");
    assert!(log.starts_with("validator-1 start\n") && log.lines().count() == 3, "{log}");

    for host in &scene.hosts {
        assert!(fs::read(host.path("node")).unwrap() == node);
        let metadata = fs::metadata(host.path("node")).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o7777, 0o755);
        assert!(fs::symlink_metadata(host.path("site")).unwrap().is_symlink());
        assert_eq!(host.read("site/pages/index.html").unwrap(), "new");
        assert_eq!(host.names(), ["go", "node", "site", "site.d"]);
        assert!(host.read(".race/lease").unwrap().contains(" 7-1 "), "it is ours until the soak's verdict");
        assert!(host.read(".race/current").unwrap().contains(SHA));
        until("the keeper has left", || host.running().is_empty());
    }
    let log = scene.read("logs/validator-2.log");
    assert!(log.contains("out of validator-2\n") && !log.contains("validator-3"), "{log}");
    scene.nothing_is_left_here();

    let report = scene.report();
    assert_eq!(
        (&report["schema"], &report["verdict"], &report["exit_code"]),
        (&"race.deploy/1".into(), &"deployed".into(), &0.into())
    );
    let hosts = report["hosts"].as_array().unwrap();
    assert_eq!(hosts.iter().map(|host| host["wave"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 2]);
    for host in hosts {
        assert_eq!(host["state"], "confirmed");
        let steps = host["steps"].as_array().unwrap();
        let names: Vec<&str> = steps.iter().map(|step| step["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["node", "site", "start", "ready"]);
        assert_eq!((&steps[0]["changed"], &steps[1]["changed"]), (&true.into(), &true.into()));
        assert_eq!(steps[2]["exit_code"], 0);
        assert!(steps.iter().all(|step| step["ended_at"].is_string() && step["error"].is_null()));
    }

    // What is there already is not sent again.
    let inode = || fs::metadata(scene.host(3).path("node")).unwrap().ino();
    let before = inode();
    let ended = scene.deploy(&["--report", "deploy.json"], 0);
    ended.says(&["validator-3: `node`:", "is there already"]);
    assert_eq!(inode(), before);
    for host in scene.report()["hosts"].as_array().unwrap() {
        assert_eq!(
            (&host["steps"][0]["changed"], &host["steps"][1]["changed"]),
            (&false.into(), &false.into())
        );
    }
    // The same content with another mode is not the same.
    fs::set_permissions(scene.host(3).path("node"), fs::Permissions::from_mode(0o644)).unwrap();
    scene.deploy(&["--report", "deploy.json"], 0);
    let report = scene.report();
    let changed = |host: usize| report["hosts"][host]["steps"][0]["changed"].as_bool().unwrap();
    assert_eq!((changed(0), changed(1), changed(2)), (false, false, true));
}

#[test]
fn many_uploads_and_steps_fit_into_the_sessions_that_debian_allows() {
    let steps: String =
        (0..12).map(|number| script(&number.to_string(), "sleep 0.01; echo done", "true")).collect();
    let scene = Scene::new(3, &steps);
    scene.change_policy("[deploy]\n", "[deploy]\ncanary = 0\n");
    let ended = scene.deploy(&[], 0);
    assert_eq!(ended.stderr.lines().filter(|line| line.ends_with("| done")).count(), 36);
    ended.says(&["wave 1 of 1: validator-1, validator-2, validator-3"]);
}
