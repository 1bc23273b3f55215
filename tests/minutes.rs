//! What a verdict costs of runners, in every mode: simulated, and held against what
//! `race init` says of the modes and what the book tells.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::fmt::Write as _;
use std::time::Duration;

use testnet_deployer::rehearsal::workflow::simulated::durations::Pace;
use testnet_deployer::rehearsal::workflow::simulated::{Played, Scene};
use testnet_deployer::setup::cost::Cost;
use testnet_deployer::setup::mode::{DEPLOYMENT, TooLong, fit, told};
use testnet_deployer::setup::{Mode, RunsOn, Soak};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
/// Until the nodes are ready, at the latest: the policy's default.
const READY_WITHIN: Duration = Duration::from_mins(30);

/// The slowest that `race init` reckons with. The job that deploys takes some time around
/// the deployment itself.
const SLOW: Pace = Pace {
    build: MINUTE,
    deployment: DEPLOYMENT.saturating_sub(Duration::from_mins(2)),
    ready: READY_WITHIN,
    slack: 10,
};

/// How far the limits of a simulation may be from those of the arithmetic: what jobs take
/// around their work, leg by leg.
const MARGIN: Duration = Duration::from_mins(5);

type Length = (Duration, u32);

fn scene(mode: Mode, runs_on: RunsOn, (session_length, sessions): Length, review: Duration) -> Scene {
    Scene { mode, runs_on, session_length, sessions, review, pace: SLOW }
}

fn soak((session_length, sessions): Length) -> Soak {
    Soak { session_length, sessions, ready_within: READY_WITHIN, deployment: DEPLOYMENT }
}

/// Soaks around every limit that there is.
fn lengths() -> impl Iterator<Item = Length> {
    let minutes = [1, 30, 225, 232, 350, 360, 500, 1150, 1160].into_iter();
    // What legs take beside their soak may be enough for 227 hours, in legs that are too few.
    let hours = [60, 226, 228, 500, 760, 762];
    minutes.map(|sessions| (MINUTE, sessions)).chain(hours.map(|sessions| (HOUR, sessions)))
}

fn kinds() -> impl Iterator<Item = (Mode, RunsOn)> {
    [RunsOn::Hosted, RunsOn::SelfHosted].into_iter().flat_map(|runs_on| Mode::ALL.map(|mode| (mode, runs_on)))
}

#[test]
fn a_mode_that_fits_comes_to_a_verdict_with_the_slowest_review_there_is_room_for() {
    for (mode, runs_on) in kinds() {
        for length in lengths() {
            let Ok(room) = fit(mode, &soak(length), runs_on) else { continue };
            let played = scene(mode, runs_on, length, room.review).play().unwrap();
            assert!(played.is_won(), "{mode:?} {runs_on:?} {length:?} {}: {played:#?}", told(room.review));
        }
    }
}

#[test]
fn a_mode_that_does_not_fit_comes_to_no_verdict() {
    let mut refused = 0;
    for (mode, runs_on) in kinds() {
        for length in lengths() {
            let Err(why) = fit(mode, &soak(length), runs_on) else { continue };
            // The least time for a review with which it would fit.
            let review = match why {
                // That would end well, and is refused for other reasons.
                TooLong::Kept { .. } => continue,
                TooLong::Check { .. } | TooLong::Legs { .. } => 30 * MINUTE,
                // It would come to one, after hardly a look.
                TooLong::Looks { .. } => {
                    let played =
                        Scene { pace: Pace::GOOD, ..scene(mode, runs_on, length, HOUR) }.play().unwrap();
                    let looks = played.jobs.iter().filter(|job| job.name == "samples").count();
                    assert!(looks < 8, "{length:?}: {why}, and yet {looks} looks");
                    continue;
                }
                _ => 2 * HOUR,
            };
            let played = scene(mode, runs_on, length, review + MARGIN).play().unwrap();
            assert!(!played.is_won(), "{mode:?} {runs_on:?} {length:?}: {why}, and yet {played:#?}");
            refused += 1;
        }
    }
    assert!(refused > 12, "{refused}");
}

