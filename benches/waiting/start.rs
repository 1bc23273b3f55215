//! From the start of the process to its first request.

use std::time::Duration;

use jiff::Timestamp;

use super::figures::{Sample, table};
use super::waiters::{Waiter, Waiters};

const TIMES: usize = 30;

/// Measures everybody, in turn and one at a time.
pub(crate) fn measure(waiters: &Waiters) {
    let all = waiters.all();
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); all.len()];
    for _ in 0..TIMES {
        for (waiter, times) in all.iter().zip(&mut times) {
            times.push(start(waiters, *waiter));
        }
    }
    let rows: Vec<Vec<String>> = all
        .iter()
        .zip(times)
        .map(|(waiter, times)| {
            let mut cells = vec![waiter.name().to_owned()];
            cells.extend(Sample::of(times).cells(0));
            cells
        })
        .collect();
    table(&["program", "least, ms", "median, ms", "p90, ms", "most, ms"], &rows);
}

/// Milliseconds until the stand-in has the first request.
fn start(waiters: &Waiters, waiter: Waiter) -> f64 {
    let awaited = waiter.awaited();
    let mut command = waiters.launch(waiter, &awaited).command();
    let began = Timestamp::now();
    let mut child = command.spawn().unwrap();
    let asked = awaited.github.wait_until(Duration::from_secs(30), |_, exchanges| !exchanges.is_empty());
    assert!(asked, "{} asked for nothing", waiter.name());
    let first = awaited.github.exchanges()[0].at;
    child.kill().unwrap();
    child.wait().unwrap();
    first.duration_since(began).as_secs_f64() * 1e3
}
