//! Which branch won? Pure: a snapshot of a run becomes a verdict.
//!
//! Three steps, each a total function over values:
//!
//! 1. [`contender`] reads one branch out of the job list, the reviews and the
//!    environments: its state and the facts that matter for a win;
//! 2. [`judge`] applies the rules to the facts of all branches, in the order of
//!    `docs/how-the-race-decides.md`;
//! 3. [`decide()`] puts both together and says why.
//!
//! [`watch`] folds readings over time: it confirms endings by a second reading,
//! and knows the deadline. Time is always a value that the caller passes in.
//! [`settle`] says what to write as the commit status, [`choose`] which review is
//! next where one branch is chosen, [`dispatched`] what a fork's run takes over from
//! the run that was dispatched for it, [`carry`] when a push keeps an earlier verdict.

pub mod carry;
pub mod choose;
pub mod cleanup;
pub mod contender;
mod decide;
pub mod dispatched;
pub mod judge;
mod mirror;
mod names;
mod reason;
pub mod sampled;
pub mod settle;
mod snapshot;
mod verdict;
mod warning;
pub mod watch;

pub use contender::{Contender, State};
pub use decide::decide;
pub use mirror::{HeadCheck, mirror};
pub use names::stands_for;
pub use reason::{Awaited, Reason, short_sha};
pub use snapshot::{
    Advice, Conclusion, Job, JobStatus, Pending, Protection, Review, ReviewState, Run, Snapshot, SoakProof,
    SoakVerdict, Step, User, UserKind, WithoutSecrets,
};
pub use verdict::{Outcome, Verdict};
pub use warning::Warning;
