//! Other workflows than the shipped one, and what the runner knows of them.

use std::path::{Path, PathBuf};

use testnet_deployer::rehearsal::workflow::SHIPPED;

use crate::played::{play, rehearse};

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
  # A failure reaches all that comes after it, as on GitHub, even behind a job that ran.
  chained:
    needs: after
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
    let late_check = format!("{check}    needs: after\n    if: always()\n");
    let directory = tempfile::tempdir().unwrap();
    let path = changed_workflow(directory.path(), &[("jobs:\n", jobs), (check, &late_check)]);
    let played = play(&format!("--approve null --workflow {}", path.display()), 0, "won", Some("null"));
    let log = |job: &str| std::fs::read_to_string(played.file(&format!("{job}.log"))).unwrap_or_default();
    assert_eq!(log("first"), "cleaned up\n");
    assert_eq!(log("left-out"), "");
    assert_eq!(log("chained"), "");
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

/// A leg of the soak counts from the start of the deployment. Where the build is slow that
/// must not be its end, else the job's own limit would come first.
#[test]
fn the_wait_for_the_build_is_a_part_of_the_deployment() {
    let slow = "run: |
          until grep -q 'waiting for the artifact' ../../../testnet.log; do sleep 0.1; done
          .ci/build testnet
          date -u +%Y-%m-%dT%H:%M:%S.%NZ > built-at";
    let directory = tempfile::tempdir().unwrap();
    let path = changed_workflow(directory.path(), &[("run: .ci/build testnet", slow)]);
    let scene = format!("--approve testnet --sessions 25 --workflow {}", path.display());
    let played = play(&scene, 0, "won", Some("testnet"));
    let built = std::fs::read_to_string(played.file("machines/build/workspace/built-at")).unwrap();
    let time = |text: &str| text.trim().parse::<jiff::Timestamp>().unwrap();
    let deployed = played.json("deploy.json");
    let began = deployed["started_at"].as_str().unwrap();
    assert!(time(began) < time(&built), "began at {began}, built at {built}");
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
