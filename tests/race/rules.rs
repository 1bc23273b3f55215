//! A table for every rule, in the order of the rules.

use testnet_deployer::policy::{BothApproved, OnBranchFailure, Policy, Proof, Selection};
use testnet_deployer::race::{
    Advice, Protection, ReviewState, Snapshot, SoakProof, SoakVerdict, WithoutSecrets, decide,
};

use crate::build::{SHA, approved, at, job, rejected, review, snapshot, told, verdict};

/// Both branches in these words, with these environments approved.
fn both(testnet: &str, null: &str, approvals: &[&str]) -> Snapshot {
    snapshot(
        vec![job("testnet", testnet), job("null", null), job("testnet-deployer", "in_progress")],
        approvals.iter().map(|environment| approved(environment)).collect(),
    )
}

#[test]
fn rule_1_a_reviewed_success_wins_whatever_the_other_branch_does() {
    for other in [
        "waiting",
        "queued",
        "in_progress",
        "failure",
        "rejected",
        "success",
        "cancelled",
        "skipped",
        "neutral",
        "new-status",
        "new-conclusion",
        "half-done",
        "timed_out",
    ] {
        assert_eq!(told(&verdict(&both("success", other, &["testnet"]))), "won testnet", "{other}");
        assert_eq!(told(&verdict(&both(other, "success", &["null"]))), "won null", "{other}");
    }
}

#[test]
fn rule_1_the_first_by_completion_wins_and_then_the_order_of_the_policy() {
    let mut race = both("success", "success", &["testnet", "null"]);
    assert_eq!(told(&verdict(&race)), "won testnet");
    race.jobs[1].completed_at = Some(at(59));
    assert_eq!(told(&verdict(&race)), "won null");
}

#[test]
fn rule_1_success_without_protection_or_review_is_void() {
    type Change = fn(&mut Snapshot);
    let cases: [(&str, Change); 6] = [
        ("review-missing", |race| race.reviews.clear()),
        ("review-missing", |race| {
            race.reviews = vec![review("testnet", ReviewState::Approved, "github-actions[bot]")]
        }),
        ("review-missing", |race| race.reviews = vec![review("testnet", ReviewState::Other, "alice")]),
        ("review-missing", |race| race.reviews = vec![approved("null")]),
        ("environment-unprotected", |race| {
            race.environments.insert("testnet".to_owned(), Protection::Open);
        }),
        ("environment-gone", |race| {
            race.environments.insert("testnet".to_owned(), Protection::Gone);
        }),
    ];
    for (code, change) in cases {
        let mut race = both("success", "waiting", &["testnet"]);
        change(&mut race);
        let verdict = verdict(&race);
        assert_eq!((told(&verdict).as_str(), verdict.reason.code()), ("void", code));
        assert_eq!(verdict.exit().code(), 14);
        assert!(verdict.reason.help().is_some());
    }
}

#[test]
fn rule_1_a_valid_win_stands_beside_a_void_one_with_a_warning() {
    let mut race = both("success", "success", &["testnet"]);
    race.jobs[1].completed_at = Some(at(1));
    let verdict = verdict(&race);
    assert_eq!(told(&verdict), "won testnet");
    assert_eq!(verdict.warnings.len(), 1);
    assert!(verdict.warnings[0].to_string().contains("null"));
}

#[test]
fn rule_1_without_required_review_success_alone_wins_and_says_so() {
    let mut policy = Policy::default();
    policy.rules.require_review = false;
    let mut race = both("success", "waiting", &[]);
    race.environments.insert("testnet".to_owned(), Protection::Gone);
    let verdict = decide(&policy, &race);
    assert_eq!(told(&verdict), "won testnet");
    assert!(verdict.warnings[0].to_string().contains("require_review"));
}

#[test]
fn rule_1_protection_that_is_not_read_yet_decides_nothing() {
    let mut race = both("success", "waiting", &["testnet"]);
    race.environments.clear();
    assert_eq!(verdict(&race).reason.code(), "awaiting-evidence");
}

