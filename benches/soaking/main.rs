//! What watching costs, measured: `race monitor` on a dev chain in another process,
//! beside the clients that others write such checks with.
//!
//! `cargo bench --bench soaking` runs everything in about fifteen minutes and prints
//! tables; `-- nodes 100 500`, `-- full-speed` or `-- peers 1` run a part of it.
//! docs/reference/measured.md tells what came of it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement may fail loudly, and prints what it found"
)]

mod chain;
#[path = "../waiting/figures.rs"]
#[expect(dead_code, reason = "other benchmarks need more of it")]
mod figures;
#[path = "../deploying/machine.rs"]
#[expect(dead_code, reason = "other benchmarks need more of it")]
mod machine;
mod monitor;
mod peers;
#[path = "../waiting/release.rs"]
mod release;
mod watching;

use std::path::Path;
use std::process::ExitCode;

const SECTIONS: [&str; 3] = ["nodes", "full-speed", "peers"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("nothing is measured: run `cargo bench --bench soaking`");
        return ExitCode::SUCCESS;
    }
    let (counts, chosen): (Vec<&str>, Vec<&str>) = arguments
        .iter()
        .map(String::as_str)
        .filter(|argument| !argument.starts_with('-'))
        .partition(|argument| argument.parse::<usize>().is_ok());
    if let Some(unknown) = chosen.iter().find(|name| !SECTIONS.contains(name)) {
        println!("there is no section `{unknown}`");
        return ExitCode::FAILURE;
    }
    let counts: Vec<usize> = counts.iter().filter_map(|count| count.parse().ok()).collect();
    let or = |usual: &[usize]| if counts.is_empty() { usual.to_vec() } else { counts.clone() };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap_or(root);
    let race = release::build(root, &target.join("released"));
    println!("{}", machine::described());
    for section in SECTIONS.into_iter().filter(|name| chosen.is_empty() || chosen.contains(name)) {
        eprintln!("measuring: {section}");
        println!("\n## {section}\n");
        match section {
            "nodes" => monitor::nodes(&race, &or(&[1, 10, 100, 500])),
            "full-speed" => monitor::full_speed(&race),
            _ => peers::measure(&race, target, &or(&[1, 100])),
        }
    }
    ExitCode::SUCCESS
}
