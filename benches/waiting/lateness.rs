//! How long after the end a waiter notices it, and what that takes.

use std::process::ExitStatus;
use std::thread;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::awaited::Awaited;
use super::figures::{Sample, table};
use super::waiters::{Waiter, Waiters};

/// How often each is measured, at a random phase each time.
const TIMES: usize = 30;
/// The phases are drawn from twice the longest pause of any waiter.
const PHASES: Duration = Duration::from_secs(30);
/// A pause that `race` makes in its slowest state alone: the longest, by chance
/// shortened to six tenths.
const SLOW: SignedDuration = SignedDuration::from_secs(9);
/// How long it may take to get there.
const TO_SLOW: Duration = Duration::from_mins(8);
/// How long a peer waits before the end. Their pace does not change.
const PEERS_WAIT: Duration = Duration::from_mins(1);
/// From the approval of `null` to a runner, and to the end of its job.
const TO_RUNNER: Duration = Duration::from_secs(2);
const NULL_JOB: Duration = Duration::from_secs(12);

/// How the wait ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// After a long wait `null` is approved, and its job takes 12 s.
    Null,
    /// The job `testnet` ends after it has run for long.
    Testnet,
    /// Every job ends, and so the run.
    Run,
}

/// One waiter's end.
struct Observed {
    late: Duration,
    /// Requests from the end on: all, and counted.
    after: (usize, usize),
    /// Requests from the start to the end: all, and counted.
    before: (usize, usize),
    waited: Duration,
    status: ExitStatus,
}

/// Measures everybody.
pub(crate) fn measure(waiters: &Waiters) {
    let peers = waiters.all();
    let ours = thread::scope(|scope| {
        let null = scope.spawn(|| observe_all(waiters, Waiter::Race, Ending::Null));
        let testnet = scope.spawn(|| observe_all(waiters, Waiter::Race, Ending::Testnet));
        [("`null` approved, job of 12 s", null), ("`testnet` ends", testnet)]
            .map(|(ending, observed)| (Waiter::Race, ending, observed.join().unwrap()))
    });
    let theirs = thread::scope(|scope| {
        let all = peers.iter().filter(|peer| **peer != Waiter::Race);
        let running: Vec<_> =
            all.map(|peer| (*peer, scope.spawn(|| observe_all(waiters, *peer, Ending::Run)))).collect();
        running
            .into_iter()
            .map(|(peer, observed)| (peer, "the run ends", observed.join().unwrap()))
            .collect::<Vec<_>>()
    });
    let rows: Vec<Vec<String>> = ours.into_iter().chain(theirs).map(row).collect();
    table(
        &[
            "program",
            "ending",
            "least, s",
            "median, s",
            "p90, s",
            "most, s",
            "requests after it (median)",
            "of them counted (median)",
            "counted before it, per hour",
            "exit code 0",
        ],
        &rows,
    );
}

fn row((waiter, ending, observed): (Waiter, &str, Vec<Observed>)) -> Vec<String> {
    #[expect(clippy::cast_precision_loss, reason = "some dozens")]
    let median = |of: fn(&Observed) -> usize| Sample::of(observed.iter().map(|one| of(one) as f64)).median();
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    let hourly =
        Sample::of(observed.iter().map(|one| one.before.1 as f64 * 3_600.0 / one.waited.as_secs_f64()));
    let mut cells = vec![waiter.name().to_owned(), ending.to_owned()];
    cells.extend(Sample::of(observed.iter().map(|one| one.late.as_secs_f64())).cells(1));
    cells.extend([
        format!("{:.0}", median(|one| one.after.0)),
        format!("{:.0}", median(|one| one.after.1)),
        match waiter {
            // Its pace is no constant: quiet-hour has it.
            Waiter::Race => format!("{:.0} in all", median(|one| one.before.1)),
            _ => format!("{:.0}", hourly.median()),
        },
        format!("{} of {}", observed.iter().filter(|one| one.status.success()).count(), observed.len()),
    ]);
    cells
}

fn observe_all(waiters: &Waiters, waiter: Waiter, ending: Ending) -> Vec<Observed> {
    thread::scope(|scope| {
        let all: Vec<_> = (0..TIMES).map(|_| scope.spawn(|| observe(waiters, waiter, ending))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

fn observe(waiters: &Waiters, waiter: Waiter, ending: Ending) -> Observed {
    let awaited = waiter.awaited();
    if ending != Ending::Null {
        awaited.approve("testnet");
        awaited.begin("testnet");
    }
    let began = Instant::now();
    let mut child = waiters.launch(waiter, &awaited).command().spawn().unwrap();
    match waiter {
        Waiter::Race => assert!(is_slow(&awaited), "race never came to rest"),
        _ => thread::sleep(PEERS_WAIT),
    }
    thread::sleep(PHASES.mul_f64(fastrand::f64()));
    if ending == Ending::Null {
        awaited.approve("null");
        thread::sleep(TO_RUNNER);
        awaited.begin("null");
        thread::sleep(NULL_JOB.checked_sub(TO_RUNNER).unwrap());
    }
    let (end, ended) = (Instant::now(), Timestamp::now());
    match ending {
        Ending::Null => awaited.complete("null"),
        Ending::Testnet => awaited.complete("testnet"),
        Ending::Run => awaited.complete_all(),
    }
    let status = child.wait().unwrap();
    let late = end.elapsed();
    let exchanges = awaited.github.exchanges();
    let (before, after) = exchanges.split_at(exchanges.partition_point(|exchange| exchange.at < ended));
    let [before, after] =
        [before, after].map(|some| (some.len(), some.iter().filter(|exchange| exchange.counted).count()));
    Observed { late, after, before, waited: end.duration_since(began), status }
}

/// Waits until `race` asks as rarely as it ever does.
fn is_slow(awaited: &Awaited) -> bool {
    awaited.github.wait_until(TO_SLOW, |_, exchanges| match exchanges {
        [.., before, last] => last.at.duration_since(before.at) >= SLOW,
        _ => false,
    })
}
