//! The world on its own, without HTTP.

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// A world in which `testnet` and `null` of one run wait for alice or bob.
fn waiting() -> (World, u64, u64, u64) {
    let mut world = World::new("octo-org/chain", at(0));
    world.protect("testnet", &["alice", "bob"], at(0));
    world.protect("null", &["alice", "bob"], at(0));
    let pull = world.open_pull_request("carol", "Change the core", at(0));
    let run = world.start_pull_request_run(pull, at(1));
    let testnet = world.submit_job(run, "testnet", Some("testnet"), at(1));
    let null = world.submit_job(run, "null", Some("null"), at(1));
    (world, run, testnet, null)
}

fn id_of(world: &World, environment: &str) -> u64 {
    world.environment(environment).unwrap().id
}

fn state(world: &World, run: u64) -> (Status, Option<Conclusion>) {
    let run = world.run(run).unwrap();
    world.run_state(run, run.attempt)
}

#[test]
fn a_job_of_a_protected_environment_waits_in_the_shape_of_github() {
    let (world, run, testnet, _) = waiting();
    let job = world.job(testnet).unwrap();
    assert_eq!(job.status, Status::Waiting);
    assert_eq!(job.started_at, job.created_at);
    assert!(job.steps.is_empty() && job.runner.is_none() && job.completed_at.is_none());
    assert_eq!(state(&world, run), (Status::Waiting, None));
    let pending = world.pending_deployments(world.run(run).unwrap());
    assert_eq!(pending.iter().map(|one| &*one.environment.name).collect::<Vec<_>>(), ["testnet", "null"]);
}

#[test]
fn approval_lets_every_job_go_on_that_waits_then_and_no_later_one() {
    let (mut world, run, testnet, null) = waiting();
    let second = world.submit_job(run, "testnet-samples", Some("TESTNET"), at(2));
    let environment = id_of(&world, "testnet");
    let jobs = world.review(run, &[environment], ReviewState::Approved, "alice", "core", at(3)).unwrap();
    assert_eq!(jobs, [testnet, second]);
    let later = world.submit_job(run, "testnet-later", Some("testnet"), at(4));
    let status = |id| world.job(id).unwrap().status.clone();
    assert_eq!(
        [status(testnet), status(second), status(null), status(later)],
        [Status::Queued, Status::Queued, Status::Waiting, Status::Waiting]
    );
}

#[test]
fn rejection_fails_the_job_without_a_step_and_the_run_with_it() {
    let (mut world, run, testnet, null) = waiting();
    let environment = id_of(&world, "testnet");
    world.review(run, &[environment], ReviewState::Rejected, "bob", "not needed", at(3)).unwrap();
    let job = world.job(testnet).unwrap();
    assert_eq!((&job.status, job.conclusion.as_ref()), (&Status::Completed, Some(&Conclusion::Failure)));
    assert!(job.steps.is_empty() && job.runner.is_none());
    assert_eq!(state(&world, run), (Status::Waiting, None));
    let environment = id_of(&world, "null");
    world.review(run, &[environment], ReviewState::Approved, "bob", "", at(4)).unwrap();
    world.begin(null, at(5));
    world.complete(null, Conclusion::Success, at(6));
    assert_eq!(state(&world, run), (Status::Completed, Some(Conclusion::Failure)));
}

#[test]
fn only_reviewers_may_review_and_only_what_waits() {
    let (mut world, run, ..) = waiting();
    let environment = id_of(&world, "testnet");
    let mut review = |login: &str, environments: &[u64]| {
        world.review(run, environments, ReviewState::Approved, login, "", at(3)).map(|jobs| jobs.len())
    };
    assert_eq!(review("mallory", &[environment]), Err(ReviewError::NothingPending));
    assert_eq!(review("alice", &[]), Err(ReviewError::NothingPending));
    assert_eq!(review("alice", &[environment, 1]), Err(ReviewError::NothingPending));
    assert_eq!(review("alice", &[environment]), Ok(1));
    assert_eq!(review("alice", &[environment]), Err(ReviewError::NothingPending));
}

