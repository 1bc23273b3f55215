//! What the fold is told: what a node answered and when, that time has passed, and
//! that somebody wants it to stop.

use jiff::Timestamp;

/// A finalized block and the session it belongs to, as one node tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Height of the block (`chain_getHeader`).
    pub number: u64,
    /// Hash of the block (`chain_getFinalizedHead`).
    pub hash: String,
    /// `Session::CurrentIndex` at that block (`state_getStorage`).
    pub session: u32,
}

/// What was seen of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A connection was made, and the chain's first block has this hash
    /// (`chain_getBlockHash` of 0).
    Genesis(String),
    /// It was asked for its finalized head, and this is what it said.
    Finalized(Head),
    /// It cannot be reached or does not answer, and why.
    Unreachable(String),
}

/// One thing seen of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// When it was seen.
    pub at: Timestamp,
    /// The node, by its place in the policy.
    pub node: usize,
    /// What was seen.
    pub seen: Seen,
}

/// Who wants the soak to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// SIGINT.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

/// What the fold is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Something was seen of a node.
    Observed(Observation),
    /// Time has passed.
    Tick(Timestamp),
    /// The soak is to stop here, at that time.
    Stop(Timestamp, Stop),
}

impl Event {
    /// When it happened.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Observed(observation) => observation.at,
            Self::Tick(at) | Self::Stop(at, _) => *at,
        }
    }
}
