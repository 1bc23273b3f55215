//! Following one node over one connection: best heads, finalized heads with what lies
//! between them, and what the node runs.

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::client::{Client, Snapshot};
use super::connection::{Connection, Heads};
use super::endpoint::Protocol;
use super::error::ChainError;
use super::fill::{Known, fill};
use super::header::Header;
use super::node::{Subject, Teller, Unheard};
use crate::soak::{Block, Hash, Head, Seen};

/// At every such height the nodes' finalized hashes are compared, whichever heads
/// they announce.
const STRIDE: u64 = 16;

/// So many handshakes in a row that are answered with HTTP, and the node is polled.
const UPGRADES: u32 = 3;

/// What is remembered of a node from one connection to the next.
pub(super) struct Memory {
    /// The last block of which all is told.
    told: Option<Known>,
    /// The finalized head, as it last was, and what was read there.
    last: Option<Snapshot>,
    /// A height whose hash is to be looked at again.
    check: Option<u64>,
    /// Blocks were passed over since the node last told what it runs: one of them may
    /// have upgraded the runtime.
    passed_over: bool,
    /// A subscription stayed silent over a whole connection: the node is polled.
    polled: bool,
    /// How many handshakes in a row were answered with HTTP.
    not_upgraded: u32,
}

/// Why following ends, other than by nobody listening.
enum End {
    Unheard,
    Chain(ChainError),
}

impl From<Unheard> for End {
    fn from(_: Unheard) -> Self {
        Self::Unheard
    }
}

impl From<ChainError> for End {
    fn from(error: ChainError) -> Self {
        Self::Chain(error)
    }
}

/// Whether a subscription still announces what there is.
#[derive(Clone, Copy, Debug, Default)]
struct Watchdog {
    /// The head when the node was first asked since subscribing, and when it was last.
    asked: Option<(u64, u64)>,
    /// How often in a row it was found silent.
    silent: u32,
}

/// One connection being followed.
struct Following<'m, N> {
    memory: &'m mut Memory,
    subject: &'m Subject,
    teller: &'m Teller<N>,
    client: Client,
    /// When best and finalized heads were last told.
    best_at: Instant,
    finalized_at: Instant,
    identity_at: Instant,
    /// When a node that is polled for want of a WebSocket is asked for one again.
    upgrade_at: Option<Instant>,
    syncing: bool,
    watchdogs: [Watchdog; 2],
}

impl Memory {
    pub(super) fn of(subject: &Subject) -> Self {
        Self {
            told: subject.since,
            last: None,
            check: subject.finalized,
            passed_over: false,
            polled: false,
            not_upgraded: 0,
        }
    }

    /// Follows the node over one connection until that fails. `Ok` when nobody
    /// listens.
    pub(super) async fn follow<N: Fn() -> Timestamp>(
        &mut self,
        subject: &Subject,
        teller: &Teller<N>,
    ) -> Result<Unheard, ChainError> {
        let connection = match self.connect(subject, teller).await {
            Ok(connection) => connection,
            Err(End::Unheard) => return Ok(Unheard),
            Err(End::Chain(error)) => return Err(error),
        };
        let in_place = connection.is_polled() && subject.endpoint.protocol() == Protocol::WebSocket;
        let client = Client::over(connection, subject.items.clone()).await?;
        let now = Instant::now();
        let following = Following {
            memory: self,
            subject,
            teller,
            client,
            best_at: now,
            finalized_at: now,
            identity_at: now,
            upgrade_at: in_place.then(|| now + subject.limits.upgrade),
            syncing: false,
            watchdogs: Default::default(),
        };
        match following.run().await {
            Ok(never) => match never {},
            Err(End::Unheard) => Ok(Unheard),
            Err(End::Chain(error)) => {
                self.polled |= matches!(error, ChainError::Silent(_));
                Err(error)
            }
        }
    }

