//! What must hold between the values of a policy.

mod criteria;
mod deployment;
mod hosts;
mod steps;

use std::time::Duration;

pub use criteria::OWN_RULES;

use super::monitoring_check::monitoring;
use super::{Carry, Policy, Proof, Selection};

/// How much a problem matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The policy can be used, but probably not as meant.
    Warning,
    /// The policy cannot be used.
    Error,
}

/// Something wrong with the values of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How much it matters.
    pub severity: Severity,
    /// The key that it is about, for example `branch.0.name`.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

pub(super) fn error(key: impl Into<String>, message: impl Into<String>, help: impl Into<String>) -> Problem {
    Problem { severity: Severity::Error, key: key.into(), message: message.into(), help: help.into() }
}

pub(super) fn warning(
    key: impl Into<String>,
    message: impl Into<String>,
    help: impl Into<String>,
) -> Problem {
    Problem { severity: Severity::Warning, ..error(key, message, help) }
}

/// Every problem between the values of `policy`.
#[must_use]
pub fn check(policy: &Policy) -> Vec<Problem> {
    let mut problems = Vec::new();
    names(policy, &mut problems);
    branches(policy, &mut problems);
    polling(policy, &mut problems);
    if let Some(deploy) = &policy.deploy {
        deployment::deployment(deploy, &mut problems);
    }
    if let Some(monitor) = &policy.monitor {
        monitoring(monitor, policy.deploy.as_ref(), &mut problems);
    }
    if let Some(found) = &policy.criteria {
        criteria::criteria(found, &mut problems);
    }
    problems
}

fn names(policy: &Policy, problems: &mut Vec<Problem>) {
    if policy.check.trim().is_empty() {
        problems.push(error("check", "the check has no name", "write `check = \"testnet-deployer\"`"));
    }
    for (position, branch) in policy.branches.iter().enumerate() {
        for (key, value) in [
            ("name", &branch.name),
            ("environment", &branch.environment),
            ("gate", &branch.gate),
            ("job", &branch.job),
        ] {
            if value.trim().is_empty() {
                let key = format!("branch.{position}.{key}");
                problems.push(error(key, "this is empty", "name it, or leave the key out"));
            }
        }
        for (key, value) in [("gate", &branch.gate), ("job", &branch.job)] {
            if *value == policy.check {
                problems.push(error(
                    format!("branch.{position}.{key}"),
                    "this is the check itself, which would wait for itself",
                    "name the job that does the branch's work",
                ));
            }
        }
    }
}

fn branches(policy: &Policy, problems: &mut Vec<Problem>) {
    if policy.branches.is_empty() {
        problems.push(error("branch", "there is no branch to win", "add a [[branch]] with a name"));
    }
    for (position, branch) in policy.branches.iter().enumerate() {
        for earlier in &policy.branches[..position] {
            if earlier.name == branch.name {
                problems.push(error(
                    format!("branch.{position}.name"),
                    format!("two branches are called `{}`", branch.name),
                    "give each a name of its own",
                ));
            }
            // One job, or one approval, must not make two branches win. GitHub's names of
            // environments are not case-sensitive.
            if earlier.environment.to_lowercase() == branch.environment.to_lowercase() {
                problems.push(error(
                    format!("branch.{position}.environment"),
                    format!(
                        "`{}` and `{}` share an environment: one approval would let both through",
                        earlier.name, branch.name
                    ),
                    "give each branch an environment of its own",
                ));
            }
            if earlier.gate == branch.gate || earlier.job == branch.job {
                problems.push(error(
                    format!("branch.{position}.gate"),
                    format!("`{}` and `{}` share a job", earlier.name, branch.name),
                    "give each branch a job of its own",
                ));
            }
        }
    }
    if policy.selection != Selection::Manual && !policy.branches.iter().any(|branch| branch.spares_testnet) {
        problems.push(warning(
            "selection",
            "no branch spares the testnet, so the criteria change nothing",
            "set `spares_testnet = true` on the branch that passes at once",
        ));
    }
    if policy.selection != Selection::Manual && policy.branches.iter().all(|branch| branch.spares_testnet) {
        problems.push(error(
            "selection",
            "every branch spares the testnet, so nothing can win where the criteria require one",
            "add the branch that deploys, without `spares_testnet`",
        ));
    }
    if policy.selection != Selection::Manual && policy.criteria.is_none() {
        problems.push(warning(
            "selection",
            "there are no criteria, so every change counts as one that requires a testnet",
            "write policies/criteria.toml",
        ));
    }
    if policy.carry != Carry::Never && policy.criteria.is_none() {
        problems.push(warning(
            "carry",
            "there are no criteria, so every push counts as one that needs a testnet",
            "write policies/criteria.toml",
        ));
    }
    if !policy.rules.require_review {
        problems.push(warning(
            "rules.require_review",
            "success alone wins: nobody has to approve anything",
            "protect the environments with required reviewers and leave this at `true`, where the plan has them",
        ));
    }
    if policy.branches.iter().any(|branch| branch.proof == Proof::Soak && branch.spares_testnet) {
        problems.push(warning(
            "branch",
            "a branch that spares the testnet waits for a soak",
            "leave `proof` out on that branch",
        ));
    }
}

