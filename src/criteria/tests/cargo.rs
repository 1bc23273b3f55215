//! Cargo's files by meaning.

use super::{change, crates, file, list, manifests, told};
use crate::criteria::{Advice, Change, Manifest, Text, advise};
use crate::policy::{Criteria, CriteriaRule, Need};

fn of(rule: CriteriaRule) -> Criteria {
    Criteria { unmatched: Need::NotNeeded, rules: vec![rule], harmless: Vec::new() }
}

/// What a rule on `sp-*` and `pallet-*` tells of one manifest, in `node/`.
fn manifest(before: &str, after: &str) -> String {
    told(&of(crates(&["sp-*", "pallet-*"])), &manifests(&[("node/Cargo.toml", before, after)]))
}

#[test]
fn layout_and_comments_do_not_count() {
    for (before, after) in [
        ("[dependencies]\nsp-core = \"1.0\"\n", "# new\n[dependencies]\n\"sp-core\" = '1.0' # pinned\n"),
        ("[dependencies]\nsp-core = \"1.0\"\n", "[dependencies.sp-core]\nversion = \"1.0\"\n"),
        ("[dependencies]\nsp-core = \"1\"\n", "dependencies.sp-core.version = \"1\"\n"),
        ("[dependencies]\nsp-core = \"^1.0\"\n", "[dependencies]\nsp-core = { version = \" 1.0\" }\n"),
        (
            "[dependencies]\nsp-core = { version = \"1\", features = [\"a\", \"b\"], default-features = true }\n",
            "[dependencies]\nsp-core = { features = [\"b\", \"a\"], optional = false, version = \"1\" }\n",
        ),
        (
            "[dependencies]\nsp-core = { git = \"https://e.x/sp.git\", default_features = false }\n",
            "[dependencies]\nsp-core = { git = \"https://e.x/sp/\", default-features = false }\n",
        ),
        (
            "[dependencies]\npallet-a = { path = \"../pallets/a\" }\n",
            "[dependencies]\npallet-a = { path = \"./../pallets/./a/\" }\n",
        ),
        ("[dependencies]\nserde = \"1\"\n", "[dependencies]\nserde = \"2\"\n"),
        (
            "[package]\nname = \"sp-x\"\nversion = \"1.0.0\"\ndescription = \"a\"\n",
            "[package]\nname = \"sp-x\"\nversion = \"1.0.0\"\ndescription = \"b\"\nauthors = [\"c\"]\n",
        ),
        (
            "[target.'cfg(unix)'.dependencies]\nsp-io = \"1\"\n",
            "[target.\"cfg( unix )\".dependencies]\nsp-io = \"1\"\n",
        ),
        ("[build_dependencies]\nsp-io = \"1\"\n", "[build-dependencies]\nsp-io = \"1\"\n"),
    ] {
        assert_eq!(manifest(before, after), "not-needed []", "{before}\n->\n{after}");
    }
}

