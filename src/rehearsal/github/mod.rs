//! A stand-in of GitHub's REST API on loopback: a thin HTTP layer over
//! [`World`]. What it answers is held to GitHub's own OpenAPI description by
//! `tests/contract.rs`.
//!
//! It runs on a thread of its own, so that a test may block on a process that
//! talks to it. Everything it can be told is told through [`GitHub`].

mod exchange;
mod gate;
mod listener;
mod message;
mod render;
mod routes;
mod server;
mod setup;
mod storage;
mod trouble;
mod web;

pub use exchange::Exchange;
pub use gate::Token;
pub use trouble::{Fault, Trouble};

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{oneshot, watch};

use super::page::Page;
use super::world::World;

/// How a stand-in is set up. What can change later is told to [`GitHub`] itself.
#[derive(Clone)]
pub struct Options {
    /// What comes before every path: empty as on github.com, or `/api/v3` as on
    /// GitHub Enterprise Server.
    pub base_path: &'static str,
    /// What the addresses in answers begin with, of the API and of the pages for
    /// people: for clients that follow them to GitHub alone, and reach the stand-in
    /// by a socket of their own. Without it they are where the stand-in listens.
    pub shown_as: Option<(&'static str, &'static str)>,
    /// Where to listen on 127.0.0.1; 0 is any free port.
    pub port: u16,
    /// Counted requests per hour and token.
    pub hourly_limit: u64,
    /// What time it is.
    pub clock: Clock,
}

/// Says what time it is.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

impl Default for Options {
    fn default() -> Self {
        Self { base_path: "", shown_as: None, port: 0, hourly_limit: 1000, clock: Arc::new(Timestamp::now) }
    }
}

/// A running stand-in. Dropping it stops it.
///
/// ```
/// use testnet_deployer::rehearsal::github::{GitHub, Options, Token};
/// use testnet_deployer::rehearsal::world::{Status, World};
///
/// # fn main() -> std::io::Result<()> {
/// let now = jiff::Timestamp::now();
/// let mut world = World::new("octo-org/chain", now);
/// world.protect("testnet", &["alice"], now);
/// let pull = world.open_pull_request("carol", "Rotate keys earlier", now);
/// let run = world.start_pull_request_run(pull, now);
/// let job = world.submit_job(run, "testnet", Some("testnet"), now);
///
/// let github = GitHub::start(world, Options::default())?;
/// github.admit(Token::of_workflow("secret", &["actions"]));
/// // Here a client asks `github.api_url()`, and meanwhile:
/// github.change(|world, now| world.release(job, now));
/// assert_eq!(github.read(|world| world.jobs[0].status.clone()), Status::Queued);
/// assert!(github.exchanges().is_empty());
/// # Ok(())
/// # }
/// ```
pub struct GitHub {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the handle and the server's thread have in common.
struct Shared {
    state: Mutex<State>,
    moved: Condvar,
    changes: watch::Sender<u64>,
    options: Options,
    api_url: String,
    web_url: String,
    /// Where the archives of artifacts are.
    storage_url: String,
}

/// Everything that changes.
struct State {
    world: World,
    /// The page for people, once it is open.
    page: Option<Page>,
    tokens: Vec<Token>,
    troubles: Vec<Trouble>,
    latency: Duration,
    etags: bool,
    exchanges: Vec<Exchange>,
}

impl GitHub {
    /// Starts a stand-in that shows `world`, on 127.0.0.1.
    ///
    /// # Errors
    ///
    /// When the port or the thread cannot be had.
    pub fn start(world: World, options: Options) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", options.port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let web_url = format!("http://{address}");
        let storage = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        storage.set_nonblocking(true)?;
        let storage_url = format!("http://{}", storage.local_addr()?);
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                world,
                page: None,
                tokens: Vec::new(),
                troubles: Vec::new(),
                latency: Duration::ZERO,
                etags: true,
                exchanges: Vec::new(),
            }),
            moved: Condvar::new(),
            changes: watch::Sender::new(0),
            api_url: format!("{web_url}{}", options.base_path),
            web_url,
            storage_url,
            options,
        });
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let server = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("stand-in of GitHub".to_owned())
            .spawn(move || runtime.block_on(server::serve(server, listener, storage, stopped)))?;
        Ok(Self { shared, address, stop: Some(stop), thread: Some(thread) })
    }

    /// What `GITHUB_API_URL` is to be.
    #[must_use]
    pub fn api_url(&self) -> &str {
        &self.shared.api_url
    }

    /// What `GITHUB_SERVER_URL` is to be.
    #[must_use]
    pub fn server_url(&self) -> &str {
        &self.shared.web_url
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What time it is for this stand-in.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.shared.options.clock)()
    }

    /// Reads the world.
    pub fn read<T>(&self, read: impl FnOnce(&World) -> T) -> T {
        read(&self.shared.lock().world)
    }

    /// Changes the world, at the stand-in's time.
    pub fn change<T>(&self, change: impl FnOnce(&mut World, Timestamp) -> T) -> T {
        let now = self.now();
        let result = change(&mut self.shared.lock().world, now);
        self.shared.announce();
        result
    }

    /// Lets a token in.
    pub fn admit(&self, token: Token) {
        self.shared.lock().tokens.push(token);
    }

    /// Lets no token of that secret in any more.
    pub fn revoke(&self, secret: &str) {
        self.shared.lock().tokens.retain(|token| token.secret != secret);
    }

    /// From now on requests meet this trouble, until it is used up or taken back.
    pub fn trouble(&self, trouble: Trouble) {
        self.shared.lock().troubles.push(trouble);
    }

    /// Takes every trouble back.
    pub fn calm(&self) {
        self.shared.lock().troubles.clear();
    }

    /// Every token has spent its limit until `reset`: 403 with nothing remaining.
    pub fn exhaust_rate_limit(&self, reset: Timestamp) {
        let limit = self.shared.options.hourly_limit;
        for token in &mut self.shared.lock().tokens {
            token.exhaust(limit, reset);
        }
    }

    /// How long every answer takes.
    pub fn set_latency(&self, latency: Duration) {
        self.shared.lock().latency = latency;
    }

    /// Whether `If-None-Match` is honoured. GitHub does not promise it everywhere.
    pub fn set_etags(&self, etags: bool) {
        self.shared.lock().etags = etags;
    }

    /// Every request so far, with its answer, in the order in which they came.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.shared.lock().exchanges.clone()
    }

    /// Whether anything was asked whose path contains this.
    #[must_use]
    pub fn was_asked(&self, path_part: &str) -> bool {
        self.shared.lock().exchanges.iter().any(|exchange| exchange.path.contains(path_part))
    }

    /// Forgets the requests so far.
    pub fn forget_exchanges(&self) {
        self.shared.lock().exchanges.clear();
    }

    /// Blocks until `condition` holds for the world and the requests so far, at
    /// most for `limit`; says whether it came to hold.
    pub fn wait_until(
        &self,
        limit: Duration,
        mut condition: impl FnMut(&World, &[Exchange]) -> bool,
    ) -> bool {
        let end = Instant::now() + limit;
        let mut state = self.shared.lock();
        loop {
            if condition(&state.world, &state.exchanges) {
                return true;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.shared.moved.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Moves whenever the world changed or a request was answered.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }
}

impl Drop for GitHub {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the server has been printed already; there is nobody to tell.
            drop(thread.join());
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn announce(&self) {
        self.changes.send_modify(|count| *count += 1);
        self.moved.notify_all();
    }
}
