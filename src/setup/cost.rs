//! What a verdict costs of runners, before anybody has run anything.

use std::fmt;
use std::time::Duration;

use super::Mode;
use super::mode::{EVERY, RunsOn, Soak};

/// The jobs of seconds that stand around a soak: GitHub bills a whole minute for each.
const SHORT: u64 = 7;

/// Minutes that GitHub bills for one look at a soak: most take less than one.
const A_LOOK: u64 = 1;

/// Minutes of runners for one verdict, the build left out: it is the same in every mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Minutes, if the review comes with the push.
    pub minutes: u64,
    /// Minutes more for each hour until the review.
    pub hour_of_review: u64,
}

impl Cost {
    /// Of a soak that takes as long as is to be reckoned with.
    #[must_use]
    pub fn of(mode: Mode, soak: &Soak, runs_on: RunsOn) -> Self {
        let whole = minutes(soak.whole());
        match mode {
            // The job that is the check waits beside the one that soaks.
            Mode::Poll => Self { minutes: whole.saturating_mul(2), hour_of_review: 60 },
            Mode::Relay => {
                let legs = u64::from(soak.legs(runs_on));
                Self { minutes: whole.saturating_add(legs).saturating_add(SHORT), hour_of_review: 0 }
            }
            Mode::Sampled => {
                let looks = soak.whole().as_secs().div_ceil(EVERY.as_secs());
                let deployment = minutes(soak.deployment);
                let looked = looks.saturating_mul(A_LOOK);
                Self { minutes: deployment.saturating_add(looked).saturating_add(SHORT), hour_of_review: 0 }
            }
        }
    }
}

const fn minutes(duration: Duration) -> u64 {
    duration.as_secs().div_ceil(60)
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "about {} runner minutes", self.minutes)?;
        match self.hour_of_review {
            0 => Ok(()),
            more => write!(f, ", and {more} for each hour until the review"),
        }
    }
}