#[test]
fn rule_2_what_moves_is_undecided() {
    for (testnet, null) in [
        ("in_progress", "waiting"),
        ("queued", "rejected"),
        ("pending", "rejected"),
        ("requested", "cancelled"),
        ("failure", "in_progress"),
        ("half-done", "rejected"),
        ("new-status", "rejected"),
    ] {
        let verdict = verdict(&both(testnet, null, &["testnet"]));
        assert_eq!(
            (told(&verdict).as_str(), verdict.reason.code()),
            ("undecided", "running"),
            "{testnet} {null}"
        );
    }
}

#[test]
fn rule_3_a_branch_that_passed_its_gate_and_failed_loses() {
    for (testnet, approvals) in [
        ("failure", vec!["testnet"]),
        ("failure", vec![]),
        ("timed_out", vec!["testnet"]),
        ("new-conclusion", vec!["testnet"]),
        ("stale", vec![]),
        ("action_required", vec!["testnet"]),
        ("cancelled", vec!["testnet"]),
        ("cancelled-early", vec!["testnet"]),
    ] {
        let verdict = verdict(&both(testnet, "waiting", &approvals));
        assert_eq!(told(&verdict), "lost 10", "{testnet} {approvals:?}");
    }
}

#[test]
fn rule_3_a_later_job_that_is_skipped_loses_and_a_skipped_gate_does_not() {
    let mut policy = Policy::default();
    policy.branches[0].job = "verdict".to_owned();
    for (gate, later, expected) in [
        ("success", "skipped", "lost 10"),
        ("success", "failure", "lost 10"),
        ("success", "in_progress", "undecided"),
        ("success", "queued", "undecided"),
        ("success", "success", "won testnet"),
        ("skipped", "skipped", "undecided"),
        ("waiting", "success", "undecided"),
    ] {
        let jobs = vec![job("testnet", gate), job("verdict", later), job("null", "waiting")];
        let approvals = if gate == "success" { vec![approved("testnet")] } else { Vec::new() };
        assert_eq!(told(&decide(&policy, &snapshot(jobs, approvals))), expected, "{gate} {later}");
    }
}

#[test]
fn rule_3_can_wait_while_another_branch_may_still_be_approved() {
    let mut policy = Policy::default();
    policy.rules.on_branch_failure = OnBranchFailure::Wait;
    for (null, expected) in [
        ("waiting", "undecided"),
        ("in_progress", "undecided"),
        ("rejected", "lost 10"),
        ("skipped", "lost 10"),
    ] {
        let mut race = both("failure", null, &["testnet"]);
        race.reviews.push(rejected("null"));
        assert_eq!(told(&decide(&policy, &race)), expected, "{null}");
    }
}

#[test]
fn rule_4_what_waits_or_is_not_listed_is_undecided() {
    let race = both("waiting", "waiting", &[]);
    assert_eq!(verdict(&race).reason.code(), "awaiting-review");
    let mut race = both("waiting", "rejected", &[]);
    race.reviews.push(rejected("null"));
    assert_eq!(verdict(&race).reason.code(), "awaiting-review");
    let race = snapshot(vec![job("testnet-deployer", "in_progress")], Vec::new());
    assert_eq!(verdict(&race).reason.code(), "awaiting-jobs");
}

#[test]
fn rule_4_a_branch_that_cannot_come_any_more_is_lost_with_the_names_seen() {
    let jobs =
        vec![job("tesnet", "success"), job("build", "success"), job("testnet-deployer", "in_progress")];
    let mut race = snapshot(jobs, vec![approved("testnet")]);
    race.read_at = at(60 + 29);
    assert_eq!(told(&verdict(&race)), "undecided", "lists lag");
    race.read_at = at(60 + 30);
    let lost = verdict(&race);
    assert_eq!((told(&lost).as_str(), lost.reason.code()), ("lost 11", "job-cannot-come"));
    let text = lost.reason.to_string();
    assert!(text.contains("tesnet") && text.contains("build"), "{text}");
    race.jobs.push(job("slow", "in_progress"));
    assert_eq!(told(&verdict(&race)), "undecided");
    race.jobs = vec![job("testnet-deployer", "in_progress")];
    assert_eq!(told(&verdict(&race)), "undecided", "our own job alone says nothing");
    race.jobs.push(job("open", "skipped"));
    assert_eq!(told(&verdict(&race)), "undecided", "a job that was left out says nothing");
    race.jobs.push(job("build", "success"));
    assert_eq!(told(&verdict(&race)), "lost 11");
}

