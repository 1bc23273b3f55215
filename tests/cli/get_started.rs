//! docs/get-started.md, played: every call of `race` on the page, in its order, prints
//! what the page shows. `RACE_WRITE=1` writes what it prints into the page.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use testnet_deployer::rehearsal::github::{Options, Token};

use crate::doctor::put;
use crate::scene::Scene;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/get-started.md");
const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----";
const HOST_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5q2Xw0m0Xn7lJX1c8aS5o6m0p8h3Zk9r1t2u4v6wYz";

/// A repository with a node in it and nothing of ours, and its administrator.
fn nothing() -> Scene {
    let scene = Scene::with(Options::default(), |world| world.environments.clear());
    scene.github.change(|world, _| world.environments.clear());
    scene.github.admit(Token::of_person("ghp_admin", "octo-admin"));
    fs::remove_dir_all(scene.path("policies")).unwrap();
    scene.write("Cargo.toml", "[package]\nname = \"chain-node\"\n");
    scene.write("src/main.rs", "");
    scene.write("key", KEY);
    scene.write("watch-key", KEY);
    scene
}

/// What the page says is done by hand, before the call that follows it.
fn by_hand(scene: &Scene, call: &str, calls: usize) {
    if call == "policy check" {
        let policy = scene.read("policies/testnet.toml");
        scene.write(
            "policies/testnet.toml",
            &policy.replace("host_keys = []", &format!("host_keys = [\"{HOST_KEY}\"]")),
        );
    }
    if call == "doctor" && calls == 2 {
        let policies = ["policies/race.toml", "policies/testnet.toml", "policies/criteria.toml"];
        let files = [".github/workflows/testnet-deployer.yml"].into_iter().chain(policies);
        let texts: Vec<_> = files.map(|file| (file, scene.read(file))).collect();
        scene.github.change(|world, _| {
            texts.iter().for_each(|(file, text)| put(world, file, text));
            put(world, ".github/CODEOWNERS", "/.github/ @alice\n/policies/ @alice\n/.ci/ @alice\n");
        });
    }
    if call == "doctor" && calls > 2 {
        scene.github.change(|world, _| {
            world.environments.iter_mut().for_each(|environment| environment.admins_bypass = false);
        });
    }
}

/// Runs a call, saying yes where it asks, and returns what a terminal shows of it.
fn shown(scene: &Scene, call: &str) -> String {
    let mut arguments: Vec<&str> = call.split_whitespace().collect();
    if call.starts_with("init ") {
        // A released `race` knows its own.
        arguments.extend(["--release", "1234567890123456789012345678901234567890"]);
    }
    let mut command = scene.race(&arguments);
    command.env("GH_TOKEN", "ghp_admin").env("GITHUB_REPOSITORY", "octo-org/chain").stdin(Stdio::piped());
    // Of the policy's keys only what stands in the files is to count.
    for key in ["INTERVAL", "MAX_INTERVAL", "CONFIRM_AFTER", "REVIEW_LAG"] {
        command.env_remove(format!("RACE_POLLING__{key}"));
    }
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"yes\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let [log, result] = [output.stderr, output.stdout].map(|bytes| String::from_utf8(bytes).unwrap());
    let typed = if log.ends_with("Type yes:\n") { "yes\n" } else { "" };
    format!("{log}{typed}{result}")
}

#[test]
fn the_page_to_get_started_shows_what_is_really_printed() {
    let page = fs::read_to_string(PAGE).unwrap();
    let scene = nothing();
    let (mut renewed, mut rest, mut calls) = (String::new(), page.as_str(), 0);
    while let Some((before, block)) = rest.split_once("```console\n$ race ") {
        let (block, after) = block.split_once("```\n").unwrap();
        let (call, _) = block.split_once('\n').unwrap();
        by_hand(&scene, call, calls);
        calls += 1;
        renewed.push_str(&format!("{before}```console\n$ race {call}\n{}```\n", shown(&scene, call)));
        rest = after;
    }
    renewed.push_str(rest);
    assert_eq!(calls, 5);
    if std::env::var_os("RACE_WRITE").is_some() {
        fs::write(PAGE, &renewed).unwrap();
    } else {
        assert!(page == renewed, "the page is not what is printed (RACE_WRITE=1 writes it):\n{renewed}");
    }
    assert!(renewed.contains("octo-org/chain: nothing wrong\n"), "{renewed}");
    scene.exchanges();
}
