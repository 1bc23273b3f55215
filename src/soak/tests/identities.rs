//! What the nodes run: the right thing, the wrong one, and another one later.

use super::super::{Expected, What};
use super::*;

/// Version `1.0.0-0123456789a` is the commit's, `...-fedcba98765` the merge commit's.
fn terms(nodes: usize) -> Terms {
    let mut terms = super::terms(nodes, 500);
    terms.expected = Expected {
        version: Some("0123456789a".to_owned()),
        merge_version: Some("fedcba98765".to_owned()),
        code_hash: Some(Hash([7; 32])),
        ..Expected::default()
    };
    terms
}

const RIGHT: &str = "1.0.0-0123456789a";
const OLD: &str = "0.9.0-00000000000";

fn runs(at: u32, node: usize, identity: Identity) -> Event {
    seen(at, node, Seen::Identity(identity))
}

/// Four nodes for so many seconds; `which` says what each runs.
fn network(seconds: u32, which: impl Fn(u32, usize) -> Identity) -> Vec<Event> {
    let mut events = Vec::new();
    for at in 0..seconds {
        for node in 0..4 {
            let number = u64::from(at) + 10;
            events.extend([
                runs(at, node, which(at, node)),
                final_at(at, node, number),
                best(at, node, number),
            ]);
        }
    }
    events
}

#[test]
fn the_approved_commit_is_counted() {
    assert_eq!(ending(&terms(4), network(60, |_, _| identity(RIGHT))), running(5));
}

#[test]
fn nobody_counts_until_they_run_it() {
    let restarts = |at, _| identity(if at < 25 { OLD } else { RIGHT });
    let state = folded(&terms(4), network(60, restarts));
    assert_eq!(state.baseline().unwrap().block, 35);
    assert_eq!(state.verdict(), Verdict::Running);
}

#[test]
fn a_wrong_version_fails_when_they_should_be_ready_and_not_before() {
    let wrong = |_, _| identity(OLD);
    assert_eq!(ending(&terms(4), network(40, wrong)), (Verdict::Running, "no-baseline".to_owned(), 0));
    let reason = reason(&terms(4), network(41, wrong));
    assert_eq!(reason.code(), "wrong-version");
    assert_eq!(
        reason.to_string(),
        "after 40s node 0 runs version 0.9.0-00000000000, which does not contain 0123456789a"
    );
    let merge = super::reason(&terms(4), network(41, |_, _| identity("1.0.0-fedcba98765"))).to_string();
    assert!(merge.contains("it looks like the merge commit's"), "{merge}");
}

#[test]
fn the_version_of_one_node_is_wrong() {
    let one = |_, node| identity(if node == 3 { OLD } else { RIGHT });
    assert_eq!(ending(&terms(4), network(40, one)), running(3), "it may still be restarting");
    assert_eq!(ending(&terms(4), network(41, one)), failed("wrong-version", 3));
    let mut short = terms(4);
    short.monitor.target_sessions = 2;
    assert_eq!(ending(&short, network(40, one)).0, Verdict::Running, "and meanwhile nothing passes");
}

#[test]
fn the_version_of_one_node_is_wrong_after_a_restart() {
    let later = |at, node| identity(if node == 3 && at >= 50 { OLD } else { RIGHT });
    assert_eq!(ending(&terms(4), network(50, later)), running(4));
    let reason = reason(&terms(4), network(51, later));
    assert_eq!(reason.code(), "changed-after-baseline");
    assert!(reason.to_string().contains("node 3 ran version 1.0.0-0123456789a"), "{reason}");
    assert!(reason.to_string().contains("does not contain 0123456789a"), "{reason}");
}

#[test]
fn a_node_that_comes_late_must_match() {
    let terms = terms(4);
    let three = |at: u32| {
        (0..3).flat_map(move |node| [runs(at, node, identity(RIGHT)), final_at(at, node, u64::from(at) + 10)])
    };
    let late = |version| {
        let comes = [runs(60, 3, identity(version)), final_at(60, 3, 69)];
        (0..60).flat_map(three).chain(comes).collect::<Vec<_>>()
    };
    assert_eq!(ending(&terms, late(RIGHT)), running(5));
    assert_eq!(ending(&terms, late(OLD)), failed("wrong-version", 5));
}

#[test]
fn the_right_client_on_the_old_runtime() {
    let old = |_, _| Identity { code_hash: Some(Hash([6; 32])), spec_version: 2, ..identity(RIGHT) };
    let reason = reason(&terms(4), network(41, old));
    assert_eq!(reason.code(), "wrong-runtime");
    assert!(matches!(&reason, Reason::Wrong { difference, .. } if difference.what == What::Code), "{reason}");
}

#[test]
fn a_runtime_upgrade_in_mid_soak() {
    let upgrade = |at, _| {
        let after = at >= 50;
        let code_hash = Some(Hash([if after { 8 } else { 7 }; 32]));
        Identity { spec_version: if after { 4 } else { 3 }, code_hash, ..identity(RIGHT) }
    };
    assert_eq!(ending(&terms(4), network(60, upgrade)), failed("changed-after-baseline", 4));
    let unexpected = super::terms(4, 500);
    assert_eq!(ending(&unexpected, network(60, upgrade)), failed("changed-after-baseline", 4));
}

#[test]
fn nodes_that_run_different_things_are_another_test() {
    let anything = super::terms(4, 500);
    let mixed = |_, node| identity(if node == 3 { OLD } else { RIGHT });
    assert_eq!(ending(&anything, network(41, mixed)), failed("mixed-versions", 3));
    let halves = |_, node| identity(if node < 2 { OLD } else { RIGHT });
    assert_eq!(ending(&anything, network(40, halves)).1, "no-baseline");
    assert_eq!(ending(&anything, network(41, halves)), failed("mixed-versions", 0));
}

#[test]
fn what_is_told_after_the_baseline_is_compared_all_the_same() {
    let anything = super::terms(2, 500);
    let heads = |at| [final_at(at, 0, 10 + u64::from(at)), final_at(at, 1, 10 + u64::from(at))];
    let mut events: Vec<Event> = (0..41).flat_map(heads).collect();
    events.extend([runs(41, 0, identity(RIGHT)), runs(41, 1, identity(OLD))]);
    assert_eq!(ending(&anything, events).1, "mixed-versions");
}

#[test]
fn a_node_that_does_not_say_what_it_runs_has_no_vote() {
    let heads = (0..40).flat_map(|at| (0..4).map(move |node| final_at(at, node, u64::from(at) + 10)));
    assert_eq!(ending(&terms(4), heads), (Verdict::Running, "no-baseline".to_owned(), 0));
}
