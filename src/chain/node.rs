//! The actor of one node: connect, ask, wait for a hint or for the next poll, and
//! begin again after every trouble.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::connection::{ChainError, Connection};
use crate::soak::{Observation, Seen};

/// How long a node may take, and how often it is asked.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For TCP, TLS and the WebSocket handshake together.
    pub connect: Duration,
    /// For the answer to a call.
    pub request: Duration,
    /// The longest time between two readings. A subscription that died silently is
    /// no worse than this, and every reading also proves that the connection lives.
    pub poll: Duration,
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
            first_pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(15),
            healthy: Duration::from_secs(30),
        }
    }
}

/// Watches the node at `url`, the `node`-th of the policy, and sends what it sees to
/// `observations`, with the time that `now` tells. Ends when nobody receives them any
/// more.
pub async fn watch(
    node: usize,
    url: String,
    limits: Limits,
    now: impl Fn() -> Timestamp,
    observations: mpsc::Sender<Observation>,
) {
    let watcher = Watcher { node, url, limits, now, observations };
    let mut pause = limits.first_pause;
    loop {
        let started = Instant::now();
        let Err(error) = watcher.one_connection().await else { return };
        if watcher.send(Seen::Unreachable(error.to_string())).await.is_err() {
            return;
        }
        pause = if started.elapsed() >= limits.healthy {
            limits.first_pause
        } else {
            (pause * 2).min(limits.longest_pause)
        };
        // Jitter, so that many watchers do not come back to a node all at once.
        sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
    }
}

struct Watcher<N> {
    node: usize,
    url: String,
    limits: Limits,
    now: N,
    observations: mpsc::Sender<Observation>,
}

/// Nobody receives observations any more.
struct Unheard;

impl<N: Fn() -> Timestamp> Watcher<N> {
    /// Watches over one connection until it fails. `Ok` when nobody listens.
    async fn one_connection(&self) -> Result<(), ChainError> {
        let Limits { connect, request, poll, .. } = self.limits;
        let mut connection = Connection::open(&self.url, connect, request).await?;
        let genesis = connection.genesis().await?;
        if self.send(Seen::Genesis(genesis)).await.is_err() {
            return Ok(());
        }
        // A node that offers no subscription is polled.
        match connection.subscribe().await {
            Err(error) if !error.answered() => return Err(error),
            Ok(()) | Err(_) => {}
        }
        // The sessions that a node imports while it catches up have passed long ago.
        // They must not count, and so it has no say until it is there.
        loop {
            match connection.is_syncing().await {
                Ok(true) => {
                    if self.send(Seen::Unreachable("still syncing".to_owned())).await.is_err() {
                        return Ok(());
                    }
                    sleep(poll).await;
                }
                Err(error) if !error.answered() => return Err(error),
                Ok(false) | Err(_) => break,
            }
        }
        loop {
            let seen = match connection.finalized().await {
                Ok(head) => Seen::Finalized(head),
                Err(error) if error.answered() => Seen::Unreachable(error.to_string()),
                Err(error) => return Err(error),
            };
            let failed = matches!(seen, Seen::Unreachable(_));
            if self.send(seen).await.is_err() {
                return Ok(());
            }
            if failed {
                // A node that answers with errors is not asked again at every hint.
                sleep(self.limits.first_pause).await;
            }
            connection.hint(poll).await?;
        }
    }

    async fn send(&self, seen: Seen) -> Result<(), Unheard> {
        let observation = Observation { at: (self.now)(), node: self.node, seen };
        self.observations.send(observation).await.map_err(|_| Unheard)
    }
}
