//! The shapes of `[monitor.stall]`: when the network counts as stalled.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;

/// When the network counts as stalled.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stall {
    /// The longest time without a new best block.
    #[serde(with = "duration")]
    pub no_block: Duration,
    /// The longest time without a new finalized block.
    #[serde(with = "duration")]
    pub no_finality: Duration,
    /// The longest time without a new session on the finalized chain; twice
    /// `session_length` plus 15 min where left out.
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub no_session: Option<Duration>,
    /// Has the limit of a session follow from those that were seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learn: Option<Learn>,
}

impl Default for Stall {
    fn default() -> Self {
        Self {
            no_block: Duration::from_mins(1),
            no_finality: Duration::from_mins(3),
            no_session: None,
            learn: None,
        }
    }
}

impl Stall {
    pub(super) fn example() -> Self {
        Self {
            no_session: Some(Duration::from_mins(17)),
            learn: Some(Learn { floor: Duration::from_mins(5), ..Learn::default() }),
            ..Self::default()
        }
    }
}

/// A limit that follows from the sessions that were seen: `factor` times the median
/// of the last `sessions`, and no less than `floor`. Until there are that many,
/// `no_session` holds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Learn {
    /// How many of the last sessions it follows from.
    pub sessions: u32,
    /// How many times their median it is.
    pub factor: f64,
    /// The least that it is.
    #[serde(with = "duration")]
    pub floor: Duration,
}

impl Default for Learn {
    fn default() -> Self {
        Self { sessions: 20, factor: 4.0, floor: Duration::from_mins(15) }
    }
}
