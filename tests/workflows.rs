//! The workflows keep what no linter holds: `null` is quoted wherever it stands, and
//! the jobs that decide run nothing of the pull request.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// Every workflow and action of the repository, and those that others get.
fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    let mut directories = vec![root.join(".github"), root.join("src/setup/workflows")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yml") {
                files.push(path);
            }
        }
    }
    files
}

/// The lines in which `null` would be read as a keyword: of YAML where it stands
/// without quotes, of an expression where it follows a dot. Comments do not count.
fn unquoted(text: &str) -> Vec<&str> {
    let comment = Regex::new(r"(^|\s)#.*$").unwrap();
    let quoted = Regex::new(r#""[^"]*"|'[^']*'"#).unwrap();
    let word = Regex::new(r"[\w-]+").unwrap();
    let dotted = Regex::new(r"(?i)\.\s*null\b").unwrap();
    let is_wrong = |line: &&str| {
        let code = comment.replace(line, "");
        let bare = quoted.replace_all(&code, "");
        dotted.is_match(&code) || word.find_iter(&bare).any(|word| word.as_str().eq_ignore_ascii_case("null"))
    };
    text.lines().filter(is_wrong).collect()
}

#[test]
fn null_is_quoted_in_every_workflow() {
    let files = files();
    assert!(files.iter().any(|path| path.ends_with("workflows/testnet-deployer.yml")), "{files:?}");
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(unquoted(&text), Vec::<&str>::new(), "{}", path.display());
    }
}

#[test]
fn a_null_that_is_a_keyword_is_found() {
    for line in [
        "null:",
        "  needs: [testnet, null]",
        "environment: null",
        "if: needs.null.result == 'success'",
        "if: \"needs.null.result\"",
        "name: Null",
    ] {
        assert_eq!(unquoted(line), [line]);
    }
    for line in [
        "\"null\":",
        "needs: ['null']",
        "if: needs['null'].result == 'a'",
        "nullable: a",
        "needs: after-null",
        "a: b # null",
    ] {
        assert_eq!(unquoted(line), Vec::<&str>::new());
    }
}

/// The text of one job of the shipped workflow.
fn job(name: &str) -> String {
    job_in(".github/workflows/testnet-deployer.yml", name)
}

const RELAY: &str = "src/setup/workflows/relay.yml";

/// The text of one job of a workflow.
fn job_in(path: &str, name: &str) -> String {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let (_, after) = text.split_once(&format!("\n  {name}:\n")).unwrap();
    let of_the_job = |line: &&str| line.is_empty() || line.starts_with("    ");
    after.lines().take_while(of_the_job).collect::<Vec<_>>().join("\n")
}

#[test]
fn where_the_key_or_the_verdict_is_nothing_of_the_pull_request_runs() {
    let own = "ref: ${{ github.event.pull_request.base.sha || github.sha }}";
    // On a group's own commit lies what the pull request changes.
    let queued =
        "ref: ${{ github.event.pull_request.base.sha || github.event.merge_group.base_sha || github.sha }}";
    let dispatched_only = "ref: ${{ github.sha }}";
    for (name, base) in [
        ("testnet", own),
        ("testnet-deployer", queued),
        ("open", dispatched_only),
        ("settle", dispatched_only),
    ] {
        let job = job(name);
        assert!(job.contains(base), "{job}");
        assert!(!job.contains("head.sha") && !job.contains("inputs"), "{job}");
        assert_eq!(job.matches("persist-credentials: false").count(), job.matches("/checkout@").count());
        // "$/" would be the action as the pull request has it, and a cache what its
        // jobs put there.
        assert!(!job.contains("uses: $") && !job.contains("cache"), "{job}");
        for line in job.lines().filter(|line| line.trim_start().starts_with("run:")) {
            assert!(line.contains("run: exec race "), "{line}");
        }
    }
}

#[test]
fn what_settles_does_so_only_where_the_run_was_dispatched() {
    for (name, condition) in [("open", ""), ("settle", "always() && ")] {
        let job = job(name);
        assert!(
            job.contains(&format!("    if: {condition}github.event_name == 'workflow_dispatch'\n")),
            "{job}"
        );
        assert!(job.contains("statuses: write") && !job.contains("name: testnet-deployer"), "{job}");
    }
    for name in ["build", "testnet", "\"null\"", "testnet-deployer"] {
        assert!(!job(name).contains(": write"), "{name}");
    }
}

/// What a person wrote into a form is no part of a script.
#[test]
fn no_script_has_an_expression_in_it() {
    for path in files() {
        let text = fs::read_to_string(&path).unwrap();
        for line in text.lines().filter(|line| line.trim_start().trim_start_matches("- ").starts_with("run:"))
        {
            assert!(!line.contains("${{"), "{}: {line}", path.display());
        }
    }
}

#[test]
fn both_gates_ask_for_their_review_at_once() {
    for name in ["testnet", "\"null\""] {
        let job = job(name);
        assert!(!job.contains("needs:"), "{job}");
        assert!(job.contains(&format!("    environment: {name}\n")), "{job}");
        assert!(job.contains(&format!("    name: {name}\n")), "{job}");
    }
    assert!(!job("build").contains("secrets"));
}

