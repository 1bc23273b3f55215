//! The order in which GitHub lists jobs and reviews changes nothing.

use proptest::prelude::*;
use testnet_deployer::policy::Policy;
use testnet_deployer::race::{Protection, decide};

use crate::build::{approved, at, job, rejected, snapshot};

const WORDS: [&str; 14] = [
    "queued",
    "waiting",
    "in_progress",
    "half-done",
    "new-status",
    "success",
    "failure",
    "rejected",
    "timed_out",
    "cancelled",
    "cancelled-early",
    "skipped",
    "neutral",
    "new-conclusion",
];
const NAMES: [&str; 6] = ["testnet", "testnet (a)", "null", "null / called", "testnet-deployer", "build"];

proptest! {
    #[test]
    fn shuffled_lists_give_the_same_verdict(
        picks in prop::collection::vec((0..NAMES.len(), 0..WORDS.len(), 1_u64..3, 0_i64..100), 0..8),
        reviews in prop::collection::vec((0..2_usize, any::<bool>()), 0..4),
        open in any::<bool>(),
        attempt in 1_u64..3,
        seed in any::<u64>(),
    ) {
        let jobs = picks.iter().enumerate().map(|(position, (name, word, attempt, done))| {
            let mut job = job(NAMES[*name], WORDS[*word]);
            job.id = position as u64;
            job.attempt = *attempt;
            job.completed_at = job.completed_at.map(|_| at(*done));
            job
        }).collect();
        let reviews = reviews.iter().map(|(environment, approves)| {
            let environment = ["testnet", "null"][*environment];
            if *approves { approved(environment) } else { rejected(environment) }
        }).collect();
        let mut race = snapshot(jobs, reviews);
        race.run.attempt = attempt;
        if open {
            race.environments.insert("null".to_owned(), Protection::Open);
        }
        let policy = Policy::default();
        let verdict = decide(&policy, &race);
        let mut shuffled = race.clone();
        let mut chance = fastrand::Rng::with_seed(seed);
        chance.shuffle(&mut shuffled.jobs);
        chance.shuffle(&mut shuffled.reviews);
        let again = decide(&policy, &shuffled);
        prop_assert_eq!(verdict.outcome(), again.outcome());
        prop_assert_eq!(verdict.exit(), again.exit());
        prop_assert_eq!(verdict.reason.winner(), again.reason.winner());
    }
}