fn polling(policy: &Policy, problems: &mut Vec<Problem>) {
    let polling = &policy.polling;
    if polling.interval < Duration::from_millis(100) {
        problems.push(error(
            "polling.interval",
            "this asks GitHub without a pause",
            "write `3s`; the least is `100ms`",
        ));
    }
    if polling.max_interval < polling.interval {
        problems.push(error(
            "polling.max_interval",
            "this is shorter than `polling.interval`",
            "make it the longer one, for example `15s`",
        ));
    }
    if polling.deadline.is_some_and(|deadline| deadline.is_zero()) {
        problems.push(error("polling.deadline", "this gives no time at all", "write for example `5h40m`"));
    }
    if polling.budget_percent == 0 || polling.budget_percent > 100 {
        problems.push(error("polling.budget_percent", "a share is 1 to 100 percent", "write `10`"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(policy: &Policy, severity: Severity) -> Vec<String> {
        check(policy).into_iter().filter(|p| p.severity == severity).map(|p| p.key).collect()
    }

    #[test]
    fn the_default_and_the_example_are_sound() {
        assert_eq!(check(&Policy::default()), []);
        assert_eq!(check(&Policy::example()), []);
    }

    #[test]
    fn every_rule_finds_what_it_is_for() {
        type Break = fn(&mut Policy);
        let cases: [(Break, &str, Severity); 12] = [
            (|p| p.check = " ".into(), "check", Severity::Error),
            (|p| p.branches.clear(), "branch", Severity::Error),
            (|p| p.branches[1].name = "testnet".into(), "branch.1.name", Severity::Error),
            (|p| p.branches[1].environment = "Testnet".into(), "branch.1.environment", Severity::Error),
            (|p| p.branches[1].job = "testnet".into(), "branch.1.gate", Severity::Error),
            (|p| p.branches[0].gate = "testnet-deployer".into(), "branch.0.gate", Severity::Error),
            (|p| p.rules.require_review = false, "rules.require_review", Severity::Warning),
            (|p| p.polling.interval = Duration::ZERO, "polling.interval", Severity::Error),
            (|p| p.polling.max_interval = Duration::from_secs(1), "polling.max_interval", Severity::Error),
            (|p| (p.carry, p.criteria) = (Carry::NotNeeded, None), "carry", Severity::Warning),
            (|p| p.polling.budget_percent = 0, "polling.budget_percent", Severity::Error),
            (
                |p| {
                    p.selection = Selection::Auto;
                    p.branches[0].spares_testnet = true;
                },
                "selection",
                Severity::Error,
            ),
        ];
        for (break_it, key, severity) in cases {
            let mut policy = Policy::example();
            break_it(&mut policy);
            assert!(keys(&policy, severity).contains(&key.to_owned()), "{key}: {:?}", check(&policy));
        }
    }
}