#[test]
fn what_is_said_of_a_named_crate_counts() {
    for (before, after, expected) in [
        (
            "[dependencies]\nsp-core = \"1.0\"",
            "[dependencies]\nsp-core = \"2.0\"",
            "sp-core 1.0 -> 2.0 in node/Cargo.toml [dependencies]",
        ),
        ("", "[dev-dependencies]\nsp-io = \"1\"", "sp-io 1, new in node/Cargo.toml [dev-dependencies]"),
        (
            "[build-dependencies]\nsp-io = \"1\"",
            "a = 1",
            "sp-io 1, gone in node/Cargo.toml [build-dependencies]",
        ),
        (
            "[dependencies]\nsp-core = { git = \"https://e.x/a\", branch = \"v1\" }",
            "[dependencies]\nsp-core = { git = \"https://e.x/a\", branch = \"v2\" }",
            "sp-core branch v1, git https://e.x/a -> branch v2, git https://e.x/a in node/Cargo.toml [dependencies]",
        ),
        (
            "[dependencies]\nsp-core = { version = \"1\", features = [\"std\"] }",
            "[dependencies]\nsp-core = { version = \"1\", features = [\"std\", \"full_crypto\"], default-features = false }",
            "sp-core 1, features std -> 1, no default features, features full_crypto+std in node/Cargo.toml [dependencies]",
        ),
        // Renamed by `package`: the crate's own name counts, not the one that it is given.
        (
            "[dependencies]\ncore = { package = \"sp-core\", version = \"1\" }",
            "[dependencies]\ncore = { package = \"sp-core\", version = \"2\" }",
            "sp-core 1 -> 2 in node/Cargo.toml [dependencies]",
        ),
        (
            "[dependencies]\nsp-core = \"1\"",
            "[dependencies]\nsp-core = { package = \"evil\", version = \"1\" }",
            "sp-core 1, gone in node/Cargo.toml [dependencies]",
        ),
        (
            "[target.'cfg(unix)'.dependencies]\nsp-io = \"1\"",
            "[target.'cfg(windows)'.dependencies]\nsp-io = \"1\"",
            "sp-io 1, gone in node/Cargo.toml [target.cfg(unix).dependencies], \
             sp-io 1, new in node/Cargo.toml [target.cfg(windows).dependencies]",
        ),
        (
            "[patch.crates-io]\nsp-core = { path = \"../a\" }",
            "[patch.crates-io]\nsp-core = { path = \"../b\" }",
            "sp-core path /a -> path /b in node/Cargo.toml [patch.crates-io]",
        ),
        (
            "[patch.crates-io]\n",
            "[patch.\"https://e.x/substrate\"]\nfork = { package = \"sp-io\", git = \"https://e.x/fork\" }",
            "sp-io git https://e.x/fork, new in node/Cargo.toml [patch.https://e.x/substrate]",
        ),
        (
            "",
            "[replace]\n\"sp-io:1.0.0\" = { path = \"x\" }",
            "sp-io path /node/x, new in node/Cargo.toml [replace]",
        ),
        (
            "[features]\nstd = []\n[dependencies]\nc = { package = \"sp-core\", version = \"1\" }",
            "[features]\nstd = [\"c?/std\"]\n[dependencies]\nc = { package = \"sp-core\", version = \"1\" }",
            "sp-core c?/std, new in node/Cargo.toml [features.std]",
        ),
        (
            "[profile.release]\nlto = true",
            "[profile.release]\nlto = false",
            "every crate profile in node/Cargo.toml [profile]",
        ),
        (
            "",
            "[workspace]\nresolver = \"2\"",
            "every crate workspace.resolver, new in node/Cargo.toml [workspace.resolver]",
        ),
        (
            "[package]\nname = \"pallet-a\"\nedition = \"2018\"",
            "[package]\nname = \"pallet-a\"\nedition = \"2021\"",
            "pallet-a the package itself in node/Cargo.toml [package]",
        ),
    ] {
        assert_eq!(
            manifest(before, after),
            format!("required [crates: {expected}]"),
            "{before}\n->\n{after}"
        );
    }
}

