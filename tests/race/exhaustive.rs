//! Every combination of branch states, reviews, protection, advice, selection,
//! `both_approved`, `on_branch_failure`, `require_review` and run states, for two
//! and for three branches.
//!
//! A branch's situation is what GitHub can show of it; it is read by the product's
//! own [`contender::read`]. Situations that the rules cannot tell apart are
//! judged once and counted as often as they occur.

use std::collections::HashMap;

use testnet_deployer::policy::{BothApproved, Branch, OnBranchFailure, Policy, Rules, Selection};
use testnet_deployer::race::judge::{Facts, Ruling, RunFacts, judge};
use testnet_deployer::race::{Advice, Protection, ReviewState, State, contender};

use crate::build::{job, review, snapshot};

/// What a branch's job can look like, by [`job`]; `missing` is no job at all.
const JOBS: [&str; 16] = [
    "missing",
    "queued",
    "pending",
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
/// Who said what of its environment.
const REVIEWS: [Option<(ReviewState, &str)>; 5] = [
    None,
    Some((ReviewState::Approved, "alice")),
    Some((ReviewState::Approved, "github-actions[bot]")),
    Some((ReviewState::Rejected, "bob")),
    Some((ReviewState::Other, "carol")),
];
const PROTECTIONS: [Option<Protection>; 4] =
    [Some(Protection::Reviewers), Some(Protection::Open), Some(Protection::Gone), None];
const ADVICE: [Advice; 4] = [Advice::NotNeeded, Advice::Recommended, Advice::Required, Advice::Unknown];
const SELECTIONS: [Selection; 3] = [Selection::Manual, Selection::Guarded, Selection::Auto];
/// The run goes on; every other job has been done for long; the run was cancelled.
const RUNS: [RunFacts; 3] = [
    RunFacts { cancelled: false, others_done: false },
    RunFacts { cancelled: false, others_done: true },
    RunFacts { cancelled: true, others_done: false },
];

/// What a test must know of a situation, told from the situation itself and not
/// from what the product made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Truth {
    succeeded: bool,
    by_a_person: bool,
    protected: bool,
    unread: bool,
    /// GitHub shows a job that will or may still do something.
    open: bool,
    /// GitHub shows no job.
    missing: bool,
}

#[derive(Clone, Copy)]
struct Class {
    facts: Facts,
    truth: Truth,
    weight: u64,
}

/// Every situation of a branch, by what the rules can tell apart.
fn classes(selection: Selection, advice: Advice, spares_testnet: bool) -> Vec<Class> {
    let policy = Policy { selection, ..Policy::default() };
    let branch = Branch { spares_testnet, ..Branch::named("testnet") };
    let mut classes: Vec<Class> = Vec::new();
    let mut known: HashMap<(String, Truth), usize> = HashMap::new();
    for word in JOBS {
        for said in REVIEWS {
            for protection in PROTECTIONS {
                let jobs = if word == "missing" { Vec::new() } else { vec![job("testnet", word)] };
                let reviews =
                    said.map(|(state, login)| review("testnet", state, login)).into_iter().collect();
                let mut race = snapshot(jobs, reviews);
                race.advice = advice;
                race.environments = protection.map(|it| ("testnet".to_owned(), it)).into_iter().collect();
                let facts = Facts::from(&contender::read(&policy, &branch, &race));
                let truth = Truth {
                    succeeded: word == "success",
                    by_a_person: said == Some((ReviewState::Approved, "alice")),
                    protected: protection == Some(Protection::Reviewers),
                    unread: protection.is_none(),
                    open: ["queued", "pending", "waiting", "in_progress", "half-done", "new-status"]
                        .contains(&word),
                    missing: word == "missing",
                };
                let class = *known.entry((format!("{facts:?}"), truth)).or_insert_with(|| {
                    classes.push(Class { facts, truth, weight: 0 });
                    classes.len() - 1
                });
                classes[class].weight += 1;
            }
        }
    }
    classes
}

/// What must hold of every ruling, whatever the rules that led to it.
fn hold(rules: Rules, run: RunFacts, branches: &[Class], ruling: Ruling) -> Result<(), &'static str> {
    let racing = || branches.iter().filter(|branch| !branch.facts.excluded);
    match ruling {
        Ruling::Won(winner) => {
            let Class { facts, truth, .. } = branches[winner];
            if !truth.succeeded {
                return Err("a win without a real success");
            }
            if facts.excluded {
                return Err("an excluded branch won");
            }
            let reviewed = truth.protected && truth.by_a_person;
            if rules.require_review && !facts.spared && !reviewed {
                return Err("a win without protection and a person's approval");
            }
            let all = rules.both_approved == BothApproved::AllApproved;
            if all
                && racing().any(|branch| {
                    branch.truth.by_a_person
                        && !branch.truth.succeeded
                        && branch.facts.state != State::Rejected
                })
            {
                return Err("a win while an approved branch has not succeeded");
            }
        }
        Ruling::Void(void) => {
            if !branches[void].truth.succeeded || branches[void].truth.unread {
                return Err("void without a success, or before protection was read");
            }
        }
        Ruling::Undecided => {
            let may_change = racing().any(|branch| {
                branch.truth.open && !(run.cancelled && branch.facts.state == State::Waiting)
                    || branch.truth.missing && !run.cancelled && !run.others_done
                    || branch.truth.succeeded && branch.truth.unread
            });
            if !may_change {
                return Err("undecided though nothing can change any more");
            }
        }
        Ruling::BranchFailed(_) | Ruling::CannotCome(_) | Ruling::AllRejected | Ruling::Cancelled => {
            if racing().any(|branch| branch.truth.open && branch.facts.state != State::Waiting) {
                return Err("an ending while a branch is under way");
            }
            let valid = |branch: &&Class| {
                branch.truth.succeeded && branch.truth.by_a_person && branch.truth.protected
            };
            if rules.both_approved == BothApproved::FirstSuccess && racing().any(|branch| valid(&branch)) {
                return Err("a loss though a branch won");
            }
            if ruling == Ruling::Cancelled
                && !run.cancelled
                && branches.iter().any(|branch| branch.facts.state != State::Cancelled)
            {
                return Err("cancelled though not everything was");
            }
        }
    }
    Ok(())
}

