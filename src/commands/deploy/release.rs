//! `race deploy --release`: gives the testnet free by hand.

use futures::future::join_all;
use jiff::Timestamp;

use crate::cli;
use crate::deploy::Lease;
use crate::deploy::remote;
use crate::exit::Exit;
use crate::report::inert;

use super::super::{Context, Failure, connect};
use super::failure;
use super::host::Host;
use super::lease::has_ended;
use super::trouble::Trouble;

/// Releases the lease of every host, unless the run that has it still goes on.
pub(super) async fn run(
    arguments: &cli::Deploy,
    context: &Context,
    hosts: &[Host<'_>],
    ours: &str,
) -> Result<Exit, Failure> {
    let mut client = connect::client(context, None).await.ok();
    let probed = join_all(hosts.iter().map(Host::probe)).await;
    let mut said = Vec::new();
    for (host, probed) in hosts.iter().zip(probed) {
        let probed = probed.map_err(|trouble| failure(&trouble))?;
        let Some(holder) = probed.lease.filter(|holder| holder.seconds_left > 0) else {
            said.push(format!("{}: nobody has it", host.name()));
            continue;
        };
        let lease = holder.lease(Timestamp::now());
        let words = lease.as_ref().map_or_else(|_| holder.id.clone(), Lease::to_string);
        if holder.id != ours && !arguments.force {
            let ended = match &lease {
                Ok(lease) => has_ended(context, lease, client.as_mut()).await,
                Err(_) => false,
            };
            if !ended {
                let message = format!(
                    "{}: it is held by {words}, and it is not known that its run has ended",
                    host.name()
                );
                return Err(Failure::new(Exit::RolledBack, message)
                    .help("wait for that run, or say --force if you know better"));
            }
        }
        // Whoever has taken it since is not meant.
        let call = host.remote.lease_release(Some(&holder.id)).into();
        let released = host.ask("releasing the lease", call, remote::released).await;
        released.map_err(|trouble: Trouble| failure(&trouble))?;
        said.push(format!("{}: released, it was held by {words}", host.name()));
    }
    context
        .output
        .result(&inert(&said.join("\n")))
        .map_err(|error| Failure::caused(Exit::Internal, "cannot write the result", &error))?;
    Ok(Exit::Done)
}
