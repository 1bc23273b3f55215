//! The deployment's plan: policy and values -> the exact commands per host, in
//! order. Pure. No shell ever reads a value: a plan is lists of arguments.

mod plan;
pub mod remote;
mod template;

pub use plan::{Command, HostPlan, Plan, plan, quoted};
pub use template::{TemplateError, Values};
