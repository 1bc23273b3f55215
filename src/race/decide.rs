//! Snapshot -> verdict: the rules applied, and why they say so.

use crate::policy::Policy;

use super::contender::{self, Contender, State};
use super::judge::{Facts, Ruling, RunFacts, judge};
use super::reason::{Awaited, Reason};
use super::snapshot::{Conclusion, Job, JobStatus, Protection, ReviewState, Snapshot};
use super::stands_for;
use super::verdict::Verdict;
use super::warning::Warning;

/// Which branch won, as far as this snapshot tells.
///
/// Every part of the snapshot must have been read, save the environments: one
/// that is not in the map counts as not read yet, and leaves a success undecided.
#[must_use]
pub fn decide(policy: &Policy, snapshot: &Snapshot) -> Verdict {
    let branches: Vec<Contender> =
        policy.branches.iter().map(|branch| contender::read(policy, branch, snapshot)).collect();
    let facts: Vec<Facts> = branches.iter().map(Facts::from).collect();
    let ruling = judge(policy.rules, run_facts(policy, snapshot), &facts);
    Verdict {
        reason: reason(policy, snapshot, &branches, ruling),
        warnings: warnings(policy, snapshot, &branches, ruling),
        branches,
    }
}

fn run_facts(policy: &Policy, snapshot: &Snapshot) -> RunFacts {
    let mut others = snapshot
        .jobs
        .iter()
        .filter(|job| job.attempt == snapshot.run.attempt)
        .filter(|job| !snapshot.own_jobs.iter().any(|own| stands_for(own, &job.name)))
        // A job that its condition left out is done before anything has begun.
        .filter(|job| job.conclusion != Some(Conclusion::Skipped) || is_of_a_branch(policy, job))
        .peekable();
    let lag = policy.polling.review_lag;
    RunFacts {
        cancelled: snapshot.run.cancelled,
        others_done: others.peek().is_some()
            && others.all(|job| {
                job.status == JobStatus::Completed
                    && job.conclusion.is_some()
                    && job.completed_at.is_some_and(|done| {
                        snapshot.read_at >= done
                            && snapshot.read_at.duration_since(done).unsigned_abs() >= lag
                    })
            }),
    }
}

fn is_of_a_branch(policy: &Policy, job: &Job) -> bool {
    let names = policy.branches.iter().flat_map(|branch| [&branch.gate, &branch.job]);
    names.into_iter().any(|name| stands_for(name, &job.name))
}

fn reason(policy: &Policy, snapshot: &Snapshot, branches: &[Contender], ruling: Ruling) -> Reason {
    match ruling {
        Ruling::Won(position) => {
            let winner = &branches[position];
            let branch = winner.name.clone();
            if winner.approved && winner.protection == Some(Protection::Reviewers) {
                Reason::BranchSucceeded { branch, approved_by: winner.approved_by.clone() }
            } else if winner.spared {
                Reason::TestnetNotNeeded { branch }
            } else {
                Reason::BranchSucceededUnreviewed { branch }
            }
        }
        Ruling::Void(position) => {
            let Contender { name, environment, protection, .. } = &branches[position];
            let (branch, environment) = (name.clone(), environment.clone());
            match protection {
                Some(Protection::Gone) => Reason::EnvironmentGone { branch, environment },
                Some(Protection::Open) => Reason::EnvironmentOpen { branch, environment },
                Some(Protection::Reviewers) | None => Reason::ReviewMissing { branch, environment },
            }
        }
        Ruling::BranchFailed(position) => {
            let Contender { name, state, jobs, approved_by, .. } = &branches[position];
            let culprit = jobs.iter().find(|job| contender::execution_state(job) == *state);
            Reason::BranchFailed {
                branch: name.clone(),
                state: *state,
                job: culprit.map(|job| job.name.clone()),
                approved_by: approved_by.clone(),
            }
        }
        Ruling::CannotCome(position) => {
            let lost = &branches[position];
            let branch = policy.branches.iter().find(|branch| branch.name == lost.name);
            let pattern = branch.map(|branch| if lost.at_later_job { &branch.job } else { &branch.gate });
            let mut seen: Vec<String> = snapshot.jobs.iter().map(|job| job.name.clone()).collect();
            seen.sort();
            seen.dedup();
            Reason::CannotCome {
                branch: lost.name.clone(),
                pattern: pattern.cloned().unwrap_or_default(),
                seen,
            }
        }
        Ruling::AllRejected => {
            let rejections = branches
                .iter()
                .filter(|branch| branch.state == State::Rejected)
                .flat_map(|branch| &branch.reviews)
                .filter(|review| review.state == ReviewState::Rejected);
            let mut rejected_by: Vec<String> =
                rejections.filter_map(|review| review.user.as_ref()).map(|user| user.login.clone()).collect();
            rejected_by.sort();
            rejected_by.dedup();
            Reason::AllRejected {
                branches: branches.iter().map(|branch| (branch.name.clone(), branch.state)).collect(),
                rejected_by,
            }
        }
        Ruling::Cancelled => Reason::Cancelled { run: snapshot.run.cancelled },
        Ruling::Undecided => undecided(snapshot, branches),
    }
}

