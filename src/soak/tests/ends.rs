//! Every way in which a soak can end or stand, with its code and its words.

use super::super::expected::{Difference, What};
use super::super::{Stop, explain};
use super::*;
use crate::policy::{Learn, Quorum, Watch, WatchRule};

#[test]
fn a_stall_is_answers_and_never_silence() {
    let terms = terms(1, 5);
    let asked = |seconds: &[u32]| {
        seconds.iter().map(|at| final_at(*at, 0, 30 + u64::from(*at) / 3)).collect::<Vec<_>>()
    };
    assert_eq!(ending(&terms, asked(&[0, 10, 19])), running(0));
    assert_eq!(ending(&terms, asked(&[0, 10, 20])), failed("no-session", 0));
    let silent = [head(0, 0, 3), tick(10), tick(25)];
    assert_eq!(ending(&terms, silent), running(0));
    let out_of_reach_meanwhile = [head(0, 0, 3), gone(1, 0), tick(20), head(40, 0, 3), head(50, 0, 3)];
    assert_eq!(ending(&terms, out_of_reach_meanwhile), running(0));
    let again = [head(0, 0, 3), head(14, 0, 4), head(28, 0, 4)];
    assert_eq!(ending(&terms, again), running(1));
}

#[test]
fn without_a_quorum_nothing_is_judged_until_it_is_unmeasured() {
    let terms = terms(2, 5);
    let one = |until| (0..=until).map(|at| head(at, 0, at)).collect::<Vec<_>>();
    assert_eq!(ending(&terms, one(59)), (Verdict::Running, "no-baseline".to_owned(), 0));
    assert_eq!(ending(&terms, one(60)), (Verdict::Unmeasured, "out-of-reach".to_owned(), 0));
    let nobody = [gone(0, 0), gone(0, 1), tick(30), tick(60)];
    assert_eq!(
        reason(&terms, nobody).to_string(),
        "out of reach for 1m: 0 of 2 nodes answering (connection refused)"
    );
    let back = [head(0, 0, 1), head(0, 1, 1), gone(1, 0), tick(25), head(50, 0, 2), head(50, 1, 2)];
    assert_eq!(ending(&terms, back), running(1));
}

#[test]
fn a_quorum_that_does_not_keep_up_is_no_verdict_on_the_network() {
    let mut terms = terms(3, 500);
    terms.monitor.quorum = Quorum::Nodes(3);
    let events = |seconds: u32| {
        (0..seconds).flat_map(|at| {
            let number = u64::from(at) + 10;
            (0..3).map(move |node| final_at(at, node, if node == 2 { number.min(35) } else { number }))
        })
    };
    assert_eq!(ending(&terms, events(49)), running(2));
    assert_eq!(ending(&terms, events(60)), (Verdict::Unmeasured, "behind".to_owned(), 2));
}

#[test]
fn a_limit_is_learnt_from_the_sessions_seen() {
    let mut terms = terms(1, 500);
    terms.monitor.stall.learn = Some(Learn { sessions: 3, factor: 4.0, floor: Duration::from_secs(10) });
    // Sessions of 3 s: twelve seconds without one are a stall, where twenty were.
    let head =
        |at: u32, session: u32| seen(at, 0, Seen::Finalized(Head { session, ..block(u64::from(at) + 1) }));
    let learning = (0..=12).map(|at| head(at, at / 3)).chain((13..25).map(|at| head(at, 4)));
    assert_eq!(ending(&terms, learning), failed("no-session", 4));
    let too_few = (0..=9).map(|at| head(at, at / 3)).chain((10..25).map(|at| head(at, 3)));
    assert_eq!(ending(&terms, too_few), running(3));
}

#[test]
fn nodes_that_still_sync_are_not_ready() {
    let terms = terms(2, 5);
    let syncs = |at, node| seen(at, node, Seen::Identity(Identity { syncing: true, ..identity("1") }));
    let events = |seconds| (0..seconds).flat_map(|at| [syncs(at, 0), syncs(at, 1)]).collect::<Vec<_>>();
    assert_eq!(ending(&terms, events(40)), (Verdict::Running, "no-baseline".to_owned(), 0));
    assert_eq!(ending(&terms, events(41)), (Verdict::Unmeasured, "not-ready".to_owned(), 0));
}

