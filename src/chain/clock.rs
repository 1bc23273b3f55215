//! The time of observations: the wall clock read once, and the monotonic clock
//! since then, so that a jump of this machine's clock is no jump of the soak's.

use std::time::Instant;

use jiff::Timestamp;

/// A clock that never goes back.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    wall: Timestamp,
    started: Instant,
}

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> Self {
        Self { wall: Timestamp::now(), started: Instant::now() }
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.wall.saturating_add(self.started.elapsed()).unwrap_or(Timestamp::MAX)
    }
}