#[test]
fn rule_4_a_later_job_that_cannot_come_is_lost_as_well() {
    let mut policy = Policy::default();
    policy.branches[0].job = "verdict".to_owned();
    let mut race = snapshot(
        vec![job("testnet", "success"), job("null", "rejected")],
        vec![approved("testnet"), rejected("null")],
    );
    race.read_at = at(60 + 10);
    assert_eq!(told(&decide(&policy, &race)), "undecided");
    race.read_at = at(60 + 31);
    assert_eq!(decide(&policy, &race).reason.code(), "job-cannot-come");
}

#[test]
fn rule_5_nothing_is_left() {
    for (testnet, null, expected) in [
        ("rejected", "rejected", "lost 11"),
        ("skipped", "skipped", "lost 11"),
        ("neutral", "skipped", "lost 11"),
        ("rejected", "cancelled-early", "lost 11"),
        ("cancelled-early", "cancelled-early", "cancelled"),
    ] {
        let mut race = both(testnet, null, &[]);
        race.reviews = vec![rejected("testnet"), rejected("null")];
        assert_eq!(told(&verdict(&race)), expected, "{testnet} {null}");
    }
    let mut race = both("rejected", "rejected", &[]);
    race.reviews = vec![rejected("testnet"), rejected("null")];
    assert!(verdict(&race).reason.to_string().contains("rejected by bob"));
    // A gate that GitHub refused for another reason never ran either.
    assert_eq!(told(&verdict(&both("rejected", "skipped", &[]))), "lost 11");
}

#[test]
fn rule_5_a_cancelled_run_is_cancelled_even_where_a_branch_still_waits() {
    for (testnet, null) in
        [("waiting", "cancelled-early"), ("cancelled", "waiting"), ("skipped", "cancelled-early")]
    {
        let mut race = both(testnet, null, &["testnet"]);
        race.run.cancelled = true;
        assert_eq!(told(&verdict(&race)), "cancelled", "{testnet} {null}");
    }
    let mut race = both("failure", "cancelled", &["testnet"]);
    race.run.cancelled = true;
    assert_eq!(told(&verdict(&race)), "lost 10", "it failed before the run was cancelled");
    let mut race = both("success", "cancelled", &["testnet"]);
    race.run.cancelled = true;
    assert_eq!(told(&verdict(&race)), "won testnet", "what succeeded stays so");
}

#[test]
fn all_approved_wants_every_approved_branch() {
    let mut policy = Policy::default();
    policy.rules.both_approved = BothApproved::AllApproved;
    for (testnet, null, approvals, expected) in [
        ("success", "waiting", vec!["testnet"], "won testnet"),
        ("success", "waiting", vec!["testnet", "null"], "undecided"),
        ("success", "in_progress", vec!["testnet", "null"], "undecided"),
        ("success", "in_progress", vec!["testnet"], "undecided"),
        ("success", "failure", vec!["testnet", "null"], "lost 10"),
        ("failure", "success", vec!["testnet", "null"], "lost 10"),
        ("success", "success", vec!["testnet", "null"], "won testnet"),
        ("waiting", "success", vec!["null"], "won null"),
    ] {
        let mut race = both(testnet, null, &approvals);
        race.jobs[1].completed_at = race.jobs[1].completed_at.map(|_| at(1));
        assert_eq!(told(&decide(&policy, &race)), expected, "{testnet} {null} {approvals:?}");
    }
    policy.rules.on_branch_failure = OnBranchFailure::Wait;
    assert_eq!(told(&decide(&policy, &both("success", "failure", &["testnet", "null"]))), "lost 10");
}

