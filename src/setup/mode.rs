//! How long a soak takes against how long GitHub lets things run: which of the ways to
//! wait fits, and which is advised.

use std::fmt;
use std::time::Duration;

use crate::policy::Monitor;
use crate::policy::duration;

/// How long a job may take: on GitHub's runners, and on those of one's own.
///
/// Source: <https://docs.github.com/actions/reference/limits>, as are the others.
pub const JOB: Duration = Duration::from_hours(6);
/// The same on a runner of one's own.
pub const JOB_SELF_HOSTED: Duration = Duration::from_hours(5 * 24);
/// `GITHUB_TOKEN` ends with the job, and on a runner of one's own after a day.
pub const TOKEN: Duration = Duration::from_hours(24);
/// How long a job may wait for its review.
pub const REVIEW: Duration = Duration::from_hours(30 * 24);
/// How long a run may take, with all its waiting.
pub const RUN: Duration = Duration::from_hours(35 * 24);

/// How long `race wait` waits: less than its job may take, or its token lives.
pub const CHECK: Duration = Duration::from_mins(340);
/// The same on a runner of one's own.
pub const CHECK_SELF_HOSTED: Duration = Duration::from_mins(1360);
/// How long a leg of the soak goes on: it leaves an hour for all else that its job does.
pub const LEG: Duration = Duration::from_hours(5);
/// The same on a runner of one's own.
pub const LEG_SELF_HOSTED: Duration = Duration::from_hours(22);

/// How long it may take until the nodes run what was built, where nobody says otherwise.
pub const DEPLOYMENT: Duration = Duration::from_mins(30);
/// In percent: sessions take longer than they should, where keys are made again.
const SLACK: u32 = 10;
/// With less time than this for the review nothing can be reviewed.
const LEAST_REVIEW: Duration = Duration::from_mins(30);
/// With less time than this for the review a lunch turns the check red.
const GOOD_REVIEW: Duration = Duration::from_hours(2);
/// So many legs are written. Each is a runner that does nothing else for hours.
pub const MOST_LEGS: u32 = 50;
/// With more legs than this, looking once in a while is the better way: so many take
/// two days and a half of a runner.
const GOOD_LEGS: u32 = 12;
/// How often a soak is looked at, where it is sampled.
pub const EVERY: Duration = Duration::from_hours(1);
/// A soak that is looked at less often than this is over before anybody has seen it fail.
const LEAST_LOOKS: u32 = 6;
/// The longest soak that is sampled: GitHub keeps the artifacts of a run for 90 days,
/// and a pull request does not stay as it is for longer.
const LONGEST: Duration = Duration::from_hours(90 * 24);

/// A duration for people: of whole seconds, and never in months.
#[must_use]
pub fn told(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, rest) = (seconds / 86_400, Duration::from_secs(seconds % 86_400));
    match (days, rest.is_zero()) {
        (0, _) => duration::rounded(duration),
        (_, true) => format!("{days}d"),
        (_, false) => format!("{days}d{}", duration::rounded(rest)),
    }
}

/// A way to wait for the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A job polls, and is the check.
    Poll,
    /// Jobs that live for seconds write a commit status; the soak goes from leg to leg.
    Relay,
    /// The same, but that nobody watches the soak: it is looked at once in a while.
    Sampled,
}

impl Mode {
    /// Every mode, the simplest first.
    pub const ALL: [Self; 3] = [Self::Poll, Self::Relay, Self::Sampled];

    /// The word for it on the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Relay => "relay",
            Self::Sampled => "sampled",
        }
    }
}

/// Whose runners the long jobs run on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunsOn {
    /// GitHub's.
    #[default]
    Hosted,
    /// One's own.
    SelfHosted,
}

impl RunsOn {
    /// How long a leg of the soak goes on.
    #[must_use]
    pub const fn leg(self) -> Duration {
        match self {
            Self::Hosted => LEG,
            Self::SelfHosted => LEG_SELF_HOSTED,
        }
    }

    /// How long `race wait` waits.
    #[must_use]
    pub const fn check(self) -> Duration {
        match self {
            Self::Hosted => CHECK,
            Self::SelfHosted => CHECK_SELF_HOSTED,
        }
    }
}

/// What an approved testnet has to do, and how long each part of it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Soak {
    /// How long one session takes.
    pub session_length: Duration,
    /// How many sessions must pass, those that warm up among them.
    pub sessions: u32,
    /// How long the nodes have until they run what was deployed.
    pub ready_within: Duration,
    /// How long the deployment takes, waiting for what is built among it.
    pub deployment: Duration,
}

