//! What can go wrong with the dev chain and with its nodes, while they run.

use super::items::Item;

/// How the chain goes on. All of it may change while it runs.
#[derive(Clone, Debug)]
pub struct Course {
    /// No more blocks are made.
    pub blocks_stop: bool,
    /// Nothing above this height becomes final.
    pub finality_stops_at: Option<u32>,
    /// So many blocks become final at once.
    pub finalize_every: u32,
    /// The last session that ever begins; the blocks go on.
    pub stall_after: Option<u32>,
    /// The last session in which this item is what it should be; the sessions go on.
    pub breaks: Option<(Item, u32)>,
    /// From this height on the runtime is another one.
    pub upgrade_at: Option<u32>,
    /// From this height on blocks came later by so many milliseconds, by their own
    /// times.
    pub late_from: Option<(u32, u64)>,
    /// So many blocks below the finalized one still have their state.
    pub keep_state: Option<u32>,
    /// Headers say where DKG keys rotated.
    pub rotation_logs: bool,
    /// Now and then the best chain loses its last block for a moment.
    pub reorganizes: bool,
}

impl Default for Course {
    fn default() -> Self {
        Self {
            blocks_stop: false,
            finality_stops_at: None,
            finalize_every: 1,
            stall_after: None,
            breaks: None,
            upgrade_at: None,
            late_from: None,
            keep_state: None,
            rotation_logs: false,
            reorganizes: false,
        }
    }
}

/// How one node behaves. All of it may change while it runs.
#[derive(Clone, Debug, Default)]
pub struct Conduct {
    /// What is wrong with its connections.
    pub fault: Option<Fault>,
    /// What `system_version` answers.
    pub version: String,
    /// It says that it catches up.
    pub syncing: bool,
    /// From this height on it has a chain of its own.
    pub fork_from: Option<u32>,
    /// It alone has another value for this item after that session.
    pub breaks: Option<(Item, u32)>,
    /// It is so many blocks behind the others, as after a reset.
    pub behind: u32,
    /// It writes numbers with leading zeros, and notifies before it answers a
    /// subscription, as chopsticks does.
    pub like_chopsticks: bool,
}

/// What is wrong with a node's connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nobody listens at its port.
    Refused,
    /// The handshake ends with this HTTP status.
    Status(u16),
    /// The connection is open, and nothing comes any more.
    HalfOpen,
    /// On the connections that there are nothing comes any more, ever; new ones are
    /// served.
    Lost,
    /// Calls are answered, subscriptions announce nothing.
    SilentSubscriptions,
    /// An answer breaks off in the middle of its frame.
    CutFrame,
    /// Answers are no JSON.
    Malformed,
    /// Answers are as long as this.
    Huge(usize),
    /// With every new head comes this many times the same.
    Flood(usize),
}
