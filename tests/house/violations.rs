//! Every rule of the house does catch what breaks it.

use super::{LINES, check, machine_paths};

/// What `check` says of `code` in the file `path`.
fn verdict(path: &str, code: &str) -> String {
    check(path, &format!("//! A file.\n{code}\n")).join("\n")
}

/// (file, code, what the message names)
const BROKEN: &[(&str, &str, &str)] = &[
    // Who uses whom.
    ("src/race/decide.rs", "use crate::github::Client;", "crate::github::Client"),
    ("src/race/decide.rs", "fn f(_: crate::soak::Verdict) {}", "crate::soak::Verdict"),
    ("src/race/decide.rs", "use crate::{policy::Rules, report};", "crate::report"),
    ("src/race/decide.rs", "fn f() { println!(\"{}\", crate::config::X) }", "crate::config::X"),
    ("src/race/decide.rs", "use super::super::ssh::Host;", "crate::ssh::Host"),
    ("src/race/mod.rs", "mod deep { use super::super::ssh; }", "crate::ssh"),
    ("src/race/mod.rs", "use super::chain;", "crate::chain"),
    ("src/race/mod.rs", "use crate as us;", "`crate`"),
    ("src/race/mod.rs", "use super::*;", "crate::*"),
    ("src/race/mod.rs", "use testnet_deployer::cli;", "testnet_deployer::cli"),
    ("src/race/mod.rs", "#[serde(with = \"x\")] struct A(crate::chain::Node);", "crate::chain::Node"),
    ("src/policy/mod.rs", "use crate::exit::Exit;", "crate::exit"),
    ("src/github/jobs.rs", "use crate::ssh::Session;", "crate::ssh::Session"),
    ("src/ssh/mod.rs", "use crate::report::Line;", "crate::report::Line"),
    ("src/report/mod.rs", "use crate::config::Source;", "crate::config::Source"),
    ("src/config/mod.rs", "use crate::race::Verdict;", "crate::race::Verdict"),
    ("src/cli.rs", "use crate::commands::wait;", "crate::commands::wait"),
    ("src/commands/wait.rs", "use crate::rehearsal::World;", "crate::rehearsal::World"),
    ("src/chain/mod.rs", "use crate::rehearsal;", "crate::rehearsal"),
    ("src/main.rs", "use testnet_deployer::rehearsal;", "testnet_deployer::rehearsal"),
    ("src/main.rs", "fn main() { testnet_deployer::github::run() }", "testnet_deployer::github::run"),
    ("src/lib.rs", "use crate::race::decide;", "crate::race::decide"),
    ("src/new.rs", "use crate::policy::Policy;", "`new`"),
    // What the pure modules do without.
    ("src/race/mod.rs", "use tokio::time::sleep;", "tokio::time::sleep"),
    ("src/race/mod.rs", "#[tokio::main] fn f() {}", "tokio::main"),
    ("src/soak/mod.rs", "use std::{fs, time::Duration};", "std::fs"),
    ("src/soak/mod.rs", "use std::fs::{self, File};", "std::fs::File"),
    ("src/soak/mod.rs", "use std::time::Instant;", "std::time::Instant"),
    ("src/soak/mod.rs", "use std::time; fn f() { time::SystemTime::now(); }", "std::time::SystemTime::now"),
    ("src/soak/mod.rs", "use std::time as t; fn f() { t::Instant::now(); }", "std::time::Instant::now"),
    ("src/soak/mod.rs", "use std::*;", "std::*"),
    ("src/soak/mod.rs", "use ::std::net::TcpStream;", "std::net::TcpStream"),
    ("src/criteria/mod.rs", "fn f() { std::env::var(\"A\"); }", "std::env::var"),
    ("src/deploy/mod.rs", "use std::process::Command;", "std::process::Command"),
    ("src/exit.rs", "use std::process::exit;", "std::process::exit"),
    ("src/policy/mod.rs", "use jiff::Timestamp; fn f() { Timestamp::now(); }", "jiff::Timestamp::now"),
    ("src/policy/mod.rs", "fn f() { jiff::Zoned::now(); }", "jiff::Zoned::now"),
    ("src/policy/mod.rs", "fn f() { let _ = vec![fastrand::u8(..)]; }", "fastrand::u8"),
    // Libraries that are kept in one place.
    ("src/commands/wait.rs", "use octocrab::Octocrab;", "octocrab"),
    ("src/github/mod.rs", "use openssh::Session;", "openssh"),
    ("src/report/mod.rs", "fn f(_: tokio_tungstenite::Frame) {}", "tokio_tungstenite"),
    ("src/commands/policy.rs", "use figment::Figment;", "figment"),
    ("src/github/mod.rs", "use axum::Router;", "axum"),
    ("src/ssh/mod.rs", "use russh::server;", "russh"),
    ("src/policy/mod.rs", "#[derive(clap::ValueEnum)] enum A {}", "clap::ValueEnum"),
    // Conditional compilation.
    ("src/github/mod.rs", "#[cfg(test)] fn f() {}", "`mod tests` alone"),
    ("src/github/mod.rs", "#[cfg(test)] mod fixtures {}", "`mod tests` alone"),
    ("src/github/mod.rs", "fn f() { if cfg!(test) {} }", "conditional compilation"),
    ("src/github/mod.rs", "#[cfg(feature = \"rehearsal\")] fn f() {}", "conditional compilation"),
    ("src/github/mod.rs", "#[cfg(not(test))] fn f() {}", "conditional compilation"),
    ("src/github/mod.rs", "#[cfg_attr(test, derive(Debug))] struct A;", "conditional compilation"),
    ("src/lib.rs", "pub mod rehearsal;", "not switched"),
];

