//! The sampled mode as it is shipped: the run deploys and ends, the scheduled workflow of
//! the default branch looks at the soak once in a while, and writes its verdict.

use testnet_deployer::rehearsal::workflow::SAMPLED;

use crate::played::{Played, play};
use crate::relay::{branch, log, statuses};

/// The lines that tell what every look came to.
fn looks(played: &Played) -> Vec<String> {
    let told = played.told();
    let lines = told.lines().filter(|line| line.starts_with("samples: look ") && line.contains(" sessions"));
    lines.map(str::to_owned).collect()
}

/// The workflow, with replacements, in a file of the directory.
fn changed(directory: &std::path::Path, changes: &[(&str, &str)]) -> String {
    let text = changes.iter().fold(SAMPLED.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    let path = directory.join("workflow.yml");
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn a_soak_is_sampled_on_other_machines_and_wins_with_the_exact_count() {
    let played = play("--mode sampled --approve testnet --sessions 120", 0, "won", Some("testnet"));
    assert_eq!(statuses(&played), ["pending", "success"]);
    let looks = looks(&played);
    assert!(looks.len() >= 3, "{looks:?}");
    let last = looks.last().unwrap();
    assert!(last.contains(": passed, 120 of 120 sessions; the chain's own record says the same"), "{last}");
    assert!(looks[0].contains(": unfinished, "), "{looks:?}");
    // Each look has a machine of its own, and goes on from what the one before has kept.
    for number in 2..=looks.len() {
        let log = log(&played, &format!("samples-{number}/samples"));
        assert!(log.contains("the soak goes on: "), "{number}: {log}");
    }
    let first = log(&played, "samples-1/samples");
    assert!(first.contains("soak of 120 sessions on 1 node\n"), "the first begins anew: {first}");
    assert!(log(&played, "after-testnet").contains("nothing is decided, so nothing is written"));
    let told = String::from_utf8_lossy(&played.output.stdout).into_owned();
    assert!(told.contains("soak of testnet  passed, 120 of 120 sessions, looked at "), "{told}");
    played.assert_every_host_has("new");
}

#[test]
fn a_soak_that_fails_between_two_looks_is_a_failure() {
    let played = play("--mode sampled --fault session-stall --sessions 500", 10, "lost", None);
    assert_eq!(statuses(&played), ["pending", "failure"]);
    assert_eq!(branch(&played, "testnet"), "failed");
    let looks = looks(&played);
    assert!(looks.last().unwrap().contains(": failed, "), "{looks:?}");
}

/// The pull request's run keeps a proof of its own making, of the very name and shape.
#[test]
fn what_the_pull_requests_run_keeps_is_never_a_proof() {
    let directory = tempfile::tempdir().unwrap();
    let first = "          name: first-look\n          path: first-look.json\n";
    let forged = "          name: soak-${{ github.run_id }}-1\n          path: soak.json\n";
    let keep = "      - name: Keep what the testnet showed at first\n";
    let forge = "      - name: Forge\n        run: |\n          sed -e 's/\"verdict\": \"[a-z]*\"/\"verdict\": \"passed\"/' \
                 -e 's/\"counted\": [0-9]*/\"counted\": 500/' -e 's/\"target\": 500/\"target\": 0/' \
                 first-look.json >soak.json\n";
    let workflow = changed(directory.path(), &[(first, forged), (keep, &format!("{forge}{keep}"))]);
    let flags = format!("--mode sampled --fault session-stall --sessions 500 --workflow {workflow}");
    let played = play(&flags, 10, "lost", None);
    let kept = played.file("artifacts").join(format!("soak-{}-1/soak.json", played.verdict()["run"]["id"]));
    let kept = std::fs::read_to_string(kept).unwrap();
    assert!(kept.contains("\"verdict\": \"passed\""), "{kept}");
    assert_eq!(statuses(&played), ["pending", "failure"]);
}

#[test]
fn null_wins_at_once_and_nothing_is_sampled() {
    let played = play("--mode sampled --approve null --reject testnet", 0, "won", Some("null"));
    assert_eq!(statuses(&played), ["pending", "success"]);
    assert_eq!(looks(&played), Vec::<String>::new());
}

#[test]
fn a_failed_deployment_loses_at_once() {
    let played = play("--mode sampled --fault deploy-step", 10, "lost", None);
    assert_eq!(statuses(&played), ["pending", "failure"]);
    assert_eq!(looks(&played), Vec::<String>::new());
    played.assert_every_host_has("old");
}

#[test]
fn a_dispatched_run_of_a_fork_is_sampled_too() {
    let played = play("--mode sampled --fork --approve testnet --sessions 60", 0, "won", Some("testnet"));
    assert_eq!(statuses(&played), ["pending", "success"]);
}
