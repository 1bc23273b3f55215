//! Before anything is changed on a host: logging in, seeing whether it can do what
//! will be asked of it, its lease, and what an earlier deployment left there.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use crate::deploy::remote::{self, Probed, Status, Taken, Unfinished};
use crate::deploy::{Change, Lease};

use super::host::Host;
use super::lease::Held;
use super::trouble::Trouble;

/// How long an earlier deployment may take to be undone.
const EARLIER: Duration = Duration::from_mins(15);

/// How often it is asked whether it has.
const EVERY: Duration = Duration::from_secs(1);

/// What a disk must have free beside what is sent.
const SPARE: u64 = 16 << 20;

impl Host<'_> {
    /// Logs in, and asks what there is to know.
    pub(super) async fn probe(&self) -> Result<Probed, Trouble> {
        let users = self.plan.users();
        let users: Vec<&str> = users.iter().copied().collect();
        let paths: Vec<&str> = self.uploads().map(|(to, _)| to).collect();
        self.ask("asking what it can do", self.remote.probe(&users, &paths).into(), remote::probed).await
    }

    /// Whether the host can do what will be asked of it.
    pub(super) async fn reach(&self) -> Result<(), Trouble> {
        let probed = self.probe().await?;
        if let Some((what, help)) = self.wants(&probed).into_iter().next() {
            return Err(Trouble::Unfit { host: self.name().to_owned(), what, help });
        }
        self.left_something.set(!probed.unfinished.is_empty());
        Ok(())
    }

    /// What the host lacks, each with what to do about it.
    pub(super) fn wants(&self, probed: &Probed) -> Vec<(String, String)> {
        let mut wants = Vec::new();
        if !probed.missing.is_empty() {
            let help = "install coreutils, util-linux and tar there".to_owned();
            wants.push((format!("it lacks {}", probed.missing.join(", ")), help));
        }
        if !probed.writable {
            let what = "its state_directory cannot be written to".to_owned();
            wants.push((what, "make it, and let the login user own it".to_owned()));
        }
        for user in &probed.no_sudo {
            let help = "see `Keys for the testnet's hosts` in the documentation, on sudoers.d".to_owned();
            wants.push((format!("`sudo -n -u {user}` is refused"), help));
        }
        // The first figure is the state directory's.
        for ((to, size), free) in self.uploads().zip(probed.free.iter().skip(1)) {
            if size.is_some_and(|size| *free < size.saturating_add(SPARE)) {
                let what = format!("{free} bytes are free for {to}, which is too little");
                wants.push((what, "make room there".to_owned()));
            }
        }
        wants
    }

    /// Where uploads go, and how large they are where that is known.
    fn uploads(&self) -> impl Iterator<Item = (&str, Option<u64>)> {
        self.plan.steps.iter().filter_map(|step| match &step.change {
            Change::Upload(upload) => {
                Some((upload.to.as_str(), self.prepared.sources.get(&upload.from).map(|source| source.size)))
            }
            Change::Command(_) => None,
        })
    }

    /// Takes the lease, unless another has it.
    pub(super) async fn take_lease(
        &self,
        lease: &Lease,
        lasts: Duration,
        over: Option<&str>,
    ) -> Result<Option<Held>, Trouble> {
        let call = self.remote.lease_take(&lease.id, lasts, &lease.line(), over);
        // It may be ours as soon as it was asked for, whether we hear of it or not.
        self.leased.set(true);
        match self.ask("taking the lease", call.into(), remote::taken).await? {
            Taken::Taken => Ok(None),
            Taken::Held(holder) => {
                self.leased.set(false);
                let holder = holder.lease(Timestamp::now()).map_err(|error| Trouble::Host {
                    host: self.name().to_owned(),
                    doing: "taking the lease",
                    text: format!("another has it, and {error}"),
                })?;
                Ok(Some(Held { host: self.name().to_owned(), holder }))
            }
        }
    }

    /// Gives the lease back, where we have it. Where that fails it expires.
    pub(super) async fn release_lease(&self) {
        if self.leased.replace(false) {
            let call = self.remote.lease_release(Some(&self.lease.id));
            let _ = self.ask("releasing the lease", call.into(), remote::released).await;
        }
    }

    /// Brings what an earlier deployment left to its end: it is undone, because nobody
    /// confirmed it.
    ///
    /// With `waited`, or where something was left, the host is asked anew: what another
    /// had begun it may have confirmed since.
    pub(super) async fn finish_earlier(&self, waited: bool) -> Result<(), Trouble> {
        if !self.left_something.replace(false) && !waited {
            return Ok(());
        }
        for Unfinished { id, .. } in &self.probe().await?.unfinished {
            self.log.say(&format!("undoing what the deployment {id} left"));
            let until = Instant::now() + EARLIER;
            let undo = self.remote.undo(id).into();
            let mut status = self.ask("undoing what is left", undo, remote::status).await?;
            loop {
                let what = match status {
                    Status::Undone(failed) if failed.is_empty() => break,
                    Status::Undone(failed) => {
                        let failed: Vec<&str> = failed.iter().map(|one| one.name.as_str()).collect();
                        format!("what the deployment {id} left cannot be undone: {}", failed.join(", "))
                    }
                    _ if Instant::now() >= until => {
                        format!("what the deployment {id} left is not undone in time")
                    }
                    _ => {
                        sleep(EVERY).await;
                        status = self.undo_status(id).await?;
                        continue;
                    }
                };
                let help =
                    "look at the host, put it right by hand, and remove that deployment's directory in the \
                            state_directory"
                        .to_owned();
                return Err(Trouble::Unfit { host: self.name().to_owned(), what, help });
            }
        }
        Ok(())
    }
}
