//! Each kind of rule, and what is judged without one.

use super::{change, crates, file, list, manifests, paths, told};
use crate::criteria::{Advice, Change, ChangedFile, Content, Manifest, Text, advise, wanted};
use crate::policy::{Association, Criteria, CriteriaRule, Need};

fn criteria() -> Criteria {
    let runtime = CriteriaRule {
        except: list(&["**/*.md", "runtime/benches/**"]),
        ..paths("runtime", Need::Required, &["runtime/**", "pallets/**"])
    };
    Criteria {
        harmless: list(&["docs/**", "**/*.md", "ci/**"]),
        unmatched: Need::Recommended,
        rules: vec![runtime, paths("tooling", Need::Recommended, &["scripts/**"])],
    }
}

#[test]
fn paths_are_judged_by_both_of_their_names() {
    for (files, expected) in [
        (&[][..], "not-needed []"),
        (&["docs/a.md", "README.md", "ci/run.sh"], "not-needed []"),
        (&["runtime/src/lib.rs"], "required [runtime: runtime/src/lib.rs]"),
        (&["+runtime/src/new.rs"], "required [runtime: runtime/src/new.rs]"),
        (&["-runtime/src/old.rs"], "required [runtime: runtime/src/old.rs]"),
        (&["runtime/src/a.rs => docs/a.md"], "required [runtime: runtime/src/a.rs -> docs/a.md]"),
        (&["docs/a.md => pallets/x/a.rs"], "required [runtime: docs/a.md -> pallets/x/a.rs]"),
        (&["runtime/README.md", "docs/a"], "not-needed []"),
        (&["runtime/benches/a.rs"], "recommended [unmatched: runtime/benches/a.rs]"),
        (&["src/a.rs => docs/a.md"], "recommended [unmatched: src/a.rs -> docs/a.md]"),
        // A submodule, or a symbolic link, in the place of the directory.
        (&["runtime"], "required [runtime: runtime]"),
        (&["docs"], "not-needed []"),
        // What git has as bytes that are no UTF-8.
        (&["runtime/\u{fffd}.rs"], "required [runtime: runtime/\u{fffd}.rs]"),
        (&["\u{fffd}untime/a.rs"], "recommended [unmatched: \u{fffd}untime/a.rs]"),
        (&["Runtime/a.rs"], "recommended [unmatched: Runtime/a.rs]"),
        (&["scripts/a", "x"], "recommended [tooling: scripts/a; unmatched: x]"),
        (&["x", "runtime/a"], "required [runtime: runtime/a; unmatched: x]"),
    ] {
        assert_eq!(told(&criteria(), &change(files)), expected, "{files:?}");
    }
}

#[test]
fn what_holds_the_gate_is_always_judged() {
    let lax = Criteria { harmless: list(&["**"]), unmatched: Need::NotNeeded, rules: Vec::new() };
    for path in [
        ".github/workflows/ci.yml",
        ".github/CODEOWNERS",
        "policies/race.toml",
        "policies",
        "CODEOWNERS",
        "docs/CODEOWNERS",
        "policies/race.toml => old/race.toml",
        "x => .github/x",
    ] {
        let advised = advise(Some(&lax), &change(&[path]));
        assert_eq!(advised.advice, Advice::Required, "{path}");
        assert!(advised.changes_policy, "{path}");
        assert!(advised.to_string().contains("the base's is in force"), "{advised}");
    }
    let advised = advise(Some(&lax), &change(&["src/policies/a", "github/a"]));
    assert_eq!((advised.advice, advised.changes_policy), (Advice::NotNeeded, false));
}

#[test]
fn what_cannot_be_looked_at_asks_for_a_testnet() {
    let cut = Change { cut: Some("there are more than 3000".to_owned()), ..change(&["docs/a.md"]) };
    assert_eq!(told(&criteria(), &cut), "required [files-not-listed: not known: there are more than 3000]");
    let without = advise(None, &change(&["docs/a.md"]));
    assert_eq!(without.advice, Advice::Unknown);
    assert!(without.advice.needs_testnet());
    assert_eq!(without.findings[0].rule, "no-criteria");
    assert_eq!(advise(None, &change(&["policies/race.toml"])).advice, Advice::Required);
}

#[test]
fn a_pattern_that_is_none_never_makes_anybody_content() {
    let broken = Criteria { harmless: list(&["["]), ..Criteria::default() };
    assert_eq!(told(&broken, &change(&["a"])), "recommended [unmatched: a]");
    let broken = Criteria { rules: vec![paths("r", Need::Required, &["["])], ..Criteria::default() };
    assert_eq!(told(&broken, &change(&["a"])), "required [r: a]");
}

fn one(rule: CriteriaRule) -> Criteria {
    Criteria { unmatched: Need::NotNeeded, rules: vec![rule], harmless: Vec::new() }
}

