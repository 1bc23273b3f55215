//! A soak that is cut into legs: stopped, killed, gone on with elsewhere.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use testnet_deployer::rehearsal::dev_chain::{DevChain, DevChainOptions, runtime_code};
use tokio::time::timeout;

use crate::support::{
    PATIENCE, after_session, assert_exact, code, ended, race, race_with, soak_json, soak_json_if_any,
};

#[tokio::test]
async fn legs_add_up_to_exactly_the_target_on_other_machines() {
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    let machines = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for leg in 0.. {
        let [here, there] = [0, 1].map(|machine| machines[(leg + machine) % 2].path());
        let mut command = race(here, &[&chain], "target_sessions = 60\n");
        command.args(["--max-runtime", "700ms"]);
        let output = ended(command).await;
        let soak = soak_json(here);
        if output.status.code() == Some(0) {
            assert_exact(&soak, 60);
            assert!(leg >= 2 && soak["legs"].as_array().unwrap().len() == leg + 1, "{soak}");
            break;
        }
        code(&output, 22);
        assert_eq!(soak["reason"]["code"], "max-runtime", "{soak}");
        std::fs::copy(here.join("soak.json"), there.join("soak.json")).unwrap();
    }
}

/// The file is the first leg's: later ones run on machines to which it never came.
#[tokio::test]
async fn later_legs_compare_the_runtime_without_its_file() {
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    let leg = |directory: &Path, most: &str| {
        let rest = "target_sessions = 60\nexpect.runtime_wasm = \"node.wasm\"\n";
        let mut command = race(directory, &[&chain], rest);
        command.args(["--max-runtime", most]);
        ended(command)
    };
    let [first, second, third] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    std::fs::write(first.path().join("node.wasm"), runtime_code(1)).unwrap();
    code(&leg(first.path(), "1s").await, 22);
    let text = code(&leg(second.path(), "1s").await, 2);
    assert!(text.contains("cannot read node.wasm"), "without a checkpoint nobody knows: {text}");
    std::fs::copy(first.path().join("soak.json"), second.path().join("soak.json")).unwrap();
    code(&leg(second.path(), "1m").await, 0);
    let soak = soak_json(second.path());
    assert_exact(&soak, 60);
    assert!(!soak["warnings"].to_string().contains("runtime not verified"), "{soak}");
    // A checkpoint that was held to another runtime vouches for nothing.
    let written = std::fs::read_to_string(first.path().join("soak.json")).unwrap();
    let told = json!(format!("0x{}", "5e".repeat(32)));
    let mut forged: serde_json::Value = serde_json::from_str(&written).unwrap();
    forged["nodes"][0]["runs"]["code_hash"] = told;
    std::fs::write(third.path().join("soak.json"), forged.to_string()).unwrap();
    let text = code(&leg(third.path(), "1m").await, 2);
    assert!(text.contains("cannot read node.wasm"), "{text}");
}

/// Kills at random moments, so also while the checkpoint is written or renamed.
#[tokio::test]
async fn killed_at_any_moment_nothing_is_lost_and_nothing_counted_twice() {
    let kills = tokio::join!(killed(100), killed(100));
    assert!(kills.0 + kills.1 >= 200, "{kills:?}");
}

/// Kills soaks that many times at least, and lets none end otherwise than it should.
async fn killed(times: u32) -> u32 {
    let options = DevChainOptions { session: Duration::from_millis(60), ..DevChainOptions::default() };
    let chain = DevChain::start(options).await.unwrap();
    let target = 60;
    let mut kills = 0;
    while kills < times {
        let directory = tempfile::tempdir().unwrap();
        let mut counted = None;
        loop {
            let mut command = race(directory.path(), &[&chain], &format!("target_sessions = {target}\n"));
            let mut child = command.spawn().unwrap();
            let moment = Duration::from_millis(fastrand::u64(0..150));
            match timeout(moment, child.wait()).await {
                Err(_) => {
                    child.kill().await.unwrap();
                    kills += 1;
                }
                Ok(status) => {
                    assert_eq!(status.unwrap().code(), Some(0), "{:?}", soak_json_if_any(directory.path()));
                    break;
                }
            }
            let soak = soak_json_if_any(directory.path());
            if let Some(soak) = soak.filter(|soak| !soak["baseline"].is_null()) {
                assert_exact(&soak, counted.unwrap_or(0));
                counted = soak["counted"].as_u64();
            } else {
                assert_eq!(counted, None, "what was written stays");
            }
        }
        assert_exact(&soak_json(directory.path()), target);
    }
    kills
}

#[tokio::test]
async fn a_look_fills_in_what_happened_since() {
    let directory = tempfile::tempdir().unwrap();
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    let mut sessions = chain.sessions();
    let mut looks = 0;
    loop {
        let mut command = race(directory.path(), &[&chain], "target_sessions = 100\n");
        command.arg("--once");
        let output = ended(command).await;
        looks += 1;
        if output.status.code() == Some(0) {
            break;
        }
        code(&output, 22);
        assert_eq!(soak_json(directory.path())["reason"]["code"], "stopped");
        let next = *sessions.borrow() + 30;
        timeout(PATIENCE, sessions.wait_for(|session| *session >= next)).await.unwrap().unwrap();
    }
    assert!((3..8).contains(&looks), "{looks}");
    assert_exact(&soak_json(directory.path()), 100);
}