impl Soak {
    /// The soak that a policy asks for.
    #[must_use]
    pub fn of(monitor: &Monitor, deployment: Duration) -> Self {
        Self {
            session_length: monitor.session_length,
            sessions: monitor.target_sessions.saturating_add(monitor.warm_up_sessions),
            ready_within: monitor.ready_within,
            deployment,
        }
    }

    /// The least time that its sessions take.
    #[must_use]
    pub const fn least(&self) -> Duration {
        self.session_length.saturating_mul(self.sessions)
    }

    /// The time to be reckoned with, from the approval to the verdict.
    #[must_use]
    pub fn whole(&self) -> Duration {
        let slack = (self.least() / 100).saturating_mul(SLACK);
        self.least().saturating_add(slack).saturating_add(self.ready_within).saturating_add(self.deployment)
    }

    /// How many legs it takes.
    #[must_use]
    pub fn legs(&self, runs_on: RunsOn) -> u32 {
        let legs = self.whole().as_secs().div_ceil(runs_on.leg().as_secs());
        u32::try_from(legs).unwrap_or(u32::MAX).max(1)
    }
}

impl fmt::Display for Soak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} sessions of {} take at least {}; with {SLACK} % of slack, {} until the nodes are ready and {} for \
             the deployment: {}",
            self.sessions,
            told(self.session_length),
            told(self.least()),
            told(self.ready_within),
            told(self.deployment),
            told(self.whole())
        )
    }
}

/// What a mode that fits leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// How long the review may take.
    pub review: Duration,
    /// How many legs the soak is cut into.
    pub legs: u32,
}

/// Why a mode does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooLong {
    /// The check's own job cannot wait for it.
    Check {
        /// What is to be waited for.
        whole: Duration,
        /// How long it waits.
        limit: Duration,
    },
    /// It is too many legs.
    Legs {
        /// So many.
        legs: u32,
        /// How long each goes on.
        leg: Duration,
    },
    /// The run ends before it does.
    Run {
        /// What the run is to do.
        whole: Duration,
    },
    /// It is over before it was looked at a few times.
    Looks {
        /// What is to be looked at.
        whole: Duration,
    },
    /// Nobody keeps anything for so long.
    Kept {
        /// What is to be looked at.
        whole: Duration,
    },
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Check { whole, limit } => write!(
                f,
                "the job that waits ends after {}, and {} are to be waited for, besides {} at least for the review",
                told(*limit),
                told(*whole),
                told(LEAST_REVIEW)
            ),
            Self::Legs { legs, leg } => write!(
                f,
                "it would take {legs} legs of {}, each a runner that does nothing else; {MOST_LEGS} is the most",
                told(*leg)
            ),
            Self::Run { whole } => {
                write!(f, "GitHub ends a run after {}, and this takes {}", told(RUN), told(*whole))
            }
            Self::Looks { whole } => write!(
                f,
                "it looks once in {}, and a soak of {} would be over after a few looks",
                told(EVERY),
                told(*whole)
            ),
            Self::Kept { whole } => {
                write!(f, "GitHub keeps what was seen for {}, and this takes {}", told(LONGEST), told(*whole))
            }
        }
    }
}

/// Whether a mode fits a soak: with what room, or why not.
///
/// # Errors
///
/// Where it does not fit.
pub fn fit(mode: Mode, soak: &Soak, runs_on: RunsOn) -> Result<Room, TooLong> {
    let whole = soak.whole();
    match mode {
        Mode::Poll => {
            let limit = runs_on.check();
            let review = limit.saturating_sub(whole);
            if review < LEAST_REVIEW {
                Err(TooLong::Check { whole, limit })
            } else {
                Ok(Room { review, legs: 1 })
            }
        }
        Mode::Relay => {
            let review = RUN.saturating_sub(whole).min(REVIEW);
            let (legs, leg) = (soak.legs(runs_on), runs_on.leg());
            if review < GOOD_REVIEW {
                Err(TooLong::Run { whole })
            } else if legs > MOST_LEGS {
                Err(TooLong::Legs { legs, leg })
            } else {
                Ok(Room { review, legs })
            }
        }
        // The soak needs no run: what remains of it may end meanwhile.
        Mode::Sampled if soak.least() < EVERY.saturating_mul(LEAST_LOOKS) => Err(TooLong::Looks { whole }),
        Mode::Sampled if whole > LONGEST => Err(TooLong::Kept { whole }),
        Mode::Sampled => Ok(Room { review: REVIEW, legs: 1 }),
    }
}