#[test]
fn labels_and_author_are_judged_where_they_are_known() {
    let labels =
        one(CriteriaRule { labels: list(&["Testnet", "core"]), ..CriteriaRule::named("l", Need::Required) });
    let of = |names: &[&str]| Change { labels: Some(list(names)), ..change(&["a"]) };
    assert_eq!(told(&labels, &of(&["docs"])), "not-needed []");
    assert_eq!(told(&labels, &of(&["testnet"])), "required [l: label Testnet]");
    assert_eq!(told(&labels, &change(&["a"])), "unknown [l: not known: the pull request's labels]");
    let soft = one(CriteriaRule { labels: list(&["x"]), ..CriteriaRule::named("l", Need::Recommended) });
    assert_eq!(advise(Some(&soft), &change(&["a"])).advice, Advice::Recommended);
    let author = one(CriteriaRule {
        author: vec![Association::None, Association::FirstTimeContributor],
        ..paths("a", Need::Required, &["src/**"])
    });
    let by = |author, path| Change { author, ..change(&[path]) };
    assert_eq!(told(&author, &by(Some(Association::Member), "src/a")), "not-needed []");
    assert_eq!(told(&author, &by(Some(Association::None), "a")), "not-needed []");
    assert_eq!(told(&author, &by(Some(Association::None), "src/a")), "required [a: src/a, author: none]");
    assert_eq!(advise(Some(&author), &by(None, "src/a")).advice, Advice::Unknown);
    // A condition that does not hold says so, whatever else is not known.
    assert_eq!(advise(Some(&author), &by(None, "a")).advice, Advice::NotNeeded);
}

#[test]
fn size_counts_what_the_rule_means() {
    let rule = |lines_over, files_over, patterns: &[&str]| {
        one(CriteriaRule { lines_over, files_over, ..paths("s", Need::Required, patterns) })
    };
    let files = |lines: u64| Change {
        files: vec![ChangedFile::modified("src/a", lines), ChangedFile::modified("docs/a", 900)],
        ..Change::default()
    };
    assert_eq!(told(&rule(Some(100), None, &["src/**"]), &files(100)), "not-needed []");
    assert_eq!(told(&rule(Some(100), None, &["src/**"]), &files(101)), "required [s: src/a, 101 lines]");
    assert_eq!(told(&rule(Some(1000), None, &[]), &files(101)), "required [s: 1001 lines]");
    assert_eq!(told(&rule(None, Some(2), &[]), &files(1)), "not-needed []");
    assert_eq!(told(&rule(None, Some(1), &[]), &files(1)), "required [s: 2 files]");
}

#[test]
fn contents_are_judged_without_name_and_mode() {
    let rule = CriteriaRule {
        contents: list(&["res/*.json"]),
        except: list(&["res/dev.json"]),
        ..CriteriaRule::named("spec", Need::Required)
    };
    let with = |text: &str, content| Change {
        files: vec![ChangedFile { content, ..file(text) }],
        ..Change::default()
    };
    for (text, content, expected) in [
        ("res/a.json", Content::Differs, "required [spec: res/a.json]"),
        ("res/a.json", Content::Unknown, "required [spec: res/a.json]"),
        ("res/a.json", Content::Same, "not-needed []"),
        ("res/a.json => res/b.json", Content::Same, "not-needed []"),
        ("res/a.json => b.json", Content::Differs, "required [spec: res/a.json -> b.json]"),
        ("res/dev.json", Content::Differs, "not-needed []"),
        ("-res/a.json", Content::Differs, "required [spec: res/a.json]"),
    ] {
        assert_eq!(told(&one(rule.clone()), &with(text, content)), expected, "{text}");
    }
}

#[test]
fn manifests_are_asked_for_only_where_a_rule_reads_them() {
    let files =
        change(&["+a/Cargo.toml", "Cargo.lock", "-b/Cargo.toml", "c/Cargo.toml => d/x.toml", "Cargo.rs"]);
    assert_eq!(wanted(&criteria(), &files.files), []);
    let some = |path: &str| Some(path.to_owned());
    assert_eq!(
        wanted(&one(crates(&["sp-*"])), &files.files),
        [
            (None, some("a/Cargo.toml")),
            (some("Cargo.lock"), some("Cargo.lock")),
            (some("b/Cargo.toml"), None),
            (some("c/Cargo.toml"), None),
        ]
    );
    let left = Change {
        manifests: vec![Manifest {
            path: "c/Cargo.toml".to_owned(),
            previous: None,
            before: Text::Is("[dependencies]\nsp-io = \"1\"".to_owned()),
            after: Text::Absent,
        }],
        ..change(&["c/Cargo.toml => d/x.toml"])
    };
    assert_eq!(
        told(&one(crates(&["sp-*"])), &left),
        "required [crates: sp-io 1, gone in c/Cargo.toml [dependencies]]"
    );
    // What was asked for and did not come cannot be read.
    let advised = advise(Some(&one(crates(&["sp-*"]))), &change(&["Cargo.lock"]));
    assert_eq!(advised.advice, Advice::Required);
    assert_eq!(advised.findings[0].rule, "manifest-unreadable");
    let broken = manifests(&[("Cargo.toml", "[package]\nname = \"a\"", "[package")]);
    assert_eq!(advise(Some(&one(crates(&["sp-*"]))), &broken).findings[0].rule, "manifest-unreadable");
    assert_eq!(advise(Some(&criteria()), &broken).findings[0].rule, "unmatched");
}
