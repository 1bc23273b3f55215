//! How long what a job does takes. What can be measured is (docs/reference/measured.md
//! has the figures); the rest is assumed, and generously: GitHub bills whole minutes,
//! so below a minute it does not matter.

use std::time::Duration;

/// From a job's being ready to a runner's taking it. Assumed; it is not billed.
pub const RUNNER: Duration = Duration::from_secs(15);

/// "Set up job", with the actions that it downloads, and what ends a job. Assumed.
pub const SET_UP: Duration = Duration::from_secs(5);

/// `actions/checkout` of one commit. Assumed.
pub const CHECK_OUT: Duration = Duration::from_secs(5);

/// The download of a `race` of 9 MB, with its checksum and where it was built. Assumed.
pub const INSTALL: Duration = Duration::from_secs(15);

/// An artifact is kept or taken over: some kilobytes, or a node. Assumed.
pub const ARTIFACT: Duration = Duration::from_secs(5);

/// A call of `race` that asks GitHub at most 13 things and writes one, 300 ms each. The
/// requests are measured; what GitHub takes for one is assumed.
pub const SETTLE: Duration = Duration::from_secs(4);

/// One look of `race monitor --once`. Assumed: on loopback a test of several looks takes
/// 5 s, the start of its chain included.
pub const LOOK: Duration = Duration::from_secs(20);

/// A line of shell.
pub const LINE: Duration = Duration::from_secs(1);

/// How often `race deploy` looks for what the build hands over.
pub const FETCH: Duration = Duration::from_secs(5);

/// What depends on the chain and on what is built for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The build of the node.
    pub build: Duration,
    /// The deployment, from what was built to what was restarted.
    pub deployment: Duration,
    /// From there until a quorum runs it.
    pub ready: Duration,
    /// By how much a session takes longer than it should, in percent.
    pub slack: u32,
}

impl Pace {
    /// A day on which all goes well: a cached build of a Substrate node, some hosts.
    pub const GOOD: Self = Self {
        build: Duration::from_mins(20),
        deployment: Duration::from_mins(3),
        ready: Duration::from_mins(2),
        slack: 0,
    };
}
