//! `race monitor` where the chain does what it should.

use std::time::Duration;

use serde_json::{Value, json};
use testnet_deployer::rehearsal::dev_chain::{DevChain, DevChainOptions};
use tokio::process::Command;
use tokio::time::timeout;

use crate::support::{begun, code, ended, race, soak_json};

#[tokio::test]
async fn race_passes_at_its_target() {
    let directory = tempfile::tempdir().unwrap();
    let one_seed = DevChainOptions { seed: 7, ..DevChainOptions::default() };
    let chains = [DevChain::start(one_seed.clone()).await.unwrap(), DevChain::start(one_seed).await.unwrap()];
    let mut command = race(directory.path(), &[&chains[0], &chains[1]], "target_sessions = 50\n");
    let output_file = directory.path().join("output");
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_RUN_ID", "7").env("GITHUB_RUN_ATTEMPT", "2");
    command.env("GITHUB_SHA", "c".repeat(40)).env("GITHUB_OUTPUT", &output_file);
    let text = code(&ended(command).await, 0);
    assert!(text.contains("sessions passed (target 50), finalized on a quorum of 2 nodes"), "{text}");
    let soak = soak_json(directory.path());
    assert_eq!((&soak["schema"], &soak["verdict"]), (&json!("race.soak/1"), &json!("passed")));
    assert_eq!(soak["run"], json!({"id": 7, "attempt": 2, "head_sha": "c".repeat(40)}));
    assert!(soak["counted"].as_u64().unwrap() >= 50, "{soak}");
    let baseline = soak["baseline"]["session"].as_u64().unwrap();
    let indices: Vec<u64> = soak["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|session| session["index"].as_u64().unwrap())
        .collect();
    assert!(indices.is_sorted() && indices[0] > baseline && *indices.last().unwrap() >= baseline + 50);
    assert_eq!(soak["warnings"], json!(["runtime not verified"]));
    let outputs = std::fs::read_to_string(output_file).unwrap();
    assert!(outputs.contains("passed") && outputs.contains("target"), "{outputs}");
}

#[tokio::test]
async fn race_fails_when_sessions_stop() {
    let directory = tempfile::tempdir().unwrap();
    let options = DevChainOptions { stall_after: Some(10), ..DevChainOptions::default() };
    let chain = DevChain::start(options).await.unwrap();
    let command = race(directory.path(), &[&chain], "stall.no_session = \"500ms\"\n");
    let text = code(&ended(command).await, 20);
    assert!(text.contains("failed: no new session for 500ms"), "{text}");
    assert!(text.contains("session 10"), "{text}");
    assert_eq!(soak_json(directory.path())["reason"]["code"], "no-session");
}

#[tokio::test]
async fn race_is_unmeasured_when_nobody_answers() {
    let directory = tempfile::tempdir().unwrap();
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    let mut command = race(directory.path(), &[&chain], "unmeasured_after = \"500ms\"\n");
    drop(chain);
    command.args(["--format", "json"]);
    let output = ended(command).await;
    code(&output, 21);
    let soak: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&soak["verdict"], &soak["counted"]), (&json!("unmeasured"), &json!(0)));
}

#[tokio::test]
async fn race_stopped_by_a_signal_is_unfinished() {
    for (signal, exit) in [("INT", 130), ("TERM", 143)] {
        let directory = tempfile::tempdir().unwrap();
        let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
        let child = race(directory.path(), &[&chain], "").spawn().unwrap();
        let pid = child.id().unwrap().to_string();
        begun(directory.path()).await;
        let sent = Command::new("kill").args(["-s", signal, &pid]).status().await.unwrap();
        assert!(sent.success());
        let output = timeout(Duration::from_secs(7), child.wait_with_output()).await.unwrap().unwrap();
        let text = code(&output, exit);
        assert!(text.contains(&format!("unfinished: stopped by SIG{signal} after")), "{text}");
        assert_eq!(soak_json(directory.path())["verdict"], "unfinished");
    }
}
