//! The whole flow, end to end: the real `rehearse` plays a scenario, and `race`
//! ends it with the exit code of the table. What was asked of GitHub on the way is
//! judged by GitHub's own description.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

#[path = "support/openapi.rs"]
mod openapi;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use openapi::Description;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use testnet_deployer::rehearsal::github::Exchange;
use testnet_deployer::rehearsal::workflow::SHIPPED;

/// A rehearsal that was played.
struct Played {
    directory: TempDir,
    output: Output,
    /// What GitHub was asked, and what it answered.
    exchanges: Vec<Exchange>,
}

impl Played {
    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join("kept").join(name)
    }

    fn verdict(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.file("verdict.json")).unwrap()).unwrap()
    }
}

fn rehearse(directory: &Path, flags: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rehearse"));
    command.args(flags.split_whitespace()).arg("--keep").arg(directory.join("kept")).stdin(Stdio::null());
    command
}

/// Plays a scenario and holds it to an exit code, to what
/// `verdict.json` says and to GitHub's description.
#[track_caller]
fn play(flags: &str, code: i32, verdict: &str, winner: Option<&str>) -> Played {
    let directory = tempfile::tempdir().unwrap();
    let output = rehearse(directory.path(), flags).output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{flags}: {said}");
    let kept = directory.path().join("kept");
    let exchanges = std::fs::read_to_string(kept.join("exchanges.jsonl")).unwrap();
    let exchanges = exchanges.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let played = Played { directory, output, exchanges };
    let written = played.verdict();
    assert_eq!(written["verdict"], verdict, "{written}");
    assert_eq!(written["winner"].as_str(), winner, "{written}");
    assert_eq!(written["exit_code"], code, "{written}");
    Description::load().assert_holds(&played.exchanges);
    assert_nothing_is_left(played.directory.path());
    played
}

/// No process still works on files of that directory.
#[track_caller]
fn assert_nothing_is_left(directory: &Path) {
    let name = directory.to_str().unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let left = processes_naming(name);
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "still running: {left:?}");
        std::thread::yield_now();
    }
}

fn processes_naming(text: &str) -> Vec<String> {
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(text))
        .collect()
}

