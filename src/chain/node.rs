//! The actor of one node: connect, follow, and begin again after every trouble.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::endpoint::Endpoint;
use super::error::ChainError;
use super::fill::Known;
use super::follow::Memory;
use super::items::Item;
use crate::soak::{Observation, Seen};

/// How long a node may take, and how often it is asked.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For TCP, TLS and the WebSocket handshake together.
    pub connect: Duration,
    /// For the answer to a call.
    pub request: Duration,
    /// The longest time without a head announced before the node is asked. A
    /// subscription that died silently is no worse than this, and every reading also
    /// proves that the connection lives and the node answers: it is our ping.
    pub poll: Duration,
    /// The time between two readings of what the node runs and how it is.
    pub identity: Duration,
    /// How long a node that is polled for want of a WebSocket is not asked for one.
    pub upgrade: Duration,
    /// The first pause before connecting again; it doubles from then on.
    pub first_pause: Duration,
    /// The longest pause before connecting again.
    pub longest_pause: Duration,
    /// A connection that held this long makes pauses short again.
    pub healthy: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            request: Duration::from_secs(10),
            poll: Duration::from_secs(3),
            identity: Duration::from_secs(15),
            upgrade: Duration::from_mins(1),
            first_pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(15),
            healthy: Duration::from_secs(30),
        }
    }
}

/// A node to watch.
#[derive(Clone)]
pub struct Subject {
    /// Its place in the policy.
    pub node: usize,
    /// The way to it.
    pub endpoint: Endpoint,
    /// How long it may take.
    pub limits: Limits,
    /// What is looked at in its storage.
    pub items: Arc<[Item]>,
    /// The last block of which all is known already: what came after it is filled in.
    pub since: Option<Known>,
    /// A height that it had finalized in an earlier leg: its hash must still be what
    /// it was.
    pub finalized: Option<u64>,
}

impl Subject {
    /// The first node, of which nothing is known yet.
    #[must_use]
    pub fn at(endpoint: Endpoint, limits: Limits) -> Self {
        Self { node: 0, endpoint, limits, items: Arc::default(), since: None, finalized: None }
    }
}

/// Watches a node and sends what it sees to `observations`, with the time that `now`
/// tells. Ends when nobody receives them any more.
pub async fn watch(subject: Subject, now: impl Fn() -> Timestamp, observations: mpsc::Sender<Observation>) {
    let limits = subject.limits;
    let teller = Teller { node: subject.node, now, observations };
    let mut memory = Memory::of(&subject);
    let mut pause = limits.first_pause;
    loop {
        let started = Instant::now();
        let error = match memory.follow(&subject, &teller).await {
            Ok(Unheard) => return,
            Err(ChainError::Silent(_) | ChainError::Upgrade) => continue,
            Err(error) => error,
        };
        if teller.tell(Seen::Unreachable(error.to_string())).await.is_err() {
            return;
        }
        pause = if started.elapsed() >= limits.healthy {
            limits.first_pause
        } else {
            (pause * 2).min(limits.longest_pause)
        };
        // Jitter, so that many watchers do not come back to a node all at once.
        sleep(error.wait().unwrap_or_default() + pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
    }
}

/// Who is told what is seen of a node.
pub(super) struct Teller<N> {
    node: usize,
    now: N,
    observations: mpsc::Sender<Observation>,
}

/// Nobody receives observations any more.
pub(super) struct Unheard;

impl<N: Fn() -> Timestamp> Teller<N> {
    pub(super) async fn tell(&self, seen: Seen) -> Result<(), Unheard> {
        let observation = Observation { at: (self.now)(), node: self.node, seen };
        self.observations.send(observation).await.map_err(|_| Unheard)
    }
}
