//! Time as the fold counts it: watched time, which no jump of a machine's clock and
//! no sleep of the machine adds to, and the clocks that run on it.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::policy::duration::between;

/// A node whose last answer is older than this does not answer. Its adapter asks
/// more often, and says so itself when a request stays without an answer. Time
/// between two events further apart than this was not watched.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// The time that was watched, in this leg of the soak.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pulse {
    last: Option<Timestamp>,
    watched: Duration,
}

impl Pulse {
    /// Goes on to `at`, and tells how much watched time that adds. Nodes are not heard
    /// in order: a time a little before the last one is that time.
    pub(super) fn advance(&mut self, at: Timestamp) -> Duration {
        let last = *self.last.get_or_insert(at);
        let step = between(last, at);
        if step > ANSWER_LIMIT {
            // Nobody watched. What was heard before is old, however long it was.
            self.last = Some(at);
            self.watched = self.watched.saturating_add(ANSWER_LIMIT + Duration::from_nanos(1));
            return Duration::ZERO;
        }
        if between(at, last) > ANSWER_LIMIT {
            // This machine's clock was set back.
            self.last = Some(at);
            return Duration::ZERO;
        }
        self.last = Some(at.max(last));
        self.watched = self.watched.saturating_add(step);
        step
    }

    /// Time since the leg began that orders what happened in it.
    pub(super) fn now(&self) -> Duration {
        self.watched
    }
}

/// One of the clocks that end a soak: watched time without something new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Clock {
    /// Watched time without anything new.
    #[serde(rename = "quiet_s", with = "seconds")]
    pub(super) quiet: Duration,
    /// When `quiet` passed its limit. A failure needs answers from after that.
    #[serde(skip)]
    pub(super) overdue: Option<Duration>,
}

impl Clock {
    /// There is something new.
    pub(super) fn strike(&mut self) {
        *self = Self::default();
    }

    /// Nothing new for another `step`.
    pub(super) fn run(&mut self, step: Duration, limit: Duration, now: Duration) {
        self.quiet = self.quiet.saturating_add(step);
        if self.quiet >= limit {
            self.overdue.get_or_insert(now);
        }
    }
}

/// A duration as a number of seconds.
pub(super) mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// For `#[serde(with = "seconds")]`.
    pub(in crate::soak) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(duration.as_secs_f64())
    }

    /// For `#[serde(with = "seconds")]`.
    pub(in crate::soak) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn no_jump_adds_watched_time() {
        let mut pulse = Pulse::default();
        let mut at = |seconds: i64| {
            let step = pulse.advance(Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds));
            (step.as_secs(), pulse.now().as_secs())
        };
        assert_eq!(at(100), (0, 0));
        assert_eq!(at(110), (10, 10));
        assert_eq!(at(105), (0, 10), "out of order");
        assert_eq!(at(111), (1, 11), "and nothing is counted twice");
        assert_eq!(at(5_000), (0, 41), "a jump ahead: what was heard is old");
        assert_eq!(at(5_001), (1, 42));
        assert_eq!(at(200), (0, 42), "a jump back");
        assert_eq!(at(203), (3, 45));
    }
}