#[test]
fn members_take_over_what_the_workspace_says() {
    let criteria = of(crates(&["sp-*"]));
    let root = |line: &str| format!("[workspace]\nmembers = [\"a\"]\n[workspace.dependencies]\n{line}\n");
    let member = |line: &str| format!("[package]\nname = \"a\"\n[dependencies]\n{line}\n");
    let both = |root_before: &str, root_after: &str, before: &str, after: &str| {
        told(
            &criteria,
            &manifests(&[
                ("Cargo.toml", &root(root_before), &root(root_after)),
                ("a/Cargo.toml", &member(before), &member(after)),
            ]),
        )
    };
    // Moved to the workspace, and the same all the same.
    assert_eq!(both("", "sp-core = \"1\"", "sp-core = \"1\"", "sp-core.workspace = true"), "not-needed []");
    assert_eq!(
        both(
            "",
            "sp-core = { version = \"1\", path = \"sp/core\", features = [\"a\"] }",
            "sp-core = { version = \"1\", path = \"../sp/core\", features = [\"b\", \"a\"], optional = true }",
            "sp-core = { workspace = true, features = [\"b\"], optional = true }",
        ),
        "not-needed []"
    );
    assert_eq!(
        both("sp-core = \"1\"", "sp-core = \"2\"", "sp-core.workspace = true", "sp-core.workspace = true"),
        "required [crates: sp-core 1 -> 2 in Cargo.toml [workspace.dependencies], \
         sp-core 1 -> 2 in a/Cargo.toml [dependencies]]"
    );
    assert_eq!(
        both(
            "sp-core = { version = \"1\", default-features = false }",
            "sp-core = { version = \"1\", default-features = false }",
            "sp-core = { workspace = true }",
            "sp-core = { workspace = true, default-features = true }",
        ),
        "required [crates: sp-core 1, no default features -> 1 in a/Cargo.toml [dependencies]]"
    );
    // Only the root differs: members that are not part of the change take it over.
    let alone = manifests(&[("Cargo.toml", &root("sp-core = \"1\""), &root("sp-core = \"2\""))]);
    assert_eq!(
        told(&criteria, &alone),
        "required [crates: sp-core 1 -> 2 in Cargo.toml [workspace.dependencies]]"
    );
    // Nobody takes over what has only been put there.
    let new = manifests(&[("Cargo.toml", &root(""), &root("sp-core = \"2\""))]);
    assert_eq!(told(&criteria, &new), "not-needed []");
    // The root is not part of the change, so what it says is not known, and stays the same.
    let features = manifests(&[(
        "a/Cargo.toml",
        &member("sp-core = { workspace = true }"),
        &member("sp-core = { workspace = true, features = [\"x\"] }"),
    )]);
    assert_eq!(advise(Some(&criteria), &features).advice, Advice::Required);
}

#[test]
fn a_manifest_that_moved_is_the_same_manifest() {
    let text = "[package]\nname = \"pallet-a\"\n[dependencies]\nsp-core = \"1\"\n";
    let moved = |after: &str| Change {
        manifests: vec![Manifest {
            path: "new/a/Cargo.toml".to_owned(),
            previous: Some("old/a/Cargo.toml".to_owned()),
            before: Text::Is(text.to_owned()),
            after: Text::Is(after.to_owned()),
        }],
        ..change(&["old/a/Cargo.toml => new/a/Cargo.toml"])
    };
    let criteria = of(crates(&["sp-*", "pallet-*"]));
    assert_eq!(told(&criteria, &moved(text)), "not-needed []");
    assert_eq!(
        told(&criteria, &moved(&text.replace("\"1\"", "\"2\""))),
        "required [crates: sp-core 1 -> 2 in new/a/Cargo.toml [dependencies]]"
    );
    assert_eq!(file("a => b").previous.as_deref(), Some("a"));
}

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn lock(packages: &[(&str, &str, &str, &[&str])]) -> String {
    let mut text = "# by cargo\nversion = 3\n".to_owned();
    for (name, version, source, dependencies) in packages {
        text.push_str(&format!("\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n"));
        if !source.is_empty() {
            text.push_str(&format!("source = \"{source}\"\n"));
        }
        text.push_str(&format!("dependencies = {dependencies:?}\n"));
    }
    text
}

