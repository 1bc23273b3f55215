//! What the kernel says of processes and of the machine.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

/// How many of the kernel's clock ticks are a second: the same on every Linux.
const TICKS: f64 = 100.0;

/// The words of `/proc/PID/stat` after the name, and the name.
fn stat(pid: u32) -> Option<(String, Vec<String>)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (start, rest) = text.rsplit_once(") ")?;
    let name = start.split_once('(')?.1;
    Some((name.to_owned(), rest.split_whitespace().map(str::to_owned).collect()))
}

/// Every process, and its parent.
pub(crate) fn parents() -> BTreeMap<u32, u32> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, stat(pid)?.1.get(1)?.parse().ok()?))).collect()
}

/// The processes below this one.
pub(crate) fn below(ancestor: u32) -> Vec<u32> {
    let parents = parents();
    let is_below = |pid: &u32| {
        let mut pid = *pid;
        while let Some(parent) = parents.get(&pid) {
            if *parent == ancestor {
                return true;
            }
            pid = *parent;
        }
        false
    };
    parents.keys().copied().filter(is_below).collect()
}

/// The name of a process.
pub(crate) fn name(pid: u32) -> Option<String> {
    stat(pid).map(|(name, _)| name)
}

/// CPU time in seconds of a process and of those below it that have ended.
pub(crate) fn cpu(pid: u32) -> f64 {
    let Some((_, words)) = stat(pid) else { return 0.0 };
    words[11..15].iter().map(|ticks| ticks.parse::<f64>().unwrap() / TICKS).sum()
}

/// Memory of a process in bytes; what it shares with others is counted in parts.
pub(crate) fn memory(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// CPU time in seconds that the whole machine has spent so far, or was robbed of.
pub(crate) fn busy() -> f64 {
    let text = fs::read_to_string("/proc/stat").unwrap();
    let words: Vec<f64> =
        text.lines().next().unwrap().split_whitespace().skip(1).map(|word| word.parse().unwrap()).collect();
    // Idle and waiting for the disk are the fourth and the fifth; the last two are
    // guests, who are in the first two already.
    let busy: f64 = words[..8].iter().sum::<f64>() - words[3] - words[4];
    busy / TICKS
}

/// The first line that a program writes.
pub(crate) fn said(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()?.lines().next().map(str::to_owned)
}

/// Cores and make of the machine.
pub(crate) fn described() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{cores} cores, {}", model.map_or("of unknown make", |(_, name)| name))
}
