//! What waiting costs of the rate limit: the real `race wait` up to its first quiet
//! reading, and a hundred of its schedules through simulated hours.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

#[path = "support/awaited.rs"]
mod awaited;
#[path = "support/quiet.rs"]
mod quiet;

use std::path::Path;
use std::time::Duration;

use awaited::Awaited;
use quiet::{Scene, play};
use testnet_deployer::policy::Polling;
use testnet_deployer::rehearsal::github::Options;

/// Counted requests until it is quiet, at most.
const START_UP: u64 = 6;

/// Counted requests of the real binary until GitHub first tells it that nothing changed.
fn start_up() -> u64 {
    let awaited = Awaited::new(Options::default()).unwrap();
    let mut race = awaited.race(Path::new(env!("CARGO_BIN_EXE_race"))).command().spawn().unwrap();
    let quiet = awaited.github.wait_until(Duration::from_secs(20), |_, exchanges| {
        exchanges.iter().any(|exchange| exchange.status == 304)
    });
    race.kill().unwrap();
    race.wait().unwrap();
    let exchanges = awaited.github.exchanges();
    assert!(quiet, "no quiet reading: {exchanges:#?}");
    exchanges.iter().filter(|exchange| exchange.counted).count() as u64
}

/// A hundred races of one repository, all begun within a minute.
fn hundred(start_up: u64, etags: bool, seed: u64) -> Scene {
    Scene { races: 100, begin_within: Duration::from_mins(1), start_up, etags, hours: 6, seed }
}

#[test]
fn a_race_makes_few_counted_requests_until_it_is_quiet() {
    let counted = start_up();
    assert!(counted <= START_UP, "{counted} counted requests");
}

#[test]
fn a_hundred_quiet_races_cost_nothing_but_their_start_where_github_answers_304() {
    for seed in 0..5 {
        let played = play(hundred(START_UP, true, seed));
        assert_eq!(played.counted.iter().sum::<u64>(), 100 * START_UP, "{:?}", played.counted);
        assert!(played.counted.iter().all(|counted| *counted <= quiet::LIMIT));
        assert_eq!(played.refused, []);
        assert!(played.longest_gap() <= Polling::default().max_interval, "{:?}", played.longest_gap());
    }
}

#[test]
fn a_hundred_quiet_races_share_the_limit_where_github_counts_every_reading() {
    for seed in 0..5 {
        let scene = hundred(START_UP, false, seed);
        let played = play(scene);
        assert!(played.counted.iter().all(|counted| *counted <= quiet::LIMIT), "{:?}", played.counted);
        let mut once = played.refused.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), played.refused.len(), "a race was refused twice in an hour");
        assert!(once.len() <= 20, "{} refusals in six hours", once.len());
        assert!(played.fewest_readings(scene.hours) >= 3, "a race was nearly forgotten");
        assert!(played.longest_gap() <= Duration::from_mins(40), "{:?}", played.longest_gap());
    }
}

#[test]
fn a_race_alone_spends_a_fraction_of_the_limit_where_github_counts_every_reading() {
    let played = play(Scene { races: 1, ..hundred(START_UP, false, 1) });
    assert!(played.counted.iter().all(|counted| *counted <= 250), "{:?}", played.counted);
    assert_eq!(played.refused, []);
    assert!(played.longest_gap() <= Duration::from_secs(45), "{:?}", played.longest_gap());
}
