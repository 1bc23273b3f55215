//! The pull request that brings the gate: its base has neither policies nor workflow.
//! Nothing breaks, and everything says what it does.

use testnet_deployer::rehearsal::workshop::{Workshop, git};
use testnet_deployer::rehearsal::world::{Conclusion, ReviewState};

use crate::people::{ADMIN, CAROL, open, type_in};

const BUILT_IN: &str = "has no policies: the built-in defaults are in force";

/// Brings what `race init` writes for this mode, as it wrote it, to a repository whose
/// environments the doctor has guarded before; approves one; and returns the run and its
/// head.
fn brought(mode: &str, approved: &str) -> (tempfile::TempDir, Workshop, u64, String) {
    let directory = tempfile::Builder::new().prefix("first-").tempdir().unwrap();
    let workshop = open(directory.path());
    let origin = workshop.origin().display().to_string();
    git(directory.path(), &["clone", "--quiet", &origin, "chain"]).unwrap();
    let checkout = directory.path().join("chain");
    let race = |line: &str| {
        let ran = type_in(&workshop, &checkout, CAROL, line);
        assert_eq!(ran.code, 0, "{line}: {}", ran.text);
    };
    race(
        "echo chain >README.md && git add . && git commit --quiet -m 'Begin' && git push --quiet origin main",
    );
    workshop.receive().unwrap();
    // There is no policy yet: it goes by the built-in defaults, and guards what they name.
    let fixed = type_in(&workshop, &checkout, ADMIN, "race doctor --fix --yes --reviewer alice");
    assert_eq!(fixed.code, 5, "{}", fixed.text);
    for name in ["testnet", "null"] {
        let line = format!("done        environment `{name}`: reviewed by alice, self-review prevented\n");
        assert!(fixed.text.contains(&line), "{}", fixed.text);
    }
    race("git switch --quiet --create gate");
    race(&format!(
        "race init --yes --mode {mode} --session-length 60s --target-sessions 30 --reviewer alice \
         --release {}",
        "a".repeat(40)
    ));
    race("git add . && git commit --quiet -m 'Bring the gate' && git push --quiet origin gate");
    workshop.receive().unwrap();
    let (number, run) = workshop.open_pull_request("carol", "Bring the gate", "gate").unwrap();
    let run = run.unwrap();
    workshop.until_waiting(run, approved).unwrap();
    workshop.review(run, approved, ReviewState::Approved, "alice", "").unwrap();
    let head = workshop.github().read(|world| world.pull_request(number).unwrap().head_sha.clone());
    (directory, workshop, run, head)
}

fn state(workshop: &Workshop, sha: &str) -> String {
    workshop.github().read(|world| {
        let latest = world.latest_statuses(sha);
        let check = latest.iter().find(|status| status.context == "testnet-deployer").unwrap();
        format!("{}: {}", check.state, check.description.clone().unwrap_or_default())
    })
}

#[test]
fn in_poll_the_branch_that_spares_the_testnet_wins() {
    let (_directory, workshop, run, _) = brought("poll", "null");
    assert_eq!(workshop.until_ended(run, "testnet-deployer").unwrap(), Conclusion::Success);
    let log = workshop.log(run, "testnet-deployer");
    assert!(log.contains(BUILT_IN) && log.contains("won: null succeeded; approved by alice"), "{log}");
}

#[test]
fn in_the_relay_the_branch_that_spares_the_testnet_wins() {
    let (_directory, workshop, run, head) = brought("relay", "null");
    workshop.until_ended(run, "cleanup-after-null").unwrap();
    assert_eq!(state(&workshop, &head), "success: null succeeded; approved by alice");
    for job in ["open", "after-null", "cleanup-after-null"] {
        assert!(workshop.log(run, job).contains(BUILT_IN), "{job}: {}", workshop.log(run, job));
    }
    let log = workshop.log(run, "cleanup-after-null");
    assert!(log.contains("left waiting: testnet"), "{log}");
}

/// There is nothing to deploy by yet, and that is said before any host is touched.
#[test]
fn the_testnet_cannot_be_had_and_that_is_said() {
    for (mode, last) in [("poll", "testnet-deployer"), ("relay", "after-testnet")] {
        let (_directory, workshop, run, head) = brought(mode, "testnet");
        assert_eq!(workshop.until_ended(run, "testnet").unwrap(), Conclusion::Failure);
        let log = workshop.log(run, "testnet");
        assert!(
            log.contains("there is no directory policies")
                && log.contains("the testnet can be had once they are merged"),
            "{mode}: {log}"
        );
        workshop.until_ended(run, last).unwrap();
        let log = workshop.log(run, last);
        assert!(log.contains("lost: testnet failed"), "{mode}: {log}");
        if mode == "relay" {
            assert!(
                state(&workshop, &head).starts_with("failure: testnet failed"),
                "{}",
                state(&workshop, &head)
            );
        }
        for host in workshop.hosts() {
            assert!(!host.directory.join(".race").exists(), "{} was touched", host.name);
        }
    }
}
