//! What the fold is told: what a node answered and when, that time has passed, and
//! that somebody wants it to stop.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Hash;

/// A block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Its height (`chain_getHeader`).
    pub number: u64,
    /// Its hash.
    pub hash: Hash,
}

/// A finalized block and the session it belongs to, as one node tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Height of the block (`chain_getHeader`).
    pub number: u64,
    /// Hash of the block (`chain_getFinalizedHead`).
    pub hash: Hash,
    /// `Session::CurrentIndex` at that block (`state_getStorage`); absent it is 0.
    pub session: u32,
    /// The block's own time (`Timestamp::Now` there, or its Aura slot), where known.
    pub time: Option<Timestamp>,
}

/// What a node runs and how it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The client's version with the commit it was built from (`system_version`).
    pub version: String,
    /// `specName` (`state_getRuntimeVersion`, at the finalized head).
    pub spec_name: String,
    /// `specVersion` there.
    pub spec_version: u32,
    /// BLAKE2b-256 of the runtime's code (`state_getStorageHash` of `:code`, at the
    /// finalized head), where the node tells it.
    pub code_hash: Option<Hash>,
    /// It is still far behind the network (`system_health`). It has no vote then.
    pub syncing: bool,
    /// Peers that it is connected to (`system_health`).
    pub peers: u64,
}

impl Identity {
    /// Whether both run the same client and the same runtime.
    #[must_use]
    pub fn runs_the_same(&self, other: &Self) -> bool {
        self.version == other.version
            && self.spec_name == other.spec_name
            && self.spec_version == other.spec_version
            && (self.code_hash == other.code_hash || self.code_hash.is_none() || other.code_hash.is_none())
    }
}

/// The value of a storage item, without its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    /// A digest of the bytes, the same for every node (SHA-256).
    pub digest: Hash,
    /// How many bytes there are.
    pub length: u64,
    /// The first up to eight bytes as a little-endian number: a plain number, or the
    /// set id that a DKG key begins with. `None` where there are no bytes.
    pub number: Option<u64>,
}

impl Value {
    /// Whether this is an empty list, or the number 0 in one byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0 || (self.length == 1 && self.number == Some(0))
    }

    /// What `grows-at-most` measures: the number where it has up to eight bytes,
    /// else how many bytes there are.
    #[must_use]
    pub fn measure(&self) -> u64 {
        if self.length <= 8 { self.number.unwrap_or_default() } else { self.length }
    }
}

/// A watched item as a node has it at a finalized block.
///
/// It is to be read at every finalized head that is seen, and when sessions are
/// filled in at their first blocks; for `arrives-every-session` also at their last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The rule, by its place in `[[monitor.watch]]`.
    pub rule: usize,
    /// The finalized block.
    pub block: Block,
    /// The session that this block belongs to.
    pub session: u32,
    /// What is there; `None` where nothing is (`null`, or a map without entries).
    pub value: Option<Value>,
}

/// Where a session began, found by filling in what nobody watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boundary {
    /// The session's index.
    pub index: u32,
    /// The highest finalized block known to belong to an earlier session, with its
    /// own time where known.
    pub after: (u64, Option<Timestamp>),
    /// The lowest finalized block known to belong to this session (or a later one),
    /// with its own time. It is the very first one where `after` is the block before.
    pub block: (u64, Option<Timestamp>),
}

/// What was seen of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A connection was made, and the chain's first block has this hash
    /// (`chain_getBlockHash` of 0).
    Genesis(Hash),
    /// It was asked what it runs and how it is: after every connecting, and when the
    /// runtime's version has changed.
    Identity(Identity),
    /// It was asked for its best block, and this is it.
    Best(Block),
    /// It was asked for its finalized head, and this is what it said.
    Finalized(Head),
    /// It was asked for the hash at a height that is final for it
    /// (`chain_getBlockHash`): the other half of the fork check.
    FinalizedAt(Block),
    /// It was asked for a finalized block further back. Shows where sessions began;
    /// the node's head stays what it was.
    Past(Head),
    /// A session's beginning was found by other means (rotation logs in headers).
    Boundary(Boundary),
    /// A watched item was read.
    Watched(Reading),
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
    /// Nobody: it was to look once (`--once`), and has.
    Looked,
    /// Another deployment, which has the testnet now: what runs is not known any more.
    LeaseLost,
}

/// What the fold is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Something was seen of a node.
    Observed(Observation),
    /// Time has passed. To be told every second or so: the time between two events
    /// further apart than half a minute counts as not watched.
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
