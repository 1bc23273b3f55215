//! Proofs of soaks that a workflow of the default branch samples: how they are named,
//! and whose are believed.
//!
//! Every job of a run can keep an artifact of any name, so that of a pull request
//! proves nothing. What counts is who kept it: a run of the samples' own workflow, as
//! it stands on the default branch of this very repository.

use super::contender::Contender;
use super::dispatched::{DISPATCH, file_of};
use super::settle::AttemptId;

/// The file of the workflow whose samples are believed.
pub const WORKFLOW: &str = ".github/workflows/testnet-deployer-samples.yml";

/// The event of a run that nobody started: only the default branch has such.
const SCHEDULE: &str = "schedule";

/// What a sample of an attempt's soak is called as an artifact.
#[must_use]
pub fn artifact_name(AttemptId { run, attempt }: AttemptId) -> String {
    format!("soak-{run}-{attempt}")
}

/// What GitHub tells of the run that kept an artifact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Maker {
    /// The event that started it.
    pub event: String,
    /// The file of its workflow; some have the ref behind an `@`.
    pub workflow: String,
    /// The git branch, or the tag, that it was started on.
    pub started_on: String,
    /// Its commit.
    pub head_sha: String,
    /// Its commit is of this repository, not of a fork.
    pub is_from_here: bool,
}

/// Whether what a run has kept is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// It is.
    Believed,
    /// It is where its commit is part of the default branch: a tag may be called like
    /// that branch, and hold another workflow.
    WherePartOfIt,
    /// It is not.
    Refused,
}

/// Whether what that run has kept is believed.
#[must_use]
pub fn trust(maker: &Maker, default_branch: &str) -> Trust {
    let file = file_of(&maker.workflow);
    let ours = maker.is_from_here
        && file == WORKFLOW
        && !default_branch.is_empty()
        && maker.started_on == default_branch;
    match maker.event.as_str() {
        SCHEDULE if ours => Trust::Believed,
        DISPATCH if ours => Trust::WherePartOfIt,
        _ => Trust::Refused,
    }
}

/// The attempt whose soak a branch waits for: the one that its jobs ran in.
#[must_use]
pub fn awaited(branch: &Contender, run: u64) -> Option<AttemptId> {
    let attempt = branch.jobs.iter().map(|job| job.attempt).max()?;
    branch.awaits_soak.then_some(AttemptId { run, attempt })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maker() -> Maker {
        Maker {
            event: SCHEDULE.to_owned(),
            workflow: WORKFLOW.to_owned(),
            started_on: "main".to_owned(),
            head_sha: "a".repeat(40),
            is_from_here: true,
        }
    }

    #[test]
    fn only_the_samples_of_the_default_branch_are_believed() {
        let text = str::to_owned;
        for (maker, expected) in [
            (maker(), Trust::Believed),
            (Maker { workflow: format!("{WORKFLOW}@refs/heads/main"), ..maker() }, Trust::Believed),
            (Maker { event: text("workflow_dispatch"), ..maker() }, Trust::WherePartOfIt),
            (Maker { event: text("pull_request"), ..maker() }, Trust::Refused),
            (Maker { event: text("pull_request_target"), ..maker() }, Trust::Refused),
            (Maker { event: text("push"), ..maker() }, Trust::Refused),
            (Maker { event: text("workflow_run"), ..maker() }, Trust::Refused),
            (Maker { event: text(""), ..maker() }, Trust::Refused),
            (Maker { workflow: text(".github/workflows/testnet-deployer.yml"), ..maker() }, Trust::Refused),
            (Maker { workflow: text(""), ..maker() }, Trust::Refused),
            (Maker { started_on: text("change-12"), ..maker() }, Trust::Refused),
            (Maker { started_on: text("Main"), ..maker() }, Trust::Refused),
            (Maker { is_from_here: false, ..maker() }, Trust::Refused),
        ] {
            assert_eq!(trust(&maker, "main"), expected, "{maker:?}");
        }
        let nowhere = Maker { started_on: String::new(), ..maker() };
        assert_eq!(trust(&nowhere, ""), Trust::Refused);
    }
}