#[test]
fn the_testnet_wins() {
    let played = play("--approve testnet --sessions 25", 0, "won", Some("testnet"));
    let told = String::from_utf8_lossy(&played.output.stdout).into_owned();
    assert!(told.contains("testnet") && told.contains("alice"), "{told}");
    let log = std::fs::read_to_string(played.file("testnet.log")).unwrap();
    let head = played.verdict()["run"]["head_sha"].as_str().unwrap()[..11].to_owned();
    assert!(log.contains(&head), "the host did not say which commit it got: {log}");
    assert!(log.contains("artifact testnet: 1 files, 7 bytes, sha256:"), "{log}");
    let fetched = played.file("machines").join("testnet/workspace/artifact/node");
    assert_eq!(std::fs::read_to_string(fetched).unwrap(), "a node\n");
    let soak: Value = serde_json::from_slice(&std::fs::read(played.file("soak.json")).unwrap()).unwrap();
    assert_eq!(soak["verdict"], "passed", "{soak}");
    for artifact in ["testnet/node", "soak/soak.json", "verdict/verdict.json"] {
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
    let played = play("--fork --approve none --deadline 2s", 12, "undecided", None);
    let text = played.verdict()["reason"]["text"].to_string();
    assert!(text.contains("which was dispatched for this commit"), "{text}");
}

#[test]
fn a_fork_whose_dispatched_run_is_rejected_keeps_its_own_verdict() {
    let flags = "--fork --approve none --reject testnet --reject null --deadline 3s";
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
fn fault_step_fails_loses() {
    let played = play("--fault step-fails --sessions 25", 10, "lost", None);
    let log = std::fs::read_to_string(played.file("testnet.log")).unwrap();
    assert!(log.contains("no space left"), "the failing step left no trace: {log}");
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

/// The shipped workflow with these pieces replaced, as a file.
fn changed_workflow(directory: &Path, changes: &[(&str, &str)]) -> PathBuf {
    let mut text = SHIPPED.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "the shipped workflow has no {from:?}");
        text = text.replace(from, to);
    }
    let path = directory.join("workflow.yml");
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn needs_outputs_variables_and_conditions_are_honoured() {
    let jobs = r#"jobs:
  first:
    runs-on: ubuntu-24.04
    env:
      GREETING: hello
    outputs:
      told: ${{ steps.tell.outputs.told }}
    steps:
      - id: tell
        run: echo "told=$GREETING to ${{ env.WHOM }} by $GITHUB_JOB" >> "$GITHUB_OUTPUT"
        env:
          WHOM: pull request ${{ github.event.pull_request.number }}
      - run: |
          false
          echo "after a failure"
      - run: echo "skipped"
      - if: failure() && steps.tell.outcome == 'success'
        run: echo "cleaned up"
  left-out:
    needs: first
    runs-on: ubuntu-24.04
    steps:
      - run: echo "never"
  after:
    needs: [first, left-out]
    if: always()
    runs-on: ubuntu-24.04
    steps:
      - run: echo "${{ needs.first.result }}, ${{ needs['left-out'].result }}, ${{ needs.first.outputs.told }}"
"#;
    let check = "  testnet-deployer:\n    name: testnet-deployer\n";
    let late_check = format!("{check}    needs: after\n");
    let directory = tempfile::tempdir().unwrap();
    let path = changed_workflow(directory.path(), &[("jobs:\n", jobs), (check, &late_check)]);
    let played = play(&format!("--approve null --workflow {}", path.display()), 0, "won", Some("null"));
    let log = |job: &str| std::fs::read_to_string(played.file(&format!("{job}.log"))).unwrap_or_default();
    assert_eq!(log("first"), "cleaned up\n");
    assert_eq!(log("left-out"), "");
    assert_eq!(log("after"), "failure, skipped, hello to pull request 12 by first\n");
}

#[test]
fn where_the_build_fails_the_testnet_says_so_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = changed_workflow(directory.path(), &[("run: .ci/build testnet", "run: exit 3")]);
    let played = play(&format!("--approve testnet --workflow {}", path.display()), 10, "lost", None);
    let log = std::fs::read_to_string(played.file("testnet.log")).unwrap();
    assert!(log.contains("the job `build` ended with failure"), "{log}");
    assert!(log.contains("no host was touched"), "{log}");
}

#[test]
fn an_artifact_that_never_comes_is_not_waited_for_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let changes = [("--artifact testnet", "--artifact another --artifact-wait 300ms")];
    let path = changed_workflow(directory.path(), &changes);
    let played = play(&format!("--approve testnet --workflow {}", path.display()), 10, "lost", None);
    let log = std::fs::read_to_string(played.file("testnet.log")).unwrap();
    assert!(log.contains("the artifact `another` could not be had within 300ms"), "{log}");
}

#[test]
fn a_job_that_does_not_install_race_has_none() {
    let install = "      - name: Install race\n        uses: ./.github/actions/race # zizmor: ignore[self-repository] that would be the pull request's\n";
    let directory = tempfile::tempdir().unwrap();
    let path = changed_workflow(directory.path(), &[(install, "")]);
    let output = rehearse(directory.path(), &format!("--approve null --workflow {}", path.display()))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(127), "{output:?}");
}

#[test]
fn a_token_may_what_the_workflow_says_and_no_more() {
    let reads = "      actions: read # to read the jobs and their reviews\n";
    let directory = tempfile::tempdir().unwrap();
    let path = changed_workflow(directory.path(), &[(reads, "")]);
    let output = rehearse(directory.path(), &format!("--approve null --workflow {}", path.display()))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}

#[test]
fn what_of_a_workflow_is_not_known_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path =
        changed_workflow(directory.path(), &[("    timeout-minutes: 5\n", "    continue-on-error: true\n")]);
    let output = rehearse(directory.path(), &format!("--approve null --workflow {}", path.display()))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("job `null`: the key `continue-on-error` is not known"), "{told}");
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
