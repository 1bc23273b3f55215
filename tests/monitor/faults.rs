//! What goes wrong on the way to a node or in it, and passes again: the soak passes,
//! with every session counted once.

use serde_json::json;
use testnet_deployer::rehearsal::dev_chain::{DevChain, DevChainOptions, Fault};

use crate::support::{
    after_session, assert_exact, begun, code, ended, ended_within, race, race_with, soak_json,
};

/// The memory that the monitor may have, whatever a node sends, in kilobytes. It has
/// about a third of that where all is well.
const MEMORY: u64 = 64 * 1024;

/// A fault that begins while sessions are counted and is over fifteen later, which is
/// neither the network's nor ours.
async fn passes_over(fault: Fault) -> String {
    let directory = tempfile::tempdir().unwrap();
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    let race = ended_within(MEMORY, race(directory.path(), &[&chain], "target_sessions = 60\n"));
    let fate = async {
        begun(directory.path()).await;
        let session = *chain.sessions().borrow();
        chain.change_node(0, |node| node.fault = Some(fault));
        after_session(&chain, session + 15).await;
        chain.change_node(0, |node| node.fault = None);
    };
    let (output, ()) = tokio::join!(race, fate);
    let text = code(&output, 0);
    assert!(text.contains("answers again"), "it was noticed: {text}");
    assert_exact(&soak_json(directory.path()), 60);
    text
}

#[tokio::test]
async fn a_connection_refused_for_a_while() {
    let text = passes_over(Fault::Refused).await;
    assert!(text.contains("node 0: cannot connect: Connection refused"), "{text}");
}

#[tokio::test]
async fn a_frame_cut_in_the_middle() {
    let text = passes_over(Fault::CutFrame).await;
    assert!(text.contains("the connection broke: Connection reset by peer"), "{text}");
}

#[tokio::test]
async fn an_answer_that_is_no_json() {
    let text = passes_over(Fault::Malformed).await;
    assert!(text.contains("node 0: not JSON-RPC"), "{text}");
}

