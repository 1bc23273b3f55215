//! The files that are written are sound, and edits of them are seen.

use std::time::Duration;

use crate::policy::Selection;

use super::answers::{Binary, Environments, Login, NodeUrl, Target, Word};
use super::files::{File, code_owners, files};
use super::workspace::{Manifest, binaries, members, names_the_check, node};
use super::{Answers, Kept, Mode, Release, RunsOn, kept};

pub(super) fn answers(mode: Mode) -> Answers {
    let word = |text| Word::parse(text).unwrap();
    Answers {
        mode,
        selection: Selection::Manual,
        runs_on: RunsOn::Hosted,
        release: Release::new(&"ab".repeat(20), "v1.2.3").unwrap(),
        environments: Environments::default(),
        reviewers: vec![Login::parse("alice").unwrap(), Login::parse("org/core").unwrap()],
        targets: vec![
            Target::parse("deploy@203.0.113.10").unwrap(),
            Target::parse("deploy@[2001:db8::1]:2222").unwrap(),
        ],
        nodes: vec![
            NodeUrl::parse("ws://127.0.0.1:9944").unwrap(),
            NodeUrl::parse("wss://rpc.example").unwrap(),
        ],
        session_length: Duration::from_secs(60),
        target_sessions: 500,
        binary: Some(Binary { package: word("chain-node"), name: word("chain") }),
    }
}

fn text(files: &[File], path: &str) -> String {
    files.iter().find(|file| file.path == path).unwrap().text.clone()
}

#[test]
fn the_answers_stand_in_the_policies() {
    let written = files(&answers(Mode::Relay));
    let race = text(&written, "policies/race.toml");
    assert!(race.contains("gate = \"testnet\" ") && race.contains("job = \"soaked\" "), "{race}");
    let testnet = text(&written, "policies/testnet.toml");
    for line in [
        "address = \"2001:db8::1\"\nport = 2222\nuser = \"deploy\"\n",
        "from = \"artifact/chain\", to = \"/usr/local/bin/chain\"",
        "\nmax_runtime = \"5h\"",
        "\nlease = \"11h\"",
        "url = \"ws://127.0.0.1:9944\"\nvia_ssh = \"validator-1\"\n",
        "url = \"wss://rpc.example\"\n# name",
        "\n# no_session",
        "\n[monitor.expect]\nsystem_version_contains = \"{short_sha}\"\n",
    ] {
        assert!(testnet.contains(line), "{line}: {testnet}");
    }
    assert_eq!(testnet.matches("[[deploy.host]]").count(), 2, "{testnet}");
    let poll = files(&answers(Mode::Poll));
    assert!(text(&poll, "policies/race.toml").contains("job = \"testnet\" "));
    assert!(text(&poll, "policies/testnet.toml").contains("# max_runtime"));
    let own = Answers { runs_on: RunsOn::SelfHosted, ..answers(Mode::Poll) };
    assert!(text(&files(&own), "policies/race.toml").contains("\ndeadline = \"22h40m\""));
    assert!(text(&written, ".ci/build").starts_with("#!/bin/sh\n# race init "));
    assert_eq!(code_owners(&answers(Mode::Poll))[1], "/policies/ @alice @org/core");
}

#[test]
fn other_environments_stand_in_workflow_and_policy() {
    let word = |text| Word::parse(text).unwrap();
    let names = Environments { testnet: word("arana"), null: word("no"), soak: word("arana-soak") };
    let written = files(&Answers { environments: names, ..answers(Mode::Relay) });
    let workflow = text(&written, super::workflow::PATH);
    for (name, count) in [("arana", 1), ("no", 1), ("arana-soak", 2)] {
        assert_eq!(workflow.matches(&format!("    environment: \"{name}\"\n")).count(), count, "{name}");
    }
    assert!(!workflow.contains("environment: testnet"), "{workflow}");
    let race = text(&written, "policies/race.toml");
    assert!(race.contains("environment = \"arana\"") && race.contains("environment = \"no\""), "{race}");
    assert!(race.contains("name = \"null\""), "{race}");
}

#[test]
fn what_was_edited_is_kept_and_what_was_not_is_replaced() {
    for File { path, text: ours, .. } in files(&answers(Mode::Relay)) {
        assert_eq!(kept(path, None, &ours), Kept::New);
        assert_eq!(kept(path, Some(&ours), &ours), Kept::Same);
        let other = files(&Answers { target_sessions: 100, ..answers(Mode::Poll) });
        let other = text(&other, path);
        if other != ours {
            let Kept::Ours { diff } = kept(path, Some(&other), &ours) else { panic!("{path}") };
            assert!(diff.starts_with(&format!("--- a/{path}\n+++ b/{path}\n@@ ")), "{diff}");
        }
        for edited in [format!("{ours}# mine\n"), ours.replacen("e", "E", 1), "anything".to_owned()] {
            assert!(matches!(kept(path, Some(&edited), &ours), Kept::Edited { .. }), "{path}: {edited}");
        }
    }
}

#[test]
fn the_node_of_a_workspace_is_found() {
    let manifest = |text: &str, has_main| Manifest { text: text.to_owned(), has_main };
    let package = |name: &str| manifest(&format!("[package]\nname = \"{name}\"\n"), true);
    let root = "[workspace]\nmembers = [\"node\", \"pallets/*\"]\n";
    assert_eq!(members(root), ["node", "pallets/*"]);
    let named = |manifests: &[Manifest]| {
        let found = binaries(manifests);
        node(&found).map(|binary| format!("{} {}", binary.package, binary.name))
    };
    assert_eq!(named(&[manifest(root, false), package("chain")]).as_deref(), Some("chain chain"));
    let bin = "[package]\nname = \"chain-cli\"\n[[bin]]\nname = \"chain\"\n[[bin]]\nname = \"chain-node\"\n";
    assert_eq!(named(&[manifest(bin, true), package("tool")]).as_deref(), Some("chain-cli chain-node"));
    assert_eq!(named(&[package("a-node"), package("b-node")]), None);
    assert_eq!(named(&[package("a"), package("b")]), None);
    assert_eq!(named(&[manifest("not toml [", true), manifest("[package]\nname = \"a b\"\n", true)]), None);
}

#[test]
fn another_job_of_the_checks_name_is_found() {
    for (workflow, found) in [
        ("name: testnet-deployer\njobs:\n  a:\n", false),
        ("jobs:\n  testnet-deployer:\n", true),
        ("jobs:\n  a:\n    name: \"testnet-deployer\"\n", true),
        ("jobs:\n  a:\n    name: testnet-deployer-2\n", false),
    ] {
        assert_eq!(names_the_check(workflow, "testnet-deployer"), found, "{workflow}");
    }
}
