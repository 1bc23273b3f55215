//! Short ways to write a snapshot down.

use jiff::Timestamp;
use testnet_deployer::policy::Policy;
use testnet_deployer::race::{
    Advice, Conclusion, Job, JobStatus, Protection, Review, ReviewState, Run, Snapshot, Step, User, UserKind,
    Verdict, decide,
};

pub(crate) const SHA: &str = "1111111111111111111111111111111111111111";

/// `seconds` after the attempt began.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

/// A job in the words of the API: `waiting`, `success`, ... `rejected` is a failure
/// without a step or a runner; a conclusion means that it ran and completed.
pub(crate) fn job(name: &str, word: &str) -> Job {
    let (status, conclusion, ran) = match word {
        "queued" | "pending" | "requested" | "waiting" => (word, None, false),
        "in_progress" => (word, None, true),
        "half-done" => ("completed", None, true),
        "new-status" => (word, None, true),
        "rejected" => ("completed", Some("failure"), false),
        "cancelled-early" => ("completed", Some("cancelled"), false),
        "skipped" => ("completed", Some(word), false),
        conclusion => ("completed", Some(conclusion), true),
    };
    let id =
        name.bytes().fold(7, |id: u64, byte| id.wrapping_mul(31).wrapping_add(u64::from(byte))) % 1_000_000;
    Job {
        id,
        name: name.to_owned(),
        attempt: 1,
        status: JobStatus::from(status),
        conclusion: conclusion.map(Conclusion::from),
        url: None,
        started_at: Some(at(0)),
        completed_at: (status == "completed").then(|| at(60)),
        steps: Some(if ran { vec![Step { name: "work".to_owned(), ran: true }] } else { Vec::new() }),
        has_runner: ran,
    }
}

pub(crate) fn review(environment: &str, state: ReviewState, login: &str) -> Review {
    let kind = if login.ends_with("[bot]") { UserKind::Other } else { UserKind::Person };
    Review {
        environments: vec![environment.to_owned()],
        state,
        user: Some(User { login: login.to_owned(), kind }),
        comment: String::new(),
    }
}

pub(crate) fn approved(environment: &str) -> Review {
    review(environment, ReviewState::Approved, "alice")
}

pub(crate) fn rejected(environment: &str) -> Review {
    review(environment, ReviewState::Rejected, "bob")
}

/// A run ten seconds old, with these jobs and reviews, both environments protected.
pub(crate) fn snapshot(jobs: Vec<Job>, reviews: Vec<Review>) -> Snapshot {
    Snapshot {
        read_at: at(70),
        run: Run {
            id: 7,
            attempt: 1,
            url: String::new(),
            event: "pull_request".to_owned(),
            head_sha: SHA.to_owned(),
            pull_request: Some(12),
            started_at: Some(at(0)),
            cancelled: false,
            without_secrets: None,
        },
        jobs,
        reviews,
        pending: Vec::new(),
        environments: [
            ("testnet".to_owned(), Protection::Reviewers),
            ("null".to_owned(), Protection::Reviewers),
        ]
        .into(),
        advice: Advice::Unknown,
        soaks: Vec::new(),
        own_jobs: vec!["testnet-deployer".to_owned()],
    }
}

/// The verdict under the default policy.
pub(crate) fn verdict(snapshot: &Snapshot) -> Verdict {
    decide(&Policy::default(), snapshot)
}

/// `won testnet`, `lost 10`, `undecided`, ...
pub(crate) fn told(verdict: &Verdict) -> String {
    match (verdict.reason.winner(), verdict.exit().code()) {
        (Some(winner), _) => format!("won {winner}"),
        (None, code @ (10 | 11)) => format!("lost {code}"),
        (None, _) => verdict.outcome().word().to_owned(),
    }
}
