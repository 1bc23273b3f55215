//! Machines whose clocks are wrong: what one wrote into the checkpoint lies hours ahead
//! of the next one's time, or hours behind it.

use std::path::Path;
use std::time::Duration;

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use testnet_deployer::rehearsal::dev_chain::{DevChain, DevChainOptions};
use tokio::process::Command;
use tokio::time::timeout;

use crate::support::{PATIENCE, assert_exact, code, ended, race, soak_json, soak_json_if_any};

/// Gives the checkpoint the times of a machine whose clock was ahead by so much. The
/// chain's own times stay what they are.
fn written_by_a_clock_ahead_by(hours: i64, directory: &Path) {
    fn put_off(time: &mut Value, by: SignedDuration) {
        if let Some(moment) = time.as_str() {
            *time = json!(moment.parse::<Timestamp>().unwrap() + by);
        }
    }
    let by = SignedDuration::from_hours(hours);
    let mut soak = soak_json(directory);
    put_off(&mut soak["updated_at"], by);
    for leg in soak["legs"].as_array_mut().unwrap() {
        put_off(&mut leg["from"], by);
        put_off(&mut leg["to"], by);
    }
    for session in soak["sessions"].as_array_mut().unwrap() {
        for (place, time) in ["started_at", "after"].into_iter().enumerate() {
            if session["chain_time"][place] == json!(false) {
                put_off(&mut session[time], by);
            }
        }
    }
    for mark in ["begun", "tip"] {
        if soak["state"][mark]["own"] == json!(false) {
            put_off(&mut soak["state"][mark]["time"], by);
        }
    }
    put_off(&mut soak["state"]["still"][1], by);
    std::fs::write(directory.join("soak.json"), soak.to_string()).unwrap();
}

#[tokio::test]
async fn a_soak_goes_on_where_the_clock_is_another() {
    join_all([10, -10, 10_000, -10_000].map(|hours| async move {
        let directory = tempfile::tempdir().unwrap();
        let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
        let mut command = race(directory.path(), &[&chain], "target_sessions = 40\n");
        command.args(["--max-runtime", "700ms"]);
        code(&ended(command).await, 22);
        written_by_a_clock_ahead_by(hours, directory.path());
        code(&ended(race(directory.path(), &[&chain], "target_sessions = 40\n")).await, 0);
        assert_exact(&soak_json(directory.path()), 40);
    }))
    .await;
}

fn look(directory: &Path, chain: &DevChain, rest: &str) -> Command {
    let mut command = race(directory, &[chain], rest);
    command.arg("--once");
    command
}

/// By the clocks of two machines nothing became final for ten hours. It was seconds.
#[tokio::test]
async fn a_look_believes_no_standstill_that_it_does_not_see() {
    let directory = tempfile::tempdir().unwrap();
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    let rest = "stall.no_finality = \"6s\"\n";
    code(&ended(look(directory.path(), &chain, rest)).await, 22);
    chain.change(|course, best| course.finality_stops_at = Some(best));
    // That all of it is known.
    code(&ended(look(directory.path(), &chain, rest)).await, 22);
    written_by_a_clock_ahead_by(-10, directory.path());
    let race = ended(look(directory.path(), &chain, rest));
    let fate = async {
        let goes_on = async {
            while soak_json_if_any(directory.path()).is_none_or(|soak| soak["legs"][2].is_null()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, goes_on).await.unwrap();
        // Longer than a look takes where nothing is in doubt.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        chain.change(|course, _| course.finality_stops_at = None);
    };
    let (output, ()) = tokio::join!(race, fate);
    code(&output, 22);
    assert_exact(&soak_json(directory.path()), 1);
}
