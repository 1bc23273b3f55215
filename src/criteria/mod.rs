//! Does this change need a testnet? Pure: the criteria and what is known of a change
//! become an advice, with every rule that fired and what it fired on.
//!
//! [`change`] is what is known of a change; `manifest` and `lock` read Cargo's files by
//! meaning, `crates` tells in which crates two states of them differ; [`advise()`] applies
//! the rules. What could not be looked at asks for a testnet, and says so.

mod advice;
mod advise;
pub mod change;
mod crates;
mod lock;
mod manifest;

pub use advice::{Advice, Advised, Evidence, Finding};
pub use advise::{advise, asks_for_people, contents_wanted, touches_gate, wanted};
pub use change::{Change, ChangedFile, Content, Kind, Manifest, Text};
pub use crates::CrateChange;

#[cfg(test)]
mod tests;
