//! Facts and policy become findings. Total: whatever could not be seen is a finding
//! of its own, so that nothing is green because nobody looked.

mod checks;
mod environments;
mod owners;
mod workflows;

pub(super) use environments::must_be_reviewed;

use super::code::{Code, Finding};
use super::facts::{Facts, File, Seen};
use super::workflow_file::{Job, Workflow};
use crate::policy::Policy;

/// The repository of this project, where actions may be its own.
const HOME: &str = "testnet-deployer/testnet-deployer";

/// Everything that is wrong, the worst first.
#[must_use]
pub fn findings(facts: &Facts, policy: &Policy) -> Vec<Finding> {
    let mut looking = Looking { facts, policy, workflows: Vec::new(), found: Vec::new() };
    looking.policies();
    looking.read_workflows();
    looking.environments();
    looking.gates();
    looking.jobs();
    looking.check();
    looking.required();
    looking.owners();
    let mut found = looking.found;
    found.sort_by_key(|finding| (finding.code.severity(), finding.code));
    found.dedup();
    found
}

struct Looking<'a> {
    facts: &'a Facts,
    policy: &'a Policy,
    workflows: Vec<Workflow>,
    found: Vec<Finding>,
}

impl Looking<'_> {
    fn add(&mut self, code: Code, subject: impl Into<String>, what: impl Into<String>) {
        self.found.push(Finding::new(code, subject, what));
    }

    fn not_checked(&mut self, subject: impl Into<String>, what: &str, needs: &str) {
        self.add(Code::NotChecked, subject, format!("{what}: not checked, it needs {needs}"));
    }

    fn policies(&mut self) {
        let branch = &self.facts.repository.default_branch;
        match &self.facts.policies {
            Seen::Known(names) if names.iter().any(|name| name == "race.toml") => {}
            Seen::Known(_) | Seen::Absent => {
                let what = format!("there is no policies/race.toml on {branch}");
                self.add(Code::PoliciesMissing, "policies/race.toml", what);
            }
            Seen::Unreadable(needs) => self.not_checked("policies", "the policies of the base", needs),
        }
        let Some(deploy) = &self.policy.deploy else { return };
        if deploy.known_hosts_env.is_some() {
            return;
        }
        let hosts = deploy.hosts.iter().map(|host| (&host.name, &host.host_keys));
        let jumps = deploy.jumps.iter().map(|jump| (&jump.name, &jump.host_keys));
        for (name, keys) in hosts.chain(jumps) {
            if keys.is_empty() {
                let what = format!("no key of the host `{name}` is pinned");
                self.found.push(Finding::new(Code::HostKeysUnpinned, name, what));
            }
        }
    }

    fn read_workflows(&mut self) {
        let files: &[File] = match &self.facts.workflows {
            Seen::Known(files) => files,
            Seen::Absent => &[],
            Seen::Unreadable(needs) => {
                self.not_checked(".github/workflows", "the workflows", needs);
                &[]
            }
        };
        for File { path, text } in files {
            match Workflow::parse(path, text) {
                Ok(workflow) => self.workflows.push(workflow),
                // Another team's broken file is none of our business.
                Err(why) if concerns(text) => {
                    self.add(Code::WorkflowInvalid, path, format!("{path} cannot be read: {why}"));
                }
                Err(_) => {}
            }
        }
    }

    /// Whether the workflows that make the race are those of an organisation, in a
    /// repository that is not looked at.
    fn is_required_elsewhere(&self) -> bool {
        let rules = self.facts.rules.known();
        rules.is_some_and(|rules| {
            rules.required_workflows.iter().any(|path| path.to_lowercase().contains("testnet-deployer"))
        })
    }

    /// Whether nothing can be said of the workflows.
    fn workflows_unseen(&self) -> bool {
        self.facts.workflows.unreadable().is_some()
            || self.is_required_elsewhere() && !self.workflows.iter().any(Workflow::runs_race)
    }

    /// The jobs of every workflow that makes the race, each with its file.
    fn race_jobs(&self) -> impl Iterator<Item = (&Workflow, &Job)> {
        let of_race =
            |workflow: &&Workflow| workflow.runs_race() || workflow.jobs.iter().any(|job| self.is_gate(job));
        self.workflows
            .iter()
            .filter(of_race)
            .flat_map(|workflow| workflow.jobs.iter().map(move |job| (workflow, job)))
    }

    fn is_gate(&self, job: &Job) -> bool {
        let named = job.environment.as_deref();
        let named = named.is_some_and(|name| self.names_gate(name));
        named || self.policy.branches.iter().any(|branch| crate::race::stands_for(&branch.gate, &job.name))
    }

    fn names_gate(&self, environment: &str) -> bool {
        self.policy.branches.iter().any(|branch| branch.environment.eq_ignore_ascii_case(environment))
    }
}

/// Whether a file that cannot be read looks like one of ours.
fn concerns(text: &str) -> bool {
    text.contains("race ") || text.contains("testnet-deployer")
}

/// A job as it is told of.
fn told(workflow: &Workflow, job: &Job) -> String {
    let file = workflow.path.rsplit('/').next().unwrap_or(&workflow.path);
    format!("{file}: {}", job.name)
}

#[cfg(test)]
mod tests;
