//! `race settle` from many jobs at the same moment.

use std::time::{Duration, Instant};

use testnet_deployer::rehearsal::github::Options;
use testnet_deployer::rehearsal::world::Conclusion;

use crate::scene::{Running, Scene};
use crate::settle::{admit, scene, settle, statuses, tail_of};

#[test]
fn many_at_once_come_to_one_verdict() {
    let scene = scene();
    assert_eq!(settle(&scene, &["--open"]).code, 0);
    scene.approve_and_complete("null", Conclusion::Success);
    scene.github.set_latency(Duration::from_millis(20));
    let mut running: Vec<Running> = (0..17).map(|_| tail_of(&scene, 1, &[])).collect();
    running.extend((0..3).map(|_| tail_of(&scene, 1, &["--open"])));
    for one in running {
        let ended = one.end();
        assert_eq!(ended.code, 0, "{}", ended.stderr);
    }
    let there = statuses(&scene);
    assert_eq!(there.first().unwrap(), "1 pending");
    assert!(there.iter().skip(1).all(|status| status == "1 success"), "{there:?}");
}

/// What `docs/reference/measured.md` tells, made anew with
/// `cargo nextest run --run-ignored only --no-capture two_hundred`.
#[test]
#[ignore = "measures, for about a minute"]
fn two_hundred_at_once() {
    let options = Options { hourly_limit: 1_000_000, ..Options::default() };
    let scene = Scene::with(options, |_| {});
    admit(&scene, &["actions", "contents", "statuses: write"]);
    let asked = |what: &str, since: Instant| {
        let exchanges = scene.exchanges();
        let counted = exchanges.iter().filter(|exchange| exchange.counted).count();
        println!("{what}: {:?}, {} requests, {counted} counted", since.elapsed(), exchanges.len());
        scene.github.forget_exchanges();
    };
    let since = Instant::now();
    assert_eq!(settle(&scene, &["--open"]).code, 0);
    asked("one settle --open", since);
    scene.approve_and_complete("null", Conclusion::Success);
    // Each in a directory of its own would be truer, and is the same to GitHub.
    let since = Instant::now();
    let running: Vec<Running> = (0..200).map(|_| tail_of(&scene, 1, &[])).collect();
    for one in running {
        assert_eq!(one.end().code, 0);
    }
    asked("200 settle at once", since);
    let there = statuses(&scene);
    assert!(there.iter().skip(1).all(|status| status == "1 success"), "{there:?}");
    println!("statuses written: {}", there.len() - 1);
    let since = Instant::now();
    assert_eq!(settle(&scene, &[]).code, 0);
    asked("one settle where the verdict stands", since);
    scene.github.change(|world, _| world.statuses.clear());
    let since = Instant::now();
    assert_eq!(settle(&scene, &[]).code, 0);
    asked("one settle that writes", since);
}
