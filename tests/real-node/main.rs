//! `race monitor` beside a runtime that is not ours: the DKG testnet's, which chopsticks
//! runs. `tests/run real-node` installs what that takes and names it in the
//! environment; without it nothing is tested here.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]
#![expect(unreachable_pub, reason = "nobody links against a test")]

mod chain;
mod watcher;

use std::time::Instant;

use serde_json::Value;

use chain::Chain;
use watcher::Watcher;

/// How many sessions are to pass.
const TARGET: u32 = 5;

#[tokio::test]
#[ignore = "takes chopsticks and a chain spec: tests/run real-node"]
async fn a_real_runtime_rotates_and_every_session_counts_once() {
    let began = Instant::now();
    let mut chain = Chain::start().await;
    let told = |what: &str| eprintln!("{:5.1} s  {what}", began.elapsed().as_secs_f64());
    told("the chain is up");

    let mut throughout = Watcher::start(&chain.url, "");
    let mut first_leg = Watcher::start(&chain.url, "");
    throughout.says("baseline: session 0, block 1").await;
    first_leg.says("baseline: session 0, block 1").await;

    // Two sessions are seen by both, then one of them is told to end.
    for passed in 1..=2 {
        chain.rotate().await;
        for watcher in [&mut throughout, &mut first_leg] {
            watcher.says(&format!("{passed} of {TARGET} sessions passed")).await;
        }
    }
    first_leg.terminate().await;
    let left = first_leg.ends(143).await;
    assert_eq!((&left["verdict"], left["counted"].as_u64()), (&"unfinished".into(), Some(2)), "{left}");
    told("two sessions passed, and one of two watchers was ended");

    // Two more come while nobody is there who will go on from its checkpoint.
    for passed in 3..=4 {
        chain.rotate().await;
        throughout.says(&format!("{passed} of {TARGET} sessions passed")).await;
    }
    let mut second_leg = Watcher::start(&chain.url, &left.to_string());
    second_leg.says(&format!("the soak goes on: 2 of {TARGET} sessions")).await;
    second_leg.says(&format!("4 of {TARGET} sessions passed")).await;
    told("two more passed, and the other goes on elsewhere");
    chain.rotate().await;

    let sessions = chain.sessions().await;
    assert_eq!(sessions.len() as u32, TARGET, "{sessions:?}");
    for (watcher, legs) in [(throughout, 1), (second_leg, 2)] {
        let soak = watcher.ends(0).await;
        assert_eq!((&soak["verdict"], soak["counted"].as_u64()), (&"passed".into(), Some(5)), "{soak}");
        assert_eq!(soak["legs"].as_array().unwrap().len(), legs);
        assert_eq!(counted(&soak), sessions, "what was counted is what the chain itself tells");
        assert!(
            soak["sessions"].as_array().unwrap().iter().all(|session| session["exact"] == true),
            "{soak}"
        );
        for rule in soak["rules"].as_array().unwrap() {
            assert_eq!((&rule["broken"], &rule["unseen"]), (&0.into(), &0.into()), "{rule}");
        }
        assert_eq!(soak["rules"].as_array().unwrap().len(), 5);
    }
    told("both passed");
}

#[tokio::test]
#[ignore = "takes chopsticks and a chain spec: tests/run real-node"]
async fn a_real_runtime_that_is_not_as_it_should_be_fails_the_soak() {
    let mut chain = Chain::start().await;
    let mut watcher = Watcher::expecting(&chain.url, 401);
    watcher.says("node chopsticks runs spec version 400, not 401").await;
    let soak = watcher.ends(20).await;
    assert_eq!((&soak["verdict"], &soak["counted"]), (&"failed".into(), &0.into()), "{soak}");
    assert_eq!(soak["baseline"], Value::Null);

    let mut watcher = Watcher::start(&chain.url, "");
    watcher.says("baseline: session 0").await;
    chain.jail().await;
    chain.rotate().await;
    let rule = "DKG::JailedKeygenAuthorities breaks the rule stays-empty: it has ";
    watcher.says(rule).await;
    let soak = watcher.ends(20).await;
    assert_eq!((&soak["verdict"], &soak["reason"]["code"]), (&"failed".into(), &"rule".into()), "{soak}");
}

/// The sessions in `soak.json`: index, first block.
fn counted(soak: &Value) -> Vec<(u64, u64)> {
    let sessions = soak["sessions"].as_array().unwrap().iter();
    sessions.map(|session| (session["index"].as_u64().unwrap(), session["block"].as_u64().unwrap())).collect()
}
