//! Quiet races of one repository on a simulated clock: the product's own schedule
//! against a rate limit that they share.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use testnet_deployer::github::{ApiError, Budget, Pace, Toll};
use testnet_deployer::policy::Polling;

/// What GitHub gives a repository's `GITHUB_TOKEN`, in requests an hour.
pub(crate) const LIMIT: u64 = 1_000;
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// What is played. Nothing ever moves in any of the runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene {
    /// How many races wait.
    pub(crate) races: usize,
    /// The time within which all of them begin.
    pub(crate) begin_within: Duration,
    /// How many counted requests a race makes until it is quiet.
    pub(crate) start_up: u64,
    /// Whether GitHub answers 304 to what has not changed.
    pub(crate) etags: bool,
    /// How long it is played.
    pub(crate) hours: usize,
    /// Seed of all chance.
    pub(crate) seed: u64,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Played {
    /// Counted requests from each reset of the rate limit to the next.
    pub(crate) counted: Vec<u64>,
    /// The races that were refused, with the number of the hour, one entry a refusal.
    pub(crate) refused: Vec<(usize, usize)>,
    /// When each race read its run.
    pub(crate) readings: Vec<Vec<Timestamp>>,
}

impl Played {
    /// The longest time for which a race did not know better.
    pub(crate) fn longest_gap(&self) -> Duration {
        let gaps = self.readings.iter().flat_map(|times| times.windows(2));
        gaps.map(|pair| to_duration(pair[1].duration_since(pair[0]))).max().unwrap_or_default()
    }

    /// The fewest readings of any race in any hour.
    pub(crate) fn fewest_readings(&self, hours: usize) -> usize {
        let of_one = |times: &[Timestamp], hour| times.iter().filter(|at| hour_of(**at) == hour).count();
        let all = self.readings.iter().flat_map(|times| (0..hours).map(move |hour| of_one(times, hour)));
        all.min().unwrap_or(0)
    }
}

/// Plays a scene.
pub(crate) fn play(scene: Scene) -> Played {
    let mut chance = fastrand::Rng::with_seed(scene.seed);
    let mut limit = RateLimit { used: 0, reset: begin() };
    let mut played = Played { readings: vec![Vec::new(); scene.races], ..Played::default() };
    let end = begin() + HOUR * i32::try_from(scene.hours).unwrap();
    let mut races: Vec<Option<Pace>> = vec![None; scene.races];
    let mut due: BinaryHeap<Reverse<(Timestamp, usize)>> = (0..scene.races)
        .map(|race| Reverse((begin() + scene.begin_within.mul_f64(chance.f64()), race)))
        .collect();
    while let Some(Reverse((now, race))) = due.pop() {
        if now >= end {
            break;
        }
        let starts = races[race].is_none();
        let pace = races[race].get_or_insert_with(|| Pace::new(Polling::default(), now));
        let requests = if starts { scene.start_up } else { 1 };
        let answer = limit.ask(now, requests, scene.etags && !starts, &mut played.counted);
        let pause = match answer {
            Ok((counted, budget)) => {
                played.readings[race].push(now);
                let toll = match (starts, counted) {
                    (true, _) => Toll::Due,
                    (false, 0) => Toll::Free,
                    (false, _) => Toll::Wasted,
                };
                pace.after_reading(now, starts, toll, Some(budget), chance.f64())
            }
            Err(wait) => {
                played.refused.push((race, hour_of(now)));
                pace.after_failure(&ApiError::RateLimited { status: 403, wait }, chance.f64())
            }
        };
        due.push(Reverse((now + pause, race)));
    }
    played
}

/// The limit that all share.
struct RateLimit {
    used: u64,
    reset: Timestamp,
}

impl RateLimit {
    /// Makes `requests`; says how many were counted and what is left, or how long to
    /// wait.
    fn ask(
        &mut self,
        now: Timestamp,
        requests: u64,
        free: bool,
        counts: &mut Vec<u64>,
    ) -> Result<(u64, Budget), Duration> {
        if now >= self.reset {
            *self = Self { used: 0, reset: now + HOUR };
            counts.push(0);
        }
        if self.used + requests > LIMIT {
            // The header tells whole seconds.
            let seconds = self.reset.as_second() - now.as_second();
            return Err(Duration::from_secs(u64::try_from(seconds).unwrap().max(1)));
        }
        let counted = if free { 0 } else { requests };
        self.used += counted;
        *counts.last_mut().unwrap() = self.used;
        let reset = Timestamp::from_second(self.reset.as_second()).unwrap();
        Ok((counted, Budget { remaining: LIMIT - self.used, reset }))
    }
}

/// When every scene begins.
fn begin() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn hour_of(now: Timestamp) -> usize {
    usize::try_from(now.duration_since(begin()).as_hours()).unwrap()
}

fn to_duration(span: SignedDuration) -> Duration {
    Duration::try_from(span).unwrap()
}
