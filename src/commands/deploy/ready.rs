//! Whether a host is ready: every check is repeated until it holds, for as long as
//! the policy gives it.

use tokio::time::{Instant, sleep, timeout};

use crate::chain;
use crate::deploy::{Probe, ProbeKind};
use crate::ssh::Ended;

use super::host::{ANSWER, Host};
use super::trouble::Trouble;

impl Host<'_> {
    /// Waits until every check of the plan holds, one after the other.
    pub(super) async fn ready(&self) -> Result<(), Trouble> {
        for probe in &self.plan.ready {
            self.one_check(probe).await?;
        }
        Ok(())
    }

    async fn one_check(&self, probe: &Probe) -> Result<(), Trouble> {
        let until = Instant::now() + probe.within;
        let mut last = None;
        loop {
            let looked = timeout(probe.time_limit, self.look_at(probe)).await;
            let seen = match looked {
                Ok(Ok(())) => {
                    self.log.say(&format!("`{}` holds", probe.name));
                    return Ok(());
                }
                Ok(Err(seen)) => seen,
                Err(_) => "no answer".to_owned(),
            };
            // What stays the same is told once.
            if last.as_ref() != Some(&seen) {
                self.log.say(&format!("`{}` does not hold yet: {seen}", probe.name));
            }
            if Instant::now() + probe.every >= until {
                let (host, check) = (self.name().to_owned(), probe.name.clone());
                return Err(Trouble::NotReady { host, check, within: probe.within, last: seen });
            }
            last = Some(seen);
            sleep(probe.every).await;
        }
    }

    /// Whether something on the host listens on this port, as the host's own kernel says.
    async fn listens(&self, port: u16) -> Result<(), String> {
        // In these tables the local port follows the address, and 0A is LISTEN.
        let pattern = format!("^ *[0-9]+: [0-9A-F]+:{port:04X} [0-9A-F:]+ 0A ");
        let argv = ["grep", "-qsE", &pattern, "/proc/net/tcp", "/proc/net/tcp6"].map(str::to_owned);
        let ended = self.run(&argv, ANSWER, |_, _| {}).await;
        match ended.map_err(|error| error.to_string())? {
            Ended::Exit(0) => Ok(()),
            Ended::Exit(1) => Err(format!("nothing listens on port {port}")),
            Ended::Exit(status) => Err(format!("grep ended with status {status}")),
            Ended::TimedOut => Err("no answer".to_owned()),
        }
    }

    /// Looks once. An error says in words what was seen instead.
    async fn look_at(&self, probe: &Probe) -> Result<(), String> {
        match &probe.what {
            ProbeKind::Run(command) => {
                let mut last = String::new();
                let ended = self.run(&command.argv, probe.time_limit, |_, line| last = self.log.mask(line));
                match ended.await.map_err(|error| error.to_string())? {
                    Ended::Exit(0) => Ok(()),
                    Ended::Exit(status) if last.is_empty() => Err(format!("status {status}")),
                    Ended::Exit(status) => Err(format!("status {status}: {last}")),
                    Ended::TimedOut => Err("no answer".to_owned()),
                }
            }
            ProbeKind::TcpPort(port) => self.listens(*port).await,
            ProbeKind::Rpc { port, version_contains, min_peers } => {
                let connection = self.connection().await.map_err(|error| error.to_string())?;
                let socket = connection.forward(*port).await.map_err(|error| error.to_string())?;
                let health = chain::health(&socket, *port, probe.time_limit).await;
                let health = health.map_err(|error| error.to_string())?;
                judge(&health, version_contains.as_deref(), *min_peers)
            }
        }
    }
}

/// Whether a node is as the policy wants it.
fn judge(health: &chain::Health, version_contains: Option<&str>, min_peers: u32) -> Result<(), String> {
    let chain::Health { is_syncing, peers, version } = health;
    match version_contains {
        Some(part) if !version.contains(part) => {
            return Err(format!("it runs {version}, which does not contain {part}"));
        }
        _ => {}
    }
    if *is_syncing {
        Err("it is syncing".to_owned())
    } else if *peers < u64::from(min_peers) {
        Err(format!("it has {peers} peers, of at least {min_peers}"))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_ready_when_all_of_it_is() {
        let health =
            |is_syncing, peers| chain::Health { is_syncing, peers, version: "1.0.0-0123456789a".to_owned() };
        assert_eq!(judge(&health(false, 2), Some("0123456789a"), 2), Ok(()));
        assert_eq!(judge(&health(false, 0), None, 0), Ok(()));
        for (health, part, peers, seen) in [
            (health(true, 2), None, 0, "it is syncing"),
            (health(false, 1), None, 2, "it has 1 peers, of at least 2"),
            (health(false, 1), Some("fff"), 0, "it runs 1.0.0-0123456789a, which does not contain fff"),
        ] {
            assert_eq!(judge(&health, part, peers), Err(seen.to_owned()));
        }
    }
}
