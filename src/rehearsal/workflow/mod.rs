//! GitHub's workflows as a rehearsal runs them: the shipped file is read, and its
//! `run:` lines are executed. What is not known here is an error, so that the file
//! cannot drift from what is rehearsed. docs/reference/rehearsal-runner.md lists it.

pub mod action;
mod execution;
pub mod expression;
pub mod keys;
mod machine;
mod needs;
mod output;
mod parse;
mod process;
mod runner;
pub mod simulated;

use std::time::Duration;

use crate::setup::RunsOn;
use crate::setup::workflow::with_legs;
pub use crate::setup::workflow::{SAMPLED, SAMPLES};
use action::Action;

pub use process::leave_with_rehearsal;
pub(super) use process::{Ended, GRACE, own_executable, tie};
pub(super) use runner::Runner;

/// The workflow that this repository ships.
pub const SHIPPED: &str = include_str!("../../../.github/workflows/testnet-deployer.yml");

/// The relay as `race init` writes it, with so many legs for the soak.
#[must_use]
pub fn relay() -> String {
    with_legs(LEGS)
}

/// More than any rehearsal needs, however busy the machine is. Those that are not
/// needed are skipped.
const LEGS: u32 = 6;

/// Names and values, in the order of the file.
type Pairs = Vec<(String, String)>;

/// A workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workflow {
    pub(super) name: String,
    /// The title of its runs; may hold expressions.
    run_name: Option<String>,
    /// The group in which a new run cancels the one before; may hold expressions.
    group: Option<String>,
    /// The inputs that it asks for where it is dispatched.
    pub(super) inputs: Vec<String>,
    pub(super) jobs: Vec<Job>,
}

/// A job of a workflow. Values may hold expressions, which are known to be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Job {
    /// Its key in the file, which is safe as a file's name.
    pub(super) id: String,
    pub(super) name: String,
    pub(super) environment: Option<String>,
    /// Whose runner takes it.
    runs_on: RunsOn,
    /// How long it may take; where nothing is said, as long as GitHub lets it.
    timeout: Option<Duration>,
    needs: Vec<String>,
    condition: Option<String>,
    /// Of the workflow and of the job.
    env: Pairs,
    outputs: Pairs,
    /// What its token may, as the stand-in names it.
    permissions: Vec<String>,
    steps: Vec<Step>,
}

/// A step of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    name: String,
    id: Option<String>,
    condition: Option<String>,
    env: Pairs,
    work: Work,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Work {
    /// Runs a script with `bash -e`.
    Run(String),
    /// Runs the stand-in of an action with these inputs.
    Uses(Action, Pairs),
}
