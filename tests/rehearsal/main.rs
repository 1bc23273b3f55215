//! The whole flow, end to end: the real `rehearse` plays a scenario, and `race`
//! ends it with the exit code of the table. What was asked of GitHub on the way is
//! judged by GitHub's own description.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod deployment;
mod legs;
#[path = "../support/openapi.rs"]
mod openapi;
mod played;
mod relay;
mod sampled;
mod workflow;

use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use testnet_deployer::rehearsal::workflow::relay as relay_of_init;
use testnet_deployer::setup::by_criteria::by_criteria;
use testnet_deployer::setup::workflow::POLL;

use played::{HOSTS, assert_nothing_is_left, play, play_to, rehearse};

#[test]
fn the_testnet_wins() {
    let played = play("--approve testnet --sessions 25", 0, "won", Some("testnet"));
    let told = String::from_utf8_lossy(&played.output.stdout).into_owned();
    assert!(told.contains("testnet") && told.contains("alice"), "{told}");
    let log = std::fs::read_to_string(played.file("testnet.log")).unwrap();
    let head = played.verdict()["run"]["head_sha"].as_str().unwrap()[..11].to_owned();
    assert!(log.contains(&head), "the host did not say which commit it got: {log}");
    assert!(log.contains("artifact testnet: 1 file, "), "{log}");
    let fetched = played.file("machines").join("testnet/workspace/artifact/node");
    let fetched = std::fs::read_to_string(fetched).unwrap();
    assert!(fetched.contains(&format!("version={head}")), "{fetched}");
    for host in HOSTS {
        assert_eq!(std::fs::read_to_string(played.file(&format!("hosts/{host}/node"))).unwrap(), fetched);
    }
    let soak = played.json("soak.json");
    assert_eq!(soak["verdict"], "passed", "{soak}");
    assert!(told.contains("testnet showed: passed, 25 of 25 sessions, "), "{told}");
    for artifact in [
        "testnet/node",
        "deploy/deploy.json",
        "deploy/deploy-logs/validator-3.log",
        "soak/soak.json",
        "verdict/verdict.json",
    ] {
        assert!(played.file("artifacts").join(artifact).exists(), "nobody kept {artifact}");
    }
    let build = std::fs::read_to_string(played.file("build.log")).unwrap();
    assert!(build.contains(played.verdict()["run"]["head_sha"].as_str().unwrap()), "{build}");
}

/// The fork's own run waits without secrets; a run is dispatched for it, deploys its
/// commit, settles on it, and the check of its own run takes that over.
#[test]
fn a_forks_testnet_is_dispatched() {
    let played = play("--fork --approve testnet --sessions 25", 0, "won", None);
    let verdict = played.verdict();
    assert_eq!(verdict["reason"]["code"], "dispatched-won", "{verdict}");
    let head = verdict["run"]["head_sha"].as_str().unwrap();
    let there: Value =
        serde_json::from_slice(&std::fs::read(played.file("dispatched/verdict.json")).unwrap()).unwrap();
    assert_eq!((&there["winner"], &there["run"]["head_sha"]), (&"testnet".into(), &head.into()), "{there}");
    assert_eq!(there["run"]["event"], "workflow_dispatch");
    let log = |name: &str| std::fs::read_to_string(played.file(name)).unwrap_or_default();
    assert!(log("dispatched/testnet.log").contains(&head[..11]), "{}", log("dispatched/testnet.log"));
    assert!(log("dispatched/build.log").contains(head), "{}", log("dispatched/build.log"));
    assert!(log("dispatched/settle.log").contains("takes this verdict"), "{}", log("dispatched/settle.log"));
    assert_eq!(log("open.log"), "", "only a dispatched run opens");
    let told = String::from_utf8_lossy(&played.output.stdout).into_owned();
    assert!(told.contains("won: testnet succeeded; approved by alice"), "{told}");
}

#[test]
fn a_forks_own_run_has_no_key_even_when_it_is_approved() {
    let played = play("--fork=own --approve testnet", 10, "lost", None);
    let log = std::fs::read_to_string(played.file("testnet.log")).unwrap();
    assert!(log.contains("TESTNET_SSH_KEY"), "{log}");
    assert!(!played.file("dispatched").exists());
    play("--fork=own --approve null", 0, "won", Some("null"));
}

#[test]
fn a_fork_whose_dispatched_run_nobody_approves_stays_undecided() {
    let played = play("--fork --approve none --deadline 4s", 12, "undecided", None);
    let text = played.verdict()["reason"]["text"].to_string();
    assert!(text.contains("which was dispatched for this commit"), "{text}");
}

