//! Re-runs: of each name the newest execution counts, and one that was carried
//! over counts only once the new attempt has had time to list its own.

use testnet_deployer::race::{Job, Snapshot};

use crate::build::{approved, at, job, rejected, snapshot, told, verdict};

fn of_attempt(attempt: u64, mut job: Job) -> Job {
    job.attempt = attempt;
    job.id += attempt;
    job
}

/// The second attempt of a run, read `seconds` after it began.
fn second_attempt(seconds: i64, jobs: Vec<Job>) -> Snapshot {
    let mut race = snapshot(jobs, vec![approved("testnet"), rejected("null")]);
    race.run.attempt = 2;
    race.run.started_at = Some(at(1_000));
    race.read_at = at(1_000 + seconds);
    race
}

#[test]
fn a_full_re_run_counts_its_own_executions_alone() {
    let first = [of_attempt(1, job("testnet", "success")), of_attempt(1, job("null", "rejected"))];
    let second = [of_attempt(2, job("testnet", "waiting")), of_attempt(2, job("null", "waiting"))];
    let race = second_attempt(60, first.into_iter().chain(second).collect());
    assert_eq!(told(&verdict(&race)), "undecided");
    assert_eq!(verdict(&race).branches[0].jobs.len(), 1);
}

#[test]
fn an_old_success_does_not_win_while_the_new_attempt_may_still_list_its_own() {
    let first = vec![of_attempt(1, job("testnet", "success")), of_attempt(1, job("null", "rejected"))];
    assert_eq!(told(&verdict(&second_attempt(0, first.clone()))), "undecided");
    assert_eq!(told(&verdict(&second_attempt(29, first.clone()))), "undecided");
    assert_eq!(told(&verdict(&second_attempt(30, first))), "won testnet");
}

#[test]
fn a_partial_re_run_counts_what_was_carried_over_in_either_shape() {
    let failed_again = of_attempt(2, job("null", "waiting"));
    // Left out of the new attempt: the old execution stands for it.
    let left_out = vec![
        of_attempt(1, job("testnet", "success")),
        of_attempt(1, job("null", "rejected")),
        failed_again.clone(),
    ];
    assert_eq!(told(&verdict(&second_attempt(31, left_out))), "won testnet");
    // Carried over: listed again with the new attempt's number.
    let carried = vec![
        of_attempt(1, job("testnet", "success")),
        of_attempt(2, job("testnet", "success")),
        failed_again,
    ];
    assert_eq!(told(&verdict(&second_attempt(1, carried))), "won testnet");
}

#[test]
fn an_old_failure_is_held_back_like_an_old_success() {
    let first = vec![of_attempt(1, job("testnet", "failure")), of_attempt(1, job("null", "rejected"))];
    assert_eq!(told(&verdict(&second_attempt(5, first))), "undecided");
}

#[test]
fn one_leg_of_a_matrix_that_is_not_listed_again_yet_keeps_the_branch_open() {
    let jobs = vec![
        of_attempt(1, job("testnet (a)", "success")),
        of_attempt(1, job("testnet (b)", "success")),
        of_attempt(2, job("testnet (a)", "success")),
        of_attempt(2, job("null", "waiting")),
    ];
    assert_eq!(told(&verdict(&second_attempt(5, jobs.clone()))), "undecided");
    assert_eq!(told(&verdict(&second_attempt(31, jobs))), "won testnet");
}

#[test]
fn an_old_approval_does_not_count_for_a_branch_that_is_now_rejected() {
    let jobs = vec![of_attempt(2, job("testnet", "rejected")), of_attempt(2, job("null", "rejected"))];
    let mut race = second_attempt(60, jobs);
    race.reviews.push(rejected("testnet"));
    let lost = verdict(&race);
    assert_eq!(told(&lost), "lost 11");
    assert!(lost.branches[0].approved_by.is_empty());
}

#[test]
fn an_attempt_after_ours_is_not_ours() {
    let mut race = snapshot(
        vec![
            of_attempt(1, job("testnet", "failure")),
            of_attempt(2, job("testnet", "success")),
            job("null", "waiting"),
        ],
        vec![approved("testnet")],
    );
    race.run.attempt = 1;
    assert_eq!(told(&verdict(&race)), "lost 10");
}