#[test]
fn in_the_relay_no_job_is_the_check_and_nothing_of_the_pull_request_runs_beside_a_key() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(RELAY)).unwrap();
    assert!(!text.contains("    name: testnet-deployer\n"), "GitHub would require both");
    let settling = ["open", "after-testnet", "after-null", "settled", "queue", "cancelled"];
    let cleaning = ["cleanup-after-testnet", "cleanup-after-null"];
    for name in ["testnet", "soak-2"].iter().chain(&settling).chain(&cleaning) {
        let job = job_in(RELAY, name);
        // What only settles reads the base's policy by the API, and needs no checkout.
        let base = "ref: ${{ github.event.pull_request.base.sha || github.sha }}";
        assert_eq!(job.contains(base), ["testnet", "soak-2"].contains(name), "{job}");
        assert_eq!(job.contains("/checkout@"), job.contains(base), "{job}");
        assert!(!job.contains("inputs") && !job.contains("cache") && !job.contains("uses: ./"), "{job}");
        assert_eq!(job.matches("head.sha").count(), 0, "{job}");
        for line in job.lines().filter(|line| line.trim_start().starts_with("run:")) {
            assert!(line.contains("run: exec race "), "{line}");
        }
        let writes: Vec<&str> = job.lines().map(str::trim).filter(|line| line.contains(": write ")).collect();
        let expected = match *name {
            name if settling.contains(&name) => "statuses: write",
            name if cleaning.contains(&name) => "actions: write",
            _ => "",
        };
        assert_eq!(writes.len(), usize::from(!expected.is_empty()), "{job}");
        assert!(writes.iter().all(|line| line.starts_with(expected)), "{job}");
    }
    for name in ["build", "\"null\"", "soaked"] {
        let job = job_in(RELAY, name);
        assert!(!job.contains(": write") && !job.contains("secrets"), "{job}");
    }
}

#[test]
fn in_the_relay_the_gates_need_nothing_and_the_legs_are_not_reviewed() {
    for name in ["testnet", "\"null\""] {
        let job = job_in(RELAY, name);
        assert!(!job.contains("needs:"), "{job}");
        assert!(job.contains(&format!("    environment: {name}\n")), "{job}");
    }
    let leg = job_in(RELAY, "soak-2");
    assert!(leg.contains("    environment: testnet-soak\n") && leg.contains("artifact-ids: "), "{leg}");
    assert!(leg.contains("if: needs.testnet.outputs.soak == 'unfinished'\n"), "{leg}");
}

const SAMPLED: &str = "src/setup/workflows/sampled.yml";
const SAMPLES: &str = "src/setup/workflows/samples.yml";

#[test]
fn in_the_sampled_mode_no_job_of_a_pull_request_holds_what_is_believed() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(SAMPLED)).unwrap();
    assert!(!text.contains("    name: testnet-deployer\n"), "GitHub would require both");
    assert!(!text.contains("testnet-soak") && !text.contains("name: soak-"), "{text}");
    let testnet = job_in(SAMPLED, "testnet");
    assert!(testnet.contains("    environment: testnet\n") && !testnet.contains("needs:"), "{testnet}");
    assert!(testnet.contains("race monitor --leg --once "), "{testnet}");
    assert!(!testnet.contains(": write") && !testnet.contains("head.sha"), "{testnet}");
    for name in ["build", "\"null\""] {
        let job = job_in(SAMPLED, name);
        assert!(!job.contains(": write") && !job.contains("secrets"), "{job}");
    }
}

/// What it keeps is believed, so nothing of a pull request may run there, and nothing but
/// `race` may choose what is kept.
#[test]
fn what_samples_runs_on_the_default_branch_alone() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(SAMPLES)).unwrap();
    let (_, events) = text.split_once("\non:\n").unwrap();
    let events: Vec<&str> =
        events.lines().take_while(|line| line.is_empty() || line.starts_with(' ')).collect();
    let named: Vec<&str> = events.iter().copied().filter(|line| line.ends_with(':')).collect();
    assert_eq!(named, ["  schedule:", "  workflow_dispatch:"]);
    let job = job_in(SAMPLES, "samples");
    assert!(job.contains("if: github.ref_name == github.event.repository.default_branch\n"), "{job}");
    for of_others in
        ["checkout@", "download-artifact", "github.event.pull_request", "head.", "inputs", "cache"]
    {
        assert!(!job.contains(of_others), "{of_others}: {job}");
    }
    for line in job.lines().filter(|line| line.trim_start().starts_with("run:")) {
        assert!(line.contains("run: exec race samples "), "{line}");
    }
    let writes: Vec<&str> = job.lines().map(str::trim).filter(|line| line.contains(": write ")).collect();
    assert!(matches!(writes[..], [line] if line.starts_with("statuses: write ")), "{job}");
    assert_eq!(text.matches("\n  cancel-in-progress: false\n").count(), 1, "two at once would count twice");
}

/// On a merge group's commit lies what the pull request changes: nothing of it may run,
/// and nobody is asked for a review.
#[test]
fn in_a_merge_queue_the_relay_only_mirrors() {
    let here = "if: github.event_name == 'workflow_dispatch' || github.event.pull_request.head.repo";
    for name in ["build", "testnet", "\"null\""] {
        assert!(job_in(RELAY, name).contains(here), "{name}");
    }
    assert!(job_in(RELAY, "open").contains("if: github.event_name != 'merge_group'\n"));
    let queue = job_in(RELAY, "queue");
    assert!(queue.contains("if: github.event_name == 'merge_group'\n"), "{queue}");
    assert!(!queue.contains("checkout") && !queue.contains("needs:"), "{queue}");
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(RELAY)).unwrap();
    assert!(text.contains("inputs.pull_request || github.ref }}"), "groups would cancel each other");
}

#[test]
fn in_a_merge_queue_poll_only_mirrors() {
    for name in ["build", "testnet", "\"null\""] {
        assert!(job(name).contains("    if: github.event_name != 'merge_group'\n"), "{name}");
    }
    // A check that is skipped counts as passed.
    assert!(!job("testnet-deployer").contains("if: github"), "{}", job("testnet-deployer"));
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/setup/workflows/poll.yml"));
    assert!(text.unwrap().contains("inputs.pull_request || github.ref }}"), "groups would cancel each other");
}
