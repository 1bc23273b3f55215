//! Every rule for `[monitor]` finds what it is for.

use super::super::Policy;
use super::super::check::{Severity, check};
use super::*;

type Break = fn(&mut Monitor);

fn found(break_it: Break) -> Vec<(Severity, String)> {
    let mut policy = Policy::example();
    break_it(policy.monitor.as_mut().unwrap());
    check(&policy).into_iter().map(|problem| (problem.severity, problem.key)).collect()
}

#[test]
fn every_rule_finds_what_it_is_for() {
    let cases: [(Break, &str); 31] = [
        (|m| m.nodes.clear(), "monitor.node"),
        (|m| m.quorum = Quorum::Nodes(2), "monitor.quorum"),
        (|m| m.quorum = Quorum::Nodes(0), "monitor.quorum"),
        (|m| m.target_sessions = 0, "monitor.target_sessions"),
        (|m| m.session_length = Duration::ZERO, "monitor.session_length"),
        (|m| m.unmeasured_after = Duration::ZERO, "monitor.unmeasured_after"),
        (|m| m.unmeasured_total = Some(Duration::from_secs(1)), "monitor.unmeasured_total"),
        (|m| m.max_runtime = Some(Duration::ZERO), "monitor.max_runtime"),
        (|m| m.ready_within = Duration::ZERO, "monitor.ready_within"),
        (|m| m.stall.no_session = Some(Duration::from_secs(1)), "monitor.stall.no_session"),
        (|m| m.stall.no_block = Duration::ZERO, "monitor.stall.no_block"),
        (|m| m.stall.no_finality = Duration::ZERO, "monitor.stall.no_finality"),
        (|m| m.stall.learn.as_mut().unwrap().sessions = 0, "monitor.stall.learn.sessions"),
        (|m| m.stall.learn.as_mut().unwrap().factor = 1.0, "monitor.stall.learn.factor"),
        (|m| m.stall.learn.as_mut().unwrap().factor = f64::NAN, "monitor.stall.learn.factor"),
        (|m| m.stall.learn.as_mut().unwrap().floor = Duration::ZERO, "monitor.stall.learn.floor"),
        (
            |m| m.expect.system_version_contains = Some("{pull_request}".to_owned()),
            "monitor.expect.system_version_contains",
        ),
        (
            |m| m.expect.system_version_contains = Some(" ".to_owned()),
            "monitor.expect.system_version_contains",
        ),
        (|m| m.expect.runtime_code_hash = Some("0xab".to_owned()), "monitor.expect.runtime_code_hash"),
        (|m| m.expect.spec_name = Some(String::new()), "monitor.expect.spec_name"),
        (|m| m.nodes[0].url = "ftp://x".to_owned(), "monitor.node.0.url"),
        (|m| m.nodes[0].url = "http://".to_owned(), "monitor.node.0.url"),
        (|m| m.nodes[0].name = Some("a b".to_owned()), "monitor.node.0.name"),
        (|m| m.nodes[0].via_ssh = Some("nobody".to_owned()), "monitor.node.0.via_ssh"),
        (|m| m.nodes[0].header_env = Some("Authorization: x".to_owned()), "monitor.node.0.header_env"),
        (|m| m.nodes.push(m.nodes[0].clone()), "monitor.node.1.url"),
        (
            |m| {
                let polled = m.nodes[0].url.replace("ws://", "http://");
                m.nodes.push(Node { url: polled, name: None, ..m.nodes[0].clone() });
            },
            "monitor.node.1.url",
        ),
        (|m| m.watches[0].grows_at_most = None, "monitor.watch.0.grows_at_most"),
        (|m| m.watches[0].key = Some("0xabc".to_owned()), "monitor.watch.0.key"),
        (|m| m.watches[0].consecutive = 0, "monitor.watch.0.consecutive"),
        (|m| m.watches.push(m.watches[0].clone()), "monitor.watch.1.name"),
    ];
    for (break_it, key) in cases {
        let found = found(break_it);
        assert!(found.contains(&(Severity::Error, key.to_owned())), "{key}: {found:?}");
    }
}

#[test]
fn what_means_nothing_is_warned_of() {
    let cases: [(Break, &str); 2] = [
        (|m| m.watches[0].rule = WatchRule::StaysEmpty, "monitor.watch.0.grows_at_most"),
        (
            |m| {
                m.watches[0].dry_run = true;
                m.watches[0].critical = true;
            },
            "monitor.watch.0.critical",
        ),
    ];
    for (break_it, key) in cases {
        assert_eq!(found(break_it), [(Severity::Warning, key.to_owned())]);
    }
}

#[test]
fn an_item_needs_its_pallet_or_a_key() {
    let without: Break = |m| {
        m.watches[0].key = None;
        m.watches[0].pallet = None;
    };
    assert_eq!(found(without), [(Severity::Error, "monitor.watch.0.item".to_owned())]);
}

#[test]
fn two_hosts_may_each_have_a_node_on_loopback() {
    let mut policy = Policy::example();
    policy.deploy = None;
    let monitor = policy.monitor.as_mut().unwrap();
    monitor.nodes.push(Node {
        name: None,
        via_ssh: Some("validator-2".to_owned()),
        ..monitor.nodes[0].clone()
    });
    assert_eq!(check(&policy), []);
}

#[test]
fn a_node_may_be_followed_or_polled() {
    for url in ["ws://n:9944", "wss://n/ws", "http://n:9933", "https://user:word@n/rpc"] {
        let mut policy = Policy::example();
        policy.monitor.as_mut().unwrap().nodes[0].url = url.to_owned();
        assert_eq!(check(&policy), [], "{url}");
    }
}
