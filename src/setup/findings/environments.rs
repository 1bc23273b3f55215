//! The environments: that they are there, who guards them, which refs they admit,
//! and what they hold.

use std::collections::{BTreeMap, BTreeSet};

use super::Looking;
use crate::policy::{Branch, Policy, Selection};
use crate::setup::admit::{self, admits};
use crate::setup::code::{Code, Finding};
use crate::setup::facts::{Environment, Refs, Seen};

/// What an environment must hold.
#[derive(Default)]
struct Needed {
    /// It is a gate of the race.
    gate: bool,
    /// A person must be asked.
    reviewed: bool,
    secrets: BTreeSet<String>,
    variables: BTreeSet<String>,
    /// The events of the workflows that name it.
    events: BTreeSet<String>,
}

impl Looking<'_> {
    pub(super) fn environments(&mut self) {
        let needed = self.needed();
        if !self.policy.rules.require_review {
            let what = "the policy says `require_review = false`";
            self.add(Code::ReviewWaived, "rules.require_review", what);
        }
        if let Seen::Unreadable(needs) = &self.facts.environments {
            self.not_checked("environments", "the environments and their protection", needs);
            return;
        }
        if self.facts.repository.private && self.policy.rules.require_review {
            let what = format!("{} is private", self.facts.repository.full_name);
            self.add(Code::PlanUnverified, "plan", what);
        }
        for (name, needed) in &needed {
            match self.facts.environment(name) {
                Seen::Known(environment) => self.environment(environment, needed),
                Seen::Absent | Seen::Unreadable(_) => {
                    self.add(Code::EnvironmentMissing, name, format!("there is no environment `{name}`"));
                    self.contents(name, &Environment::default(), needed);
                }
            }
        }
    }

    /// The environments of the policy, and those that jobs of the race name besides.
    fn needed(&self) -> BTreeMap<String, Needed> {
        let mut all: BTreeMap<String, Needed> = BTreeMap::new();
        let named: Vec<String> = self.race_jobs().filter_map(|(_, job)| job.environment.clone()).collect();
        for branch in &self.policy.branches {
            let is_named = named.iter().any(|name| name.eq_ignore_ascii_case(&branch.environment));
            if is_chosen_by_criteria(self.policy, branch) && !is_named {
                continue;
            }
            let needed = all.entry(branch.environment.clone()).or_default();
            needed.gate = true;
            needed.reviewed |= must_be_reviewed(self.policy, branch);
            // Where no workflow can be seen, the policy alone says what is needed.
            if !branch.spares_testnet && self.workflows.is_empty() {
                needed.secrets.extend(secrets_of(self.policy));
            }
        }
        for (workflow, job) in self.race_jobs() {
            let Some(name) = job.environment.as_ref().filter(|name| !name.contains("${{")) else { continue };
            let known = all.keys().find(|known| known.eq_ignore_ascii_case(name)).cloned();
            let needed = all.entry(known.unwrap_or_else(|| name.clone())).or_default();
            needed.secrets.extend(job.secrets.iter().cloned());
            needed.variables.extend(job.variables.iter().cloned());
            needed.events.extend(workflow.events.iter().cloned());
            if job.runs("deploy") || job.runs("monitor") || job.runs("samples") {
                // What the job sets itself it takes from where it names it.
                needed
                    .secrets
                    .extend(secrets_of(self.policy).into_iter().filter(|name| !job.sets.contains(name)));
            }
        }
        all
    }

    fn environment(&mut self, environment: &Environment, needed: &Needed) {
        let name = &environment.name;
        if needed.reviewed {
            if environment.reviewers.is_empty() {
                let what = format!("the environment `{name}` has no required reviewers");
                self.add(Code::ReviewersMissing, name, what);
            } else if !environment.prevent_self_review {
                let what = format!("the environment `{name}` does not prevent self-review");
                self.add(Code::SelfReviewAllowed, name, what);
            }
            match environment.admins_bypass {
                Some(false) => {}
                Some(true) => {
                    let what = format!("administrators may bypass the protection of `{name}`");
                    self.add(Code::AdminsBypass, name, what);
                }
                None => {
                    let needs = "an answer that GitHub did not give";
                    self.not_checked(name, &format!("whether administrators may bypass `{name}`"), needs);
                }
            }
        }
        if !needed.gate && !environment.reviewers.is_empty() {
            let what = format!("the environment `{name}` is no gate of the race and has required reviewers");
            self.add(Code::EnvironmentAsksAgain, name, what);
        }
        self.refs(environment, needed);
        self.contents(name, environment, needed);
    }

    fn refs(&mut self, environment: &Environment, needed: &Needed) {
        let name = &environment.name;
        let none = Vec::new();
        let patterns = match &environment.refs {
            Refs::All => return,
            Refs::Protected => &none,
            Refs::Matching(Seen::Known(patterns)) => patterns,
            Refs::Matching(Seen::Absent) => &none,
            Refs::Matching(Seen::Unreadable(needs)) => {
                return self.not_checked(name, &format!("which refs `{name}` admits"), needs);
            }
        };
        let branch = &self.facts.repository.default_branch;
        let event = |event: &str| needed.events.contains(event);
        let queue = self.facts.rules.known().is_some_and(|rules| rules.merge_queue);
        // Of a workflow that cannot be seen the usual is expected.
        let for_pulls = needed.events.is_empty() || event("pull_request");
        let dispatched = event("workflow_dispatch") || event("schedule");
        let protected = environment.refs == Refs::Protected;
        let asked = [
            (for_pulls, Code::RefRefused, admit::PULL_REQUESTS, admit::A_PULL_REQUEST),
            (queue && event("merge_group"), Code::QueueRefRefused, admit::QUEUE, admit::A_GROUP),
            (dispatched && !protected, Code::DispatchRefRefused, branch.as_str(), branch.as_str()),
        ];
        for (asked, code, pattern, reference) in asked {
            if asked && !admits(patterns, reference) {
                let what = format!("the environment `{name}` admits no `{pattern}`");
                self.found.push(Finding::new(code, name, what).of(pattern));
            }
        }
    }

    fn contents(&mut self, name: &str, environment: &Environment, needed: &Needed) {
        let kinds = [
            (Code::SecretMissing, "secret", &needed.secrets, &environment.secrets),
            (Code::VariableMissing, "variable", &needed.variables, &environment.variables),
        ];
        for (code, kind, wanted, there) in kinds {
            if wanted.is_empty() {
                continue;
            }
            if let Seen::Unreadable(needs) = there {
                let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
                let what = format!("whether `{name}` has the {kind} {}", wanted.join(", "));
                self.not_checked(name, &what, needs);
                continue;
            }
            let there = there.known().map_or(&[][..], Vec::as_slice);
            for item in wanted {
                if !there.iter().any(|known| known.eq_ignore_ascii_case(item)) {
                    let what = format!("the environment `{name}` has no {kind} {item}");
                    self.found.push(Finding::new(code, name, what).of(item));
                }
            }
        }
    }
}

/// Whether somebody must be asked before this branch may run.
pub(in crate::setup) fn must_be_reviewed(policy: &Policy, branch: &Branch) -> bool {
    policy.rules.require_review && !is_chosen_by_criteria(policy, branch)
}

/// Whether the criteria choose this branch, so that nothing has to guard it.
pub(super) fn is_chosen_by_criteria(policy: &Policy, branch: &Branch) -> bool {
    policy.selection == Selection::Auto && branch.spares_testnet
}

/// The secrets that the policy names.
fn secrets_of(policy: &Policy) -> BTreeSet<String> {
    let deploy = policy.deploy.as_ref();
    let of_deploy = deploy.into_iter().flat_map(|deploy| {
        let steps = deploy.steps.iter().flat_map(|step| step.secrets.iter().cloned());
        steps.chain([deploy.private_key_env.clone()]).chain(deploy.known_hosts_env.clone())
    });
    let nodes = policy.monitor.iter().flat_map(|monitor| &monitor.nodes);
    of_deploy.chain(nodes.filter_map(|node| node.header_env.clone())).collect()
}
