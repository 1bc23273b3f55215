//! Holding on to a host while we live: its lease and its armed undo are renewed, over
//! a new connection where the last one was lost.

use std::future::pending;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::deploy::remote::{self, Status};
use crate::deploy::{HostState, Lease};

use super::host::Host;
use super::trouble::Trouble;

/// So often it is renewed within the time that it holds.
const PARTS: u32 = 3;

/// The pause after a try that failed.
const PAUSE: Duration = Duration::from_secs(1);

impl Host<'_> {
    /// Renews until it cannot be renewed any more; tells why.
    pub(super) async fn keep(&self, lease: Duration) -> Trouble {
        let mut renewed = Instant::now();
        loop {
            let armed = self.state.get() == HostState::Armed;
            let holds = if armed { self.undo_after.min(lease) } else { lease };
            tokio::select! {
                () = sleep((holds / PARTS).saturating_sub(renewed.elapsed())) => {}
                // What must be renewed more often may begin at any time.
                () = self.changed.notified() => {
                    renewed = renewed.max(Instant::now());
                    continue;
                }
            }
            if !self.leased.get() || matches!(self.state.get(), HostState::Undone) {
                return pending().await;
            }
            match timeout(holds / PARTS, self.renew(lease)).await {
                Ok(Ok(())) => renewed = Instant::now(),
                Ok(Err(trouble @ (Trouble::UndidItself { .. } | Trouble::LeaseLost { .. }))) => {
                    return trouble;
                }
                // The next try may find a way again, as long as the host waits.
                Ok(Err(trouble)) if renewed.elapsed() + holds / PARTS >= holds => return trouble,
                Ok(Err(_)) => sleep(PAUSE).await,
                Err(_) if renewed.elapsed() >= holds => {
                    let why = "it could not be reached in time".to_owned();
                    return Trouble::UndidItself { host: self.name().to_owned(), why };
                }
                // The connection may be dead without anybody having been told.
                Err(_) => self.hang_up().await,
            }
        }
    }

    async fn renew(&self, lease: Duration) -> Result<(), Trouble> {
        let host = || self.name().to_owned();
        let call = if self.state.get() == HostState::Armed {
            self.remote.renew(self.id, self.undo_after, &self.lease.id, lease)
        } else {
            self.remote.lease_renew(&self.lease.id, lease)
        };
        let renewed = match self.ask("renewing", call.into(), remote::renewed).await {
            // It is being armed just now.
            Err(Trouble::Unknown { .. }) => return Ok(()),
            renewed => renewed?,
        };
        let why = match renewed.status {
            None | Some(Status::Armed { keeper: true, .. } | Status::Confirmed) => None,
            Some(Status::Armed { keeper: false, .. }) => Some("its keeper was killed"),
            Some(Status::Undoing { .. } | Status::Undone(_)) => Some("its timer ran out"),
        };
        if let Some(why) = why {
            return Err(Trouble::UndidItself { host: host(), why: why.to_owned() });
        }
        match renewed.lost {
            None => Ok(()),
            Some((_, words)) => {
                self.leased.set(false);
                let holder = Lease::parse(&words)
                    .map_or_else(|_| "nobody has it".to_owned(), |lease| format!("{lease} has it"));
                Err(Trouble::LeaseLost { host: host(), holder })
            }
        }
    }
}
