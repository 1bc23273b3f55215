//! Taking the testnet: the lease on every host, waiting for who has it, and taking
//! over from a run that has ended.

use std::time::Duration;

use futures::future::{join_all, try_join_all};
use tokio::time::{Instant, sleep};

use crate::deploy::Lease;
use crate::github::{ApiError, Client};
use crate::policy::Proof;
use crate::policy::duration::rounded;
use crate::race::settle::{AttemptId, Due, Mark, due};

use super::super::Context;
use super::conduct::Deployment;
use super::host::Host;
use super::trouble::Trouble;

/// How often a lease that another has is asked for again.
const EVERY: Duration = Duration::from_secs(5);

/// How often it is told that it is still waited for.
const HEARTBEAT: Duration = Duration::from_mins(1);

/// Who has the testnet, as a host says.
pub(super) struct Held {
    pub(super) host: String,
    pub(super) holder: Lease,
}

impl Deployment<'_> {
    /// Takes the lease on every host, as soon as it can be had.
    pub(super) async fn take_lease(&self, mut client: Option<Client>) -> Result<(), Trouble> {
        let began = Instant::now();
        let (mut over, mut told, mut asked) = (None::<String>, None::<Instant>, None::<Instant>);
        loop {
            let Some(held) = self.try_to_take(over.as_deref(), asked.is_some()).await? else { return Ok(()) };
            // A whole lease is had by one run, so what we have of it stands in its way.
            self.release().await;
            let waited = began.elapsed();
            if asked.is_none_or(|asked| asked.elapsed() >= HEARTBEAT) {
                asked = Some(Instant::now());
                if has_ended(self.context, &held.holder, client.as_mut()).await {
                    self.say(&format!("taking over from {}: its run has ended", held.holder));
                    over = Some(held.holder.id.clone());
                    continue;
                }
            }
            if waited >= self.policy.lock_wait {
                let waited =
                    if waited < EVERY { String::new() } else { format!(", after {}", rounded(waited)) };
                return Err(Trouble::Held { host: held.host, holder: Box::new(held.holder), waited });
            }
            if told.is_none_or(|told| told.elapsed() >= HEARTBEAT) {
                told = Some(Instant::now());
                let left = rounded(self.policy.lock_wait.saturating_sub(waited));
                self.say(&format!("waiting for {} (on {}), for at most {left}", held.holder, held.host));
            }
            sleep(EVERY.min(self.policy.lock_wait.saturating_sub(waited))).await;
        }
    }

    /// Takes it on the first host, and then on the others at once: whoever has the
    /// first one's need not fear that two wait for each other.
    async fn try_to_take(&self, over: Option<&str>, waited: bool) -> Result<Option<Held>, Trouble> {
        let Some((first, others)) = self.hosts.split_first() else { return Ok(None) };
        if let Some(held) = first.take_lease(self.lease, self.policy.lease, over).await? {
            return Ok(Some(held));
        }
        let taken = others.iter().map(|host| host.take_lease(self.lease, self.policy.lease, over));
        // Each is waited for, so that none is taken after we have given them back.
        let taken = join_all(taken).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        let held = taken.into_iter().flatten().next();
        if held.is_none() {
            try_join_all(self.hosts.iter().map(|host| host.finish_earlier(waited))).await?;
        }
        Ok(held)
    }

    /// Gives back what we have of it. Where that fails it expires.
    pub(super) async fn release(&self) {
        join_all(self.hosts.iter().map(Host::release_lease)).await;
    }
}

/// Whether the run that has the lease has ended, as far as GitHub can tell.
pub(super) async fn has_ended(context: &Context, holder: &Lease, client: Option<&mut Client>) -> bool {
    let (Some(client), Some(run)) = (client, holder.run_id) else { return false };
    if holder.repository != client.repository().to_string() {
        return false;
    }
    match client.progress_of(run).await {
        Ok(progress) => {
            progress.has_ended(holder.attempt.map(u64::from)) && !still_soaks(context, holder, client).await
        }
        Err(error) => {
            context.output.log(&format!("cannot tell whether run {run} has ended: {error}"));
            false
        }
    }
}

/// Whether the soak goes on that its run has begun. Where the proof of a branch is its
/// soak, that outlives the run: until its verdict is written, or the pull request has
/// moved on. What cannot be told is not taken from anybody.
async fn still_soaks(context: &Context, holder: &Lease, client: &mut Client) -> bool {
    let policy = match context.local_settings(&[]) {
        Ok(settings) => settings.policy,
        Err(failure) => {
            context.output.log(&failure.message);
            return true;
        }
    };
    if policy.branches.iter().all(|branch| branch.proof == Proof::Job) {
        return false;
    }
    let Some(run) = holder.run_id else { return false };
    let ours = AttemptId { run, attempt: holder.attempt.map_or(1, u64::from) };
    let told = async {
        let posted = client.statuses(&holder.sha, &policy.check).await?;
        let opened = posted.iter().any(|status| AttemptId::of_url(&status.target_url) == Some(ours));
        let pending = opened && matches!(due(Mark::Success, ours, &posted), Due::Write(_));
        Ok::<_, ApiError>(pending && client.is_wanted(&holder.sha).await?)
    };
    match told.await {
        Ok(soaks) => soaks,
        Err(error) => {
            context.output.log(&format!("cannot tell whether the soak of run {run} goes on: {error}"));
            true
        }
    }
}