fn every_reason() -> Vec<Reason> {
    let node = || "alice".to_owned();
    let (limit, counted, target, quorum) = (Duration::from_secs(60), 3, 5, 2);
    let hashes = [hash(1, 1), hash(1, 2)];
    vec![
        Reason::NoBaseline { ready: 1, quorum },
        Reason::Counting { counted, target },
        Reason::Settling { counted: 5, target, unseen: 1 },
        Reason::TargetReached { counted: 5, target, quorum, unseen: vec![("key".to_owned(), 2)] },
        Reason::NoBlock { number: 7, limit, answering: 2 },
        Reason::NoFinality { number: 7, best: Some(9), limit, answering: 2 },
        Reason::NoSession { session: 4, limit, counted, answering: 2 },
        Reason::Fork { number: 7, hashes, nodes: [node(), "bob".to_owned()] },
        Reason::Rewritten { number: 7, hashes, node: node() },
        Reason::Rewound { number: 7, session: 1, was: (90, 9), limit },
        Reason::AnotherGenesis { node: node(), found: hash(0, 1), expected: hash(0, 0) },
        Reason::Mixed { nodes: [node(), "bob".to_owned()], versions: ["1".to_owned(), "2".to_owned()] },
        Reason::Changed { node: node(), before: "1".to_owned(), after: "2".to_owned(), expected: None },
        Reason::Rule { name: "key".to_owned(), rule: "never-changes", text: "it did".to_owned() },
        Reason::OutOfReach { limit, total: true, answering: 0, quorum, trouble: None },
        Reason::Behind { session: 4, furthest: 6, limit, quorum },
        Reason::NotReady { limit, ready: 1, quorum },
        Reason::Unseen { name: "key".to_owned(), sessions: 1 },
        Reason::Stopped { stop: Stop::Looked, counted, target },
        Reason::MaxRuntime { counted, target },
    ]
}

#[test]
fn every_reason_has_a_code_and_words_of_its_own() {
    let reasons = every_reason();
    let codes: std::collections::BTreeSet<String> =
        reasons.iter().map(|reason| reason.code().to_owned()).collect();
    assert_eq!(codes.len(), reasons.len());
    let told: Vec<String> = reasons.iter().map(|reason| format!("{}: {reason}", reason.code())).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn what_would_end_it_is_told_before() {
    let mut terms = terms(2, 5);
    terms.leg_ends = Some(second(3600));
    terms.monitor.unmeasured_total = Some(Duration::from_secs(90));
    terms.monitor.watches = vec![Watch::of("DKG", "DKGPublicKey", WatchRule::ChangesEverySession)];
    let before = explain(&terms, &State::new(&terms), second(0));
    let events =
        [head(0, 0, 1), head(0, 1, 1), head(7, 0, 2), head(7, 1, 2), tick(13), gone(14, 1), tick(16)];
    let state = folded(&terms, events);
    insta::assert_snapshot!(format!("{before}---\n{}", explain(&terms, &state, second(16))));
}

#[test]
fn a_clock_looms_from_half_of_the_way_between_what_is_usual_and_its_limit() {
    let terms = terms(2, 5);
    let looming = |last: u32| -> Vec<&str> {
        let events = [head(0, 0, 1), head(0, 1, 1)];
        // Blocks and finality go on; it is the session that does not change.
        let more = (1..=last).flat_map(|at| {
            let number = 10 + u64::from(at.min(9));
            let told = [0, 1].map(|node| final_at(at, node, number));
            let bests = [0, 1].map(|node| best(at, node, number + 2));
            told.into_iter().chain(bests).chain([tick(at)])
        });
        let state = folded(&terms, events.into_iter().chain(more));
        super::super::looming(&terms, &state).into_iter().map(|clock| clock.what).collect()
    };
    assert_eq!(looming(9), Vec::<&str>::new());
    // A session of 10 s that may take 20 s is no news before its second 15.
    assert_eq!(looming(13), Vec::<&str>::new());
    assert_eq!(looming(14), ["no new block"]);
    assert_eq!(looming(15), ["no new block", "no new session"]);
    assert_eq!(looming(17), ["no new block", "no finality", "no new session"]);
}

/// The book can be searched for what the monitor says.
#[test]
fn the_book_tells_every_reason() {
    let book = include_str!("../../../docs/reference/what-the-monitor-says.md");
    let (node, limit) = ("alice".to_owned(), Duration::from_secs(60));
    let took = Duration::from_secs(90);
    let differs = |what, expected: &str, found: &str| Reason::Wrong {
        node: node.clone(),
        difference: Difference { what, expected: expected.to_owned(), found: found.to_owned(), merge: false },
        limit,
    };
    let code = [hash(2, 2).to_string(), hash(2, 3).to_string()];
    let more = [
        Reason::LateBlock { after: 7, took, limit },
        Reason::LongSession { session: 4, took, limit },
        differs(What::Version, "1.0.0-abc", "1.0.0-def"),
        differs(What::SpecName, "dkg", "other"),
        differs(What::SpecVersion, "3", "2"),
        differs(What::Code, &code[0], &code[1]),
        Reason::Stopped { stop: Stop::Interrupted, counted: 3, target: 5 },
        Reason::Stopped { stop: Stop::Terminated, counted: 3, target: 5 },
        Reason::Stopped { stop: Stop::LeaseLost, counted: 3, target: 5 },
    ];
    let missing: Vec<String> = every_reason()
        .iter()
        .chain(&more)
        .map(|reason| {
            let words: Vec<String> = reason
                .to_string()
                .split(' ')
                .map(|word| match word.split_once("0x") {
                    Some((before, hash)) => {
                        format!("{before}0x…{}", if hash.ends_with(',') { "," } else { "" })
                    }
                    None => word.to_owned(),
                })
                .collect();
            format!("| `{}` | {} |", reason.code(), words.join(" "))
        })
        .filter(|line| !book.contains(line))
        .collect();
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
