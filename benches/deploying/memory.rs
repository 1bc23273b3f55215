//! Peak memory of `race deploy` by the size of the file.

use std::fs;

use super::account::run;
use super::deploy::random_file;
use super::figures::table;
use super::hosts::Hosts;
use super::tools::{Tool, Tools};

const HOSTS: usize = 3;
const SIZES: [u64; 3] = [1_000_000, 50_000_000, 400_000_000];

/// Measures ours.
pub(crate) fn measure(tools: &Tools) {
    let hosts = Hosts::start(HOSTS);
    let rows: Vec<Vec<String>> = (1_u32..)
        .zip(SIZES)
        .map(|(run_id, size)| {
            let file = random_file(&hosts, size);
            hosts.all().iter().for_each(|host| drop(fs::remove_file(host.file())));
            let taken = run(&tools.command(Tool::Race, &hosts, &file, false, run_id), true, &hosts.path(""));
            hosts.has_everywhere(&file);
            hosts.release();
            fs::remove_file(file).unwrap();
            vec![
                format!("{} MB", size / 1_000_000),
                format!("{:.1}", taken.memory),
                format!("{:.1}", taken.ssh),
                format!("{:.2}", taken.wall),
            ]
        })
        .collect();
    println!("`race deploy` to {HOSTS} hosts:\n");
    table(&["file", "peak memory, MB", "that of its `ssh`, MB", "wall, s"], &rows);
}
