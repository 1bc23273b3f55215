//! The soak: observations of the testnet's nodes -> did it hold? A pure fold; time
//! enters as a value. What is counted is always a difference of session indices on
//! the finalized chain, never a number of notifications.

mod checkpoint;
mod expected;
mod explain;
mod figures;
mod finalized;
mod hash;
mod intake;
mod judge;
mod node;
mod observation;
mod pulse;
mod reason;
mod resume;
mod sessions;
mod spans;
mod state;
mod terms;
#[cfg(test)]
mod tests;
mod verdict;
mod watching;

pub use checkpoint::{Checkpoint, NOT_VERIFIED, NodeReport, ReasonReport, RuleReport, Run, SessionReport};
pub use expected::{Difference, Expected, NotExpected, Subject, What};
pub use explain::{Looming, explain, looming};
pub use figures::Figures;
pub use hash::{Hash, NoHash};
pub use observation::{Block, Boundary, Event, Head, Identity, Observation, Reading, Seen, Stop, Value};
pub use reason::Reason;
pub(crate) use reason::nodes;
pub use resume::Refusal;
pub use sessions::{Mark, Session};
pub use state::{Baseline, Leg, State, Step};
pub use terms::Terms;
pub use verdict::Verdict;
