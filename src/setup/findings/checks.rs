//! The check: reported by one job or by none, required, and from its source alone.

use super::{Looking, told};
use crate::setup::code::{Code, Finding};
use crate::setup::facts::{RequiredCheck, Rules, Seen};
use crate::setup::workflow_file::{Job, Workflow};

impl Looking<'_> {
    /// What reports the check, and what else bears its name.
    pub(super) fn check(&mut self) {
        if self.workflows_unseen() {
            return;
        }
        let check = &self.policy.check;
        let mut found = Vec::new();
        let named = |job: &Job| job.is_named_plainly() && job.name.eq_ignore_ascii_case(check);
        let all = || {
            self.workflows.iter().flat_map(|workflow| workflow.jobs.iter().map(move |job| (workflow, job)))
        };
        let waiting: Vec<_> = all().filter(|(_, job)| job.runs("wait")).collect();
        let settled = all().any(|(_, job)| job.runs("settle"));
        let reports = waiting.iter().position(|(_, job)| named(job));
        match (reports, waiting.first()) {
            (Some(_), _) => {}
            (None, Some((workflow, job))) => {
                let what =
                    format!("`race wait` runs in the job `{}`, and the check is called `{check}`", job.name);
                found.push(Finding::new(Code::CheckNeverReports, told(workflow, job), what));
            }
            (None, None) if settled => {}
            (None, None) => {
                let branch = &self.facts.repository.default_branch;
                let what = format!("no workflow on {branch} runs `race wait` or `race settle`");
                found.push(Finding::new(Code::CheckNeverReports, check, what));
            }
        }
        if let Some((workflow, job)) = reports.map(|at| waiting[at])
            && job.skippable
        {
            let what = format!("the job `{}` has a condition, or needs another job", job.name);
            found.push(Finding::new(Code::CheckSkippable, told(workflow, job), what));
        }
        let of_the_check = reports.map(|at| (&waiting[at].0.path, &waiting[at].1.name));
        let mut seen = 0;
        for (workflow, job) in all().filter(|(_, job)| named(job)) {
            let is_the_check = of_the_check == Some((&workflow.path, &job.name)) && job.runs("wait");
            seen += usize::from(is_the_check);
            if is_the_check && seen == 1 {
                continue;
            }
            let what = match reports {
                Some(_) => format!("another job is called `{}` too, in {}", job.name, workflow.path),
                None => format!("a job that decides nothing is called `{}`, in {}", job.name, workflow.path),
            };
            found.push(Finding::new(Code::CheckClash, told(workflow, job), what));
        }
        for (workflow, job) in all().filter(|(_, job)| !job.is_named_plainly()) {
            if job.may_be_called(check) {
                let what = format!("whether the job `{}` bears the check's name: not checked", job.name);
                found.push(Finding::new(Code::NotChecked, told(workflow, job), what));
            }
        }
        self.events(&mut found);
        self.found.extend(found);
    }

    fn events(&self, found: &mut Vec<Finding>) {
        for workflow in self.workflows.iter().filter(reporting_any).filter(|workflow| workflow.filtered) {
            let path = &workflow.path;
            let what = format!("{path} runs for pull requests that change some paths only");
            found.push(Finding::new(Code::CheckFiltered, path, what));
        }
        let queue = self.facts.rules.known().is_some_and(|rules| rules.merge_queue);
        let reporting: Vec<&Workflow> = self.workflows.iter().filter(reporting_any).collect();
        if queue
            && !reporting.is_empty()
            && !reporting.iter().any(|found| found.events.contains("merge_group"))
        {
            let path = &reporting[0].path;
            let what = format!("a merge queue is required, and {path} does not run on `merge_group`");
            found.push(Finding::new(Code::MergeGroupMissing, path, what));
        }
    }

    /// Whether the check must have passed before anything is merged.
    pub(super) fn required(&mut self) {
        let (check, branch) = (&self.policy.check, &self.facts.repository.default_branch);
        let required: Vec<RequiredCheck> = self
            .demands()
            .flat_map(|rules| &rules.required)
            .filter(|required| required.context == *check)
            .cloned()
            .collect();
        if let Seen::Unreadable(needs) = &self.facts.rules {
            self.not_checked(branch, &format!("the rules of {branch}"), needs);
        }
        let apps: Vec<u64> = required.iter().filter_map(|required| required.app).collect();
        if required.is_empty() {
            // Somebody must have seen both before it can be said to be in neither.
            match &self.facts.protection {
                _ if self.facts.rules.unreadable().is_some() => {}
                Seen::Unreadable(needs) => {
                    let what = format!(
                        "no ruleset requires `{check}` on {branch}; whether the branch protection does"
                    );
                    self.not_checked(check, &what, needs);
                }
                Seen::Known(_) | Seen::Absent => {
                    let what = format!("nothing requires `{check}` on {branch}");
                    self.add(Code::CheckNotRequired, check, what);
                }
            }
        } else if apps.is_empty() {
            let what = format!("`{check}` is required on {branch} from any source");
            self.add(Code::CheckUnpinned, check, what);
        } else {
            match self.facts.actions_app {
                Some(actions) => {
                    if let Some(other) = apps.iter().find(|app| **app != actions) {
                        let what = format!(
                            "`{check}` is required on {branch} from the app {other}, not from GitHub Actions"
                        );
                        self.found.push(
                            Finding::new(Code::CheckPinnedElsewhere, check, what).of(other.to_string()),
                        );
                    }
                }
                None => {
                    let what = format!("whether the source of `{check}` is GitHub Actions");
                    self.not_checked(check, &what, "the number of that app, which this GitHub does not tell");
                }
            }
        }
    }

    /// The rules of all rulesets, and those of the classic protection.
    pub(super) fn demands(&self) -> impl Iterator<Item = &Rules> {
        self.facts.rules.known().into_iter().chain(self.facts.protection.known())
    }
}

/// Whether a workflow reports the check.
fn reporting_any(workflow: &&Workflow) -> bool {
    workflow.jobs.iter().any(|job| job.runs("wait") || job.runs("settle"))
}