/// The mode to take: the simplest that fits, leaves time for a review, and does not have
/// runners watch for days.
#[must_use]
pub fn advised(soak: &Soak, runs_on: RunsOn) -> Option<Mode> {
    let room = |mode| fit(mode, soak, runs_on).ok().map(|room| (mode, room));
    let fitting = || Mode::ALL.into_iter().filter_map(room);
    let good = fitting().find(|(_, room)| room.review >= GOOD_REVIEW && room.legs <= GOOD_LEGS);
    good.or_else(|| fitting().next()).map(|(mode, _)| mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn soak(session_length: Duration, sessions: u32) -> Soak {
        Soak { session_length, sessions, ready_within: 30 * MINUTE, deployment: DEPLOYMENT }
    }

    #[test]
    fn the_length_of_the_soak_says_which_mode_fits() {
        use RunsOn::{Hosted, SelfHosted};
        let hour = 60 * MINUTE;
        for (session, sessions, runs_on, poll, relay, expected) in [
            (MINUTE, 30, Hosted, true, Some(1), Some(Mode::Poll)),
            (MINUTE, 180, Hosted, true, Some(1), Some(Mode::Relay)),
            (MINUTE, 300, Hosted, false, Some(2), Some(Mode::Relay)),
            (MINUTE, 500, Hosted, false, Some(3), Some(Mode::Relay)),
            (MINUTE, 500, SelfHosted, true, Some(1), Some(Mode::Poll)),
            (hour, 48, Hosted, false, Some(11), Some(Mode::Relay)),
            (hour, 200, Hosted, false, Some(45), Some(Mode::Sampled)),
            (hour, 500, Hosted, false, None, Some(Mode::Sampled)),
            (hour, 500, SelfHosted, false, Some(26), Some(Mode::Sampled)),
            (6 * hour, 500, SelfHosted, false, None, None),
            (Duration::MAX, u32::MAX, SelfHosted, false, None, None),
        ] {
            let soak = soak(session, sessions);
            assert_eq!(fit(Mode::Poll, &soak, runs_on).is_ok(), poll, "{soak} {runs_on:?}");
            let legs = fit(Mode::Relay, &soak, runs_on).ok().map(|room| room.legs);
            assert_eq!(legs, relay, "{soak} {runs_on:?}");
            assert_eq!(advised(&soak, runs_on), expected, "{soak} {runs_on:?}");
        }
    }

    #[test]
    fn what_fits_keeps_within_githubs_limits() {
        for minutes in 1..=60 * 24 * 40 {
            let soak = soak(minutes * MINUTE, 1);
            for (runs_on, job) in [(RunsOn::Hosted, JOB), (RunsOn::SelfHosted, JOB_SELF_HOSTED.min(TOKEN))] {
                if let Ok(room) = fit(Mode::Poll, &soak, runs_on) {
                    assert!(room.review + soak.whole() < job, "{soak}");
                }
                if let Ok(room) = fit(Mode::Relay, &soak, runs_on) {
                    assert!(room.review <= REVIEW && room.review + soak.whole() <= RUN, "{soak}");
                    assert!(room.legs * runs_on.leg() >= soak.whole() && runs_on.leg() < job, "{soak}");
                }
            }
        }
    }

    #[test]
    fn the_numbers_are_told() {
        let long = soak(60 * MINUTE, 500);
        assert_eq!(
            soak(MINUTE, 500).to_string(),
            "500 sessions of 1m take at least 8h20m; with 10 % of slack, 30m until the nodes are ready and 30m for \
             the deployment: 10h10m"
        );
        for (mode, told) in [
            (Mode::Poll, "the job that waits ends after 5h40m, and 22d23h are to be waited for"),
            (Mode::Relay, "it would take 111 legs of 5h"),
        ] {
            assert!(fit(Mode::Sampled, &long, RunsOn::Hosted).is_ok());
            let why = fit(mode, &long, RunsOn::Hosted).unwrap_err().to_string();
            assert!(why.contains(told), "{why}");
        }
        let why = fit(Mode::Relay, &soak(360 * MINUTE, 500), RunsOn::Hosted).unwrap_err().to_string();
        assert!(why.starts_with("GitHub ends a run after 35d, and this takes 137d"), "{why}");
        for (soak, told) in [
            (soak(MINUTE, 300), "it looks once in 1h, and a soak of 6h30m would be over after a few looks"),
            (soak(360 * MINUTE, 500), "GitHub keeps what was seen for 90d, and this takes 137d"),
        ] {
            let why = fit(Mode::Sampled, &soak, RunsOn::Hosted).unwrap_err().to_string();
            assert!(why.starts_with(told), "{why}");
        }
    }
}
