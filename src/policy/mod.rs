//! The shapes of the policy and what must hold between its values. Pure: it is
//! given values and returns values or problems; files are read by `config`.

mod check;
mod criteria;
mod deployment;
pub mod duration;
pub mod globs;
mod monitoring;
mod monitoring_check;
mod race;
mod stall;
mod watching;
pub mod words;

pub use check::{OWN_RULES, Problem, Severity, check};
pub use criteria::{Association, Criteria, CriteriaRule, Need};
pub use deployment::{AfterUndo, Collect, Deploy, Host, Jump, Ready, ReadyWhen, Source, Step, Upload, Work};
pub use monitoring::{Expect, Monitor, Node, Quorum};
pub use race::{AfterWin, BothApproved, Branch, Carry, OnBranchFailure, Polling, Proof, Rules, Selection};
pub use stall::{Learn, Stall};
pub use watching::{Watch, WatchRule};

use serde::{Deserialize, Serialize};

/// The whole policy: `race.toml`, `testnet.toml` and `criteria.toml` together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// The name of the required check: the job that runs `race wait`, or the status that
    /// `race settle` writes.
    pub check: String,
    /// Who chooses among the branches.
    pub selection: Selection,
    /// What `race cleanup` does once the race is won.
    pub after_win: AfterWin,
    /// Whether a push keeps the verdict of an earlier head.
    pub carry: Carry,
    /// The branches of the race, in order of preference. Without any there are two,
    /// `testnet` and `null`; the latter spares the testnet.
    #[serde(rename = "branch")]
    pub branches: Vec<Branch>,
    /// What it takes to win, and what it takes to lose.
    pub rules: Rules,
    /// How often GitHub is asked, and for how long.
    pub polling: Polling,
    /// How the testnet is deployed, where the policy says so.
    pub deploy: Option<Deploy>,
    /// How the testnet is watched, where the policy says so.
    pub monitor: Option<Monitor>,
    /// Which changes need a testnet, where the policy says so.
    pub criteria: Option<Criteria>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            check: "testnet-deployer".to_owned(),
            selection: Selection::Manual,
            after_win: AfterWin::Leave,
            carry: Carry::Never,
            branches: vec![
                Branch::named("testnet"),
                Branch { spares_testnet: true, ..Branch::named("null") },
            ],
            rules: Rules::default(),
            polling: Polling::default(),
            deploy: None,
            monitor: None,
            criteria: None,
        }
    }
}

impl Policy {
    /// A policy in which every key there is has a value: what the documentation,
    /// suggestions for mistyped keys and tests are made from.
    #[must_use]
    pub fn example() -> Self {
        let mut example = Self {
            deploy: Some(Deploy::example()),
            monitor: Some(Monitor::example()),
            criteria: Some(Criteria::example()),
            ..Self::default()
        };
        example.polling.deadline = Some(std::time::Duration::from_mins(340));
        example
    }
}

/// Which top-level keys belong to which policy file.
pub const FILES: [(&str, &[&str]); 3] = [
    ("race.toml", &["check", "selection", "after_win", "carry", "branch", "rules", "polling"]),
    ("testnet.toml", &["deploy", "monitor"]),
    ("criteria.toml", &["criteria"]),
];
