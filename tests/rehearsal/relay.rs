//! The relay as it is shipped: no job waits, the soak goes from leg to leg, and the
//! check is a commit status.

use std::process::Command;

use testnet_deployer::rehearsal::workflow::SHIPPED;

use crate::played::{Played, play};

/// The states of the statuses that were written, in their order.
pub(crate) fn statuses(played: &Played) -> Vec<String> {
    let written = played.exchanges.iter().filter(|exchange| {
        exchange.method == "POST" && exchange.path.contains("/statuses/") && exchange.status == 201
    });
    let body = written.filter_map(|exchange| exchange.request_body.as_ref());
    body.map(|body| body["state"].as_str().unwrap().to_owned()).collect()
}

pub(crate) fn log(played: &Played, job: &str) -> String {
    std::fs::read_to_string(played.file(&format!("{job}.log"))).unwrap_or_default()
}

/// How a branch stands in the verdict.
pub(crate) fn branch(played: &Played, name: &str) -> String {
    let verdict = played.verdict();
    let branches = verdict["branches"].as_array().unwrap();
    let found = branches.iter().find(|branch| branch["name"] == name).unwrap();
    found["state"].as_str().unwrap().to_owned()
}

/// The legs that watched.
fn legs(played: &Played) -> Vec<String> {
    let names = (1..=6).map(|leg| if leg == 1 { "testnet".to_owned() } else { format!("soak-{leg}") });
    names.filter(|job| log(played, job).contains("sessions on")).collect()
}

#[test]
fn a_soak_that_passes_in_the_first_leg_wins() {
    let played = play("--mode relay --approve testnet --sessions 25", 0, "won", Some("testnet"));
    assert_eq!(statuses(&played), ["pending", "success"]);
    assert_eq!(legs(&played), ["testnet"]);
    assert_eq!(log(&played, "soaked"), "the legs of the soak: passed     \n");
    assert!(log(&played, "cleanup-after-testnet").contains("left waiting: null"));
    assert_eq!(log(&played, "settled"), "", "null still waits");
    played.assert_every_host_has("new");
}

/// Each leg may take as long as all sessions do, the deployment included: the first one
/// cannot be enough.
#[test]
fn a_soak_goes_on_in_a_later_leg_and_wins() {
    let flags = "--mode relay --approve testnet --sessions 150 --max-runtime 6s";
    let played = play(flags, 0, "won", Some("testnet"));
    assert!(legs(&played).len() >= 2, "{:?}", legs(&played));
    assert!(log(&played, "testnet").contains("unfinished: "), "{}", log(&played, "testnet"));
    let second = log(&played, "soak-2");
    assert!(second.contains("artifact soak-1, number "), "{second}");
    assert!(second.contains("the soak goes on: "), "{second}");
    let soaked = log(&played, "soaked");
    assert!(
        soaked.starts_with("the legs of the soak: unfinished ") && soaked.contains(" passed"),
        "{soaked}"
    );
    let soak = played.json("soak.json");
    assert_eq!((&soak["verdict"], soak["counted"].as_u64() >= Some(150)), (&"passed".into(), true), "{soak}");
    assert_eq!(statuses(&played), ["pending", "success"]);
}

/// Every leg is over before the soak is: its job succeeds each time, and nothing wins.
#[test]
fn legs_that_are_over_never_win() {
    let flags = "--mode relay --approve testnet --sessions 2000 --max-runtime 1s";
    let played = play(flags, 10, "lost", None);
    let soaked = log(&played, "soaked");
    let unfinished = ["unfinished"; 6].join(" ");
    assert!(soaked.starts_with(&format!("the legs of the soak: {unfinished}\n")), "{soaked}");
    assert!(played.told().contains("soak-6: succeeded\n"), "{}", played.told());
    assert_eq!(statuses(&played), ["pending", "failure"]);
    assert_eq!(branch(&played, "testnet"), "failed");
}

#[test]
fn a_soak_that_fails_in_a_later_leg_loses() {
    let played = play("--mode relay --fault session-stall --max-runtime 3s", 10, "lost", None);
    let failed = legs(&played).pop().unwrap();
    assert_ne!(failed, "testnet");
    assert!(log(&played, &failed).contains("failed: "), "{}", log(&played, &failed));
    assert!(log(&played, "soaked").contains(" failed"), "{}", log(&played, "soaked"));
    assert_eq!(statuses(&played), ["pending", "failure"]);
}

#[test]
fn null_wins_beside_a_rejected_testnet_which_stays_rejected() {
    let played = play("--mode relay --approve null --reject testnet", 0, "won", Some("null"));
    assert_eq!(branch(&played, "testnet"), "rejected");
    assert_eq!(statuses(&played), ["pending", "success"]);
    assert_eq!(log(&played, "soaked"), "");
}

