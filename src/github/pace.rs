//! When to ask next: a pure schedule over what happened so far.

use std::time::Duration;

use jiff::Timestamp;

use super::error::{ApiError, Retry};
use crate::policy::Polling;
use crate::policy::duration::between;

/// How long `interval` holds after anything moved.
const LIVELY: Duration = Duration::from_mins(2);
/// The first pause after a failure, and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// The least that a pause is shortened to by chance, so that many races that began
/// together do not ask together, and none is later than its interval.
const JITTER: std::ops::Range<f64> = 0.6..1.0;

/// The longest pause for the sake of others: beyond it everybody is refused at times.
const LONGEST_FAIR: Duration = Duration::from_mins(20);

/// What is left of the rate limit, by the headers of the last answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Requests left until the reset (`x-ratelimit-remaining`).
    pub remaining: u64,
    /// When the count starts anew (`x-ratelimit-reset`).
    pub reset: Timestamp,
}

/// What a reading told of the rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toll {
    /// Nothing had changed and GitHub said so (304), which it does not count.
    Free,
    /// Nothing had changed, and it was counted all the same.
    Wasted,
    /// Something had changed, which is counted; it does not tell what the next
    /// reading will cost.
    Due,
}

/// When to ask next.
#[derive(Clone, Debug)]
pub struct Pace {
    polling: Polling,
    moved: Timestamp,
    pause: Duration,
    failures: u32,
    /// Readings that bring nothing new are counted.
    metered: bool,
    budget: Option<Budget>,
    /// The pause with which everybody who shares the rate limit gets through to its
    /// reset, as far as it shows.
    fair: Duration,
}

impl Pace {
    /// A schedule that begins now, as if something had just moved.
    #[must_use]
    pub const fn new(polling: Polling, now: Timestamp) -> Self {
        Self {
            polling,
            moved: now,
            pause: polling.interval,
            failures: 0,
            metered: false,
            budget: None,
            fair: Duration::ZERO,
        }
    }