#[test]
fn a_lock_file_tells_what_is_built() {
    let before = lock(&[("sp-core", "1.0.0", REGISTRY, &[]), ("serde", "1.0.1", REGISTRY, &[])]);
    let with = |after: &str| manifests(&[("Cargo.lock", &before, after)]);
    let criteria = of(crates(&["sp-*"]));
    let layout = before.replace("# by cargo", "# by hand\n\n").replace("version = 3", "version = 4");
    assert_eq!(told(&criteria, &with(&layout)), "not-needed []");
    assert_eq!(told(&criteria, &with(&before.replace("1.0.1", "1.0.2"))), "not-needed []");
    assert_eq!(
        told(&criteria, &with(&before.replace("1.0.0", "1.1.0"))),
        "required [crates: sp-core 1.0.0 -> 1.1.0 in Cargo.lock]"
    );
    let forked =
        lock(&[("sp-core", "1.0.0", "git+https://e.x/a#0123", &[]), ("serde", "1.0.1", REGISTRY, &[])]);
    assert_eq!(
        told(&criteria, &with(&forked)),
        "required [crates: sp-core 1.0.0 -> 1.0.0 (git+https://e.x/a#0123) in Cargo.lock]"
    );
    let second =
        format!("{before}{}", lock(&[("sp-core", "2.0.0", REGISTRY, &[])]).split_once("3\n").unwrap().1);
    assert_eq!(told(&criteria, &with(&second)), "required [crates: sp-core 2.0.0, new in Cargo.lock]");
    let checksum = before.replace("dependencies = []", "checksum = \"ab\"");
    assert_eq!(advise(Some(&criteria), &with(&checksum)).advice, Advice::Required);
    assert_eq!(advise(Some(&criteria), &with("version = 9")).findings[0].rule, "manifest-unreadable");
    // What no rule names is left to `unmatched`; another layout of the same is nothing.
    let strict = Criteria { unmatched: Need::Recommended, ..criteria };
    assert_eq!(
        told(&strict, &with(&before.replace("1.0.1", "1.0.2"))),
        "recommended [unmatched: Cargo.lock]"
    );
    assert_eq!(told(&strict, &with(&layout)), "not-needed []");
}

#[test]
fn a_named_crate_does_not_hide_another_one_in_the_same_file() {
    let rule = CriteriaRule { advice: Need::Recommended, ..crates(&["sp-*"]) };
    let criteria = Criteria { unmatched: Need::Required, ..of(rule) };
    let text = |sp: &str, other: &str| format!("[dependencies]\nsp-io = \"{sp}\"\nother = \"{other}\"\n");
    for (sp, other) in [("1", "2"), ("2", "2")] {
        let change = manifests(&[("a/Cargo.toml", &text("1", "1"), &text(sp, other))]);
        assert_eq!(advise(Some(&criteria), &change).advice, Advice::Required, "{sp} {other}");
    }
}

#[test]
fn a_lock_file_tells_what_a_package_is_built_on() {
    let with = |deep: &str, aside: &str| {
        lock(&[
            ("runtime", "0.1.0", "", &["middle", "twice 2.0.0"]),
            ("middle", "1.0.0", REGISTRY, &["deep", "middle"]),
            ("deep", deep, REGISTRY, &[]),
            ("twice", "1.0.0", REGISTRY, &["aside"]),
            ("twice", "2.0.0", REGISTRY, &[]),
            ("aside", aside, REGISTRY, &["runtime"]),
        ])
    };
    let rule =
        CriteriaRule { dependencies_of: list(&["runtime"]), ..CriteriaRule::named("core", Need::Required) };
    let criteria = of(rule);
    let advised =
        |after: &str| told(&criteria, &manifests(&[("Cargo.lock", &with("1.0.0", "1.0.0"), after)]));
    assert_eq!(advised(&with("1.0.1", "1.0.0")), "required [core: deep 1.0.0 -> 1.0.1 in Cargo.lock]");
    assert_eq!(advised(&with("1.0.0", "1.0.1")), "not-needed []");
    assert_eq!(
        advised(&with("1.0.0", "1.0.0").replace("twice 2.0.0", "twice 1.0.0")),
        "required [core: aside 1.0.0, new in Cargo.lock, runtime 0.1.0, new in Cargo.lock, \
         twice 2.0.0 -> 1.0.0 in Cargo.lock]"
    );
}
