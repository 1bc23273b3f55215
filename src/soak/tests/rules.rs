//! The rules for watched storage items.

use super::super::{Reading, Value};
use super::*;
use crate::policy::{Watch, WatchRule};

fn terms(rule: WatchRule) -> Terms {
    let mut terms = super::terms(2, 500);
    terms.monitor.watches = vec![Watch { grows_at_most: Some(10), ..Watch::of("DKG", "DKGPublicKey", rule) }];
    terms
}

fn reads(at: u32, node: usize, number: u64, value: Option<Value>) -> Event {
    let Head { hash, session, .. } = super::block(number);
    seen(at, node, Seen::Watched(Reading { rule: 0, block: Block { number, hash }, session, value }))
}

/// Both nodes' heads, a block a second, each with what it reads there. What breaks a
/// rule is first seen on one node, before a quorum is in that session.
fn chain(blocks: std::ops::Range<u64>, value: impl Fn(u64) -> Option<Value>) -> Vec<Event> {
    let one = |number: u64| {
        let at = u32::try_from(number).unwrap();
        let value = value(number);
        [0, 1].into_iter().flat_map(move |node| [final_at(at, node, number), reads(at, node, number, value)])
    };
    blocks.flat_map(one).collect()
}

/// The index of the block's session.
fn index(number: u64) -> u64 {
    number / 10
}

fn empty() -> Option<Value> {
    Some(Value { digest: hash(0, 9), length: 1, number: Some(0) })
}

#[test]
fn a_rule_that_holds_changes_nothing() {
    type Told = fn(u64) -> Option<Value>;
    let cases: [(WatchRule, Told); 8] = [
        (WatchRule::ChangesEverySession, |block| Some(value(index(block)))),
        (WatchRule::NeverChanges, |_| Some(value(1))),
        (WatchRule::StaysEmpty, |_| None),
        (WatchRule::StaysEmpty, |_| empty()),
        (WatchRule::GrowsAtMost, |block| Some(Value { length: 4, ..value(block) })),
        (WatchRule::EqualOnAllNodes, |block| Some(value(block))),
        (WatchRule::FollowsSession, |block| Some(value(index(block) + 5))),
        (WatchRule::ArrivesEverySession, |block| (block % 10 == 9).then(|| value(block))),
    ];
    for (rule, told) in cases {
        let terms = terms(rule);
        let state = folded(&terms, chain(10..95, told));
        assert_eq!(state.verdict(), Verdict::Running, "{rule:?}: {}", state.reason(&terms));
        assert_eq!((state.counted(&terms), state.unseen(&terms).count()), (8, 0), "{rule:?}");
    }
}

#[test]
fn a_rule_that_breaks_fails_the_soak_and_is_named() {
    type Told = fn(u64) -> Option<Value>;
    let cases: [(WatchRule, Told, u32, &str); 7] = [
        // The key stuck with sessions going on.
        (
            WatchRule::ChangesEverySession,
            |block| Some(value(index(block).min(4))),
            3,
            "it is the same in session 5 as in session 4",
        ),
        (
            WatchRule::NeverChanges,
            |block| Some(value(u64::from(block >= 52))),
            4,
            "at block 52, in session 5, it is not what it was in session 1",
        ),
        (
            WatchRule::StaysEmpty,
            |block| (block >= 52).then(|| value(1)),
            4,
            "it has 41 bytes at block 52, in session 5",
        ),
        (
            WatchRule::GrowsAtMost,
            |block| Some(Value { length: 8, ..value(if block >= 52 { block + 1 } else { block }) }),
            4,
            "it grew by 11 from session 5 to session 6, 10 at most",
        ),
        (
            WatchRule::FollowsSession,
            |block| Some(value(index(block).min(4))),
            3,
            "it is 4 in session 5, and should be 5 or more",
        ),
        (
            WatchRule::FollowsSession,
            |block| (block < 50).then(|| value(index(block))),
            3,
            "nothing is there in session 5, and it should be 5 or more",
        ),
        (
            WatchRule::ArrivesEverySession,
            |block| (block % 10 == 9 && block != 59).then(|| value(block)),
            4,
            "nothing was there when session 5 ended",
        ),
    ];
    for (rule, told, counted, words) in cases {
        let terms = terms(rule);
        assert_eq!(ending(&terms, chain(10..95, told)), failed("rule", counted), "{rule:?}");
        let reason = reason(&terms, chain(10..95, told)).to_string();
        assert_eq!(reason, format!("DKG::DKGPublicKey breaks the rule {}: {words}", rule.word()));
    }
    let terms = terms(WatchRule::EqualOnAllNodes);
    let mut events = chain(10..52, |block| Some(value(block)));
    events.extend([final_at(52, 0, 52), reads(52, 0, 52, None), reads(52, 1, 52, Some(value(52)))]);
    assert_eq!(ending(&terms, events), failed("rule", 4));
}