#[tokio::test]
async fn looks_at_a_chain_that_stands_still_end_in_a_failure() {
    let directory = tempfile::tempdir().unwrap();
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    let mut looks = 0;
    loop {
        let mut command = race(directory.path(), &[&chain], "stall.no_finality = \"2s\"\n");
        command.arg("--once");
        let output = ended(command).await;
        looks += 1;
        if output.status.code() == Some(20) {
            break;
        }
        code(&output, 22);
        chain.change(|course, _| course.blocks_stop = true);
        assert!(looks < 50);
    }
    assert!(looks >= 2);
    assert_eq!(soak_json(directory.path())["reason"]["code"], "no-finality");
}

#[tokio::test]
async fn where_the_state_is_gone_headers_tell_where_sessions_began() {
    for logs in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
        chain.change(|course, _| {
            course.keep_state = Some(48);
            course.rotation_logs = logs;
        });
        let look = || {
            let mut command = race(directory.path(), &[&chain], "");
            command.arg("--once");
            ended(command)
        };
        code(&look().await, 22);
        let mut sessions = chain.sessions();
        let next = *sessions.borrow() + 30;
        timeout(PATIENCE, sessions.wait_for(|session| *session >= next)).await.unwrap().unwrap();
        code(&look().await, 22);
        let soak = soak_json(directory.path());
        if logs {
            assert_exact(&soak, 30);
        } else {
            let sessions = soak["sessions"].as_array().unwrap();
            assert!(soak["counted"].as_u64().unwrap() >= 30, "counted all the same");
            assert!(sessions.iter().any(|session| session["exact"] == json!(false)), "{soak}");
            assert_eq!(sessions.last().unwrap()["exact"], json!(true), "{soak}");
        }
    }
}

#[tokio::test]
async fn a_soak_that_has_passed_says_so_again() {
    let directory = tempfile::tempdir().unwrap();
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    code(&ended(race(directory.path(), &[&chain], "target_sessions = 5\n")).await, 0);
    let file = directory.path().join("soak.json");
    let written = std::fs::read(&file).unwrap();
    let text = code(&ended(race(directory.path(), &[&chain], "target_sessions = 5\n")).await, 0);
    assert!(text.contains("target 5"), "{text}");
    assert_eq!(std::fs::read(&file).unwrap(), written);
}

#[tokio::test]
async fn what_belongs_elsewhere_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    let mut command = race(directory.path(), &[&chain], "target_sessions = 5000\n");
    command.args(["--max-runtime", "500ms"]);
    code(&ended(command).await, 22);
    let file = directory.path().join("soak.json");
    let written = std::fs::read_to_string(&file).unwrap();
    let untouched = |path: &Path, text: &str| assert_eq!(std::fs::read_to_string(path).unwrap(), text);

    let text = code(&ended(race(directory.path(), &[&chain], "target_sessions = 4\n")).await, 2);
    assert!(text.contains("belongs to another policy"), "{text}");
    untouched(&file, &written);

    let mut command = race(directory.path(), &[&chain], "target_sessions = 5000\n");
    command.env("GITHUB_SHA", "d".repeat(40));
    let text = code(&ended(command).await, 2);
    assert!(text.contains("belongs to another commit"), "{text}");
    untouched(&file, &written);

    for damaged in ["{", "{}", r#"{"schema": "race.soak/2"}"#] {
        std::fs::write(&file, damaged).unwrap();
        code(&ended(race(directory.path(), &[&chain], "target_sessions = 5000\n")).await, 2);
        untouched(&file, damaged);
    }

    std::fs::write(&file, &written).unwrap();
    let other = DevChain::start(DevChainOptions::default()).await.unwrap();
    let text = code(&ended(race(directory.path(), &[&other], "target_sessions = 5000\n")).await, 20);
    assert_eq!(soak_json(directory.path())["reason"]["code"], "another-genesis", "{text}");
}

#[tokio::test]
async fn the_clocks_are_explained() {
    let directory = tempfile::tempdir().unwrap();
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    let mut command = race_with(directory.path(), &chain, "");
    command.arg("--explain");
    let text = code(&ended(command).await, 0);
    assert!(text.contains("quorum: 1 of 1"), "{text}");
    assert!(soak_json_if_any(directory.path()).is_none());
}

/// Half a minute without a block, while nobody watched.
#[tokio::test]
async fn a_block_that_came_too_late_by_the_chains_own_times() {
    let directory = tempfile::tempdir().unwrap();
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    let look = || {
        let mut command = race(directory.path(), &[&chain], "stall.no_block = \"20s\"\n");
        command.arg("--once");
        ended(command)
    };
    code(&look().await, 22);
    let mut late = 0;
    chain.change(|course, best| {
        late = best.next_multiple_of(4) + 8;
        course.late_from = Some((late, 30_000));
    });
    after_session(&chain, late / 4 + 10).await;
    let text = code(&look().await, 20);
    assert_eq!(soak_json(directory.path())["reason"]["code"], "no-block", "{text}");
    let words = format!("by the chain's own times none came for 30s after block {}", late - 1);
    assert!(text.contains(&words), "{text}");
}
