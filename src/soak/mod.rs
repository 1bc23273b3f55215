//! The soak: observations of the testnet's nodes -> did it hold? A pure fold; time
//! enters as a value. What is counted is always a difference of session indices on
//! the finalized chain, never a number of notifications.

mod checkpoint;
mod observation;
mod state;
#[cfg(test)]
mod tests;
mod verdict;

pub use checkpoint::{Checkpoint, NOT_VERIFIED, NodeReport, Run};
pub use observation::{Event, Head, Observation, Seen, Stop};
pub use state::{Baseline, Session, State, Step};
pub use verdict::{Reason, Verdict};
