//! Findings become a plan: the changes, in order, as values. Each says what is to be
//! so, not what is to be done, so that who carries it out can see whether it is so.

use std::collections::{BTreeMap, BTreeSet};

use super::admit;
use super::code::{Code, Finding};
use super::facts::{Environment, Facts, Refs, RequiredCheck, Reviewer, Seen};
use super::findings::must_be_reviewed;
use super::ruleset::{self, Wanted};
use crate::policy::Policy;

/// As many reviewers as GitHub takes.
pub const MOST_REVIEWERS: usize = 6;

/// What the caller gives.
#[derive(Clone, Debug, Default)]
pub struct Means {
    /// Who is to review.
    pub reviewers: Vec<Reviewer>,
    /// The secrets and variables whose values are at hand: (environment, name).
    pub values: BTreeSet<(String, String)>,
}

/// Something that is to be so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// An environment is there, and guarded like this.
    Guard(Guard),
    /// An environment admits the refs of this pattern.
    Admit {
        /// The environment.
        environment: String,
        /// The pattern.
        pattern: String,
    },
    /// An environment has a secret.
    Secret {
        /// The environment.
        environment: String,
        /// The secret's name.
        name: String,
    },
    /// An environment has a variable.
    Variable {
        /// The environment.
        environment: String,
        /// The variable's name.
        name: String,
    },
    /// The ruleset of our name says this.
    Ruleset(Wanted),
}

/// How an environment is to be guarded. What is not named here stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    /// The environment.
    pub environment: String,
    /// Who is to review, where nobody does yet.
    pub reviewers: Vec<Reviewer>,
    /// Who started a run may not approve it.
    pub prevent_self_review: bool,
    /// Refs are admitted by patterns, not by being protected.
    pub by_patterns: bool,
}

/// The protection of an environment, whole: what is left out of a request may be reset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protection {
    /// Minutes that every job waits.
    pub wait_timer: u32,
    /// Who started a run may not approve it.
    pub prevent_self_review: bool,
    /// Who may approve.
    pub reviewers: Vec<Reviewer>,
    /// All refs are admitted, those of protected branches, or those of patterns.
    pub refs: Refs,
}

/// What will be done, and what not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The changes, in order.
    pub changes: Vec<Change>,
    /// What `--fix` could mend and does not, with the reason.
    pub left: Vec<(Finding, String)>,
}

impl Guard {
    /// The protection that the environment is to get; `None` where it has it.
    #[must_use]
    pub fn protection(&self, current: Option<&Environment>) -> Option<Protection> {
        let fresh = Environment::default();
        let known = current.unwrap_or(&fresh);
        let before = Protection {
            wait_timer: known.wait_timer,
            prevent_self_review: known.prevent_self_review,
            reviewers: known.reviewers.clone(),
            refs: known.refs.clone(),
        };
        let mut after = before.clone();
        if after.reviewers.is_empty() {
            after.reviewers.clone_from(&self.reviewers);
        }
        after.prevent_self_review |= self.prevent_self_review;
        if self.by_patterns && after.refs == Refs::Protected {
            after.refs = Refs::Matching(Seen::Absent);
        }
        (current.is_none() || after != before).then_some(after)
    }
}

/// What mends these findings: environments first, so that no secret is in one that
/// is not guarded yet; the required check last, so that nothing is held up by a check
/// that cannot pass yet.
#[must_use]
pub fn plan(facts: &Facts, policy: &Policy, findings: &[Finding], means: &Means) -> Plan {
    let mut plan = Plan::default();
    let mut guards: BTreeMap<&str, Guard> = BTreeMap::new();
    let mut rest = Vec::new();
    let mut wanted = Wanted::default();
    let fixable = || findings.iter().filter(|finding| finding.code.fixable());
    for finding in fixable() {
        let name = finding.subject.as_str();
        let mut guard = |change: &dyn Fn(&mut Guard)| {
            let guard = guards.entry(name).or_default();
            name.clone_into(&mut guard.environment);
            change(guard);
        };
        match finding.code {
            Code::EnvironmentMissing | Code::ReviewersMissing => {
                if !is_reviewed(policy, name) {
                    guard(&|_| {});
                } else if means.reviewers.is_empty() {
                    plan.left.push((finding.clone(), "name its reviewers by --reviewer LOGIN".to_owned()));
                } else {
                    guard(&|guard| {
                        guard.reviewers.clone_from(&means.reviewers);
                        guard.prevent_self_review = true;
                    });
                }
            }
            Code::SelfReviewAllowed => guard(&|guard| guard.prevent_self_review = true),
            Code::RefRefused | Code::QueueRefRefused | Code::DispatchRefRefused => {
                let mut patterns = vec![finding.item.clone()];
                if facts
                    .environment(name)
                    .known()
                    .is_some_and(|environment| environment.refs == Refs::Protected)
                {
                    guard(&|guard| guard.by_patterns = true);
                    // By patterns the default branch is admitted only where one says so.
                    patterns.push(facts.repository.default_branch.clone());
                }
                for pattern in patterns {
                    rest.push(Change::Admit { environment: name.to_owned(), pattern });
                }
            }
            Code::CheckNotRequired | Code::CheckUnpinned => match hindrance(facts, findings) {
                Some(why) => plan.left.push((finding.clone(), why)),
                None => {
                    wanted.check =
                        Some(RequiredCheck { context: policy.check.clone(), app: facts.actions_app });
                }
            },
            Code::CodeOwnerReviewOptional => wanted.code_owner_review = true,
            _ => {}
        }
    }
    let open = |name: &str| {
        let guarded = facts.environment(name).known().is_some_and(|known| !known.reviewers.is_empty());
        is_reviewed(policy, name)
            && !guarded
            && guards.get(name).is_none_or(|guard| guard.reviewers.is_empty())
    };
    let there = |name: &str| facts.environment(name).known().is_some() || guards.contains_key(name);
    for finding in
        fixable().filter(|finding| [Code::SecretMissing, Code::VariableMissing].contains(&finding.code))
    {
        let (environment, name) = (finding.subject.clone(), finding.item.clone());
        let secret = finding.code == Code::SecretMissing;
        let why = if !there(&environment) || secret && open(&environment) {
            "its environment must be guarded first".to_owned()
        } else if !means.values.contains(&(environment.clone(), name.clone())) {
            match is_gate(policy, &environment) {
                true => {
                    format!("put its value into the variable {name}, or name a file by --value {name}=FILE")
                }
                // The key of a gate must not be in an environment that nobody guards.
                false => format!("name a file with a value of its own by --value {environment}/{name}=FILE"),
            }
        } else {
            rest.push(match secret {
                true => Change::Secret { environment, name },
                false => Change::Variable { environment, name },
            });
            continue;
        };
        plan.left.push((finding.clone(), why));
    }
    plan.changes.extend(guards.into_values().map(Change::Guard));
    for change in rest {
        if !plan.changes.contains(&change) {
            plan.changes.push(change);
        }
    }
    if wanted != Wanted::default() {
        plan.changes.push(Change::Ruleset(wanted));
    }
    plan
}

