//! What goes wrong on the way to a node or in it, and passes again: the soak passes,
//! with every session counted once.

use std::time::Duration;

use serde_json::json;
use testnet_deployer::rehearsal::dev_chain::{DevChain, DevChainOptions, Fault};
use tokio::time::timeout;

use crate::support::{PATIENCE, after_session, assert_exact, code, ended, race, race_with, soak_json};

/// A fault that begins in session 5 and is over in session 20, which is neither the
/// network's nor ours.
async fn passes_over(fault: Fault) {
    let directory = tempfile::tempdir().unwrap();
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    let race = ended(race(directory.path(), &[&chain], "target_sessions = 60\n"));
    let fate = async {
        after_session(&chain, 5).await;
        chain.change_node(0, |node| node.fault = Some(fault));
        after_session(&chain, 20).await;
        chain.change_node(0, |node| node.fault = None);
    };
    let (output, ()) = tokio::join!(race, fate);
    let text = code(&output, 0);
    assert!(text.contains("answers again"), "it was noticed: {text}");
    assert_exact(&soak_json(directory.path()), 60);
}

#[tokio::test]
async fn a_connection_refused_for_a_while() {
    passes_over(Fault::Refused).await;
}

#[tokio::test]
async fn a_frame_cut_in_the_middle() {
    passes_over(Fault::CutFrame).await;
}

#[tokio::test]
async fn an_answer_that_is_no_json() {
    passes_over(Fault::Malformed).await;
}

#[tokio::test]
async fn a_frame_of_twenty_megabytes() {
    passes_over(Fault::Huge(20 << 20)).await;
}

/// A fault that is there from the first connecting on, and is never over.
async fn passes_with(options: DevChainOptions, change: impl FnOnce(&DevChain)) -> String {
    let directory = tempfile::tempdir().unwrap();
    let chain = DevChain::start(options).await.unwrap();
    change(&chain);
    let output = ended(race_with(directory.path(), &chain, "target_sessions = 60\n")).await;
    let text = code(&output, 0);
    assert_exact(&soak_json(directory.path()), 60);
    text
}

#[tokio::test]
async fn subscriptions_that_announce_nothing() {
    let silent =
        |chain: &DevChain| chain.change_node(0, |node| node.fault = Some(Fault::SilentSubscriptions));
    passes_with(DevChainOptions::default(), silent).await;
}

#[tokio::test]
async fn a_subscription_that_falls_silent_on_an_open_connection() {
    let directory = tempfile::tempdir().unwrap();
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    let race = ended(race(directory.path(), &[&chain], "target_sessions = 200\n"));
    let fate = async {
        after_session(&chain, 5).await;
        chain.change_node(0, |node| node.fault = Some(Fault::SilentSubscriptions));
    };
    let (output, ()) = tokio::join!(race, fate);
    code(&output, 0);
    assert_exact(&soak_json(directory.path()), 200);
}

#[tokio::test]
async fn ten_thousand_announcements_a_second() {
    let directory = tempfile::tempdir().unwrap();
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    chain.change_node(0, |node| node.fault = Some(Fault::Flood(100)));
    let mut child = race(directory.path(), &[&chain], "target_sessions = 40\n").spawn().unwrap();
    let status = format!("/proc/{}/status", child.id().unwrap());
    let mut peak = 0;
    let end = async {
        loop {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kilobytes = line.and_then(|line| line.trim().split(' ').next()?.parse().ok());
            peak = peak.max(kilobytes.unwrap_or(0));
            if let Ok(status) = timeout(Duration::from_millis(20), child.wait()).await {
                break status.unwrap();
            }
        }
    };
    let status = timeout(PATIENCE, end).await.unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(peak > 0 && peak < 64 * 1024, "{peak} kB");
    assert_exact(&soak_json(directory.path()), 40);
}

#[tokio::test]
async fn numbers_with_leading_zeros_and_a_notification_before_the_answer() {
    let like = |chain: &DevChain| chain.change_node(0, |node| node.like_chopsticks = true);
    passes_with(DevChainOptions::default(), like).await;
}

#[tokio::test]
async fn finalized_heads_that_skip_fifty_blocks() {
    passes_with(DevChainOptions::default(), |chain| {
        chain.change(|course, _| course.finalize_every = 50);
    })
    .await;
}

#[tokio::test]
async fn a_best_chain_that_loses_its_last_block() {
    passes_with(DevChainOptions::default(), |chain| chain.change(|course, _| course.reorganizes = true))
        .await;
}

#[tokio::test]
async fn one_of_four_nodes_silent() {
    let text = passes_with(DevChainOptions { nodes: 4, ..DevChainOptions::default() }, |chain| {
        chain.change_node(2, |node| node.fault = Some(Fault::HalfOpen));
    })
    .await;
    assert!(text.contains("on a quorum of 3 nodes"), "{text}");
}

#[tokio::test]
async fn two_of_four_nodes_silent_is_no_verdict_on_the_network() {
    let directory = tempfile::tempdir().unwrap();
    let options = DevChainOptions { nodes: 4, ..DevChainOptions::default() };
    let chain = DevChain::start(options).await.unwrap();
    for node in [1, 2] {
        chain.change_node(node, |node| node.fault = Some(Fault::HalfOpen));
    }
    let rest = "target_sessions = 60\nunmeasured_after = \"1s\"\n";
    let text = code(&ended(race_with(directory.path(), &chain, rest)).await, 21);
    assert_eq!(soak_json(directory.path())["reason"]["code"], json!("out-of-reach"), "{text}");
}

#[tokio::test]
async fn refused_at_the_handshake_is_told_with_what_it_means() {
    for (status, meaning) in [(403, "--rpc-cors"), (429, "--rpc-max-connections")] {
        let directory = tempfile::tempdir().unwrap();
        let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
        chain.change_node(0, |node| node.fault = Some(Fault::Status(status)));
        let text = code(&ended(race(directory.path(), &[&chain], "unmeasured_after = \"1s\"\n")).await, 21);
        assert!(text.contains(&format!("HTTP status {status}")) && text.contains(meaning), "{text}");
    }
}
