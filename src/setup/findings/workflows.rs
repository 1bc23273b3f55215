//! The workflows: a job for every gate, enough permissions, actions that stay what
//! they are.

use super::{HOME, Looking, told};
use crate::policy::Selection;
use crate::race::stands_for;
use crate::setup::code::{Code, Finding};
use crate::setup::workflow_file::{Job, Permissions, Workflow};

/// What a call of `race` asks of GitHub: (subcommand, flag, whether with it or
/// without it, the event that it takes or with `!` any other, permission, degree).
const NEEDS: [(&str, &str, bool, &str, &str, &str); 19] = [
    ("wait", "", true, "", "actions", "read"),
    ("wait", "--policies", false, "", "contents", "read"),
    ("wait", "", true, "workflow_dispatch", "pull-requests", "read"),
    ("wait", "", true, "merge_group", "checks", "read"),
    ("wait", "", true, "merge_group", "pull-requests", "read"),
    ("wait", "", true, "merge_group", "statuses", "read"),
    ("settle", "--open", false, "!merge_group", "actions", "read"),
    ("settle", "--policies", false, "", "contents", "read"),
    ("settle", "", true, "", "statuses", "write"),
    ("settle", "", true, "workflow_dispatch", "pull-requests", "read"),
    ("settle", "", true, "merge_group", "checks", "read"),
    ("settle", "", true, "merge_group", "pull-requests", "read"),
    ("deploy", "--artifact", true, "", "actions", "read"),
    ("inspect", "", true, "", "actions", "read"),
    ("cleanup", "", true, "", "actions", "read"),
    ("cleanup", "", true, "", "statuses", "read"),
    ("cleanup", "--policies", false, "", "contents", "read"),
    ("advise", "", true, "", "contents", "read"),
    ("advise", "--comment", true, "", "pull-requests", "write"),
];

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
            self.advice(job, &subject, &mut found);
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
    /// Where the criteria have a say, who decides reads both sides of the change.
    fn advice(&self, job: &Job, subject: &str, found: &mut Vec<Finding>) {
        let advised = self.policy.selection != Selection::Manual;
        let decides = job.commands.iter().any(|words| {
            let (wait, settle) = (words[0] == "wait", words[0] == "settle");
            wait || settle && !words.iter().any(|word| word == "--open")
        });
        let unset = job.permissions == Permissions::Unset;
        if advised && decides && !unset && !job.permissions.allow("contents", "read") {
            let name = &job.name;
            let what = format!("the job `{name}` takes the advice of the criteria without `contents: read`");
            found.push(Finding::new(Code::PermissionMissing, subject, what).of("contents: read"));
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
            let runs_for = |event: &String| workflow.events.contains(event) && job.may_run_for(event);
            let started = match event.strip_prefix('!') {
                Some(but) => workflow.events.iter().filter(|event| *event != but).any(runs_for),
                None => event.is_empty() || runs_for(&event.to_owned()),
            };
            if called && started && !job.permissions.allow(permission, degree) {
                let plain = event.is_empty() || event.starts_with('!');
                let event = if plain { String::new() } else { format!(" for `{event}`") };
                let what = format!(
                    "the job `{name}` runs `race {subcommand}`{event} without `{permission}: {degree}`"
                );
                let finding = Finding::new(Code::PermissionMissing, subject, what);
                found.push(finding.of(format!("{permission}: {degree}")));
            }
        }
    }
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
