//! The workflows: a job for every gate, enough permissions, actions that stay what
//! they are.

use super::environments::is_chosen_by_criteria;
use super::{HOME, Looking, told};
use crate::policy::{AfterWin, Carry, Proof, Selection};
use crate::race::sampled::WORKFLOW;
use crate::race::stands_for;
use crate::setup::code::{Code, Finding};
use crate::setup::workflow_file::{Job, Permissions, Workflow};

/// Stands for every event whose runs race: all but that of a merge queue.
const RACED: &str = "any but merge_group";

/// What a call of `race` asks of GitHub: (subcommand, flag, whether with it or
/// without it, the event that it takes, permission, degree).
const NEEDS: [(&str, &str, bool, &str, &str, &str); 23] = [
    ("wait", "", true, "", "actions", "read"),
    ("wait", "--policies", false, "", "contents", "read"),
    ("wait", "", true, "workflow_dispatch", "pull-requests", "read"),
    ("wait", "", true, "merge_group", "checks", "read"),
    ("wait", "", true, "merge_group", "pull-requests", "read"),
    ("wait", "", true, "merge_group", "statuses", "read"),
    ("settle", "--open", false, RACED, "actions", "read"),
    ("settle", "--policies", false, "", "contents", "read"),
    ("settle", "", true, "", "statuses", "write"),
    ("settle", "", true, "workflow_dispatch", "pull-requests", "read"),
    ("settle", "", true, "merge_group", "checks", "read"),
    ("settle", "", true, "merge_group", "pull-requests", "read"),
    ("deploy", "--artifact", true, "", "actions", "read"),
    ("inspect", "", true, "", "actions", "read"),
    ("cleanup", "", true, "", "actions", "read"),
    ("samples", "", true, "", "actions", "read"),
    ("samples", "", true, "", "contents", "read"),
    ("samples", "", true, "", "pull-requests", "read"),
    ("samples", "", true, "", "statuses", "write"),
    ("cleanup", "", true, "", "statuses", "read"),
    ("cleanup", "--policies", false, "", "contents", "read"),
    ("advise", "", true, "", "contents", "read"),
    ("advise", "--comment", true, "", "pull-requests", "write"),
];

/// The event in whose runs a verdict may be carried over.
const CARRIED_IN: &str = "pull_request";

impl Looking<'_> {
    /// Every branch needs a job that names its environment.
    pub(super) fn gates(&mut self) {
        if self.workflows_unseen() {
            if self.is_required_elsewhere() {
                let needs = "to look at the repository that it is in";
                self.not_checked("workflow", "the workflow that the organisation requires", needs);
            }
            return;
        }
        for branch in &self.policy.branches {
            let (name, gate) = (&branch.name, &branch.gate);
            let jobs: Vec<_> = self
                .workflows
                .iter()
                .flat_map(|workflow| workflow.jobs.iter().map(move |job| (workflow, job)))
                .filter(|(_, job)| stands_for(gate, &job.name))
                .map(|(workflow, job)| (told(workflow, job), job.environment.clone(), job.uses.clone()))
                .collect();
            if jobs.is_empty() && gate.contains(" / ") {
                let what = format!("the gate `{gate}` of the branch `{name}`");
                self.not_checked(name, &what, "the workflow that is called, which is not looked at");
            } else if jobs.is_empty() {
                let what =
                    format!("no workflow on {} has a job `{gate}`", self.facts.repository.default_branch);
                self.add(Code::GateMissing, name, what);
            }
            let counts = &branch.job;
            let comes = |job: &Job| stands_for(counts, &job.name);
            let there = self.workflows.iter().any(|workflow| workflow.jobs.iter().any(comes));
            if counts != gate && !there && !counts.contains(" / ") {
                let what =
                    format!("no workflow on {} has a job `{counts}`", self.facts.repository.default_branch);
                self.add(Code::GateMissing, name, what);
            }
            if branch.proof == Proof::Soak && !self.workflows.iter().any(samples) {
                let branch = &self.facts.repository.default_branch;
                let what = format!("no {WORKFLOW} on {branch} runs `race samples` on a schedule");
                self.add(Code::SamplesMissing, name, what);
            }
            for (job, environment, uses) in jobs {
                let wanted = &branch.environment;
                let what = match environment {
                    Some(found) if found.eq_ignore_ascii_case(wanted) => continue,
                    Some(found) if found.contains("${{") => {
                        let what = format!("whether the job `{gate}` names `{wanted}`");
                        self.not_checked(&job, &what, "the value of an expression");
                        continue;
                    }
                    Some(found) => {
                        format!("the job `{gate}` names the environment `{found}`, not `{wanted}`")
                    }
                    None if uses.iter().any(|used| used.contains(".github/workflows/")) => {
                        let what = format!("whether the workflow that `{gate}` calls names `{wanted}`");
                        self.not_checked(&job, &what, "the workflow that is called, which is not looked at");
                        continue;
                    }
                    None if is_chosen_by_criteria(self.policy, branch) => continue,
                    None => format!("the job `{gate}` names no environment"),
                };
                self.add(Code::GateUnguarded, job, what);
            }
        }
    }

    /// What the jobs of the race may do, and what they use.
    pub(super) fn jobs(&mut self) {
        let home = self.facts.repository.full_name.eq_ignore_ascii_case(HOME);
        let mut found = Vec::new();
        for (workflow, job) in self.race_jobs() {
            let subject = told(workflow, job);
            permissions(workflow, job, &subject, &mut found);
            self.by_policy(workflow, job, &subject, &mut found);
            let gate = self.policy.branches.iter().any(|branch| stands_for(&branch.gate, &job.name));
            if !gate
                && !job.commands.is_empty()
                && job.environment.as_ref().is_some_and(|name| name.contains("${{"))
            {
                let what =
                    format!("the environment of the job `{}`: not checked, it is an expression", job.name);
                found.push(Finding::new(Code::NotChecked, &subject, what));
            }
            let privileged = job.environment.is_some() || !job.commands.is_empty();
            for used in &job.uses {
                if used.starts_with("./") {
                    if privileged && !home {
                        let what =
                            format!("the job `{}` uses `{used}`, of whatever is checked out", job.name);
                        found.push(Finding::new(Code::ActionLocal, &subject, what).of(used));
                    }
                } else if !is_pinned(used) {
                    let what = format!("the job `{}` uses `{used}`", job.name);
                    found.push(Finding::new(Code::ActionUnpinned, &subject, what).of(used));
                }
            }
        }
        let running = &self.facts.running;
        for workflow in &self.workflows {
            for version in workflow.versions.iter().filter(|version| *version != running) {
                let path = &workflow.path;
                let what = format!("{path} installs race {version}, this is {running}");
                found.push(Finding::new(Code::RaceVersionDiffers, path, what).of(version));
            }
        }
        self.found.extend(found);
    }
}