#[tokio::test]
async fn a_frame_of_twenty_megabytes() {
    let text = passes_over(Fault::Huge(20 << 20)).await;
    assert!(text.contains("node 0: WebSocket: Space limit exceeded: Message too long"), "{text}");
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

/// A hundred blocks a second, each announced a hundred times by two subscriptions.
#[tokio::test]
async fn ten_thousand_announcements_a_second() {
    let directory = tempfile::tempdir().unwrap();
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    chain.change_node(0, |node| node.fault = Some(Fault::Flood(100)));
    let race = race(directory.path(), &[&chain], "target_sessions = 40\n");
    code(&ended_within(MEMORY, race).await, 0);
    assert_exact(&soak_json(directory.path()), 40);
}

#[tokio::test]
async fn a_chain_that_has_no_session_index_yet() {
    let directory = tempfile::tempdir().unwrap();
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    chain.change(|course, _| course.blocks_stop = true);
    let race = ended(race(directory.path(), &[&chain], "target_sessions = 10\n"));
    let fate = async {
        begun(directory.path()).await;
        chain.change(|course, _| course.blocks_stop = false);
    };
    let (output, ()) = tokio::join!(race, fate);
    code(&output, 0);
    let soak = soak_json(directory.path());
    assert_eq!(soak["baseline"]["session"], json!(0), "what is absent is 0");
    assert_exact(&soak, 10);
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
    let directory = tempfile::tempdir().unwrap();
    let chain = DevChain::start(four()).await.unwrap();
    chain.change_node(2, |node| node.fault = Some(Fault::HalfOpen));
    let text = code(&ended(race_with(directory.path(), &chain, "target_sessions = 60\n")).await, 0);
    assert!(text.contains("on a quorum of 3 nodes"), "{text}");
    let soak = soak_json(directory.path());
    assert_exact(&soak, 60);
    let answers: Vec<_> = soak["nodes"].as_array().unwrap().iter().map(|node| &node["answers"]).collect();
    assert_eq!(answers, [true, true, false, true], "{soak}");
}

#[tokio::test]
async fn two_of_four_nodes_silent_is_no_verdict_on_the_network() {
    let directory = tempfile::tempdir().unwrap();
    let chain = DevChain::start(four()).await.unwrap();
    for node in [1, 2] {
        chain.change_node(node, |node| node.fault = Some(Fault::HalfOpen));
    }
    let rest = "target_sessions = 60\nunmeasured_after = \"1s\"\n";
    let text = code(&ended(race_with(directory.path(), &chain, rest)).await, 21);
    assert_eq!(soak_json(directory.path())["reason"]["code"], json!("out-of-reach"), "{text}");
}

/// What takes as long as a request may.
#[tokio::test]
async fn connections_that_die_without_a_word() {
    tokio::join!(a_connection_that_is_half_open(), one_node_of_four_falls_silent_and_then_another());
}

async fn a_connection_that_is_half_open() {
    let text = passes_over(Fault::Lost).await;
    assert!(text.contains("no answer to ") && text.contains(" within 10s"), "{text}");
}

async fn one_node_of_four_falls_silent_and_then_another() {
    let directory = tempfile::tempdir().unwrap();
    let chain = DevChain::start(four()).await.unwrap();
    let race = ended(race_with(directory.path(), &chain, "unmeasured_after = \"1s\"\n"));
    let fate = async {
        begun(directory.path()).await;
        chain.change_node(2, |node| node.fault = Some(Fault::HalfOpen));
        let one = *chain.sessions().borrow();
        after_session(&chain, one + 50).await;
        chain.change_node(1, |node| node.fault = Some(Fault::HalfOpen));
        (one, *chain.sessions().borrow())
    };
    let (output, (one, two)) = tokio::join!(race, fate);
    let text = code(&output, 21);
    assert!(text.contains("node 2: no answer to") && text.contains("node 1: no answer to"), "{text}");
    let soak = soak_json(directory.path());
    assert_eq!(soak["reason"]["code"], "out-of-reach");
    assert_exact(&soak, u64::from(two - one) - 5);
    let last = soak["sessions"].as_array().unwrap().last().unwrap()["index"].as_u64().unwrap();
    assert!(last <= u64::from(two) + 2, "two of four count nothing: {last}, {two}");
}

#[tokio::test]
async fn all_nodes_out_of_reach_for_less_than_allowed_and_for_more() {
    tokio::join!(all_nodes_out_of_reach(true), all_nodes_out_of_reach(false));
}

async fn all_nodes_out_of_reach(come_back: bool) {
    let directory = tempfile::tempdir().unwrap();
    let chain = DevChain::start(four()).await.unwrap();
    let rest = if come_back { "10s" } else { "1s" };
    let rest = format!("target_sessions = 60\nunmeasured_after = \"{rest}\"\n");
    let race = ended(race_with(directory.path(), &chain, &rest));
    let all = |fault| (0..4).for_each(|node| chain.change_node(node, |node| node.fault = fault));
    let fate = async {
        begun(directory.path()).await;
        all(Some(Fault::Refused));
        let session = *chain.sessions().borrow();
        after_session(&chain, session + 20).await;
        if come_back {
            all(None);
        }
    };
    let (output, ()) = tokio::join!(race, fate);
    let text = code(&output, if come_back { 0 } else { 21 });
    let soak = soak_json(directory.path());
    let reason = if come_back { "target-reached" } else { "out-of-reach" };
    assert_eq!(soak["reason"]["code"], reason, "{text}");
    assert!(text.contains("Connection refused"), "{text}");
    assert_exact(&soak, if come_back { 60 } else { 0 });
}

fn four() -> DevChainOptions {
    DevChainOptions { nodes: 4, ..DevChainOptions::default() }
}

#[tokio::test]
async fn refused_at_the_handshake_is_told_with_what_it_means() {
    for (status, meaning) in [(403, "--rpc-cors"), (429, "--rpc-max-connections")] {
        let directory = tempfile::tempdir().unwrap();
        let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
        chain.change_node(0, |node| node.fault = Some(Fault::Status(status)));
        let text = code(&ended(race(directory.path(), &[&chain], "unmeasured_after = \"1s\"\n")).await, 21);
        assert!(text.contains(&format!("HTTP status {status}")) && text.contains(meaning), "{text}");
        assert_eq!(soak_json(directory.path())["reason"]["code"], json!("out-of-reach"), "{text}");
    }
}