    /// A reading came. `moved` says that it differs from the one before. Returns the
    /// time until the next reading; `chance` is a random number from 0 to 1.
    #[must_use]
    pub fn after_reading(
        &mut self,
        now: Timestamp,
        moved: bool,
        toll: Toll,
        budget: Option<Budget>,
        chance: f64,
    ) -> Duration {
        self.failures = 0;
        if moved {
            self.moved = now;
        }
        self.pause = if between(self.moved, now) < LIVELY {
            self.polling.interval
        } else {
            (self.pause * 3 / 2).clamp(self.polling.interval, self.polling.max_interval)
        };
        self.jittered(self.pause, chance).max(self.affordable(now, toll, budget).mul_f64(1.0 + 0.1 * chance))
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

    /// The least pause that keeps this process within its share of the budget.
    fn affordable(&mut self, now: Timestamp, toll: Toll, budget: Option<Budget>) -> Duration {
        self.metered = match toll {
            Toll::Free => false,
            Toll::Wasted => true,
            Toll::Due => self.metered,
        };
        let Some(budget) = budget else { return Duration::ZERO };
        let before = self.budget.replace(budget).filter(|before| before.reset == budget.reset);
        if toll == Toll::Free {
            return Duration::ZERO;
        }
        let until_reset = between(now, budget.reset);
        let share = budget.remaining.saturating_mul(u64::from(self.polling.budget_percent)) / 100;
        if !self.metered {
            // The readings to come are free again as soon as nothing moves.
            return over(until_reset.min(LIVELY), share);
        }
        if let Some(before) = before {
            // What all spent since our last reading they will spend again until the next.
            let spent = before.remaining.saturating_sub(budget.remaining).max(1);
            let fair = until_reset.mul_f64(ratio(spent, budget.remaining.max(1)));
            self.fair = fair.max(self.fair / 2).min(LONGEST_FAIR);
        }
        over(until_reset, share).max(self.fair)
    }

    fn jittered(&self, pause: Duration, chance: f64) -> Duration {
        pause.mul_f64(JITTER.start + (JITTER.end - JITTER.start) * chance.clamp(0.0, 1.0))
    }
}

/// The pause that spreads so many requests over a time.
fn over(time: Duration, requests: u64) -> Duration {
    time / u32::try_from(requests).unwrap_or(u32::MAX).max(1)
}

#[expect(clippy::cast_precision_loss, reason = "requests of an hour")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
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
            let pause = pace.after_reading(at(now as i64), false, Toll::Free, None, 1.0).as_secs_f64();
            pauses.push((now, pause));
            now += pause;
        }
        assert!(pauses.iter().filter(|(now, _)| *now < 120.0).all(|(_, pause)| *pause <= 3.0));
        assert!(pauses.windows(2).all(|pair| pair[0].1 <= pair[1].1));
        assert!((pauses.last().unwrap().1 - 15.0).abs() < 1e-9);
        assert_eq!(pace.after_reading(at(500), true, Toll::Due, None, 1.0), polling.interval);
    }

    #[test]
    fn chance_only_ever_shortens_a_pause() {
        for (chance, expected) in [(0.0, 1.8), (0.5, 2.4), (1.0, 3.0)] {
            let pause =
                Pace::new(Polling::default(), at(0)).after_reading(at(0), true, Toll::Due, None, chance);
            assert!((pause.as_secs_f64() - expected).abs() < 1e-9, "{chance}: {pause:?}");
        }
    }

    /// A schedule whose first reading was counted although nothing had changed.
    fn metered(polling: Polling) -> Pace {
        let mut pace = Pace::new(polling, at(0));
        let _ = pace.after_reading(at(0), false, Toll::Wasted, None, 0.5);
        pace
    }

    fn budget(remaining: u64, reset: i64) -> Option<Budget> {
        Some(Budget { remaining, reset: at(reset) })
    }

    #[test]
    fn readings_that_cost_keep_to_a_share_of_what_is_left() {
        let polling = Polling::default();
        let read = |left| metered(polling).after_reading(at(0), false, Toll::Wasted, left, 0.0);
        assert_eq!(read(budget(500, 1_000)), Duration::from_secs(20));
        assert_eq!(read(budget(3, 1_000)), Duration::from_secs(1_000));
        assert_eq!(read(budget(0, -5)), read(None));
    }

    #[test]
    fn readings_that_cost_leave_others_their_part() {
        let mut pace = metered(Polling::default());
        let mut read = |now, left| pace.after_reading(at(now), false, Toll::Wasted, left, 0.0).as_secs();
        assert_eq!(read(0, budget(900, 3_600)), 40, "nothing shows that others ask");
        assert_eq!(read(0, budget(800, 3_600)), 450, "a hundred requests came in between");
        assert_eq!(read(3_600, budget(1_000, 7_200)), 450, "a new hour, and nothing shows yet");
        assert_eq!(read(3_600, budget(999, 7_200)), 225, "they are gone, which is believed by halves");
        assert_eq!(read(3_600, budget(99, 7_200)), 1_200, "a rush is not believed for ever");
    }

    #[test]
    fn what_moves_is_followed_closely_while_quiet_readings_are_free() {
        let read =
            |toll, left| Pace::new(Polling::default(), at(0)).after_reading(at(0), true, toll, left, 1.0);
        assert_eq!(read(Toll::Due, budget(990, 3_600)), Duration::from_secs(3));
        assert_eq!(read(Toll::Free, budget(1, 3_600)), Duration::from_secs(3));
        assert!(read(Toll::Due, budget(20, 3_600)) > Duration::from_secs(30));
    }

    #[test]
    fn failures_back_off_and_obey_what_github_asks() {
        let mut pace = Pace::new(Polling::default(), at(0));
        let outage = ApiError::Transport("refused".to_owned());
        let pauses: Vec<u64> = (0..7).map(|_| pace.after_failure(&outage, 1.0).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        let limited = ApiError::RateLimited { status: 429, wait: Duration::from_secs(60) };
        assert!(pace.after_failure(&limited, 0.0) >= Duration::from_secs(60));
        let _ = pace.after_reading(at(9), false, Toll::Wasted, None, 1.0);
        assert_eq!(pace.after_failure(&outage, 1.0), Duration::from_secs(1));
    }
}