/// Walks through every combination of `branches` branches, the second of which
/// spares the testnet. Returns how many combinations that were, and how many wins.
fn walk(branches: usize, selections: &[Selection]) -> (u64, u64) {
    let (mut combinations, mut wins) = (0_u64, 0_u64);
    for selection in selections.iter().copied() {
        for advice in ADVICE {
            let plain = classes(selection, advice, false);
            let sparing = classes(selection, advice, true);
            for both_approved in [BothApproved::FirstSuccess, BothApproved::AllApproved] {
                for on_branch_failure in [OnBranchFailure::Fail, OnBranchFailure::Wait] {
                    for require_review in [true, false] {
                        let rules = Rules { require_review, both_approved, on_branch_failure };
                        for run in RUNS {
                            let mut judged = |chosen: &[Class]| {
                                let facts: [Facts; 3] =
                                    std::array::from_fn(|i| chosen[i.min(chosen.len() - 1)].facts);
                                let ruling = judge(rules, run, &facts[..chosen.len()]);
                                if let Err(broken) = hold(rules, run, chosen, ruling) {
                                    let truths: Vec<_> = chosen.iter().map(|class| class.facts).collect();
                                    panic!(
                                        "{broken}: {ruling:?} for {rules:?} {run:?} {selection:?} {advice:?} {truths:#?}"
                                    );
                                }
                                let weight: u64 = chosen.iter().map(|class| class.weight).product();
                                combinations += weight;
                                wins += if matches!(ruling, Ruling::Won(_)) { weight } else { 0 };
                            };
                            for first in &plain {
                                for second in &sparing {
                                    if branches == 2 {
                                        judged(&[*first, *second]);
                                        continue;
                                    }
                                    for third in &plain {
                                        judged(&[*first, *second, *third]);
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    (combinations, wins)
}

/// Situations of a branch, and settings of policy, advice and run.
const SITUATIONS: u64 = (JOBS.len() * REVIEWS.len() * PROTECTIONS.len()) as u64;
const SETTINGS: u64 = (SELECTIONS.len() * ADVICE.len() * 2 * 2 * 2 * RUNS.len()) as u64;

#[test]
fn every_combination_of_two_branches_keeps_the_promises() {
    let (combinations, wins) = walk(2, &SELECTIONS);
    assert_eq!(combinations, SITUATIONS.pow(2) * SETTINGS);
    assert_eq!(combinations, 29_491_200);
    assert!(wins > 0);
    println!("{combinations} combinations, {wins} of them wins");
}

/// The combinations of three branches under one selection; they are many enough to
/// be walked through side by side.
fn three_branches(selection: Selection) {
    let (combinations, wins) = walk(3, &[selection]);
    assert_eq!(combinations, SITUATIONS.pow(3) * SETTINGS / 3);
    assert_eq!(combinations, 3_145_728_000);
    assert!(wins > 0);
}

#[test]
fn every_combination_of_three_branches_with_manual_selection_keeps_the_promises() {
    three_branches(Selection::Manual);
}

#[test]
fn every_combination_of_three_branches_with_guarded_selection_keeps_the_promises() {
    three_branches(Selection::Guarded);
}

#[test]
fn every_combination_of_three_branches_with_auto_selection_keeps_the_promises() {
    three_branches(Selection::Auto);
}

#[test]
fn a_win_names_the_same_branch_whatever_the_order_of_the_policy_save_for_a_tie() {
    let rules = Rules::default();
    let classes = classes(Selection::Manual, Advice::Unknown, false);
    for first in &classes {
        for second in &classes {
            for run in RUNS {
                let mut later = second.facts;
                later.completed_at = later.completed_at.map(|at| at + std::time::Duration::from_secs(1));
                let forwards = judge(rules, run, &[first.facts, later]);
                let backwards = judge(rules, run, &[later, first.facts]);
                let swapped = match backwards {
                    Ruling::Won(position) => Ruling::Won(1 - position),
                    other => other,
                };
                if matches!(forwards, Ruling::Won(_)) || matches!(swapped, Ruling::Won(_)) {
                    assert_eq!(
                        forwards,
                        swapped,
                        "{first:?} {second:?}",
                        first = first.facts,
                        second = second.facts
                    );
                }
            }
        }
    }
}
