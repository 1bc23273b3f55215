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
            line(&mut text, "not ready", &state.clocks.age, monitor.ready_within, "failed, or unmeasured");
        }
        Some(baseline) => {
            let _ = writeln!(text, "counted from session {}, block {}", baseline.session, baseline.block);
            let clocks = &state.clocks;
            line(&mut text, "no new block", &clocks.block, monitor.stall.no_block, "failed (no-block)");
            line(
                &mut text,
                "no finality",
                &clocks.finality,
                monitor.stall.no_finality,
                "failed (no-finality)",
            );
            line(&mut text, "no new session", &clocks.session, state.limit, "failed (no-session)");
            if state.furthest > state.session {
                line(&mut text, "no quorum follows", &clocks.behind, state.limit, "unmeasured (behind)");
            }
            if !clocks.rewound.quiet.is_zero() {
                line(&mut text, "gone back", &clocks.rewound, monitor.rewind_after, "failed (rewound)");
            }
        }
    }
    line(&mut text, "no quorum", &state.clocks.blind, monitor.unmeasured_after, "unmeasured (out-of-reach)");
    if let Some(total) = monitor.unmeasured_total {
        line(
            &mut text,
            "no quorum, altogether",
            &state.clocks.blind_total,
            total,
            "unmeasured (out-of-reach)",
        );
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

fn line(text: &mut String, what: &str, clock: &Clock, limit: Duration, then: &str) {
    let (quiet, limit_told) = (rounded(clock.quiet), rounded(limit));
    let when = match limit.checked_sub(clock.quiet).filter(|left| !left.is_zero()) {
        Some(left) => format!("in {}", rounded(left)),
        None => "as soon as a quorum confirms it".to_owned(),
    };
    let _ = writeln!(text, "{what}: {quiet} of {limit_told}; {then} {when}");
}
