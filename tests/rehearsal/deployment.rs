//! The deployment of a rehearsal: two waves, and what a faulty version comes to.

use std::process::Command;

use crate::played::{HOSTS, Played, play};

#[test]
fn three_hosts_are_deployed_in_two_waves() {
    let played = play("--approve testnet --sessions 25", 0, "won", Some("testnet"));
    played.assert_told_in_order(&[
        "deployment: canary 1 of 2: validator-1",
        "deployment: validator-1: ready",
        "deployment: wave 2 of 2: validator-2, validator-3",
        "deployment: every host is ready; confirming over new connections",
        "race wait: exit 0, won / passed / done",
        "race deploy: exit 0, won / passed / done",
    ]);
    played.assert_every_host_has("new");
    let log = std::fs::read_to_string(played.file("testnet.log")).unwrap();
    assert!(log.contains("validator-1: `rpc` holds"), "nobody asked the chain over SSH: {log}");
    let waves: Vec<_> = played.json("deploy.json")["hosts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|host| host["wave"].clone())
        .collect();
    assert_eq!(waves, [1, 2, 2]);
    let check = Command::new(env!("CARGO_BIN_EXE_race"))
        .args(["policy", "check", "--policies"])
        .arg(played.file("policies"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(check.status.success() && said.contains("nothing wrong"), "{check:?}");
}

/// Holds a deployment that failed on the last host to have taken everything back.
#[track_caller]
fn assert_rolled_back(played: &Played) {
    played.assert_told_in_order(&[
        "deployment: validator-1: ready",
        "deployment: wave 2 of 2: validator-2, validator-3",
        "deployment: validator-3: undoing",
        "deployment: validator-3: undone",
        "deployment: validator-1: undone",
        "race wait: exit 10, lost: an approved branch failed",
        "race deploy: exit 30, deployment failed; every host is as it was",
    ]);
    played.assert_every_host_has("old");
    let deployed = played.json("artifacts/deploy/deploy.json");
    assert_eq!(deployed["exit_code"], 30, "{deployed}");
    assert!(!played.file("soak.json").exists(), "what is not there was watched");
    for host in HOSTS {
        let left: Vec<_> = std::fs::read_dir(played.file(&format!("hosts/{host}")))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .filter(|name| ![".race", "node", "running"].iter().any(|known| name == known))
            .collect();
        assert!(left.is_empty(), "{host} is not as it was: {left:?}");
    }
}

#[test]
fn fault_deploy_step_is_rolled_back() {
    let played = play("--fault deploy-step", 10, "lost", None);
    assert_rolled_back(&played);
    let step = &played.json("deploy.json")["hosts"][2]["steps"][2];
    assert_eq!((&step["name"], &step["exit_code"]), (&"restart".into(), &4.into()), "{step}");
    let log = std::fs::read_to_string(played.file("artifacts/deploy/deploy-logs/validator-3.log")).unwrap();
    assert!(log.contains("no space left"), "the failing step left no trace: {log}");
}

/// The host that cannot be reached any more undoes by itself, and only then the
/// deployment ends.
#[test]
fn fault_deploy_cut_off_is_rolled_back() {
    let played = play("--fault deploy-cut-off", 10, "lost", None);
    assert_rolled_back(&played);
    let deployed = played.json("deploy.json");
    let time = |value: &serde_json::Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let first = &deployed["hosts"][0]["steps"][0]["started_at"];
    let lasted = time(&deployed["ended_at"]).duration_since(time(first));
    assert!(lasted.as_secs() >= 8, "nobody waited for the timer of the host: {lasted}");
    assert!(deployed["reason"].as_str().unwrap().contains("validator-3"), "{deployed}");
}
