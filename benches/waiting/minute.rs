//! What a minute of waiting takes of the machine: CPU time and peak memory, by the
//! kernel's accounts of an ended process.

use std::process::{Command, ExitCode};
use std::thread;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

use super::awaited::Launch;
use super::figures::{Sample, table};
use super::waiters::{Waiter, Waiters};

/// First argument of this program when it is to run another and account for it. A
/// process of its own does that: what the kernel says of the children of a process
/// is a sum, and a child begins with the memory of its parent.
pub(crate) const ACCOUNT: &str = "--account";

const TIMES: usize = 5;
const MINUTE: Duration = Duration::from_mins(1);

/// Runs a program and prints its CPU time in microseconds and its peak memory in KiB.
pub(crate) fn account(program: &str, arguments: &[&str]) -> ExitCode {
    let status = Command::new(program).args(arguments).stdout(std::process::Stdio::null()).status().unwrap();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let cpu = usage.user_time() + usage.system_time();
    println!("{} {}", cpu.num_microseconds(), usage.max_rss());
    if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Measures everybody, some at once.
pub(crate) fn measure(waiters: &Waiters) {
    let rows: Vec<Vec<String>> = thread::scope(|scope| {
        let all: Vec<_> = waiters
            .all()
            .into_iter()
            .map(|waiter| {
                let times: Vec<_> = (0..TIMES).map(|_| scope.spawn(move || wait(waiters, waiter))).collect();
                (waiter, times)
            })
            .collect();
        all.into_iter()
            .map(|(waiter, times)| {
                let (cpu, memory): (Vec<f64>, Vec<f64>) =
                    times.into_iter().map(|one| one.join().unwrap()).unzip();
                let mut cells = vec![waiter.name().to_owned()];
                for (sample, digits) in [(cpu, 3), (memory, 1)] {
                    let sample = Sample::of(sample);
                    cells.push(format!("{:.digits$}", sample.median()));
                    cells.push(format!("{:.digits$}", sample.quantile(1.0)));
                }
                cells
            })
            .collect()
    });
    table(&["program", "CPU, s (median)", "most", "peak memory, MB (median)", "most"], &rows);
}

/// Lets a waiter wait for a minute, from its start to its own end; CPU time in
/// seconds, memory in megabytes.
fn wait(waiters: &Waiters, waiter: Waiter) -> (f64, f64) {
    let awaited = waiter.awaited();
    awaited.approve("testnet");
    awaited.begin("testnet");
    let launch = waiters.launch(waiter, &awaited);
    let program = launch.program.display().to_string();
    let accounted = Launch {
        program: std::env::current_exe().unwrap(),
        arguments: [ACCOUNT.to_owned(), program].into_iter().chain(launch.arguments.clone()).collect(),
        variables: launch.variables.clone(),
    };
    let child = accounted.command().stdout(std::process::Stdio::piped()).spawn().unwrap();
    thread::sleep(MINUTE);
    match waiter {
        Waiter::Race => awaited.complete("testnet"),
        _ => awaited.complete_all(),
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{launch:?} failed");
    let said = String::from_utf8(output.stdout).unwrap();
    let (cpu, memory) = said.trim().split_once(' ').unwrap();
    (cpu.parse::<f64>().unwrap() / 1e6, memory.parse::<f64>().unwrap() * 1024.0 / 1e6)
}
