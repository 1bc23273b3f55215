//! The lease while the testnet is watched: renewed as long as somebody looks, and
//! given back with the soak's verdict. Each time a host is logged in to anew, so that
//! a soak of days holds no connection.

use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use tokio::time::sleep;

use crate::deploy::Lease;
use crate::deploy::remote::{self, Remote, RemoteError, Taken, answer_of};
use crate::policy;

use super::super::Context;
use super::host::ANSWER;
use super::target::{self, Way};
use super::{Setting, Subject};

/// So often it is renewed within the time that it holds.
const PARTS: u32 = 3;

/// The lease of the run that is watched.
pub(in crate::commands) struct Tenancy<'d> {
    context: &'d Context,
    remote: Remote,
    hosts: Vec<(String, Way)>,
    lease: Lease,
    lasts: Duration,
}

impl<'d> Tenancy<'d> {
    /// The lease of our own run on the hosts of `policy`. `None` outside of a run, and
    /// where there is no key to the hosts.
    pub(in crate::commands) fn of(context: &'d Context, policy: &policy::Deploy) -> Option<Self> {
        let lease = Subject::of(context).ok()?.lease;
        lease.run_id?;
        let Ok(setting) = Setting::of(context, policy) else {
            context.output.log("the lease of the testnet is not renewed here: there is no key to its hosts");
            return None;
        };
        let way = |host: &policy::Host| (host.name.clone(), target::of(host, policy, &setting));
        let hosts = policy.hosts.iter().map(way).collect();
        Some(Self { context, hosts, lease, lasts: policy.lease, remote: setting.remote.clone() })
    }

    /// Renews it until another has it; tells who.
    pub(in crate::commands) async fn keep(&self) -> String {
        let mut troubled = vec![false; self.hosts.len()];
        loop {
            let renewed = join_all(self.hosts.iter().map(|(_, way)| self.renew(way))).await;
            for (((name, _), renewed), troubled) in self.hosts.iter().zip(renewed).zip(&mut troubled) {
                match renewed {
                    Ok(None) => *troubled = false,
                    Ok(Some(holder)) => {
                        return format!("{name}: the testnet is not ours any more: {holder} has it");
                    }
                    // It may be reached again before the lease expires.
                    Err(_) if *troubled => {}
                    Err(error) => {
                        *troubled = true;
                        self.context
                            .output
                            .log(&format!("the lease of the testnet cannot be renewed: {error}"));
                    }
                }
            }
            sleep(self.lasts / PARTS).await;
        }
    }

    /// Gives it back. Where that fails it expires.
    pub(in crate::commands) async fn release(&self) {
        let call = self.remote.lease_release(Some(&self.lease.id));
        let released = self.hosts.iter().map(async |(_, way)| {
            let connection = way.open().await.ok()?;
            let answer = connection.call(&call, &[], ANSWER).await;
            connection.close().await;
            let answer = answer.ok()?;
            let lines = answer_of(&answer.stdout, &answer.stderr).ok()?;
            remote::released(&lines).ok().filter(Option::is_none)
        });
        let released = join_all(released).await.into_iter().flatten().count();
        let all = self.hosts.len();
        let rest = if released == all { "" } else { "; the others are once this run has ended" };
        self.context.output.log(&format!("the testnet is free again on {released} of {all} hosts{rest}"));
    }

    /// Takes it once more; tells who has it where that is another.
    async fn renew(&self, way: &Way) -> Result<Option<String>, String> {
        let connection = way.open().await.map_err(|error| error.to_string())?;
        let call = self.remote.lease_take(&self.lease.id, self.lasts, &self.lease.line(), None);
        let answer = connection.call(&call, &[], ANSWER).await;
        connection.close().await;
        let answer = answer.map_err(|error| error.to_string())?;
        let taken = answer_of(&answer.stdout, &answer.stderr).and_then(|lines| remote::taken(&lines));
        match taken.map_err(|error: RemoteError| error.to_string())? {
            Taken::Taken => Ok(None),
            Taken::Held(holder) => {
                let lease = holder.lease(Timestamp::now());
                Ok(Some(lease.map_or(holder.id, |lease| lease.to_string())))
            }
        }
    }
}