/// (file, code)
const FINE: &[(&str, &str)] = &[
    ("src/race/decide.rs", "use crate::policy::Rules; use super::Snapshot; use crate::exit::Exit;"),
    (
        "src/race/decide.rs",
        "#[cfg(test)]\n#[expect(missing_docs)]\nmod tests { use super::*; use super::super::X; }",
    ),
    ("src/race/decide.rs", "use std::time::Duration; use jiff::Timestamp; fn f(_: Timestamp) {}"),
    ("src/race/decide.rs", "use std::collections::BTreeMap; fn f() { BTreeMap::<u8, u8>::new(); }"),
    ("src/race/decide.rs", "/// Not like `crate::github` or `tokio::spawn`.\nfn f() { \"std::fs::read\"; }"),
    ("src/exit.rs", "impl From<Exit> for std::process::ExitCode {}"),
    ("src/github/jobs.rs", "use octocrab::Octocrab; use crate::race::Job; use super::super::policy::Rules;"),
    ("src/chain/mod.rs", "use tokio_tungstenite::connect_async; use tokio::net::TcpStream;"),
    ("src/commands/wait.rs", "use crate::{cli, config, github::Client, report::{self, Line}, ssh};"),
    ("src/rehearsal/mod.rs", "use crate::commands; use axum::Router; use russh::server;"),
    ("src/bin/rehearse.rs", "use testnet_deployer::rehearsal;"),
    ("src/lib.rs", "pub mod race;\n#[cfg(feature = \"rehearsal\")]\npub mod rehearsal;"),
    ("tests/wait.rs", "use std::fs; use testnet_deployer::rehearsal::World;"),
];

#[test]
fn what_breaks_a_rule_is_found() {
    for (path, code, message) in BROKEN {
        let found = verdict(path, code);
        assert!(found.contains(message), "{path}: {code}\nfound: {found:?}");
        assert!(found.starts_with(&format!("{path}:")), "{found}");
    }
}

#[test]
fn what_keeps_the_rules_is_left_alone() {
    for (path, code) in FINE {
        assert_eq!(verdict(path, code), "", "{path}: {code}");
    }
}

#[test]
fn a_file_says_what_it_is_for() {
    assert!(check("src/race/mod.rs", "fn f() {}\n")[0].contains("`//!`"));
    assert!(check("tests/wait.rs", "fn f() {}\n")[0].contains("`//!`"));
}

#[test]
fn a_file_is_not_too_long() {
    let long = |lines: usize| check("tests/wait.rs", &format!("//! Long.\n{}", "\n".repeat(lines - 1)));
    assert!(long(LINES).is_empty());
    assert!(long(LINES + 1)[0].contains("longer than"));
}

#[test]
fn the_line_is_that_of_the_violation() {
    let code = "use std::time::Duration;\n\nfn f() {\n    let _ = crate::chain::X;\n}";
    assert_eq!(verdict("src/race/mod.rs", code), "src/race/mod.rs:5: `race` may not use `crate::chain::X`");
}

#[test]
fn paths_of_one_machine_are_found_and_those_of_runners_are_not() {
    let home = ["", "work", "main"].join("/");
    assert_eq!(machine_paths("a.md", &format!("first\ncd {home}")), ["a.md:2: a path of one machine"]);
    assert_eq!(machine_paths("a.md", &format!("\"/{}/.ssh\"", "root")).len(), 1);
    assert!(
        machine_paths("a.md", &format!("/home/runner{home} {{root}}{home} https://a.b{home}")).is_empty()
    );
}
