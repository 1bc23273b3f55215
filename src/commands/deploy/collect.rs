//! Logs home: what the policy names is fetched from every host that was touched,
//! after a deployment failed.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use futures::future::join_all;

use crate::deploy::Collected;
use crate::ssh::Ended;

use super::super::Signals;
use super::conduct::Deployment;
use super::host::Host;

/// The longest file that is fetched, in bytes.
const LONGEST: usize = 16 << 20;

/// Fetches from every host at once, into a directory per host. A signal ends it.
pub(super) async fn from_all(deployment: &Deployment<'_>, logs: Option<&Path>, signals: &mut Signals) {
    let Some(logs) = logs else { return };
    let touched = deployment.hosts.iter().filter(|host| host.was_touched() && !host.plan.collect.is_empty());
    tokio::select! {
        _ = join_all(touched.map(|host| from_one(host, logs))) => {}
        _ = signals.next() => {}
    }
}

async fn from_one(host: &Host<'_>, logs: &Path) {
    for wanted in &host.plan.collect {
        // What cannot be fetched must not hide why the deployment failed.
        match fetch(host, wanted, &logs.join(host.name())).await {
            Ok(bytes) => host.log.say(&format!("fetched {} ({bytes} bytes)", wanted.file)),
            Err(error) => host.log.say(&format!("cannot fetch {}: {error}", wanted.file)),
        }
    }
}

async fn fetch(host: &Host<'_>, wanted: &Collected, directory: &Path) -> Result<usize, String> {
    std::fs::create_dir_all(directory).map_err(|error| error.to_string())?;
    let mut file = File::create(directory.join(&wanted.file)).map_err(|error| error.to_string())?;
    let (mut written, mut failed) = (0, None);
    let line = |_, line: &str| {
        if written + line.len() < LONGEST && failed.is_none() {
            written += line.len() + 1;
            failed = writeln!(file, "{}", host.log.mask(line)).err();
        }
    };
    let ended = host.run(&wanted.command.argv, wanted.command.time_limit, line).await;
    match (ended, failed) {
        (_, Some(error)) => Err(error.to_string()),
        (Ok(Ended::Exit(0)), None) => Ok(written),
        (Ok(Ended::Exit(status)), None) => Err(format!("ended with status {status}")),
        (Ok(Ended::TimedOut), None) => Err("took too long".to_owned()),
        (Err(error), None) => Err(error.to_string()),
    }
}