/// Why the check cannot be required yet.
fn hindrance(facts: &Facts, findings: &[Finding]) -> Option<String> {
    let stuck = [Code::WorkflowInvalid, Code::GateMissing, Code::CheckNeverReports, Code::MergeGroupMissing];
    if let Some(finding) = findings.iter().find(|finding| stuck.contains(&finding.code)) {
        let word = finding.code.word();
        return Some(format!("first mend {word}: required now, it would stop every merge"));
    }
    if facts.workflows.known().is_none() {
        return Some("no workflow could be read: required now, it could stop every merge".to_owned());
    }
    if facts.actions_app.is_none() {
        return Some(
            "the number of GitHub Actions as an app is not known, and without it anyone could report it"
                .to_owned(),
        );
    }
    facts.own_ruleset.unreadable().map(|needs| format!("the rulesets cannot be read, it needs {needs}"))
}

/// Whether the environment holds a branch of the race.
#[must_use]
pub fn is_gate(policy: &Policy, environment: &str) -> bool {
    policy.branches.iter().any(|branch| branch.environment.eq_ignore_ascii_case(environment))
}

/// Whether a person must be asked for this environment.
fn is_reviewed(policy: &Policy, environment: &str) -> bool {
    let same = |name: &str| name.eq_ignore_ascii_case(environment);
    policy.branches.iter().any(|branch| same(&branch.environment) && must_be_reviewed(policy, branch))
}

impl Change {
    /// What it comes to, in a line. It may hold untrusted names.
    #[must_use]
    pub fn told(&self) -> String {
        match self {
            Self::Guard(guard) => {
                let mut parts = Vec::new();
                if !guard.reviewers.is_empty() {
                    let names: Vec<String> = guard.reviewers.iter().map(Reviewer::told).collect();
                    parts.push(format!("reviewed by {}", names.join(", ")));
                }
                if guard.prevent_self_review {
                    parts.push("self-review prevented".to_owned());
                }
                if guard.by_patterns {
                    parts.push("refs admitted by patterns".to_owned());
                }
                if parts.is_empty() {
                    parts.push("without reviewers".to_owned());
                }
                format!("environment `{}`: {}", guard.environment, parts.join(", "))
            }
            Self::Admit { environment, pattern } => format!("environment `{environment}`: admit `{pattern}`"),
            Self::Secret { environment, name } => format!("environment `{environment}`: the secret {name}"),
            Self::Variable { environment, name } => {
                format!("environment `{environment}`: the variable {name}")
            }
            Self::Ruleset(wanted) => {
                let check = wanted.check.as_ref();
                let check = check.map(|check| format!("`{}` from GitHub Actions is required", check.context));
                let owners = wanted.code_owner_review.then(|| "code owners must approve".to_owned());
                let parts: Vec<String> = check.into_iter().chain(owners).collect();
                format!("ruleset `{}`: {}", ruleset::NAME, parts.join(", "))
            }
        }
    }
}

impl Reviewer {
    /// As `--reviewer` names them.
    #[must_use]
    pub fn told(&self) -> String {
        match self.kind {
            super::facts::ReviewerKind::User => self.name.clone(),
            super::facts::ReviewerKind::Team => format!("team:{}", self.name),
        }
    }
}

/// The refs that an environment admits, as a pattern that is to be added or is there.
#[must_use]
pub fn admits(environment: &Environment, pattern: &str) -> bool {
    match &environment.refs {
        Refs::All => true,
        Refs::Protected => false,
        Refs::Matching(patterns) => patterns.known().is_some_and(|patterns| {
            patterns.iter().any(|known| known == pattern) || admit::admits(patterns, pattern)
        }),
    }
}
