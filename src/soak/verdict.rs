//! What a soak came to, and why: the numbers in types, the words in one place.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::Stop;
use crate::exit::Exit;
use crate::policy::duration::rounded;

/// What the soak came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It goes on.
    #[default]
    Running,
    /// The target was reached on the finalized chain, on a quorum of nodes.
    Passed,
    /// The testnet did not hold.
    Failed,
    /// It could not be looked at for too long. Neither passed nor failed.
    Unmeasured,
    /// It was stopped before it came to anything.
    Unfinished,
}

impl Verdict {
    /// The exit code that says the same.
    #[must_use]
    pub fn exit(self) -> Exit {
        match self {
            Self::Passed => Exit::Done,
            Self::Failed => Exit::SoakFailed,
            Self::Unmeasured => Exit::SoakUnmeasured,
            Self::Running | Self::Unfinished => Exit::SoakUnfinished,
        }
    }

    /// The word for it, as `soak.json` has it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Unmeasured => "unmeasured",
            Self::Unfinished => "unfinished",
        }
    }
}

/// Why the soak stands where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No quorum has answered yet.
    NoBaseline {
        /// How many nodes answer.
        answering: usize,
        /// How many must.
        quorum: usize,
    },
    /// Sessions are being counted.
    Counting {
        /// Sessions so far.
        counted: u32,
        /// Sessions wanted.
        target: u32,
    },
    /// The target was reached.
    TargetReached {
        /// Sessions that passed.
        counted: u32,
        /// Sessions wanted.
        target: u32,
        /// How many nodes must agree.
        quorum: usize,
    },
    /// The nodes answered, and the session stayed the same.
    NoSession {
        /// The session the chain stays in.
        session: u32,
        /// The limit that passed.
        limit: Duration,
        /// Sessions that passed before.
        counted: u32,
        /// How many nodes say so.
        answering: usize,
    },
    /// A node is on another chain.
    AnotherGenesis {
        /// The node, by its place in the policy.
        node: usize,
        /// The genesis hash it has.
        found: String,
        /// The genesis hash seen first.
        expected: String,
    },
    /// A quorum of nodes is below the baseline, where it has been above.
    WentBack {
        /// The finalized height a node went back to.
        number: u64,
        /// The session it went back to.
        session: u32,
        /// The baseline's finalized height.
        baseline_number: u64,
        /// The baseline's session.
        baseline_session: u32,
    },
    /// Fewer nodes than a quorum answered for too long.
    OutOfReach {
        /// The limit that passed.
        limit: Duration,
        /// How many nodes answer.
        answering: usize,
        /// How many must.
        quorum: usize,
        /// What is wrong with one of the others.
        trouble: Option<String>,
    },
    /// Somebody stopped it.
    Stopped {
        /// Who.
        stop: Stop,
        /// Sessions so far.
        counted: u32,
        /// Sessions wanted.
        target: u32,
    },
}

impl Reason {
    /// The word for it, as `soak.json` has it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoBaseline { .. } => "no-baseline",
            Self::Counting { .. } => "counting",
            Self::TargetReached { .. } => "target-reached",
            Self::NoSession { .. } => "no-session",
            Self::AnotherGenesis { .. } => "another-genesis",
            Self::WentBack { .. } => "went-back",
            Self::OutOfReach { .. } => "out-of-reach",
            Self::Stopped { .. } => "stopped",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBaseline { answering, quorum } => {
                write!(f, "no baseline yet: {answering} of {} answering", nodes(*quorum))
            }
            Self::Counting { counted, target } => write!(f, "{counted} of {} passed", sessions(*target)),
            Self::TargetReached { counted, target, quorum } => write!(
                f,
                "{} passed (target {target}), finalized on a quorum of {}",
                sessions(*counted),
                nodes(*quorum)
            ),
            Self::NoSession { session, limit, counted, answering } => write!(
                f,
                "no new session for {}: {} answered, and the finalized chain stays in session {session}, after {}",
                rounded(*limit),
                nodes(*answering),
                sessions(*counted)
            ),
            Self::AnotherGenesis { node, found, expected } => {
                write!(f, "node {node} is on another chain: genesis {found}, expected {expected}")
            }
            Self::WentBack { number, session, baseline_number, baseline_session } => write!(
                f,
                "the finalized chain went back to block {number}, session {session}, below the baseline at block \
                 {baseline_number}, session {baseline_session}: it was restarted or replaced"
            ),
            Self::OutOfReach { limit, answering, quorum, trouble } => {
                write!(
                    f,
                    "out of reach for {}: {answering} of {} answering",
                    rounded(*limit),
                    nodes(*quorum)
                )?;
                trouble.as_ref().map_or(Ok(()), |trouble| write!(f, " ({trouble})"))
            }
            Self::Stopped { stop, counted, target } => {
                let signal = match stop {
                    Stop::Interrupted => "SIGINT",
                    Stop::Terminated => "SIGTERM",
                };
                write!(f, "stopped by {signal} after {counted} of {}", sessions(*target))
            }
        }
    }
}

fn sessions(count: u32) -> String {
    format!("{count} session{}", if count == 1 { "" } else { "s" })
}

fn nodes(count: usize) -> String {
    format!("{count} node{}", if count == 1 { "" } else { "s" })
}
