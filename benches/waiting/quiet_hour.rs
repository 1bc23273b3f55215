//! Requests of quiet hours: the real `race` up to its first quiet reading, and from
//! there its schedule on a simulated clock.

use std::time::Duration;

use super::figures::table;
use super::quiet::{LIMIT, Scene, play};
use super::waiters::{Waiter, Waiters};

/// Plays one race and a hundred, with 304s and without.
pub(crate) fn measure(waiters: &Waiters) {
    let start_up = start_up(waiters);
    println!("`race wait` makes {start_up} counted requests until it is quiet.\n");
    let rows: Vec<Vec<String>> = [(1, true), (100, true), (1, false), (100, false)]
        .into_iter()
        .map(|(races, etags)| {
            let scene =
                Scene { races, begin_within: Duration::from_mins(1), start_up, etags, hours: 6, seed: 7 };
            let played = play(scene);
            let later = &played.counted[1..];
            vec![
                races.to_string(),
                if etags { "yes" } else { "no" }.to_owned(),
                played.counted[0].to_string(),
                later.iter().max().unwrap_or(&0).to_string(),
                played.refused.len().to_string(),
                played.fewest_readings(scene.hours).to_string(),
                played.longest_gap().as_secs().to_string(),
            ]
        })
        .collect();
    println!("Of {LIMIT} requests an hour, played for 6 hours:\n");
    table(
        &[
            "races",
            "304s",
            "counted in the first hour",
            "counted in a later hour, at most",
            "refused in all",
            "fewest readings of one race in an hour",
            "longest time between two readings of one race, s",
        ],
        &rows,
    );
}

/// Counted requests until GitHub first says that nothing changed.
fn start_up(waiters: &Waiters) -> u64 {
    let awaited = Waiter::Race.awaited();
    let mut race = waiters.launch(Waiter::Race, &awaited).command().spawn().unwrap();
    let quiet = awaited.github.wait_until(Duration::from_secs(30), |_, exchanges| {
        exchanges.iter().any(|exchange| exchange.status == 304)
    });
    race.kill().unwrap();
    race.wait().unwrap();
    assert!(quiet, "race never became quiet");
    awaited.github.exchanges().iter().filter(|exchange| exchange.counted).count() as u64
}
