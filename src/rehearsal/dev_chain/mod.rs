//! A dev chain in this process: JSON-RPC over WebSocket on loopback, with the real
//! method names, storage keys and SCALE values of a Substrate node, sessions that
//! take milliseconds, and everything that can go wrong with it.

mod blocks;
mod faults;
mod items;
mod made;
mod rpc;
mod server;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant as Moment};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use blocks::Blocks;
pub use faults::{Conduct, Course, Fault};
pub use items::{Item, runtime_code};

/// How the dev chain behaves.
#[derive(Clone, Debug)]
pub struct DevChainOptions {
    /// How long a session takes.
    pub session: Duration,
    /// How many blocks a session has, at least 1.
    pub blocks_per_session: u32,
    /// The last session that ever begins; the blocks go on.
    pub stall_after: Option<u32>,
    /// What `system_version` answers.
    pub version: String,
    /// Two chains of one seed have the same genesis hash.
    pub seed: u64,
    /// How many nodes it has.
    pub nodes: usize,
    /// A block's hash is that of its header, as on nearly every chain; else it is noise.
    pub real_hashes: bool,
}

impl Default for DevChainOptions {
    fn default() -> Self {
        Self {
            session: Duration::from_millis(40),
            blocks_per_session: 4,
            stall_after: None,
            version: "0.1.0-00000000000".to_owned(),
            seed: fastrand::u64(..),
            nodes: 1,
            real_hashes: false,
        }
    }
}

/// What all nodes of a chain see.
#[derive(Clone, Debug)]
struct World {
    blocks: Blocks,
    best: u32,
    /// The highest that the best block has been: what is final stays so.
    top: u32,
}

/// A running dev chain. It stops when this value is dropped.
#[derive(Debug)]
pub struct DevChain {
    nodes: Vec<(SocketAddr, watch::Sender<Conduct>)>,
    world: watch::Sender<World>,
    sessions: watch::Receiver<u32>,
    finalized: watch::Receiver<(u32, Moment)>,
    /// Dropped with the chain, which ends its tasks.
    _tasks: JoinSet<()>,
}

impl DevChain {
    /// Starts a chain at its genesis block, each node on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// When no port can be had.
    pub async fn start(options: DevChainOptions) -> io::Result<Self> {
        let per_session = options.blocks_per_session.max(1);
        let block_time = (options.session / per_session).max(Duration::from_millis(1));
        let blocks = Blocks {
            seed: options.seed,
            fork_from: None,
            per_session,
            genesis_ms: u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default(),
            block_ms: u64::try_from(block_time.as_millis()).unwrap_or(u64::MAX),
            course: Course { stall_after: options.stall_after, ..Course::default() },
            made: options.real_hashes.then(Arc::default),
        };
        let (world, seen) = watch::channel(World { blocks, best: 0, top: 0 });
        let (sessions_sender, sessions) = watch::channel(0);
        let (finalized_sender, finalized) = watch::channel((0, Moment::now()));
        let mut tasks = JoinSet::new();
        let mut nodes = Vec::new();
        for _ in 0..options.nodes.max(1) {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            let address = listener.local_addr()?;
            let conduct = Conduct { version: options.version.clone(), ..Conduct::default() };
            let (sender, conduct) = watch::channel(conduct);
            nodes.push((address, sender));
            tasks.spawn(server::run(listener, seen.clone(), conduct));
        }
        tasks.spawn(run(world.clone(), block_time, sessions_sender, finalized_sender));
        Ok(Self { nodes, world, sessions, finalized, _tasks: tasks })
    }

    /// The first node's WebSocket URL.
    #[must_use]
    pub fn url(&self) -> String {
        self.urls().next().unwrap_or_default()
    }

    /// The nodes' WebSocket URLs.
    pub fn urls(&self) -> impl Iterator<Item = String> + '_ {
        self.nodes.iter().map(|(address, _)| format!("ws://{address}"))
    }

    /// The first node's port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.nodes.first().map_or(0, |(address, _)| address.port())
    }

    /// The session index on the finalized chain, as it goes.
    #[must_use]
    pub fn sessions(&self) -> watch::Receiver<u32> {
        self.sessions.clone()
    }

    /// The session that this block belongs to; none where there is no such block yet.
    #[must_use]
    pub fn session_at(&self, block: u64) -> Option<u32> {
        let world = self.world.borrow();
        let block = u32::try_from(block).ok().filter(|block| *block <= world.best)?;
        Some(world.blocks.session(block))
    }

    /// The session index on the finalized chain as it goes, each with the moment just
    /// before its first block was finalized.
    #[must_use]
    pub fn finalized(&self) -> watch::Receiver<(u32, Moment)> {
        self.finalized.clone()
    }

    /// Changes how the chain goes on; told its best block.
    pub fn change(&self, change: impl FnOnce(&mut Course, u32)) {
        self.world.send_modify(|world| change(&mut world.blocks.course, world.best));
    }

    /// Starts the chain again at its genesis block, with new blocks.
    pub fn reset(&self) {
        self.world.send_modify(|world| {
            (world.best, world.top) = (0, 0);
            world.blocks.fork_from = Some(1);
        });
    }

    /// Changes how a node behaves.
    pub fn change_node(&self, node: usize, change: impl FnOnce(&mut Conduct)) {
        if let Some((_, conduct)) = self.nodes.get(node) {
            conduct.send_modify(change);
        }
    }
}

/// Makes blocks until it is aborted.
async fn run(
    world: watch::Sender<World>,
    block_time: Duration,
    sessions: watch::Sender<u32>,
    finalized: watch::Sender<(u32, Moment)>,
) {
    let mut ticks = interval_at(Instant::now() + block_time, block_time);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        ticks.tick().await;
        let moment = Moment::now();
        world.send_modify(|world| {
            let course = &world.blocks.course;
            if course.reorganizes && world.best % 7 == 3 && fastrand::bool() {
                world.best -= 1;
            } else if !course.blocks_stop {
                world.best = world.best.saturating_add(1);
            }
            world.top = world.top.max(world.best);
        });
        let session = {
            let world = world.borrow();
            world.blocks.session(world.blocks.finalized(world.top))
        };
        finalized.send_if_modified(|current| std::mem::replace(current, (session, moment)).0 != session);
        sessions.send_if_modified(|current| std::mem::replace(current, session) != session);
    }
}