    /// Connects as the URL says; where HTTP is spoken in place of a WebSocket time and
    /// again, by HTTP.
    async fn connect<N: Fn() -> Timestamp>(
        &mut self,
        subject: &Subject,
        teller: &Teller<N>,
    ) -> Result<Connection, End> {
        let Subject { endpoint, limits, .. } = subject;
        let open = |protocol| Connection::open(endpoint, protocol, limits.connect, limits.request);
        let error = match open(endpoint.protocol()).await {
            Ok(connection) => {
                self.not_upgraded = 0;
                return Ok(connection);
            }
            Err(error) if error.is_no_upgrade() => error,
            Err(error) => return Err(error.into()),
        };
        self.not_upgraded = self.not_upgraded.saturating_add(1);
        if self.not_upgraded < UPGRADES {
            return Err(error.into());
        }
        if self.not_upgraded == UPGRADES {
            let why = format!("no WebSocket: {error}, {UPGRADES} times in a row; it is polled over HTTP");
            teller.tell(Seen::Unreachable(why)).await?;
        }
        Ok(open(Protocol::Http).await?)
    }
}

impl<N: Fn() -> Timestamp> Following<'_, N> {
    async fn run(mut self) -> Result<std::convert::Infallible, End> {
        let genesis = self.client.genesis().await?;
        self.teller.tell(Seen::Genesis(genesis)).await?;
        let (_, finalized) = self.client.heads().await?;
        // Also shows whether hashes of headers can be worked out.
        self.client.header(finalized).await?;
        self.identify(finalized).await?;
        // A node that offers no subscription is polled.
        for heads in [Heads::Best, Heads::Finalized] {
            self.subscribe(heads).await?;
        }
        self.poll().await?;
        loop {
            let limits = &self.subject.limits;
            let poll_at = self.best_at.min(self.finalized_at) + limits.poll;
            let identity_at = self.identity_at + limits.identity;
            self.client.connection.wait(poll_at.min(identity_at)).await?;
            if let Some(header) = self.client.connection.best.header.take() {
                self.watchdogs[0].silent = 0;
                let best = self.client.block(&header).await?;
                self.teller.tell(Seen::Best(best)).await?;
                self.best_at = Instant::now();
            }
            let mut poll = Instant::now() >= poll_at;
            if let Some(header) = self.client.connection.finalized.header.take() {
                self.watchdogs[1].silent = 0;
                let last = self.memory.last.as_ref().map(|last| last.head.number);
                match last.map_or(std::cmp::Ordering::Greater, |last| header.number.cmp(&last)) {
                    std::cmp::Ordering::Greater => {
                        let block = self.client.block(&header).await?;
                        self.advance(block, &header).await?;
                    }
                    std::cmp::Ordering::Equal => {}
                    std::cmp::Ordering::Less => poll = true,
                }
            }
            if poll {
                self.poll().await?;
                self.look_after(Heads::Best).await?;
                self.look_after(Heads::Finalized).await?;
            }
            if self.upgrade_at.is_some_and(|at| Instant::now() >= at) {
                return Err(ChainError::Upgrade.into());
            }
            if Instant::now() >= identity_at {
                self.identity_at = Instant::now();
                if let Some(at) = self.memory.last.as_ref().map(|last| last.head.hash) {
                    self.identify(at).await?;
                }
            }
        }
    }

    /// Asks for both heads.
    async fn poll(&mut self) -> Result<(), End> {
        let (best, finalized) = match self.client.heads().await {
            Err(error) if error.answered() => return self.complain(&error).await,
            heads => heads?,
        };
        self.teller.tell(Seen::Best(best)).await?;
        self.best_at = Instant::now();
        let last = self.memory.last.as_ref().map(|last| last.head);
        match last.filter(|last| last.hash == finalized) {
            // Asked, and it is the same.
            Some(last) => {
                self.teller.tell(Seen::Finalized(last)).await?;
                self.finalized_at = Instant::now();
            }
            None => {
                let header = self.client.header(finalized).await?;
                self.advance(Block { number: header.number, hash: finalized }, &header).await?;
            }
        }
        let number = self.memory.last.as_ref().map(|last| last.head.number);
        self.watchdogs[0].note(self.client.connection.best.highest, best.number);
        if let Some(number) = number {
            self.watchdogs[1].note(self.client.connection.finalized.highest, number);
        }
        Ok(())
    }

    /// Tells of a new finalized head, and before it of what lies between.
    async fn advance(&mut self, block: Block, header: &Header) -> Result<(), End> {
        let read = self.client.snapshots(&[block]).await?.pop().unwrap_or(Err(ChainError::Closed));
        let snapshot = match read {
            Err(error) if error.answered() => return self.complain(&error).await,
            read => read?,
        };
        let head = Head { time: snapshot.head.time.or_else(|| self.client.time_of(header)), ..snapshot.head };
        let snapshot = Snapshot { head, ..snapshot };
        self.client.learn_slot(header, head.time);
        let told = self.memory.told;
        self.memory.passed_over |= told.is_some_and(|told| told.number.saturating_add(1) < head.number);
        let begins = told.is_some_and(|told| told.session < head.session);
        // No session counts before it is known that the runtime is still the same.
        if self.memory.passed_over && begins && !self.identify(head.hash).await? {
            return Ok(());
        }
        if let Some(known) = self.memory.told
            && head.session > known.session
            && head.number > known.number.saturating_add(1)
        {
            match fill(&mut self.client, known, &snapshot).await {
                Err(error) if error.answered() => return self.complain(&error).await,
                told => {
                    for seen in told? {
                        self.teller.tell(seen).await?;
                    }
                }
            }
        }
        self.teller.tell(Seen::Finalized(head)).await?;
        self.finalized_at = Instant::now();
        for reading in &snapshot.readings {
            self.teller.tell(Seen::Watched(*reading)).await?;
        }
        let before = self.memory.last.replace(snapshot).map(|last| last.head);
        self.memory.told = Some(Known { number: head.number, session: head.session });
        self.compare(before, block, header.parent).await?;
        if header.upgrades() {
            self.identify(head.hash).await?;
        }
        Ok(())
    }

    /// Tells the hashes at the heights where nodes are compared, and where this one was
    /// before: what it builds on must still be what was final then.
    async fn compare(&mut self, before: Option<Head>, block: Block, parent: Hash) -> Result<(), End> {
        let common = block.number - block.number % STRIDE;
        let passed = before.is_none_or(|before| before.number < common) && common != block.number;
        let before = before.map(|before| before.number).filter(|before| *before < block.number);
        for number in passed.then_some(common).into_iter().chain(before).chain(self.memory.check.take()) {
            let hash = if number.checked_add(1) == Some(block.number) {
                Some(parent)
            } else {
                self.client.hashes_at(&[number]).await?.pop().flatten()
            };
            if let Some(hash) = hash {
                self.teller.tell(Seen::FinalizedAt(Block { number, hash })).await?;
            }
        }
        Ok(())
    }

    /// Tells what the node runs, and whether it says so.
    async fn identify(&mut self, at: Hash) -> Result<bool, End> {
        self.identity_at = Instant::now();
        match self.client.identity(at).await {
            Ok(identity) => {
                self.syncing = identity.syncing;
                self.memory.passed_over = false;
                self.teller.tell(Seen::Identity(identity)).await?;
                Ok(true)
            }
            Err(error) if error.answered() => {
                self.complain(&error).await?;
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A node that answers with an error is not asked again at once.
    async fn complain(&mut self, error: &ChainError) -> Result<(), End> {
        self.teller.tell(Seen::Unreachable(error.to_string())).await?;
        sleep(self.subject.limits.first_pause).await;
        Ok(())
    }

    async fn subscribe(&mut self, heads: Heads) -> Result<(), End> {
        match self.client.connection.subscribe(heads).await {
            Err(error) if !error.answered() => Err(error.into()),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Subscribes anew where heads came that were not announced, and connects anew
    /// when that does not help.
    async fn look_after(&mut self, heads: Heads) -> Result<(), End> {
        let Some(watchdog) = self.watchdogs.get_mut(heads as usize) else { return Ok(()) };
        // Of what a node imports while it catches up it announces nothing.
        let polled = self.memory.polled || !self.client.connection.subscribes();
        if polled || self.syncing || watchdog.silent == 0 {
            return Ok(());
        }
        if watchdog.silent > 1 {
            return Err(ChainError::Silent(heads.methods().0).into());
        }
        watchdog.asked = None;
        self.subscribe(heads).await
    }
}

impl Watchdog {
    /// Takes the head that the node told when asked, and the highest that it
    /// announced.
    fn note(&mut self, announced: Option<u64>, number: u64) {
        let (first, due) = self.asked.unwrap_or((number, number));
        self.asked = Some((first, number));
        // What there was when it was last asked had time to be announced.
        if due > first && announced.is_none_or(|announced| announced < due) {
            self.silent += 1;
        }
    }
}
