//! A soak in legs, each in a process of its own on a machine of its own.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use testnet_deployer::soak::Checkpoint;

use crate::played::{assert_nothing_is_left, rehearse};

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn checkpoint(directory: &Path, leg: usize) -> Value {
    let text = std::fs::read_to_string(directory.join(format!("kept/artifacts/soak-{leg}/soak.json")));
    let text = text.unwrap();
    Checkpoint::read(&text).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The sessions as the soak numbers them, and the block in which each began.
fn sessions(soak: &Value) -> Vec<(u64, u64)> {
    let baseline = soak["baseline"]["session"].as_u64().unwrap();
    let session = |session: &Value| {
        assert_eq!(session["exact"], true, "{session}");
        (session["index"].as_u64().unwrap() - baseline, session["block"].as_u64().unwrap())
    };
    soak["sessions"].as_array().unwrap().iter().map(session).collect()
}

#[test]
fn eight_hours_are_soaked_in_three_legs_to_exactly_500() {
    let directory = tempfile::tempdir().unwrap();
    let output = rehearse(directory.path(), "--legs 3").output().unwrap();
    let told = told(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    let codes: Vec<&str> =
        told.lines().filter_map(|line| line.split_once(": exit ")?.1.split(',').next()).collect();
    assert_eq!(codes, ["22", "22", "0"], "{told}");
    for line in [
        "one session of 60 s is played in 40ms: 500 sessions, 8h20m, in 20s",
        "by bisecting its state: ",
        "by the rotation logs in its headers: ",
        "500 of 500 sessions in 3 legs on 3 machines",
        "the chain's own record says the same: 500 sessions, ",
    ] {
        assert!(told.contains(line), "no {line:?} in {told}");
    }

    let soaks: Vec<Value> = (1..=3).map(|leg| checkpoint(directory.path(), leg)).collect();
    for (leg, (soak, verdict)) in soaks.iter().zip(["unfinished", "unfinished", "passed"]).enumerate() {
        assert_eq!(soak["verdict"], verdict, "{leg}");
        assert_eq!(soak["counted"].as_u64(), Some(sessions(soak).len() as u64), "{leg}");
        assert_eq!(soak["legs"].as_array().unwrap().len(), leg + 1);
        // What a leg counted the next one leaves as it is.
        assert!(sessions(&soaks[2]).starts_with(&sessions(soak)), "{leg}");
    }
    let all = sessions(&soaks[2]);
    let first = soaks[2]["baseline"]["session"].as_u64().unwrap();
    let expected: Vec<(u64, u64)> = (1..=500).map(|session| (session, (first + session) * 4)).collect();
    assert_eq!(all, expected, "none is missing, none is there twice");
    // A leg began on an empty machine, after some time in which nobody watched.
    for pair in soaks[2]["legs"].as_array().unwrap().windows(2) {
        let at = |moment: &Value| moment.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        assert!(at(&pair[1]["from"]).duration_since(at(&pair[0]["to"])).as_millis() > 100, "{pair:?}");
    }
    assert!(
        soaks[2]["warnings"].to_string().contains("not watched between legs"),
        "{}",
        soaks[2]["warnings"]
    );
    assert_eq!(std::fs::read_dir(directory.path().join("kept/machines")).unwrap().count(), 0);
    assert_nothing_is_left(directory.path());
}

#[test]
fn an_interrupt_ends_the_legs() {
    let directory = tempfile::tempdir().unwrap();
    let mut child =
        rehearse(directory.path(), "--legs 2").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let log = directory.path().join("kept/leg-1.log");
    let deadline = Instant::now() + Duration::from_secs(30);
    while !std::fs::read_to_string(&log).is_ok_and(|text| text.contains("baseline: session")) {
        assert!(Instant::now() < deadline, "the soak never began");
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(std::fs::read_to_string(&log).unwrap().contains("unfinished"));
    assert_nothing_is_left(directory.path());
}