#[test]
fn the_selection_excludes_or_spares_the_branch_without_a_testnet() {
    let cases = [
        (Selection::Manual, Advice::Required, &["null"][..], "won null"),
        (Selection::Guarded, Advice::Required, &["null"], "undecided"),
        (Selection::Guarded, Advice::Unknown, &["null"], "undecided"),
        (Selection::Guarded, Advice::Recommended, &["null"], "won null"),
        (Selection::Guarded, Advice::NotNeeded, &[], "void"),
        (Selection::Auto, Advice::NotNeeded, &[], "won null"),
        (Selection::Auto, Advice::Recommended, &["null"], "undecided"),
        (Selection::Auto, Advice::Unknown, &["null"], "undecided"),
    ];
    for (selection, advice, approvals, expected) in cases {
        let policy = Policy { selection, ..Policy::default() };
        let mut race = both("waiting", "success", approvals);
        race.advice = advice;
        let verdict = decide(&policy, &race);
        assert_eq!(told(&verdict), expected, "{selection:?} {advice:?}");
        assert_eq!(verdict.branches[1].excluded, !verdict.warnings.is_empty());
    }
}

#[test]
fn a_soak_has_the_last_word_where_it_is_the_proof() {
    let mut policy = Policy::default();
    policy.branches[0].proof = Proof::Soak;
    let soak = |run_id, attempt, sha: &str, verdict| SoakProof {
        run_id,
        attempt,
        head_sha: sha.to_owned(),
        verdict,
    };
    for (soak, expected) in [
        (None, "undecided"),
        (Some(soak(7, 1, SHA, SoakVerdict::Passed)), "won testnet"),
        (Some(soak(7, 1, SHA, SoakVerdict::Failed)), "lost 10"),
        (Some(soak(7, 1, SHA, SoakVerdict::Open)), "undecided"),
        (Some(soak(8, 1, SHA, SoakVerdict::Passed)), "undecided"),
        (Some(soak(7, 2, SHA, SoakVerdict::Passed)), "undecided"),
        (Some(soak(7, 1, "2222222222222222222222222222222222222222", SoakVerdict::Passed)), "undecided"),
    ] {
        let mut race = both("success", "waiting", &["testnet"]);
        race.soaks = soak.into_iter().collect();
        let verdict = decide(&policy, &race);
        assert_eq!(told(&verdict), expected, "{:?}", race.soaks);
    }
    assert_eq!(decide(&policy, &both("success", "waiting", &["testnet"])).reason.code(), "soaking");
}

#[test]
fn several_jobs_of_a_branch_must_all_succeed() {
    for (second, expected) in [
        ("success", "won testnet"),
        ("in_progress", "undecided"),
        ("failure", "lost 10"),
        ("skipped", "undecided"),
        ("neutral", "undecided"),
    ] {
        let jobs =
            vec![job("testnet (arana)", "success"), job("testnet (local)", second), job("null", "waiting")];
        assert_eq!(told(&verdict(&snapshot(jobs, vec![approved("testnet")]))), expected, "{second}");
    }
}

#[test]
fn a_run_without_secrets_says_who_can_still_win() {
    for (why, word) in [(WithoutSecrets::Fork, "fork"), (WithoutSecrets::Dependabot, "Dependabot")] {
        let mut race = both("waiting", "waiting", &[]);
        race.run.without_secrets = Some(why);
        let text = verdict(&race).warnings[0].to_string();
        assert!(text.contains(word) && text.contains("only null can win"), "{text}");
        let mut race = both("waiting", "success", &["null"]);
        race.run.without_secrets = Some(why);
        assert_eq!(verdict(&race).warnings, [], "a win needs no warning");
    }
}

#[test]
fn an_environments_name_is_not_case_sensitive() {
    let race = both("success", "waiting", &["Testnet"]);
    assert_eq!(told(&verdict(&race)), "won testnet");
}