#[test]
fn who_started_the_run_may_not_review_it_where_that_is_prevented() {
    let (mut world, run, ..) = waiting();
    world.protect("testnet", &["carol"], at(1)).prevent_self_review = true;
    let environment = id_of(&world, "testnet");
    let refused = world.review(run, &[environment], ReviewState::Approved, "carol", "", at(3));
    assert_eq!(refused, Err(ReviewError::NothingPending));
}

#[test]
fn a_missing_environment_is_made_unprotected_and_holds_nobody() {
    let (mut world, run, ..) = waiting();
    let job = world.submit_job(run, "typo", Some("tesnet"), at(2));
    assert_eq!(world.job(job).unwrap().status, Status::Queued);
    assert!(!world.environment("tesnet").unwrap().holds_jobs());
}

#[test]
fn deleting_an_environment_fails_what_waits_on_it() {
    let (mut world, _, testnet, null) = waiting();
    world.delete_environment("testnet", at(2));
    assert_eq!(world.job(testnet).unwrap().conclusion, Some(Conclusion::Failure));
    assert_eq!(world.job(null).unwrap().status, Status::Waiting);
}

#[test]
fn cancelling_a_run_cancels_what_has_not_ended() {
    let (mut world, run, testnet, null) = waiting();
    world.complete(null, Conclusion::Success, at(2));
    world.cancel_run(run, at(3));
    assert_eq!(world.job(testnet).unwrap().conclusion, Some(Conclusion::Cancelled));
    assert_eq!(world.job(null).unwrap().conclusion, Some(Conclusion::Success));
    assert_eq!(state(&world, run), (Status::Completed, Some(Conclusion::Cancelled)));
}

#[test]
fn a_later_attempt_shows_its_own_jobs_and_what_was_not_run_again() {
    let (mut world, run, testnet, null) = waiting();
    world.begin(null, at(2));
    world.complete(null, Conclusion::Success, at(3));
    world.complete(testnet, Conclusion::Failure, at(4));
    world.start_attempt(run, at(10));
    let again = world.submit_job(run, "testnet", Some("testnet"), at(10));
    let ids = |jobs: Vec<&Job>| jobs.iter().map(|job| job.id).collect::<Vec<_>>();
    assert_eq!(ids(world.jobs_of_attempt(run, 1)), [testnet, null]);
    assert_eq!(ids(world.jobs_of_attempt(run, 2)), [null, again]);
    assert_eq!(ids(world.all_jobs(run)), [testnet, null, again]);
    assert_eq!(world.pending_deployments(world.run(run).unwrap()).len(), 1);
}

#[test]
fn refs_and_short_hashes_stand_for_commits() {
    let (mut world, ..) = waiting();
    let pull = world.pull_requests[0].clone();
    world.write_file(&pull.base_sha, "policies/race.toml", "check = \"x\"");
    for name in [&pull.base_sha[..], &pull.base_sha[..7], "main", "heads/main", "refs/heads/main"] {
        assert_eq!(world.resolve(name).as_deref(), Some(&pull.base_sha[..]), "{name}");
    }
    assert_eq!(world.resolve("refs/pull/12/merge"), Some(pull.merge_sha));
    assert_eq!(world.resolve("main-is-not-this"), None);
}

#[test]
fn of_each_context_the_newest_status_counts() {
    let (mut world, ..) = waiting();
    for (context, state) in [("check", "pending"), ("other", "success"), ("CHECK", "failure")] {
        world.set_status("abc", context, state, None, "github-actions[bot]", at(5));
    }
    let states: Vec<_> = world.latest_statuses("abc").iter().map(|status| &*status.state).collect();
    assert_eq!(states, ["failure", "success"]);
}
