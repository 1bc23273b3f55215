//! The deployment's plan: policy and values -> the exact commands per host, in
//! order, each with its undo; and what came of it. Pure. No shell ever reads a
//! value: a plan is lists of arguments.

mod command;
mod lease;
mod outcome;
mod plan;
mod quote;
mod record;
pub mod remote;
mod render;
mod template;
#[cfg(test)]
mod tests;
mod undo;

pub use command::Command;
pub use lease::{Lease, LeaseError, Standing};
pub use outcome::{Ending, HostState, Outcome, Signal, Verdict};
pub use plan::{Change, Collected, HostPlan, Plan, PlannedStep, Probe, ProbeKind, Undo, Upload, plan};
pub use quote::quoted;
pub use record::{HostRecord, Kind, Record, Run, StepRecord, UndoRecord};
pub use template::{PlanError, Values};
