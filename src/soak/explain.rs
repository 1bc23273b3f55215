//! What would end a soak, told before it does (`race monitor --explain`).

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;

use super::pulse::Clock;
use super::{State, Terms};
use crate::policy::duration::between;
use crate::policy::duration::rounded;

/// What the clocks and rules of a soak are, what they stand at, and what would fire
/// when, if nothing new came from `now` on.
#[must_use]
pub fn explain(terms: &Terms, state: &State, now: Timestamp) -> String {
    let mut text = String::new();
    let monitor = &terms.monitor;
    let quorum = monitor.quorum_size();
    let _ = writeln!(text, "{}: {}", state.verdict().word(), state.reason(terms));
    let _ = writeln!(
        text,
        "quorum: {quorum} of {} nodes; {} answer, {} have a vote",
        monitor.nodes.len(),
        state.answering,
        state.voting
    );
    match state.baseline() {
        None => {
            let _ = writeln!(text, "no baseline yet: a quorum has to catch up and run what is expected");
        }
        Some(baseline) => {
            let _ = writeln!(text, "counted from session {}, block {}", baseline.session, baseline.block);
        }
    }
    for running in clocks(terms, state) {
        let _ = writeln!(text, "{}: {}", running.what, running.told());
    }
    if let Some(end) = terms.leg_ends {
        let left = rounded(between(now, end));
        let _ = writeln!(text, "this leg: ends in {left}, then unfinished (max-runtime)");
    }
    let left = monitor.target_sessions.saturating_sub(state.counted(terms));
    let least = rounded(monitor.session_length.saturating_mul(left));
    let _ = writeln!(text, "target: {left} sessions more, {least} at least, then passed");
    for (at, watch) in monitor.watches.iter().enumerate() {
        let count = |found: Option<u32>| found.unwrap_or_default();
        let broken = count(state.broken(terms).find(|(place, ..)| *place == at).map(|(_, count, _)| count));
        let unseen = count(state.unseen(terms).find(|(place, _)| *place == at).map(|(_, count)| count));
        let then = match (watch.dry_run, watch.total) {
            (true, _) => "only told".to_owned(),
            (false, None) => format!("failed (rule) at {} in a row", watch.consecutive),
            (false, Some(total)) => {
                format!("failed (rule) at {} in a row or {total} altogether", watch.consecutive)
            }
        };
        let (name, rule) = (watch.label(), watch.rule.word());
        let _ = writeln!(text, "{name}, {rule}: broken in {broken}, unseen in {unseen} sessions; {then}");
    }
    text
}

/// A clock that comes closer to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looming {
    /// What the clock waits for in vain.
    pub what: &'static str,
    /// How far it is, and what fires when.
    pub told: String,
}

/// The clocks that have gone half of the way between what is usual and their limit.
#[must_use]
pub fn looming(terms: &Terms, state: &State) -> Vec<Looming> {
    let loom = |running: &Running<'_>| {
        let usual = running.usual.min(running.limit);
        running.clock.quiet >= usual.saturating_add((running.limit - usual) / 2)
    };
    let clocks = clocks(terms, state).into_iter().filter(loom);
    clocks.map(|running| Looming { what: running.what, told: running.told() }).collect()
}

/// A clock that runs now.
struct Running<'s> {
    what: &'static str,
    clock: &'s Clock,
    limit: Duration,
    /// So long it is quiet where nothing is wrong.
    usual: Duration,
    /// What comes when it runs out.
    then: &'static str,
}

impl Running<'_> {
    fn told(&self) -> String {
        let Self { clock, limit, then, .. } = self;
        let (quiet, limit_told) = (rounded(clock.quiet), rounded(*limit));
        let when = match limit.checked_sub(clock.quiet).filter(|left| !left.is_zero()) {
            Some(left) => format!("in {}", rounded(left)),
            // Nobody has to confirm that nobody answers.
            None if then.starts_with("unmeasured") => "now".to_owned(),
            None => "as soon as a quorum confirms it".to_owned(),
        };
        format!("{quiet} of {limit_told}; {then} {when}")
    }
}

/// The clocks that run now, in the order in which they fire.
fn clocks<'s>(terms: &Terms, state: &'s State) -> Vec<Running<'s>> {
    let (monitor, clocks) = (&terms.monitor, &state.clocks);
    let mut running = Vec::new();
    let mut add = |what, clock, limit, usual, then| {
        running.push(Running { what, clock, limit, usual, then });
    };
    let at_once = Duration::ZERO;
    if state.baseline().is_some() {
        let stall = &monitor.stall;
        add("no new block", &clocks.block, stall.no_block, at_once, "failed (no-block)");
        add("no finality", &clocks.finality, stall.no_finality, at_once, "failed (no-finality)");
        let usual = monitor.session_length;
        add("no new session", &clocks.session, state.limit, usual, "failed (no-session)");
        if state.furthest > state.session {
            add("no quorum follows", &clocks.behind, state.limit, at_once, "unmeasured (behind)");
        }
        if !clocks.rewound.quiet.is_zero() {
            add("gone back", &clocks.rewound, monitor.rewind_after, at_once, "failed (rewound)");
        }
    } else {
        add("not ready", &clocks.age, monitor.ready_within, at_once, "failed, or unmeasured");
    }
    add("no quorum", &clocks.blind, monitor.unmeasured_after, at_once, "unmeasured (out-of-reach)");
    if let Some(total) = monitor.unmeasured_total {
        let what = "no quorum, altogether";
        add(what, &clocks.blind_total, total, at_once, "unmeasured (out-of-reach)");
    }
    running
}
