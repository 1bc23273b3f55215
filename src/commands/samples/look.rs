//! One look at one soak: by which policy, from which sample on, and what came of it.

use crate::config::Settings;
use crate::exit::Exit;
use crate::github::Client;
use crate::policy::Policy;
use crate::soak::{Checkpoint, Hash, Run, Verdict};

use super::super::monitor::{Sample, sample};
use super::super::observe::Clock;
use super::super::{Context, Failure, policy_source};
use super::open::Soak;
use super::runtime;

/// The policy of the default branch, and its commit.
pub(super) struct Current<'p> {
    pub(super) policy: &'p Policy,
    pub(super) commit: &'p str,
}

/// Looks once at a soak. It is held to the policy under which it began: that of the
/// default branch at its first sample. How its nodes are reached may change.
///
/// # Errors
///
/// When it cannot be looked at, or nothing could be seen. What was known stays so.
pub(super) async fn look(
    soak: &Soak,
    current: &Current<'_>,
    artifact: &str,
    client: &mut Client,
    context: &Context,
    clock: Clock,
) -> Result<Checkpoint, Failure> {
    let began_by = soak.known.as_ref().and_then(|known| known.run.policy.clone());
    let commit = began_by.unwrap_or_else(|| current.commit.to_owned());
    let run = Run {
        id: Some(soak.attempt.run),
        attempt: u32::try_from(soak.attempt.attempt).ok(),
        head_sha: Some(soak.run.head_sha.clone()),
        policy: Some(commit.clone()),
    };
    let of = |policy, code_hash| Sample {
        policy,
        run: run.clone(),
        code_hash,
        checkpoint: soak.known.clone(),
        deployed_at: soak.deployed_at,
    };
    // By a policy as the sample before was, with a hash that the nodes have shown where it
    // wants to know one; none where that one was by another policy.
    let as_before = |policy| {
        let known = soak.known.as_ref()?;
        let hashes = known.code_hashes().map(Some).chain([None]);
        hashes.map(|hash| of(policy, hash)).find(|sample| fits(sample, known))
    };
    let checkpoint = if let Some(by_current) = as_before(current.policy) {
        sample(&by_current, context, clock).await?
    } else if soak.known.is_none() {
        let hash = code_hash(current.policy, soak, artifact, client).await?;
        sample(&of(current.policy, hash), context, clock).await?
    } else {
        let short = crate::race::short_sha(&commit);
        context
            .output
            .log(&format!("[monitor] has changed since this soak began: it goes on by that of {short}"));
        let Settings { policy, .. } = policy_source::at_commit(context, client, &commit, &[]).await?;
        let by_then = match as_before(&policy) {
            Some(by_then) => by_then,
            None => of(&policy, code_hash(&policy, soak, artifact, client).await?),
        };
        sample(&by_then, context, clock).await?
    };
    let help = "nothing is lost yet: the next look goes on from the sample before";
    if !checkpoint.nodes.is_empty() && checkpoint.nodes.iter().all(|node| !node.answers) {
        let trouble = checkpoint.nodes.iter().find_map(|node| node.trouble.as_deref());
        let why = format!("no node answers: {}", trouble.unwrap_or("it is not known why"));
        return Err(Failure::new(Exit::SoakUnmeasured, why).help(help));
    }
    match checkpoint.verdict {
        // What one look could not see, the next one may: the chain tells of the time between.
        Verdict::Unmeasured => Err(Failure::new(Exit::SoakUnmeasured, checkpoint.reason.text).help(help)),
        _ => Ok(checkpoint),
    }
}

/// Whether a sample was taken on these terms.
fn fits(sample: &Sample<'_>, known: &Checkpoint) -> bool {
    sample.terms().is_ok_and(|terms| terms.digest() == known.terms)
}

/// The hash of the runtime that was built, where the policy names its file.
async fn code_hash(
    policy: &Policy,
    soak: &Soak,
    artifact: &str,
    client: &mut Client,
) -> Result<Option<Hash>, Failure> {
    match policy.monitor.as_ref().and_then(|monitor| monitor.expect.runtime_wasm.as_deref()) {
        Some(path) => runtime::built(client, soak.attempt.run, artifact, path).await.map(Some),
        None => Ok(None),
    }
}
