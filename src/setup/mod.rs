//! What a repository needs so that the race is a gate. Pure: what was seen of the
//! repository becomes findings, and findings become a plan of changes.

pub mod admit;
pub mod code;
pub mod codeowners;
pub mod facts;
pub mod findings;
pub mod mending;
pub mod ruleset;
mod told;
pub mod workflow_file;

pub use code::{Code, Finding, Severity};
pub use facts::{Facts, Seen};
pub use findings::findings;
