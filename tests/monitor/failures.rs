//! What the network itself does wrong: the soak fails, with the reason that names it.

use testnet_deployer::rehearsal::dev_chain::{Conduct, Course, DevChain, DevChainOptions, Fault};

use crate::support::{PATIENT, after_session, begun, code, ended, race_with, soak_json};

/// Does something to the chain once it is watched. The soak must fail by the reason of this
/// code; what was said is returned.
async fn fails(nodes: usize, rest: &str, reasons: &[&str], change: impl FnOnce(&DevChain)) -> String {
    let directory = tempfile::tempdir().unwrap();
    let options = DevChainOptions { nodes, ..DevChainOptions::default() };
    let chain = DevChain::start(options).await.unwrap();
    let race = ended(race_with(directory.path(), &chain, rest));
    let fate = async {
        begun(directory.path()).await;
        // The baseline may be the genesis block, which no reset takes back.
        let session = *chain.sessions().borrow();
        after_session(&chain, session + 4 + fastrand::u32(0..4)).await;
        change(&chain);
    };
    let (output, ()) = tokio::join!(race, fate);
    let text = code(&output, 20);
    let found = soak_json(directory.path())["reason"]["code"].as_str().unwrap().to_owned();
    assert!(reasons.contains(&&*found), "{found}: {text}");
    text
}

fn course(change: impl FnOnce(&mut Course, u32)) -> impl FnOnce(&DevChain) {
    |chain| chain.change(change)
}

fn node(node: usize, change: impl FnOnce(&mut Conduct)) -> impl FnOnce(&DevChain) {
    move |chain| chain.change_node(node, change)
}

#[tokio::test]
async fn blocks_stop() {
    let rest = PATIENT.replace("no_block = \"25s\"", "no_block = \"2s\"");
    fails(1, &rest, &["no-block"], course(|course, _| course.blocks_stop = true)).await;
}

#[tokio::test]
async fn finality_stops_and_blocks_go_on() {
    let rest = PATIENT.replace("no_finality = \"25s\"", "no_finality = \"2s\"");
    fails(1, &rest, &["no-finality"], course(|course, best| course.finality_stops_at = Some(best))).await;
}

#[tokio::test]
async fn sessions_stop_and_finality_goes_on() {
    let rest = PATIENT.replace("no_session = \"25s\"", "no_session = \"500ms\"");
    fails(1, &rest, &["no-session"], course(|course, _| course.stall_after = Some(9))).await;
}

#[tokio::test]
async fn finality_forks() {
    let change = |chain: &DevChain| {
        let mut at = 0;
        chain.change(|_, best| at = best + 20);
        chain.change_node(1, |node| node.fork_from = Some(at));
    };
    let text = fails(2, PATIENT, &["fork"], change).await;
    assert!(text.contains("finality forked: block"), "{text}");
}

#[tokio::test]
async fn the_chain_begins_anew() {
    let rest = format!("{PATIENT}rewind_after = \"500ms\"\n");
    fails(1, &rest, &["rewritten", "rewound"], DevChain::reset).await;
}

#[tokio::test]
async fn a_quorum_goes_back() {
    let rest = format!("{PATIENT}rewind_after = \"500ms\"\n");
    fails(1, &rest, &["rewound"], node(0, |node| node.behind = 2_000)).await;
}

#[tokio::test]
async fn a_node_runs_another_version() {
    let directory = tempfile::tempdir().unwrap();
    let options = DevChainOptions { nodes: 3, version: "0.1.0-abc".to_owned(), ..DevChainOptions::default() };
    let chain = DevChain::start(options).await.unwrap();
    chain.change_node(1, |node| "0.1.0-def".clone_into(&mut node.version));
    let rest = "ready_within = \"1s\"\nexpect.system_version_contains = \"abc\"\ntarget_sessions = 5000\n";
    let text = code(&ended(race_with(directory.path(), &chain, rest)).await, 20);
    let reason = &soak_json(directory.path())["reason"];
    assert_eq!(reason["code"], "wrong-version", "{text}");
    assert!(text.contains("0.1.0-def"), "{text}");
}

#[tokio::test]
async fn a_node_comes_back_with_another_version() {
    let directory = tempfile::tempdir().unwrap();
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    let race = ended(race_with(directory.path(), &chain, PATIENT));
    let fate = async {
        begun(directory.path()).await;
        chain.change_node(0, |node| node.fault = Some(Fault::Refused));
        let session = *chain.sessions().borrow();
        after_session(&chain, session + 10).await;
        chain.change_node(0, |node| {
            "0.2.0-fffffffffff".clone_into(&mut node.version);
            node.fault = None;
        });
    };
    let (output, ()) = tokio::join!(race, fate);
    let text = code(&output, 20);
    assert_eq!(soak_json(directory.path())["reason"]["code"], "changed-after-baseline", "{text}");
}

/// What is expected of none may still not be mixed; and who never catches up shows
/// nothing.
#[tokio::test]
async fn nodes_that_differ_or_never_catch_up() {
    tokio::join!(
        not_ready(20, "mixed-versions", |node| "0.2.0-fffffffffff".clone_into(&mut node.version)),
        not_ready(21, "not-ready", |node| node.syncing = true)
    );
}

async fn not_ready(exit: i32, reason: &str, change: impl FnOnce(&mut Conduct)) {
    let directory = tempfile::tempdir().unwrap();
    let chain = DevChain::start(DevChainOptions { nodes: 2, ..DevChainOptions::default() }).await.unwrap();
    chain.change_node(1, change);
    let rest = "ready_within = \"1s\"\ntarget_sessions = 5000\n";
    let text = code(&ended(race_with(directory.path(), &chain, rest)).await, exit);
    assert_eq!(soak_json(directory.path())["reason"]["code"], reason, "{text}");
}

#[tokio::test]
async fn the_right_client_runs_the_old_runtime() {
    let directory = tempfile::tempdir().unwrap();
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    let hash = format!("0x{}", "5e".repeat(32));
    let rest =
        format!("ready_within = \"1s\"\nexpect.runtime_code_hash = \"{hash}\"\ntarget_sessions = 5000\n");
    let text = code(&ended(race_with(directory.path(), &chain, &rest)).await, 20);
    assert_eq!(soak_json(directory.path())["reason"]["code"], "wrong-runtime", "{text}");
}

/// The target is reached by the very head with which the upgrade becomes final.
#[tokio::test]
async fn the_runtime_is_upgraded_in_a_block_that_nobody_saw() {
    let directory = tempfile::tempdir().unwrap();
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    chain.change(|course, _| {
        course.finalize_every = 100;
        course.upgrade_at = Some(150);
    });
    let rest = format!("{PATIENT}target_sessions = 26\n");
    let text = code(&ended(race_with(directory.path(), &chain, &rest)).await, 20);
    assert_eq!(soak_json(directory.path())["reason"]["code"], "changed-after-baseline", "{text}");
}

#[tokio::test]
async fn the_runtime_is_upgraded_in_mid_soak() {
    let change = course(|course, best| course.upgrade_at = Some(best + 20));
    let text = fails(1, PATIENT, &["changed-after-baseline"], change).await;
    assert!(text.contains("dev-chain 2"), "{text}");
}