/// Each node fills in by itself, one of them much later.
#[test]
fn what_nodes_tell_far_apart_is_compared_all_the_same() {
    let terms = terms(WatchRule::EqualOnAllNodes);
    let heads = |at, number| [final_at(at, 0, number), final_at(at, 1, number)];
    let fills = |node, odd: Option<u64>| {
        (20..1000).map(move |number| reads(2, node, number, (odd != Some(number)).then(|| value(number))))
    };
    let told = |odd| {
        let ends = heads(0, 10).into_iter().chain(heads(1, 1000));
        folded(&terms, ends.chain(fills(0, None)).chain(fills(1, odd)))
    };
    let state = told(None);
    assert_eq!(state.unseen(&terms).collect::<Vec<_>>(), [(0, 1)], "the last session alone");
    let reason = told(Some(21)).reason(&terms).to_string();
    assert!(reason.ends_with("nodes differ about it at block 21"), "{reason}");
}

#[test]
fn a_dry_run_only_reports() {
    let mut terms = terms(WatchRule::ChangesEverySession);
    terms.monitor.watches[0].dry_run = true;
    let state = folded(&terms, chain(10..95, |_| Some(value(1))));
    assert_eq!((state.verdict(), state.counted(&terms)), (Verdict::Running, 8));
    let broken: Vec<_> = state.broken(&terms).collect();
    assert_eq!(broken, [(0, 8, "it is the same in session 2 as in session 1")]);
    assert!(state.warnings(&terms)[1].starts_with("DKG::DKGPublicKey: broken in 8 session(s)"));
}

#[test]
fn a_rule_may_be_broken_now_and_then() {
    let every_third = |block: u64| Some(value(index(block) - u64::from(index(block).is_multiple_of(3))));
    let mut terms = terms(WatchRule::ChangesEverySession);
    terms.monitor.watches[0].consecutive = 2;
    assert_eq!(ending(&terms, chain(10..150, every_third)), running(13));
    terms.monitor.watches[0].total = Some(3);
    assert_eq!(ending(&terms, chain(10..150, every_third)), failed("rule", 7));
    terms.monitor.watches[0].total = None;
    let stuck = |block: u64| Some(value(index(block).min(4)));
    assert_eq!(ending(&terms, chain(10..150, stuck)), failed("rule", 4));
}

#[test]
fn what_nobody_could_check_is_unseen_until_it_is_filled_in() {
    let terms = terms(WatchRule::ChangesEverySession);
    let key = |block: u64| Some(value(index(block)));
    let mut events = chain(10..40, key);
    events.extend(chain(80..95, key));
    let mut state = folded(&terms, events.clone());
    assert_eq!(state.unseen(&terms).collect::<Vec<_>>(), [(0, 5)]);
    for number in [70, 50, 60, 40] {
        let _ = state.fold(&terms, reads(95, 0, number, key(number)));
    }
    assert_eq!((state.unseen(&terms).count(), state.verdict()), (0, Verdict::Running));
    // What is the same on both sides of a gap did not change in every session.
    let stuck = |block: u64| Some(value(index(block.min(39))));
    events.retain(|event| event.at() < second(80));
    events.extend(chain(80..95, stuck));
    assert_eq!(ending(&terms, events).1, "rule");
}

#[test]
fn a_pass_waits_for_the_rules_and_says_what_is_unseen() {
    let mut terms = terms(WatchRule::ChangesEverySession);
    terms.monitor.target_sessions = 3;
    let key = |block: u64| Some(value(index(block)));
    let mut events = chain(10..40, key);
    events.extend([final_at(40, 0, 40), final_at(40, 1, 40)]);
    assert_eq!(ending(&terms, events.clone()), (Verdict::Running, "settling".to_owned(), 3));
    let mut seen = events.clone();
    seen.push(reads(41, 0, 40, Some(value(4))));
    assert_eq!(ending(&terms, seen), (Verdict::Passed, "target-reached".to_owned(), 3));
    let mut stuck = events.clone();
    stuck.push(reads(41, 0, 40, Some(value(3))));
    assert_eq!(ending(&terms, stuck), failed("rule", 3));

    let later =
        |last: u32| (41..=last).flat_map(|at| [0, 1].map(|node| final_at(at, node, u64::from(at.min(49)))));
    events.extend(later(57));
    terms.monitor.stall.no_session = Some(Duration::from_secs(500));
    terms.monitor.stall.no_finality = Duration::from_secs(500);
    events.extend(later(120));
    let reason = reason(&terms, events.clone());
    assert_eq!(
        reason.to_string(),
        "3 sessions passed (target 3), finalized on a quorum of 2 nodes; DKG::DKGPublicKey: 1 session unseen"
    );
    terms.monitor.watches[0].critical = true;
    assert_eq!(ending(&terms, events), (Verdict::Unmeasured, "unseen".to_owned(), 3));
}
