//! A deployment from the first connection to the last confirmation. What is awaited
//! here ends when it is dropped, and with it what runs on the hosts.

use std::future::pending;
use std::time::Duration;

use futures::future::{join_all, select_all, try_join_all};
use tokio::time::sleep;

use crate::deploy::{HostState, Lease, Plan};
use crate::policy;

use super::super::Context;
use super::host::Host;
use super::trouble::Trouble;

/// How soon a host that was being armed is asked again.
const AGAIN: Duration = Duration::from_millis(200);

/// A deployment on its way.
pub(super) struct Deployment<'d> {
    pub(super) context: &'d Context,
    pub(super) policy: &'d policy::Deploy,
    pub(super) plan: &'d Plan,
    /// In the order of the plan, wave by wave.
    pub(super) hosts: Vec<Host<'d>>,
    pub(super) lease: &'d Lease,
}

impl<'d> Deployment<'d> {
    /// Brings every host to the new version, and confirms it on all of them.
    pub(super) async fn carry_out(&self) -> Result<(), Trouble> {
        let work = async {
            for number in 1..=self.plan.waves.len() {
                self.say_wave(number);
                try_join_all(self.wave(number).map(Host::bring)).await?;
            }
            self.confirm().await
        };
        tokio::select! {
            // What is confirmed on all of them is deployed, whatever else may be.
            biased;
            ended = work => ended,
            trouble = self.keep() => Err(trouble),
        }
    }

    /// Logs in to every host, and asks whether it can do what will be asked of it.
    pub(super) async fn reach(&self) -> Result<(), Trouble> {
        try_join_all(self.hosts.iter().map(Host::reach)).await.map(drop)
    }

    /// The hosts of a wave.
    pub(super) fn wave(&self, number: usize) -> impl DoubleEndedIterator<Item = &Host<'d>> {
        self.hosts.iter().filter(move |host| host.wave == number)
    }

    /// Confirms over new connections, so that a host is confirmed only when it still
    /// lets us in. Nothing is confirmed before all of them stand.
    async fn confirm(&self) -> Result<(), Trouble> {
        self.say("every host is ready; confirming over new connections");
        let connections = try_join_all(self.hosts.iter().map(Host::connect)).await?;
        let confirmations = self.hosts.iter().zip(connections);
        let confirmed = join_all(confirmations.map(|(host, connection)| host.confirm(connection))).await;
        confirmed.into_iter().collect()
    }

    /// Keeps lease and armed undo alive on every host. Ends when one of them cannot
    /// be kept.
    async fn keep(&self) -> Trouble {
        if self.hosts.is_empty() {
            return pending().await;
        }
        select_all(self.hosts.iter().map(|host| Box::pin(host.keep(self.policy.lease)))).await.0
    }

    /// Takes back what was done, the last wave first, and waits until it is back.
    /// The waves that were before are kept until it is their turn.
    pub(super) async fn roll_back(&self) {
        let undo = async {
            for number in (1..=self.plan.waves.len()).rev() {
                join_all(self.wave(number).rev().filter(|host| host.has_begun()).map(Host::undo)).await;
            }
        };
        let keep = join_all(self.hosts.iter().map(|host| async {
            // What cannot be kept is undone by the host itself.
            host.keep(self.policy.lease).await;
        }));
        tokio::select! {
            () = undo => {}
            // It may end before, when nothing can be kept any more.
            () = async { keep.await; pending().await } => {}
        }
    }

    /// Whether every host has the new version for good.
    pub(super) fn is_confirmed(&self) -> bool {
        self.hosts.iter().all(|host| host.state.get() == HostState::Confirmed)
    }

    /// Asks every host to undo, and does not wait for it; where nothing had begun, the
    /// testnet is given back.
    pub(super) async fn ask_to_undo(&self) {
        if self.hosts.iter().all(Host::is_as_it_was) {
            return self.release().await;
        }
        let begun = self.hosts.iter().rev().filter(|host| host.has_begun());
        let ask = async |host: &Host<'_>| {
            // One that is being armed just now is to hear of it as well.
            while let Err(Trouble::Unknown { .. }) = host.ask_to_undo().await {
                sleep(AGAIN).await;
            }
        };
        join_all(begun.map(ask)).await;
    }

    fn say_wave(&self, number: usize) {
        let hosts: Vec<&str> = self.wave(number).map(Host::name).collect();
        let what = if number == 1 && self.plan.canary { "canary" } else { "wave" };
        let waves = self.plan.waves.len();
        self.say(&format!("{what} {number} of {waves}: {}", hosts.join(", ")));
    }

    pub(super) fn say(&self, line: &str) {
        self.context.output.log(line);
    }
}
