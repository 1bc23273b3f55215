//! The workflows keep what no linter holds: `null` is quoted wherever it stands, and
//! the jobs that decide run nothing of the pull request.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// Every workflow and action of the repository.
fn files() -> Vec<PathBuf> {
    let github = Path::new(env!("CARGO_MANIFEST_DIR")).join(".github");
    let mut files = Vec::new();
    let mut directories = vec![github];
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
    let bare = Regex::new(r"(?i)\bnull\b").unwrap();
    let dotted = Regex::new(r"(?i)\.\s*null\b").unwrap();
    let is_wrong = |line: &&str| {
        let code = comment.replace(line, "");
        dotted.is_match(&code) || bare.is_match(&quoted.replace_all(&code, ""))
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
    for line in
        ["\"null\":", "needs: ['null']", "if: needs['null'].result == 'a'", "nullable: a", "a: b # null"]
    {
        assert_eq!(unquoted(line), Vec::<&str>::new());
    }
}

/// The text of one job of the shipped workflow.
fn job(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(".github/workflows/testnet-deployer.yml");
    let text = fs::read_to_string(path).unwrap();
    let (_, after) = text.split_once(&format!("\n  {name}:\n")).unwrap();
    let of_the_job = |line: &&str| line.is_empty() || line.starts_with("    ");
    after.lines().take_while(of_the_job).collect::<Vec<_>>().join("\n")
}

#[test]
fn where_the_key_or_the_verdict_is_nothing_of_the_pull_request_runs() {
    let own = "ref: ${{ github.event.pull_request.base.sha || github.sha }}";
    let dispatched_only = "ref: ${{ github.sha }}";
    for (name, base) in
        [("testnet", own), ("testnet-deployer", own), ("open", dispatched_only), ("settle", dispatched_only)]
    {
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
