//! The shapes of `policies/race.toml`: branches, rules, polling.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;

/// Who chooses among the branches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// The reviewer chooses; the criteria advise.
    #[default]
    Manual,
    /// The reviewer chooses, but a branch with `spares_testnet` is excluded where the
    /// criteria require a testnet.
    Guarded,
    /// The criteria choose.
    Auto,
}

/// What becomes of a run whose race is won.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AfterWin {
    /// It says what still waits for a review.
    #[default]
    Leave,
    /// It cancels the run, when nothing is lost by that.
    CancelRun,
}

/// Whether the verdict on an earlier head of a pull request may be carried over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Carry {
    /// Every push races anew.
    #[default]
    Never,
    /// It may, where by the criteria nothing that was pushed since needs a testnet.
    NotNeeded,
}

/// One contender of the race: an environment and the job or jobs behind it.
///
/// `gate` and `job` stand for the job of that name, for what they match as a
/// glob (`*` is any characters), for `NAME (matrix values)` and for
/// `NAME / called job`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BranchFile")]
pub struct Branch {
    /// How the branch is called in verdicts.
    pub name: String,
    /// The protected environment that holds it; by the branch's name where left out.
    pub environment: String,
    /// The job that names the environment; by the branch's name where left out.
    pub gate: String,
    /// The job whose success means that the branch did its work; the gate where left out.
    pub job: String,
    /// What proves the branch's success.
    pub proof: Proof,
    /// This branch passes without a testnet.
    pub spares_testnet: bool,
}

impl Branch {
    /// A branch whose environment, gate and job all bear its own name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            environment: name.to_owned(),
            gate: name.to_owned(),
            job: name.to_owned(),
            proof: Proof::Job,
            spares_testnet: false,
        }
    }
}

/// A branch as written: what is left out follows from `name` and `gate`.
#[derive(Deserialize)]
struct BranchFile {
    name: String,
    environment: Option<String>,
    gate: Option<String>,
    job: Option<String>,
    #[serde(default)]
    proof: Proof,
    #[serde(default)]
    spares_testnet: bool,
}

impl From<BranchFile> for Branch {
    fn from(file: BranchFile) -> Self {
        let gate = file.gate.unwrap_or_else(|| file.name.clone());
        Self {
            environment: file.environment.unwrap_or_else(|| file.name.clone()),
            job: file.job.unwrap_or_else(|| gate.clone()),
            name: file.name,
            gate,
            proof: file.proof,
            spares_testnet: file.spares_testnet,
        }
    }
}

/// What proves the success of a branch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// The job's own success.
    #[default]
    Job,
    /// The verdict of a soak that names this run, attempt and commit.
    Soak,
}

/// What it takes to win, and what it takes to lose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rules {
    /// A win needs required reviewers on the environment and a person's approval.
    /// `false` is for plans of GitHub that do not have required reviewers.
    pub require_review: bool,
    /// What happens when more than one branch was approved.
    pub both_approved: BothApproved,
    /// What happens when an approved branch fails.
    pub on_branch_failure: OnBranchFailure,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            require_review: true,
            both_approved: BothApproved::FirstSuccess,
            on_branch_failure: OnBranchFailure::Fail,
        }
    }
}

/// What happens when more than one branch was approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BothApproved {
    /// The first to succeed wins.
    FirstSuccess,
    /// Every approved one must succeed.
    AllApproved,
}

/// What happens when an approved branch fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnBranchFailure {
    /// The race is lost.
    Fail,
    /// It goes on while another branch may still be approved.
    Wait,
}

/// How often GitHub is asked, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Polling {
    /// Time between two readings, for two minutes after anything moved.
    #[serde(with = "duration")]
    pub interval: Duration,
    /// The longest time between two readings, while the rate limit allows it.
    #[serde(with = "duration")]
    pub max_interval: Duration,
    /// An ending other than a win is confirmed by an equal reading this much later.
    #[serde(with = "duration")]
    pub confirm_after: Duration,
    /// How far GitHub's lists and reviews may lag behind each other.
    #[serde(with = "duration")]
    pub review_lag: Duration,
    /// When `race wait` gives up. Left out, it follows from the kind of runner: `5h40m` on
    /// hosted ones, `4d20h` on self-hosted ones.
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Duration>,
    /// The share of what is left of the rate limit that this process may spend, in percent:
    /// until the reset where GitHub counts every reading, else in the two minutes after
    /// anything moved.
    pub budget_percent: u8,
}

impl Default for Polling {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(3),
            max_interval: Duration::from_secs(15),
            confirm_after: Duration::from_secs(2),
            review_lag: Duration::from_secs(30),
            deadline: None,
            budget_percent: 10,
        }
    }
}