#[test]
fn a_fork_whose_dispatched_run_is_rejected_keeps_its_own_verdict() {
    let flags = "--fork --approve none --reject testnet --reject null --deadline 6s";
    let played = play(flags, 12, "undecided", None);
    let settled = std::fs::read_to_string(played.file("dispatched/settle.log")).unwrap();
    assert!(settled.contains("lost: no branch is left"), "{settled}");
    assert!(!played.verdict()["reason"]["text"].to_string().contains("dispatched"), "{:?}", played.verdict());
}

#[test]
fn null_wins_beside_a_rejected_testnet() {
    play("--approve null --reject testnet", 0, "won", Some("null"));
}

#[test]
fn of_two_approved_branches_the_first_to_succeed_wins() {
    play("--approve both --sessions 25", 0, "won", Some("null"));
}

/// Nobody approves anything, and no environment guards `null`.
#[test]
fn where_the_criteria_choose_and_need_no_testnet_nobody_has_to_approve() {
    for mode in ["poll", "relay"] {
        let flags = format!("--mode {mode} --selection auto --change docs/guide.md --approve none");
        let played = play(&flags, 0, "won", Some("null"));
        assert_eq!(played.verdict()["reason"]["code"], "testnet-not-needed", "{mode}");
        assert_eq!(played.verdict()["advice"]["advice"], "not-needed", "{mode}");
        for job in ["build", "testnet"] {
            assert!(!played.file(&format!("{job}.log")).exists(), "{mode}: {job} ran");
        }
    }
}

#[test]
fn where_the_criteria_choose_and_need_a_testnet_only_the_testnet_waits() {
    for mode in ["poll", "relay"] {
        let flags = format!("--mode {mode} --selection auto --approve testnet --sessions 25");
        let played = play(&flags, 0, "won", Some("testnet"));
        assert_eq!(played.verdict()["advice"]["advice"], "required", "{mode}");
        assert!(!played.file("null.log").exists(), "{mode}: null ran");
        let null = &played.verdict()["branches"][1];
        assert_eq!((&null["state"], &null["excluded"]), (&"skipped".into(), &true.into()), "{mode}");
    }
    play("--selection auto --approve none --deadline 3s", 12, "undecided", None);
}

/// What the job says that asks the criteria decides which gate runs, and nothing else.
#[test]
fn a_forged_advice_wins_nothing() {
    let auto = by_criteria(POLL);
    let forged = auto
        .replace("needs.advise.outputs.testnet_needed == 'false'", "needs.advise.result == 'success'")
        .replace("needs.advise.outputs.testnet_needed != 'false'", "needs.advise.result != 'success'");
    assert_ne!(forged, auto);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("forged.yml");
    std::fs::write(&file, forged).unwrap();
    let flags = format!("--selection auto --approve none --workflow {}", file.display());
    let played = play(&flags, 11, "lost", None);
    let null = &played.verdict()["branches"][1];
    assert_eq!((&null["state"], &null["excluded"]), (&"succeeded".into(), &true.into()));
}

/// Where nobody could tell whether a testnet is needed, one is, and the soak goes from leg
/// to leg as ever.
#[test]
fn where_the_criteria_cannot_be_asked_the_testnet_waits() {
    let broken = by_criteria(&relay_of_init()).replace("run: exec race advise\n", "run: exit 3\n");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("broken.yml");
    std::fs::write(&file, broken).unwrap();
    let flags = "--mode relay --selection auto --approve testnet --sessions 150 --max-runtime 6s";
    let played = play(&format!("{flags} --workflow {}", file.display()), 0, "won", Some("testnet"));
    assert!(played.file("soak-2.log").exists(), "{}", played.told());
    assert!(!played.file("null.log").exists(), "{}", played.told());
}

/// The shipped workflow on `merge_group`: no gate runs, and the check of the group says
/// what the pull request's says.
#[test]
fn in_a_merge_queue_the_check_mirrors_the_pull_requests() {
    let played = play("--approve null --merge-queue", 0, "won", Some("null"));
    let mirrored = played.json("queue/verdict.json");
    assert_eq!(mirrored["reason"]["code"], "mirrored-success", "{mirrored}");
    assert_eq!(mirrored["run"]["event"], "merge_group");
    assert_ne!(mirrored["run"]["head_sha"], played.verdict()["run"]["head_sha"]);
    for job in ["open", "build", "testnet", "null", "settle"] {
        assert!(!played.file(&format!("queue/{job}.log")).exists(), "{job} ran in the queue");
    }
    let told = played.told();
    assert!(told.contains("queue testnet-deployer on "), "{told}");
}

