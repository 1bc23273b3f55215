//! What a repository needs so that the race is a gate. Pure: which mode fits its soak
//! and the files that `race init` writes; and what was seen of the repository, which
//! becomes findings, and findings a plan of changes.

pub mod admit;
pub mod answers;
pub mod by_criteria;
pub mod code;
pub mod codeowners;
pub mod cost;
pub mod facts;
pub mod files;
pub mod findings;
pub mod kept;
pub mod mending;
pub mod mode;
pub mod ruleset;
mod told;
pub mod workflow;
pub mod workflow_file;
pub mod workspace;

#[cfg(test)]
mod tests;

pub use answers::Answers;
pub use code::{Code, Finding, Severity};
pub use facts::{Facts, Seen};
pub use findings::findings;
pub use kept::{Kept, kept};
pub use mode::{Mode, RunsOn, Soak};
pub use workflow::Release;