#[test]
fn both_rejected_lose_with_the_second() {
    let played = play("--mode relay --fault both-rejected", 11, "lost", None);
    // The two tails may write at the same moment, and then the same.
    let mut written = statuses(&played);
    written.dedup();
    assert_eq!(written, ["pending", "failure"]);
    assert_ne!(log(&played, "settled"), "");
}

#[test]
fn a_failed_deployment_loses_and_is_rolled_back() {
    let played = play("--mode relay --fault deploy-step", 10, "lost", None);
    played.assert_every_host_has("old");
    assert_eq!(legs(&played), Vec::<String>::new());
    assert_eq!(statuses(&played), ["pending", "failure"]);
}

#[test]
fn an_unprotected_environment_is_void() {
    let played = play("--mode relay --fault unprotected-environment", 14, "void", None);
    assert_eq!(statuses(&played), ["pending", "error"]);
}

#[test]
fn a_run_that_is_cancelled_in_a_later_leg_is_cancelled() {
    let flags = "--mode relay --fault run-cancelled --sessions 1000 --max-runtime 5s";
    let played = play(flags, 13, "cancelled", None);
    assert_eq!(statuses(&played), ["pending", "error"]);
    assert_ne!(log(&played, "cancelled"), "");
    assert_eq!(log(&played, "after-testnet"), "");
}

#[test]
fn what_waits_beside_a_win_is_cancelled_where_the_policy_says_so() {
    let played = play("--mode relay --approve null --cancel-after-win", 0, "won", Some("null"));
    assert_eq!(branch(&played, "testnet"), "cancelled");
    assert_eq!(statuses(&played), ["pending", "success"]);
    let again = log(&played, "cancelled");
    assert!(again.contains("testnet-deployer on ") && again.contains(" is success already"), "{again}");
}

#[test]
fn in_a_merge_queue_the_groups_commit_gets_what_the_pull_requests_has() {
    let played = play("--mode relay --approve null --merge-queue", 0, "won", Some("null"));
    assert_eq!(statuses(&played), ["pending", "success", "success"]);
    for job in ["open", "build", "testnet", "null", "after-null"] {
        assert!(!played.file(&format!("queue/{job}.log")).exists(), "{job} ran in the queue");
    }
}

#[test]
fn nobody_reviewing_leaves_the_status_pending() {
    let played = play("--mode relay --approve none", 12, "undecided", None);
    assert_eq!(statuses(&played), ["pending"]);
}

#[test]
fn a_fork_is_told_what_to_do_and_wins_when_dispatched() {
    let played = play("--mode relay --fork --approve testnet --sessions 25", 0, "won", Some("testnet"));
    assert!(log(&played, "open").contains("dispatch"), "{}", log(&played, "open"));
    for job in ["build", "testnet", "null", "after-testnet", "settled"] {
        assert_eq!(log(&played, job), "", "{job} of the fork's own run");
    }
    assert_eq!(statuses(&played), ["pending", "success"]);
}

/// What `race init` writes is run as it was written, with the release that it pins.
#[test]
fn what_init_writes_is_what_is_rehearsed() {
    let directory = tempfile::tempdir().unwrap();
    for (mode, more, legs) in [("poll", "--target-sessions 30", 0), ("relay", "", 2), ("sampled", "", 0)] {
        let root = directory.path().join(mode);
        std::fs::create_dir(&root).unwrap();
        let flags =
            format!("init --yes --mode {mode} --session-length 1m --release {} {more}", "a".repeat(40));
        let written = Command::new(env!("CARGO_BIN_EXE_race"))
            .args(flags.split_whitespace())
            .arg("--dir")
            .arg(&root)
            .output()
            .unwrap();
        assert!(written.status.success(), "{written:?}");
        let workflow = root.join(".github/workflows/testnet-deployer.yml");
        let text = std::fs::read_to_string(&workflow).unwrap();
        assert_eq!(text.matches("environment: testnet-soak\n").count(), legs, "{text}");
        let flags =
            format!("--mode {mode} --approve testnet --sessions 25 --workflow {}", workflow.display());
        play(&flags, 0, "won", Some("testnet"));
    }
}

/// In a workflow whose testnet job wins by itself no leg may be over with success.
#[test]
fn a_leg_is_refused_where_its_success_would_win() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("workflow.yml");
    assert!(SHIPPED.contains("race monitor "));
    std::fs::write(&path, SHIPPED.replace("race monitor ", "race monitor --leg ")).unwrap();
    let flags = format!("--approve testnet --sessions 25 --workflow {}", path.display());
    let played = play(&flags, 10, "lost", None);
    let log = log(&played, "testnet");
    assert!(log.contains("--leg is refused: a leg that is over would win the race"), "{log}");
}
