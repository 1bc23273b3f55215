//! `race advise --base` on a checkout, with the real git.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const CRITERIA: &str = "[criteria]\nharmless = [\"docs/**\"]\n[[criteria.rule]]\nname = \"core\"\n\
    advice = \"required\"\npaths = [\"runtime/**\"]\n[[criteria.rule]]\nname = \"crates\"\n\
    advice = \"required\"\ncrates = [\"sp-*\"]\n[[criteria.rule]]\nname = \"spec\"\n\
    advice = \"required\"\ncontents = [\"res/*\"]\n";

struct Checkout {
    directory: TempDir,
}

impl Checkout {
    fn new() -> Self {
        let checkout = Self { directory: tempfile::tempdir().unwrap() };
        checkout.git(&["init", "-q", "-b", "main"]);
        checkout.write("policies/criteria.toml", CRITERIA);
        checkout.write("node/Cargo.toml", "[package]\nname = \"node\"\n[dependencies]\nsp-core = \"1\"\n");
        checkout.write("runtime/lib.rs", "a\nb\nc\nd\ne\n");
        checkout.write("res/spec.json", "{\"a\": [1, 2, 3], \"b\": 4}\n");
        checkout.commit();
        checkout.git(&["checkout", "-q", "-b", "change"]);
        checkout
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn git(&self, arguments: &[&str]) {
        let status = Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"])
            .args(arguments)
            .current_dir(self.path())
            .env("HOME", self.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .status();
        assert!(status.unwrap().success(), "{arguments:?}");
    }

    fn write(&self, path: impl AsRef<Path>, text: &str) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn commit(&self) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "change"]);
    }

    fn race(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_race"))
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path())
            .current_dir(self.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
    }

    /// Advice and rules on what was committed.
    fn advice(&self) -> String {
        let (code, out, err) = self.race(&["advise", "--base", "main", "--format", "json"]);
        assert_eq!(code, 0, "{err}");
        let told: Value = serde_json::from_str(&out).unwrap();
        let rules = told["rules"].as_array().unwrap().iter().map(|rule| rule["rule"].as_str().unwrap());
        format!("{} {:?}", told["advice"].as_str().unwrap(), rules.collect::<Vec<_>>())
    }
}

#[test]
fn what_was_committed_is_judged_by_the_base() {
    let checkout = Checkout::new();
    assert_eq!(checkout.advice(), "not-needed []");
    checkout.write("docs/a\n::error::x \u{fc}.md", "x");
    checkout.commit();
    assert_eq!(checkout.advice(), "not-needed []");
    checkout.write(
        "node/Cargo.toml",
        "# a comment\n[package]\nname = \"node\"\n\n[dependencies]\nsp-core = '1'\n",
    );
    checkout.git(&["mv", "res/spec.json", "docs/spec.json"]);
    checkout.commit();
    assert_eq!(checkout.advice(), "not-needed []");
    checkout.write("node/Cargo.toml", "[package]\nname = \"node\"\n[dependencies]\nsp-core = \"2\"\n");
    checkout.git(&["mv", "runtime/lib.rs", "docs/lib.rs"]);
    checkout.write("docs/spec.json", "{\"a\": [1, 2, 3], \"b\": 5}\n");
    checkout.commit();
    assert_eq!(checkout.advice(), "required [\"core\", \"crates\", \"spec\"]");
    let (code, out, _) = checkout.race(&["advise", "--base", "main"]);
    assert_eq!(code, 0);
    assert!(out.contains("sp-core 1 -> 2 in node/Cargo.toml [dependencies]"), "{out}");
    assert!(out.contains("runtime/lib.rs -> docs/lib.rs"), "{out}");
    // What the base has got since is no part of the change.
    checkout.git(&["checkout", "-q", "main"]);
    checkout.write("runtime/new.rs", "x");
    checkout.commit();
    checkout.git(&["checkout", "-q", "-b", "other", "HEAD~1"]);
    checkout.write("docs/b.md", "x");
    checkout.commit();
    assert_eq!(checkout.advice(), "not-needed []");
}

#[test]
fn criteria_of_the_change_itself_do_not_count() {
    let checkout = Checkout::new();
    checkout.write("policies/criteria.toml", "[criteria]\nunmatched = \"not-needed\"\n");
    checkout.write("runtime/x", "x");
    checkout.commit();
    assert_eq!(checkout.advice(), "required [\"policy-or-workflow\", \"core\"]");
}

#[cfg(unix)]
#[test]
fn links_and_names_that_are_no_text_are_judged_as_well() {
    use std::os::unix::ffi::OsStrExt as _;
    let checkout = Checkout::new();
    std::fs::remove_file(checkout.path().join("node/Cargo.toml")).unwrap();
    std::os::unix::fs::symlink("/etc/hosts", checkout.path().join("node/Cargo.toml")).unwrap();
    checkout.commit();
    assert_eq!(checkout.advice(), "required [\"manifest-unreadable\"]");
    checkout.git(&["checkout", "-q", "-b", "bytes", "main"]);
    checkout.write(Path::new("runtime").join(std::ffi::OsStr::from_bytes(b"\xff.rs")), "x");
    checkout.commit();
    assert_eq!(checkout.advice(), "required [\"core\"]");
}

#[test]
fn what_git_does_not_know_is_told() {
    let checkout = Checkout::new();
    for base in ["nothing", "--output=x", "main:policies"] {
        let argument = format!("--base={base}");
        let (code, _, err) = checkout.race(&["advise", &argument]);
        assert_eq!(code, 4, "{err}");
        assert!(err.contains("no commit of this checkout"), "{err}");
    }
    checkout.git(&["checkout", "-q", "--orphan", "apart"]);
    checkout.write("docs/apart.md", "x");
    checkout.commit();
    let (code, _, err) = checkout.race(&["advise", "--base", "main"]);
    assert_eq!(code, 4, "{err}");
    assert!(err.contains("no commit in common"), "{err}");
    assert_eq!(checkout.race(&["advise", "--base", "main", "--comment"]).0, 2);
}

/// The cookbook's two cases, by the criteria that we ship.
#[test]
fn the_cookbook_shows_what_is_really_printed() {
    let read =
        |path: &str| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let commits = regex::Regex::new("[0-9a-f]{11}").unwrap();
    let page = read("docs/criteria.md");
    let page = commits.replace_all(&page, "COMMIT");
    for (path, selected) in [("docs/guide.md", "not-needed: "), ("pallets/dkg/src/lib.rs", "required: ")] {
        let checkout = Checkout::new();
        checkout.git(&["checkout", "-q", "main"]);
        checkout.write("policies/criteria.toml", &read("policies/criteria.toml"));
        checkout.commit();
        checkout.git(&["checkout", "-q", "-B", "change"]);
        checkout.write(path, "anything\n");
        checkout.commit();
        let (code, out, err) = checkout.race(&["advise", "--base", "main"]);
        assert!(code == 0 && out.starts_with(selected), "{out}{err}");
        let shown = format!("$ race advise --base main\n{}```", commits.replace_all(&out, "COMMIT"));
        assert!(page.contains(&shown), "the page does not show this:\n{shown}");
    }
}
