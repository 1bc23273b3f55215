//! When to ask next: a pure schedule over what happened so far.

use std::time::Duration;

use jiff::Timestamp;

use super::error::{ApiError, Retry};
use crate::policy::Polling;

/// How long `interval` holds after anything moved.
const LIVELY: Duration = Duration::from_mins(2);
/// The first pause after a failure, and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// The least that a pause is shortened to by chance, so that many races that began
/// together do not ask together, and none is later than its interval.
const JITTER: std::ops::Range<f64> = 0.6..1.0;

/// What is left of the rate limit, by the headers of the last answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Requests left until the reset (`x-ratelimit-remaining`).
    pub remaining: u64,
    /// When the count starts anew (`x-ratelimit-reset`).
    pub reset: Timestamp,
}

/// When to ask next.
#[derive(Clone, Debug)]
pub struct Pace {
    polling: Polling,
    moved: Timestamp,
    pause: Duration,
    failures: u32,
    charged: bool,
}

impl Pace {
    /// A schedule that begins now, as if something had just moved.
    #[must_use]
    pub const fn new(polling: Polling, now: Timestamp) -> Self {
        Self { polling, moved: now, pause: polling.interval, failures: 0, charged: false }
    }

    /// A reading came. `moved` says that it differs from the one before, `charged`
    /// that it does not and was counted against the rate limit all the same (a 304
    /// is not). Returns the time until the next reading; `chance` is a random number
    /// from 0 to 1.
    #[must_use]
    pub fn after_reading(
        &mut self,
        now: Timestamp,
        moved: bool,
        charged: bool,
        budget: Option<Budget>,
        chance: f64,
    ) -> Duration {
        self.failures = 0;
        if moved {
            self.moved = now;
        } else {
            self.charged = charged;
        }
        self.pause = if between(self.moved, now) < LIVELY {
            self.polling.interval
        } else {
            (self.pause * 3 / 2).clamp(self.polling.interval, self.polling.max_interval)
        };
        self.jittered(self.pause, chance).max(self.affordable(now, budget))
    }

    /// A reading failed. Returns the time until the next try.
    #[must_use]
    pub fn after_failure(&mut self, error: &ApiError, chance: f64) -> Duration {
        let doubled = BACKOFF.0.saturating_mul(1 << self.failures.min(8)).min(BACKOFF.1);
        self.failures += 1;
        match error.retry() {
            // Everybody who was told to wait would come back at the same moment.
            Retry::After(wait) => wait + self.jittered(BACKOFF.0, chance),
            Retry::Backoff | Retry::Never => self.jittered(doubled, chance),
        }
    }

    /// The least pause that keeps this process within its share of the budget, where
    /// quiet readings are charged to it.
    fn affordable(&self, now: Timestamp, budget: Option<Budget>) -> Duration {
        let Some(budget) = budget.filter(|_| self.charged) else { return Duration::ZERO };
        let until_reset = between(now, budget.reset);
        let share = budget.remaining.saturating_mul(u64::from(self.polling.budget_percent)) / 100;
        until_reset / u32::try_from(share).unwrap_or(u32::MAX).max(1)
    }

    fn jittered(&self, pause: Duration, chance: f64) -> Duration {
        pause.mul_f64(JITTER.start + (JITTER.end - JITTER.start) * chance.clamp(0.0, 1.0))
    }
}

fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap()
    }

    #[test]
    fn it_asks_often_after_a_move_and_then_ever_less() {
        let polling = Polling::default();
        let mut pace = Pace::new(polling, at(0));
        let mut now = 0.0;
        let mut pauses = Vec::new();
        while now < 400.0 {
            #[expect(clippy::cast_possible_truncation, reason = "a test's clock")]
            let pause = pace.after_reading(at(now as i64), false, false, None, 1.0).as_secs_f64();
            pauses.push((now, pause));
            now += pause;
        }
        assert!(pauses.iter().filter(|(now, _)| *now < 120.0).all(|(_, pause)| *pause <= 3.0));
        assert!(pauses.windows(2).all(|pair| pair[0].1 <= pair[1].1));
        assert!((pauses.last().unwrap().1 - 15.0).abs() < 1e-9);
        assert_eq!(pace.after_reading(at(500), true, true, None, 1.0), polling.interval);
    }

    #[test]
    fn chance_only_ever_shortens_a_pause() {
        for (chance, expected) in [(0.0, 1.8), (0.5, 2.4), (1.0, 3.0)] {
            let pause = Pace::new(Polling::default(), at(0)).after_reading(at(0), true, true, None, chance);
            assert!((pause.as_secs_f64() - expected).abs() < 1e-9, "{chance}: {pause:?}");
        }
    }

    #[test]
    fn charged_readings_keep_to_their_share_and_free_ones_need_not() {
        let pause = |charged, budget| {
            Pace::new(Polling::default(), at(0)).after_reading(at(0), false, charged, budget, 1.0).as_secs()
        };
        let budget = Some(Budget { remaining: 500, reset: at(1_000) });
        assert_eq!(pause(true, budget), 20);
        assert_eq!(pause(false, budget), 3);
        assert_eq!(pause(true, Some(Budget { remaining: 3, reset: at(1_000) })), 1_000);
        assert_eq!(pause(true, Some(Budget { remaining: 0, reset: at(-5) })), 3);
        assert_eq!(pause(true, None), 3);
    }

    #[test]
    fn a_move_tells_nothing_of_what_quiet_readings_cost() {
        let budget = Some(Budget { remaining: 500, reset: at(1_000) });
        let mut pace = Pace::new(Polling::default(), at(0));
        assert_eq!(pace.after_reading(at(0), true, false, budget, 1.0), Duration::from_secs(3));
        assert_eq!(pace.after_reading(at(3), false, true, budget, 1.0).as_secs(), 19);
        assert_eq!(
            pace.after_reading(at(22), true, false, budget, 1.0).as_secs(),
            19,
            "and is not forgotten by one"
        );
    }

    #[test]
    fn failures_back_off_and_obey_what_github_asks() {
        let mut pace = Pace::new(Polling::default(), at(0));
        let outage = ApiError::Transport("refused".to_owned());
        let pauses: Vec<u64> = (0..7).map(|_| pace.after_failure(&outage, 1.0).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        let limited = ApiError::RateLimited { status: 429, wait: Duration::from_secs(60) };
        assert!(pace.after_failure(&limited, 0.0) >= Duration::from_secs(60));
        let _ = pace.after_reading(at(9), false, true, None, 1.0);
        assert_eq!(pace.after_failure(&outage, 1.0), Duration::from_secs(1));
    }
}
