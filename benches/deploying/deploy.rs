//! Twenty hosts, a file and three commands: with nothing there, with the file there
//! already, and with a small file.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::account::{Taken, run};
use super::figures::{Sample, table};
use super::hosts::Hosts;
use super::machine;
use super::tools::{Tool, Tools};

const HOSTS: usize = 20;
const TIMES: usize = 3;
const LARGE: u64 = 50_000_000;
const SMALL: u64 = 1_000;

/// What is measured, in this order: the second finds what the first has left.
const CASES: [(&str, u64, bool); 3] =
    [("50 MB, cold", LARGE, true), ("50 MB, unchanged", LARGE, false), ("1 KB, cold", SMALL, true)];

/// Measures everybody, in turn and one at a time.
pub(crate) fn measure(tools: &Tools) {
    let hosts = Hosts::start(HOSTS);
    let (large, small) = (random_file(&hosts, LARGE), random_file(&hosts, SMALL));
    let mut rounds: Vec<Vec<Vec<Round>>> = vec![vec![Vec::new(); CASES.len()]; tools.all.len()];
    let mut runs = 0;
    // In the last one memory is looked at, and no time taken.
    for time in 0..=TIMES {
        for (tool, rounds) in tools.all.iter().zip(&mut rounds) {
            for ((name, size, cold), rounds) in CASES.iter().zip(rounds) {
                let file = if *size == LARGE { &large } else { &small };
                if *cold {
                    hosts.all().iter().for_each(|host| drop(fs::remove_file(host.file())));
                }
                runs += 1;
                let round = Round::play(tools, *tool, &hosts, file, !cold, runs, time == TIMES);
                eprintln!("{} {name}: {round:.2?}", tool.word());
                rounds.push(round);
            }
        }
    }
    for (number, (name, ..)) in CASES.iter().enumerate() {
        println!("{name}:\n");
        let head = [
            "program",
            "wall, s (median)",
            "least",
            "most",
            "CPU, s (median)",
            "CPU of the hosts, s",
            "CPU of others, cores",
            "peak memory, MB",
            "that of its `ssh`, MB",
            "processes",
        ];
        let rows: Vec<Vec<String>> =
            tools.all.iter().zip(&rounds).map(|(tool, rounds)| cells(*tool, &rounds[number])).collect();
        table(&head, &rows);
        println!();
    }
}

/// One deployment.
#[derive(Clone, Copy, Debug)]
struct Round {
    taken: Taken,
    /// CPU time of the hosts in seconds.
    hosts: f64,
    /// Cores that were busy with something else.
    others: f64,
}

impl Round {
    fn play(
        tools: &Tools,
        tool: Tool,
        hosts: &Hosts,
        file: &Path,
        likely: bool,
        run_id: u32,
        memory: bool,
    ) -> Self {
        let command = tools.command(tool, hosts, file, likely, run_id);
        let (busy, before) = (machine::busy(), hosts.cpu());
        let taken = run(&command, memory, &hosts.path(""));
        let (busy, after) = (machine::busy() - busy, hosts.cpu());
        hosts.has_everywhere(file);
        hosts.release();
        let others = (busy - taken.cpu - (after - before)).max(0.0) / taken.wall;
        Self { taken, hosts: after - before, others }
    }
}

fn cells(tool: Tool, rounds: &[Round]) -> Vec<String> {
    let (last, timed) = rounds.split_last().unwrap();
    let sample = |value: fn(&Round) -> f64| Sample::of(timed.iter().map(value));
    let wall = sample(|round| round.taken.wall);
    vec![
        tool.name().to_owned(),
        format!("{:.2}", wall.median()),
        format!("{:.2}", wall.quantile(0.0)),
        format!("{:.2}", wall.quantile(1.0)),
        format!("{:.2}", sample(|round| round.taken.cpu).median()),
        format!("{:.2}", sample(|round| round.hosts).median()),
        format!("{:.2}", sample(|round| round.others).median()),
        format!("{:.1}", last.taken.memory),
        format!("{:.1}", last.taken.ssh),
        format!("{:.0}", last.taken.processes),
    ]
}

/// A file that nothing can make smaller.
pub(crate) fn random_file(hosts: &Hosts, size: u64) -> PathBuf {
    let path = hosts.path(&format!("file-{size}"));
    let mut random = fs::File::open("/dev/urandom").unwrap().take(size);
    std::io::copy(&mut random, &mut fs::File::create(&path).unwrap()).unwrap();
    path
}