#[test]
fn a_review_that_comes_too_late_is_of_no_use() {
    for (mode, runs_on) in kinds() {
        for length in lengths() {
            let Ok(room) = fit(mode, &soak(length), runs_on) else { continue };
            let played = scene(mode, runs_on, length, room.review + MARGIN).play().unwrap();
            assert!(!played.is_won(), "{mode:?} {runs_on:?} {length:?} {}: {played:#?}", told(room.review));
        }
    }
}

#[test]
fn a_leg_ends_in_time_however_long_the_build_takes() {
    for runs_on in [RunsOn::Hosted, RunsOn::SelfHosted] {
        let pace = Pace { build: Duration::from_mins(58), ..Pace::GOOD };
        let scene = Scene { pace, ..scene(Mode::Relay, runs_on, (MINUTE, 500), Duration::ZERO) };
        let played = scene.play().unwrap();
        assert!(played.is_won(), "{runs_on:?}: {played:#?}");
    }
}

#[test]
fn what_a_mode_is_said_to_cost_is_what_it_costs() {
    for (mode, runs_on) in kinds() {
        for length in lengths() {
            let Ok(room) = fit(mode, &soak(length), runs_on) else { continue };
            let review = HOUR.min(room.review);
            let played = scene(mode, runs_on, length, review).play().unwrap();
            let built: u64 =
                played.jobs.iter().filter(|job| job.name == "build").map(|job| job.minutes()).sum();
            let cost = Cost::of(mode, &soak(length), runs_on);
            let said = cost.minutes + cost.hour_of_review * review.as_secs() / 3600;
            let true_one = played.minutes() - built;
            let far = said.abs_diff(true_one);
            assert!(far <= 6 + said / 50, "{mode:?} {runs_on:?} {length:?}: said {said}, is {true_one}");
        }
    }
}

/// The soaks of the page: how they are told, the length of a session, and how many.
const SOAKS: [(&str, Length); 3] =
    [("30 min", (MINUTE, 30)), ("8 h 20 min", (MINUTE, 500)), ("21 days", (HOUR, 500))];

/// Hours from the push to the approval.
const REVIEWS: [u32; 3] = [0, 8, 72];

/// A cell of the page.
fn cell(mode: Mode, runs_on: RunsOn, length: Length, review: Duration) -> String {
    let played: Played = Scene { pace: Pace::GOOD, ..scene(mode, runs_on, length, review) }.play().unwrap();
    let minutes = grouped(played.minutes());
    match fit(mode, &soak(length), runs_on) {
        Ok(_) if played.is_won() => minutes,
        Err(TooLong::Legs { legs, .. }) => format!("no: {legs} legs"),
        Err(TooLong::Looks { .. }) => "no: over after a few looks".to_owned(),
        _ => {
            let why = played.reason.split(':').next().unwrap_or_default();
            format!("no: {why}; {minutes} in vain")
        }
    }
}

fn grouped(number: u64) -> String {
    if number < 1000 { number.to_string() } else { format!("{},{:03}", number / 1000, number % 1000) }
}

/// The table of the page.
fn table(runs_on: RunsOn) -> String {
    let words: Vec<&str> = Mode::ALL.iter().map(|mode| mode.word()).collect();
    let mut table = format!("| soak | approved after | {} |\n", words.join(" | "));
    let _ = writeln!(table, "| --- | --- | {} |", vec!["---"; words.len()].join(" | "));
    for (name, length) in SOAKS {
        for hours in REVIEWS {
            let cells = Mode::ALL.map(|mode| cell(mode, runs_on, length, hours * HOUR));
            let _ = writeln!(table, "| {name} | {hours} h | {} |", cells.join(" | "));
        }
    }
    table
}

/// Where the page differs, the test prints the table that belongs there.
#[test]
fn the_page_tells_the_minutes_of_every_mode() {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/choose-a-mode.md")).unwrap();
    for runs_on in [RunsOn::Hosted, RunsOn::SelfHosted] {
        let table = table(runs_on);
        assert!(page.contains(&table), "docs/choose-a-mode.md is to have, for {runs_on:?}:\n\n{table}");
    }
}
