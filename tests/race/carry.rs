//! When a push keeps the verdict of an earlier head: each reason against it alone, and
//! that nothing else than all of them absent is ever carried over.

use proptest::prelude::*;
use testnet_deployer::policy::{Carry, Policy, Selection};
use testnet_deployer::race::carry::{
    Candidate, HEADS, Heard, NotCarried, Since, Soaked, Sought, carry, hear,
};
use testnet_deployer::race::settle::{AttemptId, description};
use testnet_deployer::race::{Advice, Job, Outcome, Review, State, Verdict, decide};

use crate::build::{SHA, approved, at, job, rejected, snapshot};

const FILE: &str = ".github/workflows/testnet-deployer.yml";

fn sha(digit: &str) -> String {
    digit.repeat(40)
}

fn policy() -> Policy {
    Policy { carry: Carry::NotNeeded, ..Policy::default() }
}

fn soaked() -> Soaked {
    let (branch, approved_by) = ("testnet".to_owned(), vec!["alice".to_owned()]);
    Soaked { sha: sha("a"), run: 7, branch, approved_by }
}

/// All that must be known, and says yes.
fn since() -> Since {
    Since {
        head_sha: sha("c"),
        relation: "ahead".to_owned(),
        merge_base: sha("a"),
        files: Some(2),
        advice: Advice::NotNeeded,
        gate_changed: Some(false),
        base_gate_changed: Some(false),
        base_moved: false,
        url: format!("https://github.com/o/r/compare/{}...{}", &sha("a")[..11], &sha("c")[..11]),
    }
}

#[test]
fn each_reason_against_it_is_enough() {
    type Bend = fn(&mut Policy, &mut Soaked, &mut Since);
    type Is = fn(&NotCarried) -> bool;
    let (never, gone): (Is, Is) =
        (|why| *why == NotCarried::Never, |why| matches!(why, NotCarried::Rewritten { .. }));
    let needs: Is = |why| matches!(why, NotCarried::NeedsTestnet { .. });
    let cases: [(Bend, Is); 17] = [
        (|policy, _, _| policy.carry = Carry::Never, never),
        (|_, _, since| since.relation = "diverged".to_owned(), gone),
        (|_, _, since| since.relation = "behind".to_owned(), gone),
        (|_, _, since| since.relation = "identical".to_owned(), gone),
        (|_, _, since| since.relation = "Ahead".to_owned(), gone),
        (|_, _, since| since.relation.clear(), gone),
        (|_, _, since| since.merge_base = "b".repeat(40), gone),
        (|_, soaked, since| (soaked.sha, since.merge_base) = (String::new(), String::new()), gone),
        (|_, soaked, since| since.head_sha.clone_from(&soaked.sha), gone),
        (|_, _, since| since.files = None, |why| matches!(why, NotCarried::NotListed { .. })),
        (|_, _, since| since.advice = Advice::Recommended, needs),
        (|_, _, since| since.advice = Advice::Required, needs),
        (|_, _, since| since.advice = Advice::Unknown, needs),
        (|_, _, since| since.gate_changed = Some(true), |why| *why == NotCarried::GateChanged),
        (|_, _, since| since.gate_changed = None, |why| *why == NotCarried::GateChanged),
        (|_, _, since| since.base_gate_changed = Some(true), |why| *why == NotCarried::BaseGateChanged),
        (|_, _, since| since.base_gate_changed = None, |why| *why == NotCarried::BaseGateChanged),
    ];
    for (bend, expected) in cases {
        let (mut policy, mut soaked, mut since) = (policy(), soaked(), since());
        bend(&mut policy, &mut soaked, &mut since);
        let why = carry(&policy, &soaked, &since).unwrap_err();
        assert!(expected(&why), "{since:?}: {why}");
    }
}

