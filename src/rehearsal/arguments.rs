//! The command line of `rehearse`: arguments only.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::policy::duration;

/// Plays the whole flow on this machine: GitHub, a testnet and its SSH hosts stand in
/// on loopback, `race` is real. Ends with the exit code of `race wait`.
///
/// Without --approve, --reject and --fault it is you who reviews, on a page as GitHub's.
#[derive(Debug, Parser)]
#[command(name = "rehearse", version, max_term_width = 100)]
pub struct Arguments {
    /// What the reviewer approves
    #[arg(long, value_enum)]
    pub approve: Option<Approve>,
    /// What the reviewer rejects; may be given twice
    #[arg(long, value_enum, value_name = "BRANCH")]
    pub reject: Vec<Contender>,
    /// Show instead a soak of so many legs, each on a machine of its own: nobody reviews
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(2..=20),
        conflicts_with_all = ["approve", "reject", "fault", "fork", "workflow", "port"])]
    pub legs: Option<u32>,
    /// How many sessions the testnet must pass
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    pub sessions: u32,
    /// How long a session of the testnet takes
    #[arg(long, default_value = "40ms", value_name = "DURATION", value_parser = duration::parse)]
    pub session_every: Duration,
    /// When `race wait` gives up [default: what the scenario needs; 5s where nobody
    /// approves, 30m where you review on the page]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub deadline: Option<Duration>,
    /// Where the stand-in of GitHub listens on 127.0.0.1 [default: any free port]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    pub port: u16,
    /// What goes wrong
    #[arg(long, value_enum)]
    pub fault: Option<Fault>,
    /// The pull request comes from a fork, and this run is reviewed [without a value:
    /// dispatched]
    #[arg(long, value_enum, value_name = "RUN", num_args = 0..=1, require_equals = true, default_missing_value = "dispatched")]
    pub fork: Option<Fork>,
    /// Which of the shipped workflows is run
    #[arg(long, value_enum, default_value_t)]
    pub mode: Mode,
    /// Who chooses among the branches
    #[arg(long, value_enum, default_value_t)]
    pub selection: Selection,
    /// What the pull request changes, for the criteria
    #[arg(long, value_name = "FILE", default_value = "runtime/src/lib.rs")]
    pub change: String,
    /// How long a leg of the soak goes on, with `--mode relay` [default: without an end]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub max_runtime: Option<Duration>,
    /// Have the run cancelled once it is won, with `--mode relay`
    #[arg(long)]
    pub cancel_after_win: bool,
    /// Push a change of this file once the check is green, with `carry = "not-needed"`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["legs", "fault", "fork"])]
    pub push: Option<String>,
    /// Put the pull request into a merge queue once the check is green
    #[arg(long, conflicts_with_all = ["legs", "fault"])]
    pub merge_queue: bool,
    /// Run this workflow instead of the shipped one
    #[arg(long, value_name = "FILE")]
    pub workflow: Option<PathBuf>,
    /// Keep logs, policies and verdict.json in this directory
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
}

/// Which of the shipped workflows is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// A job polls, and is the check.
    #[default]
    Poll,
    /// Jobs that live for seconds write a commit status.
    Relay,
    /// The same, and the soak is looked at once in a while.
    Sampled,
}

/// Who chooses among the branches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Selection {
    /// The reviewer.
    #[default]
    Manual,
    /// The reviewer, but a testnet that the criteria require cannot be spared.
    Guarded,
    /// The criteria, and the workflow for that.
    Auto,
}

impl Selection {
    /// The word for it in the policy.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Guarded => "guarded",
            Self::Auto => "auto",
        }
    }
}

/// What the reviewer approves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Approve {
    /// The testnet: deploy and soak.
    Testnet,
    /// The branch that spares the testnet.
    Null,
    /// Both.
    Both,
    /// Neither.
    None,
}

/// Which run of a fork's pull request is reviewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Fork {
    /// The one that a maintainer dispatches for it.
    Dispatched,
    /// Its own, which gets no secrets: the testnet cannot win there
    Own,
}

/// A branch of the race.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Contender {
    /// The testnet: deploy and soak.
    Testnet,
    /// The branch that spares the testnet.
    Null,
}

impl Contender {
    /// Both, in the order of the policy.
    pub const ALL: [Self; 2] = [Self::Testnet, Self::Null];

    /// Name of its job and of its environment.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Testnet => "testnet",
            Self::Null => "null",
        }
    }
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Fault {
    /// Nobody reviews: undecided (12)
    NoApproval,
    /// The testnet stops making sessions: lost (10)
    SessionStall,
    /// The reviewer rejects both branches: lost (11)
    BothRejected,
    /// The environment of `null` does not exist, so GitHub lets the job run: void (14)
    UnprotectedEnvironment,
    /// Somebody cancels the run while a later leg soaks, with `--mode relay`: cancelled (13)
    RunCancelled,
    /// A step of the deployment fails on the last host, and all are rolled back (30): lost (10)
    DeployStep,
    /// The new version cuts the last host off, which undoes by itself, and all are rolled
    /// back (30): lost (10)
    DeployCutOff,
    /// GitHub is out of reach for three seconds: must be outlived (0)
    ApiOutage,
    /// The rate limit is spent for three seconds: must be outlived (0)
    RateLimit,
}
