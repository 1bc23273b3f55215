//! What waiting costs, measured: `race wait` beside other programs that wait for a
//! run, each against a stand-in of GitHub over real HTTP.
//!
//! `cargo bench --bench waiting` runs everything in about ten minutes and prints
//! tables; `cargo bench --bench waiting -- start size` runs these sections alone.
//! docs/reference/measured.md tells what came of it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement may fail loudly, and prints what it found"
)]

#[path = "../../tests/support/awaited.rs"]
mod awaited;
mod figures;
mod forward;
mod lateness;
mod minute;
mod moves;
#[path = "../../tests/support/quiet.rs"]
mod quiet;
mod quiet_hour;
mod release;
mod size;
mod start;
mod waiters;

use std::process::ExitCode;

use waiters::Waiters;

/// What a section is called, and what runs it.
type Section = (&'static str, fn(&Waiters));

/// The sections, in the order in which they run.
const SECTIONS: [Section; 5] = [
    ("size", size::measure),
    ("start", start::measure),
    ("quiet-hour", quiet_hour::measure),
    ("minute", minute::measure),
    ("lateness", lateness::measure),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [minute::ACCOUNT, program, rest @ ..] =
        arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice()
    {
        return minute::account(program, rest);
    }
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("nothing is measured: run `cargo bench --bench waiting`");
        return ExitCode::SUCCESS;
    }
    let chosen: Vec<&str> =
        arguments.iter().map(String::as_str).filter(|argument| !argument.starts_with('-')).collect();
    if let Some(unknown) = chosen.iter().find(|name| SECTIONS.iter().all(|(known, _)| known != *name)) {
        println!("there is no section `{unknown}`");
        return ExitCode::FAILURE;
    }
    let waiters = Waiters::prepare();
    println!("{}", waiters.described());
    for (name, measure) in SECTIONS {
        if chosen.is_empty() || chosen.contains(&name) {
            eprintln!("measuring: {name}");
            println!("\n## {name}\n");
            measure(&waiters);
        }
    }
    ExitCode::SUCCESS
}