/// The soak is not run again for a push that the criteria let pass, and the merge queue
/// mirrors what was carried over.
#[test]
fn a_push_that_needs_no_testnet_keeps_the_verdict() {
    let flags = "--approve testnet --sessions 25 --push docs/guide.md --merge-queue";
    let played = play(flags, 0, "won", Some("testnet"));
    let carried = played.json("pushed/verdict.json");
    assert_eq!(carried["reason"]["code"], "carried-over", "{carried}");
    assert_eq!(carried["carried_from"]["head_sha"], played.verdict()["run"]["head_sha"]);
    assert!(!played.file("pushed/testnet.log").exists());
    assert_eq!(played.json("queue/verdict.json")["reason"]["code"], "mirrored-success");

    let played = play_to("--mode relay --approve testnet --sessions 25 --push docs/guide.md", 0);
    assert!(played.told().contains("pushed testnet-deployer on "), "{}", played.told());
    assert!(played.told().contains(" is success after "), "{}", played.told());
}

#[test]
fn a_push_that_touches_the_core_races_anew() {
    for mode in ["poll", "relay"] {
        let flags = format!("--mode {mode} --approve testnet --sessions 25 --push runtime/src/lib.rs");
        let played = play_to(&flags, 12);
        let log = if mode == "poll" { "pushed/testnet-deployer.log" } else { "pushed/open.log" };
        let log = std::fs::read_to_string(played.file(log)).unwrap();
        assert!(log.contains("no verdict is carried over: by the criteria what differs from"), "{log}");
    }
}

#[test]
fn nobody_approving_ends_undecided() {
    play("--approve none --deadline 2s", 12, "undecided", None);
}

#[test]
fn fault_no_approval_ends_undecided() {
    play("--fault no-approval", 12, "undecided", None);
}

#[test]
fn fault_session_stall_loses() {
    let played = play("--fault session-stall", 10, "lost", None);
    let log = std::fs::read_to_string(played.file("testnet.log")).unwrap();
    assert!(log.contains("session"), "{log}");
}

#[test]
fn fault_both_rejected_loses() {
    play("--fault both-rejected", 11, "lost", None);
}

#[test]
fn fault_unprotected_environment_is_void() {
    play("--fault unprotected-environment", 14, "void", None);
}

#[test]
fn fault_api_outage_is_outlived() {
    let played = play("--fault api-outage --sessions 25", 0, "won", Some("testnet"));
    // 0 stands for a connection that was cut.
    let met = played.exchanges.iter().any(|exchange| [0, 502].contains(&exchange.status));
    assert!(met, "nothing was asked during the outage");
}

#[test]
fn fault_rate_limit_is_outlived() {
    let played = play("--fault rate-limit --sessions 25", 0, "won", Some("testnet"));
    let met = played.exchanges.iter().any(|exchange| exchange.status == 403);
    assert!(met, "nothing was asked while the limit was spent");
}

/// Starts a rehearsal that would wait for minutes, and signals it once `race` has
/// asked GitHub and knows that it waits.
#[track_caller]
fn interrupted(signal: Signal) -> (TempDir, Option<i32>) {
    let directory = tempfile::tempdir().unwrap();
    let mut child = rehearse(directory.path(), "--approve none --deadline 10m")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let log = directory.path().join("kept/testnet-deployer.log");
    let deadline = Instant::now() + Duration::from_secs(20);
    while !std::fs::read_to_string(&log).is_ok_and(|text| text.contains("waiting for a review of")) {
        assert!(Instant::now() < deadline, "race never waited");
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&child), signal).unwrap();
    let code = child.wait().unwrap().code();
    (directory, code)
}

#[test]
fn an_interrupt_ends_everything_in_order() {
    let (directory, code) = interrupted(Signal::INT);
    assert_eq!(code, Some(130));
    let verdict = std::fs::read_to_string(directory.path().join("kept/verdict.json")).unwrap();
    assert!(verdict.contains("\"undecided\""), "{verdict}");
    assert_nothing_is_left(directory.path());
}

#[test]
fn a_rehearsal_that_is_killed_leaves_no_process_behind() {
    let (directory, code) = interrupted(Signal::KILL);
    assert_eq!(code, None);
    assert_nothing_is_left(directory.path());
}
