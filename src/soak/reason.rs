//! Why a soak stands where it stands: the numbers in types, the words in one place.

use std::fmt;
use std::time::Duration;

use super::expected::{Difference, What};
use super::{Hash, Stop};
use crate::policy::duration::rounded;

/// Why the soak stands where it stands. Nodes are called as the policy calls them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "what a field holds is in its name and in the variant's line")]
pub enum Reason {
    /// No quorum is ready yet: that many of them have a vote.
    NoBaseline { ready: usize, quorum: usize },
    /// Sessions are being counted.
    Counting { counted: u32, target: u32 },
    /// The target was reached, and the rules of the last session are awaited.
    Settling { counted: u32, target: u32, unseen: u32 },
    /// The target was reached on a quorum. `unseen`: what nobody could check.
    TargetReached { counted: u32, target: u32, quorum: usize, unseen: Vec<(String, u32)> },
    /// The nodes answered, and none had a new best block.
    NoBlock { number: u64, limit: Duration, answering: usize },
    /// The chain's own times show a block that came too late.
    LateBlock { after: u64, took: Duration, limit: Duration },
    /// The nodes answered, and none had a new finalized block.
    NoFinality { number: u64, best: Option<u64>, limit: Duration, answering: usize },
    /// The nodes answered, and the session stayed the same.
    NoSession { session: u32, limit: Duration, counted: u32, answering: usize },
    /// The chain's own times show a session that took too long.
    LongSession { session: u32, took: Duration, limit: Duration },
    /// Two finalized blocks at one height.
    Fork { number: u64, hashes: [Hash; 2], nodes: [String; 2] },
    /// A finalized block that is another one now.
    Rewritten { number: u64, hashes: [Hash; 2], node: String },
    /// A quorum stays below what was final.
    Rewound { number: u64, session: u32, was: (u64, u32), limit: Duration },
    /// A node is on another chain.
    AnotherGenesis { node: String, found: Hash, expected: Hash },
    /// A node does not run what is expected, after `ready_within`.
    Wrong { node: String, difference: Difference, limit: Duration },
    /// Nodes run different things.
    Mixed { nodes: [String; 2], versions: [String; 2] },
    /// A node ran what it should, and then something else.
    Changed { node: String, before: String, after: String, expected: Option<String> },
    /// A watched item broke its rule.
    Rule { name: String, rule: &'static str, text: String },
    /// Fewer nodes than a quorum answered for too long. `total`: altogether.
    OutOfReach { limit: Duration, total: bool, answering: usize, quorum: usize, trouble: Option<String> },
    /// Fewer nodes than a quorum keep up with the network.
    Behind { session: u32, furthest: u32, limit: Duration, quorum: usize },
    /// No quorum has caught up within `ready_within`.
    NotReady { limit: Duration, ready: usize, quorum: usize },
    /// A critical rule could not be checked in that many sessions.
    Unseen { name: String, sessions: u32 },
    /// Somebody stopped it.
    Stopped { stop: Stop, counted: u32, target: u32 },
    /// The time of this leg is over.
    MaxRuntime { counted: u32, target: u32 },
    /// What a checkpoint tells.
    Told { code: String, text: String },
}

impl Reason {
    /// The word for it, as `soak.json` has it.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::NoBaseline { .. } => "no-baseline",
            Self::Counting { .. } => "counting",
            Self::Settling { .. } => "settling",
            Self::TargetReached { .. } => "target-reached",
            Self::NoBlock { .. } | Self::LateBlock { .. } => "no-block",
            Self::NoFinality { .. } => "no-finality",
            Self::NoSession { .. } | Self::LongSession { .. } => "no-session",
            Self::Fork { .. } => "fork",
            Self::Rewritten { .. } => "rewritten",
            Self::Rewound { .. } => "rewound",
            Self::AnotherGenesis { .. } => "another-genesis",
            Self::Wrong { difference, .. } if difference.what == What::Version => "wrong-version",
            Self::Wrong { .. } => "wrong-runtime",
            Self::Mixed { .. } => "mixed-versions",
            Self::Changed { .. } => "changed-after-baseline",
            Self::Rule { .. } => "rule",
            Self::OutOfReach { .. } => "out-of-reach",
            Self::Behind { .. } => "behind",
            Self::NotReady { .. } => "not-ready",
            Self::Unseen { .. } => "unseen",
            Self::Stopped { .. } => "stopped",
            Self::MaxRuntime { .. } => "max-runtime",
            Self::Told { code, .. } => code,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBaseline { ready, quorum } => {
                write!(f, "no baseline yet: {ready} of {} ready", nodes(*quorum))
            }
            Self::Counting { counted, target } => write!(f, "{counted} of {} passed", sessions(*target)),
            Self::Settling { counted, target, unseen } => {
                write!(f, "{counted} of {} passed, {unseen} still to be checked", sessions(*target))
            }
            Self::TargetReached { counted, target, quorum, unseen } => {
                let (passed, quorum) = (sessions(*counted), nodes(*quorum));
                write!(f, "{passed} passed (target {target}), finalized on a quorum of {quorum}")?;
                unseen.iter().try_for_each(|(name, count)| write!(f, "; {name}: {} unseen", sessions(*count)))
            }
            Self::NoBlock { number, limit, answering } => write!(
                f,
                "no new block for {}: {} answered, and the best block stays {number}",
                rounded(*limit),
                nodes(*answering)
            ),
            Self::LateBlock { after, took, limit } => write!(
                f,
                "no new block for {}: by the chain's own times none came for {} after block {after}",
                rounded(*limit),
                rounded(*took)
            ),
            Self::NoFinality { number, best, limit, answering } => {
                write!(f, "no finality for {}: {} answered, ", rounded(*limit), nodes(*answering))?;
                write!(f, "and the finalized block stays {number}")?;
                best.map_or(Ok(()), |best| write!(f, " while the best one is {best}"))
            }
            Self::NoSession { session, limit, counted, answering } => write!(
                f,
                "no new session for {}: {} answered, and the finalized chain stays in session {session}, after {}",
                rounded(*limit),
                nodes(*answering),
                sessions(*counted)
            ),
            Self::LongSession { session, took, limit } => write!(
                f,
                "no new session for {}: by the chain's own times session {session} took {} at least",
                rounded(*limit),
                rounded(*took)
            ),
            Self::Fork { number, hashes: [one, other], nodes: [a, b] } => {
                write!(f, "finality forked: block {number} is {one} for node {a} and {other} for node {b}")
            }
            Self::Rewritten { number, hashes: [was, is], node } => {
                write!(f, "final block {number} was {was} and is {is} now, on node {node}")
            }
            Self::Rewound { number, session, was: (was_number, was_session), limit } => write!(
                f,
                "the finalized chain went back to block {number}, session {session}, for {}: block {was_number}, \
                 session {was_session} had been final, so it was restarted or replaced",
                rounded(*limit)
            ),
            Self::AnotherGenesis { node, found, expected } => {
                write!(f, "node {node} is on another chain: genesis {found}, expected {expected}")
            }
            Self::Wrong { node, difference, limit } => {
                write!(f, "after {} node {node} {difference}", rounded(*limit))
            }
            Self::Mixed { nodes: [a, b], versions: [one, other] } => {
                write!(f, "node {a} runs {one} and node {b} {other}: a mixed set is another test")
            }
            Self::Changed { node, before, after, expected } => {
                write!(f, "node {node} ran {before} and runs {after} now")?;
                expected.as_ref().map_or(Ok(()), |expected| write!(f, ": it {expected}"))
            }
            Self::Rule { name, rule, text } => write!(f, "{name} breaks the rule {rule}: {text}"),
            Self::OutOfReach { limit, total, answering, quorum, trouble } => {
                let altogether = if *total { " altogether" } else { "" };
                write!(f, "out of reach for {}{altogether}: ", rounded(*limit))?;
                write!(f, "{answering} of {} answering", nodes(*quorum))?;
                trouble.as_ref().map_or(Ok(()), |trouble| write!(f, " ({trouble})"))
            }
            Self::Behind { session, furthest, limit, quorum } => write!(
                f,
                "a node is in session {furthest}, and no quorum of {} has followed it from session {session} within {}",
                nodes(*quorum),
                rounded(*limit)
            ),
            Self::NotReady { limit, ready, quorum } => {
                write!(f, "not ready after {}: {ready} of {} caught up", rounded(*limit), nodes(*quorum))
            }
            Self::Unseen { name, sessions: count } => {
                write!(f, "{name} could not be checked in {}, and it is critical", sessions(*count))
            }
            Self::Stopped { stop, counted, target } => {
                let (by, target) = (stop.word(), sessions(*target));
                write!(f, "stopped by {by} after {counted} of {target}")
            }
            Self::MaxRuntime { counted, target } => {
                write!(f, "the time of this leg is over after {counted} of {}", sessions(*target))
            }
            Self::Told { text, .. } => f.write_str(text),
        }
    }
}

impl Stop {
    fn word(self) -> &'static str {
        match self {
            Self::Interrupted => "SIGINT",
            Self::Terminated => "SIGTERM",
            Self::Looked => "--once",
            Self::LeaseLost => "another deployment, which has the testnet now,",
        }
    }
}

fn sessions(count: u32) -> String {
    format!("{count} session{}", if count == 1 { "" } else { "s" })
}

/// So many nodes, in words.
pub(crate) fn nodes(count: usize) -> String {
    format!("{count} node{}", if count == 1 { "" } else { "s" })
}