#[test]
fn what_is_carried_over_names_both_commits_and_what_differs() {
    let reason = carry(&policy(), &soaked(), &since()).unwrap();
    assert_eq!((reason.code(), reason.outcome(), reason.winner()), ("carried-over", Outcome::Won, None));
    let text = reason.to_string();
    let (soaked_sha, head_sha) = (&sha("a")[..11], &sha("c")[..11]);
    for part in [soaked_sha, head_sha, "(2 files)", "/compare/", "run 7", "approved by alice"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("the base has moved on"), "{text}");
    // What the status has no room for comes last.
    let status = description(&text);
    assert!(
        status.contains(soaked_sha) && status.contains(head_sha) && status.contains("2 files"),
        "{status}"
    );
    let moved = carry(&policy(), &soaked(), &Since { base_moved: true, ..since() }).unwrap();
    assert!(moved.to_string().contains("the base has moved on"), "{moved}");
}

fn any_since() -> impl Strategy<Value = Since> {
    let relations = ["ahead", "behind", "diverged", "identical", "", "new"];
    let advice = [Advice::NotNeeded, Advice::Recommended, Advice::Required, Advice::Unknown];
    let known = || prop::sample::select(vec![None, Some(false), Some(true)]);
    (
        prop::sample::select(relations.to_vec()),
        prop::sample::select(vec!["a", "b", "c"]),
        prop::sample::select(vec!["a", "c"]),
        prop::option::of(0_usize..300),
        prop::sample::select(advice.to_vec()),
        (known(), known(), any::<bool>()),
    )
        .prop_map(
            |(relation, merge_base, head, files, advice, (gate_changed, base_gate_changed, base_moved))| {
                Since {
                    head_sha: sha(head),
                    relation: relation.to_owned(),
                    merge_base: sha(merge_base),
                    files,
                    advice,
                    gate_changed,
                    base_gate_changed,
                    base_moved,
                    url: String::new(),
                }
            },
        )
}

proptest! {
    #[test]
    fn nothing_is_carried_over_unless_all_is_known_and_says_yes(since in any_since(), allowed in any::<bool>()) {
        let policy = Policy { carry: if allowed { Carry::NotNeeded } else { Carry::Never }, ..Policy::default() };
        let carried = carry(&policy, &soaked(), &since);
        let may = allowed
            && since.relation == "ahead"
            && since.merge_base == sha("a")
            && since.head_sha == sha("c")
            && since.files.is_some()
            && since.advice == Advice::NotNeeded
            && since.gate_changed == Some(false)
            && since.base_gate_changed == Some(false);
        prop_assert_eq!(carried.is_ok(), may, "{:?}", carried);
    }
}

fn judged(jobs: &[(&str, &str)], reviews: Vec<Review>) -> Verdict {
    let jobs: Vec<Job> = jobs.iter().map(|(name, word)| job(name, word)).collect();
    decide(&policy(), &snapshot(jobs, reviews))
}

#[test]
fn only_a_testnet_that_won_is_a_soak_and_one_that_was_refused_ends_the_search() {
    let refused = |state| Heard::Refused { branch: "testnet".to_owned(), state };
    let won = Heard::Soaked { branch: "testnet".to_owned(), approved_by: vec!["alice".to_owned()] };
    let cases = [
        (vec![("testnet", "success"), ("null", "waiting")], vec![approved("testnet")], won.clone()),
        // The next push cancels what still waited.
        (vec![("testnet", "success"), ("null", "cancelled-early")], vec![approved("testnet")], won),
        // Nobody's approval is on record.
        (vec![("testnet", "success"), ("null", "waiting")], vec![], Heard::Nothing),
        (vec![("testnet", "waiting"), ("null", "success")], vec![approved("null")], Heard::Nothing),
        (
            vec![("testnet", "rejected"), ("null", "success")],
            vec![approved("null"), rejected("testnet")],
            refused(State::Rejected),
        ),
        (
            vec![("testnet", "failure"), ("null", "waiting")],
            vec![approved("testnet")],
            refused(State::Failed),
        ),
        (
            vec![("testnet", "timed_out"), ("null", "waiting")],
            vec![approved("testnet")],
            refused(State::Failed),
        ),
        (vec![("testnet", "in_progress"), ("null", "waiting")], vec![approved("testnet")], Heard::Nothing),
        (
            vec![("testnet", "cancelled"), ("null", "cancelled-early")],
            vec![approved("testnet")],
            Heard::Nothing,
        ),
        (vec![("testnet", "skipped"), ("null", "success")], vec![approved("null")], Heard::Nothing),
        (vec![], vec![], Heard::Nothing),
    ];
    for (jobs, reviews, expected) in cases {
        assert_eq!(hear(&policy(), &judged(&jobs, reviews)), expected, "{jobs:?}");
    }
}

