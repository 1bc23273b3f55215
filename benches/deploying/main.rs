//! What a deployment costs, measured: `race deploy` beside other programs that bring
//! a file to many hosts and run commands there, all against Debian's `sshd`.
//!
//! `cargo bench --bench deploying` runs everything in about ten minutes and prints
//! tables; `cargo bench --bench deploying -- memory` runs that section alone, and
//! `-- deploy xargs race` the first one with these programs.
//! docs/reference/measured.md tells what came of it.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement may fail loudly, and prints what it found"
)]

mod account;
mod deploy;
#[path = "../waiting/figures.rs"]
#[expect(dead_code, reason = "other benchmarks need more of it")]
mod figures;
mod hosts;
mod machine;
mod memory;
#[path = "../waiting/release.rs"]
mod release;
mod tools;

use std::process::ExitCode;

use tools::{Tool, Tools};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [account::ACCOUNT, file, what, program, rest @ ..] =
        arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice()
    {
        return account::account(file, what, program, rest);
    }
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("nothing is measured: run `cargo bench --bench deploying`");
        return ExitCode::SUCCESS;
    }
    let chosen: Vec<&str> =
        arguments.iter().map(String::as_str).filter(|argument| !argument.starts_with('-')).collect();
    let known =
        |name: &str| ["deploy", "memory"].contains(&name) || Tool::ALL.iter().any(|tool| tool.word() == name);
    if let Some(unknown) = chosen.iter().find(|name| !known(name)) {
        println!("there is no section or program `{unknown}`");
        return ExitCode::FAILURE;
    }
    let sections = chosen.iter().any(|name| ["deploy", "memory"].contains(name));
    let tools = Tools::prepare(&chosen);
    println!("{}", tools.described());
    if !sections || chosen.contains(&"deploy") {
        eprintln!("measuring: deploy");
        println!("\n## deploy\n");
        deploy::measure(&tools);
    }
    if !sections || chosen.contains(&"memory") {
        eprintln!("measuring: memory");
        println!("\n## memory\n");
        memory::measure(&tools);
    }
    ExitCode::SUCCESS
}