impl Looking<'_> {
    /// What a job needs only by what the policy says: where the criteria have a say, who
    /// decides reads both sides of the change; where a verdict may be carried over, it is
    /// looked for; and cancelling is a write.
    fn by_policy(&self, workflow: &Workflow, job: &Job, subject: &str, found: &mut Vec<Finding>) {
        if job.permissions == Permissions::Unset {
            return;
        }
        let calls = |subcommand: &str| job.commands.iter().any(|words| words[0] == subcommand);
        let opens = |words: &Vec<String>| words[0] == "settle" && words.iter().any(|word| word == "--open");
        let opening = job.commands.iter().any(opens);
        let settling = job.commands.iter().any(|words| words[0] == "settle" && !opens(words));
        let mut needs = Vec::new();
        if self.policy.selection != Selection::Manual && (calls("wait") || settling) {
            needs.push(("takes the advice of the criteria", "contents", "read"));
        }
        let of_a_pull_request = workflow.events.contains(CARRIED_IN) && job.may_run_for(CARRIED_IN);
        if self.policy.carry != Carry::Never && of_a_pull_request && (calls("wait") || opening) {
            for permission in ["actions", "contents", "pull-requests"] {
                needs.push(("looks for a verdict to carry over", permission, "read"));
            }
        }
        if self.policy.after_win == AfterWin::CancelRun && calls("cleanup") {
            needs.push(("cancels the run", "actions", "write"));
            needs.push(("sees that the verdict is written", "statuses", "read"));
        }
        for (does, permission, degree) in needs {
            if !job.permissions.allow(permission, degree) {
                let what = format!("the job `{}` {does} without `{permission}: {degree}`", job.name);
                let finding = Finding::new(Code::PermissionMissing, subject, what);
                let item = format!("{permission}: {degree}");
                if found.iter().all(|known| (&*known.subject, &*known.item) != (subject, &*item)) {
                    found.push(finding.of(item));
                }
            }
        }
    }
}

fn permissions(workflow: &Workflow, job: &Job, subject: &str, found: &mut Vec<Finding>) {
    let name = &job.name;
    match &job.permissions {
        _ if job.commands.is_empty() => return,
        Permissions::Unset => {
            let what = format!("the job `{name}` names no permissions");
            found.push(Finding::new(Code::PermissionsUnset, subject, what));
            return;
        }
        Permissions::WriteAll => {
            let what = format!("the job `{name}` has `permissions: write-all`");
            found.push(Finding::new(Code::PermissionsExcessive, subject, what));
        }
        Permissions::ReadAll | Permissions::Named(_) => {}
    }
    for words in &job.commands {
        for (subcommand, flag, with, event, permission, degree) in NEEDS {
            let given =
                |word: &String| word == flag || word.split_once('=').is_some_and(|(key, _)| key == flag);
            let called = words[0] == subcommand && (flag.is_empty() || words.iter().any(given) == with);
            let starts = |event: &str| workflow.events.contains(event) && job.may_run_for(event);
            let started = match event {
                "" => true,
                RACED => workflow.events.iter().any(|event| event != "merge_group" && starts(event)),
                event => starts(event),
            };
            if called && started && !job.permissions.allow(permission, degree) {
                let event = if event.is_empty() || event == RACED {
                    String::new()
                } else {
                    format!(" for `{event}`")
                };
                let what = format!(
                    "the job `{name}` runs `race {subcommand}`{event} without `{permission}: {degree}`"
                );
                let finding = Finding::new(Code::PermissionMissing, subject, what);
                found.push(finding.of(format!("{permission}: {degree}")));
            }
        }
    }
}

/// Whether a workflow looks at soaks once in a while.
fn samples(workflow: &Workflow) -> bool {
    workflow.path == WORKFLOW
        && workflow.events.contains("schedule")
        && workflow.jobs.iter().any(|job| job.runs("samples"))
}

/// Whether what is used can be nothing else tomorrow.
fn is_pinned(used: &str) -> bool {
    match used.strip_prefix("docker://") {
        Some(image) => image.contains("@sha256:"),
        None => used
            .split_once('@')
            .is_some_and(|(_, at)| at.len() == 40 && at.chars().all(|c| c.is_ascii_hexdigit())),
    }
}