/// What an undecided race waits for, the most telling first.
fn undecided(snapshot: &Snapshot, branches: &[Contender]) -> Reason {
    let racing = || branches.iter().filter(|branch| !branch.excluded);
    let named = |state: fn(&Contender) -> bool| -> Vec<String> {
        racing().filter(|branch| state(branch)).map(|branch| branch.name.clone()).collect()
    };
    if let Some(branch) = racing().find(|branch| branch.awaits_soak) {
        return Reason::Soaking { branch: branch.name.clone() };
    }
    let moving = named(|branch| matches!(branch.state, State::Running | State::Queued));
    if !moving.is_empty() {
        return Reason::Running { branches: moving };
    }
    if let Some(branch) =
        racing().find(|branch| branch.state == State::Succeeded && branch.protection.is_none())
    {
        return Reason::AwaitingEvidence { branch: branch.name.clone() };
    }
    let waits: Vec<Awaited> = racing()
        .filter(|branch| branch.state == State::Waiting)
        .map(|branch| Awaited {
            branch: branch.name.clone(),
            environment: branch.environment.clone(),
            reviewers: snapshot
                .pending
                .iter()
                .filter(|pending| contender::is_same_environment(&pending.environment, &branch.environment))
                .flat_map(|pending| pending.reviewers.iter().cloned())
                .collect(),
        })
        .collect();
    if !waits.is_empty() {
        return Reason::AwaitingReview { waits };
    }
    Reason::AwaitingJobs { branches: named(|branch| branch.state == State::Missing) }
}

fn warnings(policy: &Policy, snapshot: &Snapshot, branches: &[Contender], ruling: Ruling) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if let Some(why) = snapshot.run.without_secrets
        && !matches!(ruling, Ruling::Won(_))
    {
        let left = policy.branches.iter().filter(|branch| branch.spares_testnet);
        warnings.push(Warning::WithoutSecrets {
            why,
            left: left.map(|branch| branch.name.clone()).collect(),
            pull_request: snapshot.run.pull_request,
            head_sha: snapshot.run.head_sha.clone(),
        });
    }
    if !policy.rules.require_review {
        warnings.push(Warning::ReviewNotRequired);
    }
    for (position, branch) in branches.iter().enumerate() {
        if branch.excluded {
            warnings.push(Warning::Excluded { branch: branch.name.clone() });
        }
        let counts = branch.spared || (branch.approved && branch.protection == Some(Protection::Reviewers));
        let beside = matches!(ruling, Ruling::Won(winner) if winner != position);
        if beside
            && policy.rules.require_review
            && branch.state == State::Succeeded
            && !branch.excluded
            && !counts
        {
            warnings.push(Warning::VoidBeside {
                branch: branch.name.clone(),
                environment: branch.environment.clone(),
            });
        }
    }
    warnings
}
