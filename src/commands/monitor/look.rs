//! A single look (`--once`): when it is over.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::soak::{Observation, Seen, State, Terms};

/// How long a single look may take until every node was heard, how long it goes on
/// then, and how long where only rules are still to be checked.
const LOOK: Duration = Duration::from_mins(2);
const LINGER: Duration = Duration::from_millis(500);
const LINGER_AT_TARGET: Duration = Duration::from_secs(40);

/// A single look: it is over when every node was heard.
pub(super) struct Look {
    heard: Vec<bool>,
    all: bool,
    pub(super) until: Instant,
    /// The chain seems to stand still, and is watched doing so.
    doubts: bool,
}

impl Look {
    pub(super) fn new(nodes: usize) -> Self {
        Self { heard: vec![false; nodes], all: false, until: Instant::now() + LOOK, doubts: false }
    }

    /// A node was heard.
    pub(super) fn note(&mut self, observation: &Observation, state: &State, terms: &Terms) {
        if let (Seen::Finalized(_) | Seen::Unreachable(_), Some(heard)) =
            (&observation.seen, self.heard.get_mut(observation.node))
        {
            *heard = true;
        }
        if !self.all && self.heard.iter().all(|heard| *heard) {
            self.all = true;
            let reached = state.counted(terms) >= terms.monitor.target_sessions;
            self.until = Instant::now() + if reached { LINGER_AT_TARGET } else { LINGER };
        }
        if self.doubts && !state.seems_halted(terms, observation.at) {
            self.until = Instant::now();
        }
    }

    /// Whether to look on: that nothing became final since an earlier look was told
    /// by the clocks of two machines, and must be seen by this one.
    pub(super) fn goes_on(&mut self, state: &State, terms: &Terms, now: Timestamp) -> bool {
        if self.doubts || !state.seems_halted(terms, now) {
            return false;
        }
        self.doubts = true;
        self.until = Instant::now() + terms.monitor.stall.no_finality.min(LOOK);
        true
    }
}

/// Waits until that moment, for ever where there is none.
pub(super) async fn looked(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}
