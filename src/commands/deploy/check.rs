//! `race deploy --check`: how every host stands, told without changing anything.

use futures::future::join_all;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::Format;
use crate::deploy::remote::Probed;
use crate::exit::Exit;
use crate::policy::duration::rounded;
use crate::report::inert;

use super::super::{Context, Failure};
use super::host::Host;
use super::trouble::Trouble;

/// What was learnt of one host.
struct Looked {
    notes: Vec<String>,
    findings: Vec<String>,
    commit: Option<String>,
    reached: bool,
    exit: Exit,
}

/// Looks at every host at once.
pub(super) async fn run(context: &Context, hosts: &[Host<'_>]) -> Result<Exit, Failure> {
    let looked = join_all(hosts.iter().map(async |host| look(host, host.probe().await))).await;
    // A host with nothing confirmed differs, too, from one that has something.
    let reached = looked.iter().filter(|one| one.reached);
    let mut commits: Vec<&str> = reached.map(|one| one.commit.as_deref().unwrap_or("none")).collect();
    commits.sort_unstable();
    commits.dedup();
    let differ = (commits.len() > 1).then(|| {
        format!("the hosts do not have the same commit confirmed: {}; deploy once more", commits.join(", "))
    });
    let written = match context.shared.format {
        Format::Human => context.output.result(&human(hosts, &looked, differ.as_deref())),
        Format::Json => context.output.json(&machine(hosts, &looked, differ.as_deref()).to_string()),
    };
    written.map_err(|error| Failure::caused(Exit::Internal, "cannot write the result", &error))?;
    let refused = looked.iter().any(|one| one.exit == Exit::Refused);
    let found = differ.is_some() || looked.iter().any(|one| !one.findings.is_empty());
    Ok(match (refused, found) {
        (true, _) => Exit::Refused,
        (false, true) => Exit::Findings,
        (false, false) => Exit::Done,
    })
}

fn look(host: &Host<'_>, probed: Result<Probed, Trouble>) -> Looked {
    let probed = match probed {
        Ok(probed) => probed,
        Err(trouble) => {
            let help = trouble.help().map(|help| format!("; {help}")).unwrap_or_default();
            let findings = vec![format!("{trouble}{help}")];
            return Looked {
                notes: Vec::new(),
                findings,
                commit: None,
                reached: false,
                exit: trouble.exit(),
            };
        }
    };
    let wants = host.wants(&probed).into_iter().map(|(what, help)| format!("{what}; {help}"));
    let mut findings: Vec<String> = wants.collect();
    let mut notes = Vec::new();
    if let Some((id, sha, at)) = &probed.current {
        let at = Timestamp::from_second(*at).map_or_else(|_| "?".to_owned(), |at| at.to_string());
        notes.push(format!("has {sha}, confirmed at {at} (deployment {id})"));
    } else {
        notes.push("nothing was confirmed there yet".to_owned());
    }
    let now = Timestamp::from_second(probed.now).unwrap_or_default();
    let held = probed.lease.as_ref().filter(|holder| holder.seconds_left > 0);
    match held.map(|holder| holder.lease(Timestamp::now())) {
        Some(Ok(lease)) => notes.push(format!("held by {lease}")),
        Some(Err(error)) => findings.push(format!("somebody has the lease, and {error}")),
        None => notes.push("free".to_owned()),
    }
    for earlier in &probed.unfinished {
        let held = held.is_some_and(|holder| earlier.id.starts_with(&format!("{}.", holder.id)));
        let what =
            format!("the deployment {} is neither confirmed nor undone: {}", earlier.id, earlier.status);
        if held && earlier.status.ends_with(" keeper") {
            notes.push(what);
        } else {
            findings.push(format!("{what}; the next deployment undoes it first"));
        }
    }
    let apart = (Timestamp::now().as_second() - now.as_second()).unsigned_abs();
    if apart > 60 {
        let apart = rounded(std::time::Duration::from_secs(apart));
        notes.push(format!("its clock is {apart} apart from ours"));
    }
    let commit = probed.current.map(|(_, sha, _)| sha);
    Looked { notes, findings, commit, reached: true, exit: Exit::Done }
}

fn human(hosts: &[Host<'_>], looked: &[Looked], differ: Option<&str>) -> String {
    let mut text = String::new();
    let mut line = |words: &str| {
        text.push_str(&inert(words));
        text.push('\n');
    };
    for (host, one) in hosts.iter().zip(looked) {
        line(host.name());
        for finding in &one.findings {
            line(&format!("  finding: {finding}"));
        }
        for note in &one.notes {
            line(&format!("  {note}"));
        }
    }
    if let Some(differ) = differ {
        line(&format!("finding: {differ}"));
    }
    text
}

fn machine(hosts: &[Host<'_>], looked: &[Looked], differ: Option<&str>) -> Value {
    let host = |(host, one): (&Host<'_>, &Looked)| json!({"name": host.name(), "commit": one.commit, "findings": one.findings, "notes": one.notes});
    let hosts: Vec<Value> = hosts.iter().zip(looked).map(host).collect();
    json!({"schema": "race.check/1", "hosts": hosts, "findings": differ.iter().collect::<Vec<_>>()})
}