#[test]
fn a_verdict_that_was_itself_carried_over_is_no_soak() {
    let carried = carry(&policy(), &soaked(), &since()).unwrap();
    assert_eq!(hear(&policy(), &Verdict::unknown(carried)), Heard::Nothing);
    // Nor is what the criteria let through.
    let auto = Policy { selection: Selection::Auto, ..policy() };
    let mut run = snapshot(vec![job("testnet", "skipped"), job("null", "success")], Vec::new());
    run.advice = Advice::NotNeeded;
    let verdict = decide(&auto, &run);
    assert_eq!(verdict.outcome(), Outcome::Won);
    assert_eq!(hear(&auto, &verdict), Heard::Nothing);
}

fn sought() -> Sought {
    Sought {
        workflow: FILE.to_owned(),
        pull_request: 12,
        head_ref: "change".to_owned(),
        head_sha: SHA.to_owned(),
        opened_at: Some(at(0)),
    }
}

fn candidate(run: u64, head: &str) -> Candidate {
    Candidate {
        run: AttemptId { run, attempt: 1 },
        url: String::new(),
        event: "pull_request".to_owned(),
        workflow: FILE.to_owned(),
        head_ref: "change".to_owned(),
        head_sha: sha(head),
        is_of_here: true,
        pull_requests: Vec::new(),
        created_at: Some(at(i64::try_from(run).unwrap())),
    }
}

#[test]
fn only_runs_of_this_workflow_for_this_pull_request_are_looked_at() {
    type Bend = fn(&mut Candidate);
    let cases: [(Bend, bool); 15] = [
        (|_| {}, true),
        (|run| run.pull_requests = vec![12], true),
        (|run| run.workflow.push_str("@refs/pull/12/merge"), true),
        (|run| run.pull_requests = vec![13], false),
        (|run| run.pull_requests = vec![12, 13], false),
        (|run| run.event = "workflow_dispatch".to_owned(), false),
        (|run| run.event.clear(), false),
        (|run| run.workflow = ".github/workflows/other.yml".to_owned(), false),
        (|run| run.workflow.clear(), false),
        (|run| run.head_ref = "other".to_owned(), false),
        (|run| run.is_of_here = false, false),
        (|run| run.head_sha.clear(), false),
        (|run| SHA.clone_into(&mut run.head_sha), false),
        // Another pull request had a git branch of that name before.
        (|run| run.created_at = Some(at(-1)), false),
        (|run| run.created_at = None, false),
    ];
    for (bend, looked_at) in cases {
        let mut run = candidate(7, "a");
        bend(&mut run);
        assert_eq!(!sought().among(std::slice::from_ref(&run)).is_empty(), looked_at, "{run:?}");
    }
    for unknown in [
        Sought { workflow: String::new(), ..sought() },
        Sought { head_ref: String::new(), ..sought() },
        Sought { opened_at: None, ..sought() },
    ] {
        let mut run = candidate(7, "a");
        (run.workflow, run.head_ref) = (unknown.workflow.clone(), unknown.head_ref.clone());
        assert!(unknown.among(&[run]).is_empty(), "{unknown:?}");
    }
}

#[test]
fn of_each_head_the_newest_run_speaks_and_the_newest_head_first() {
    let runs =
        [candidate(3, "a"), candidate(9, "b"), candidate(7, "a"), candidate(8, "b"), candidate(5, "d")];
    let sought = sought();
    let found: Vec<u64> = sought.among(&runs).iter().map(|found| found.run.run).collect();
    assert_eq!(found, [9, 7, 5]);
    let many: Vec<Candidate> = (0..30).map(|run| candidate(run, &format!("{run:02}"))).collect();
    assert_eq!(sought.among(&many).len(), HEADS);
}
