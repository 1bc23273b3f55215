//! Who must look when a pull request changes what judges it.

use super::Looking;
use crate::setup::code::{Code, Finding};
use crate::setup::codeowners::owned;
use crate::setup::facts::Seen;

/// A workflow that a pull request could add.
const A_NEW_WORKFLOW: &str = ".github/workflows/new.yml";
/// An action of the repository.
const AN_ACTION: &str = ".github/actions/race/action.yml";
/// Policies, also those that are not there yet.
const POLICIES: [&str; 3] = ["policies/race.toml", "policies/testnet.toml", "policies/criteria.toml"];

impl Looking<'_> {
    pub(super) fn owners(&mut self) {
        // What an organisation requires cannot be changed by a pull request.
        if self.is_required_elsewhere() {
            return;
        }
        let found = match &self.facts.codeowners {
            Seen::Unreadable(needs) => {
                self.not_checked("CODEOWNERS", "the code owners", needs);
                None
            }
            Seen::Absent => Some(("there is no CODEOWNERS".to_owned(), String::new())),
            Seen::Known(file) => {
                let ours = self.workflows.iter().filter(|workflow| workflow.runs_race());
                let mut paths: Vec<&str> = ours.map(|workflow| workflow.path.as_str()).collect();
                paths.extend([A_NEW_WORKFLOW, AN_ACTION, &file.path]);
                paths.extend(POLICIES);
                paths.retain(|path| !owned(&file.text, path));
                let what = || format!("{} gives nobody {}", file.path, paths.join(", "));
                (!paths.is_empty()).then(|| (what(), paths.join(" ")))
            }
        };
        if let Some((what, uncovered)) = found {
            self.found.push(Finding::new(Code::CodeownersMissing, "CODEOWNERS", what).of(uncovered));
        }
        let path = self.facts.codeowners.known().map_or("CODEOWNERS", |file| file.path.as_str());
        match &self.facts.codeowners_errors {
            Seen::Known(errors) => {
                for (line, mistake) in errors {
                    let what = format!("{path}, line {line}: {mistake}");
                    let finding = Finding::new(Code::CodeownersInvalid, "CODEOWNERS", what);
                    self.found.push(finding.of(line.to_string()));
                }
            }
            Seen::Unreadable(needs) if self.facts.codeowners.known().is_some() => {
                self.not_checked("CODEOWNERS", "the mistakes in it", needs);
            }
            Seen::Unreadable(_) | Seen::Absent => {}
        }
        if self.demands().any(|rules| rules.code_owner_review) {
            return;
        }
        let branch = &self.facts.repository.default_branch;
        let needs = self.facts.rules.unreadable().or_else(|| self.facts.protection.unreadable());
        match needs {
            Some(needs) => {
                let what = format!("whether code owners must approve on {branch}");
                self.not_checked("code owners", &what, needs);
            }
            None => {
                let what = format!("nothing requires the review of code owners on {branch}");
                self.add(Code::CodeOwnerReviewOptional, "code owners", what);
            }
        }
    }
}
