//! One look at one soak: by which policy, from which sample on, and what came of it.

use crate::config::Settings;
use crate::exit::Exit;
use crate::github::Client;
use crate::policy::Policy;
use crate::soak::{Checkpoint, Run, Verdict};

use super::super::monitor::{Sample, sample};
use super::super::observe::Clock;
use super::super::{Context, Failure, policy_source};
use super::open::Soak;

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
    let of = |policy| Sample {
        policy,
        run: run.clone(),
        code_hash: None,
        checkpoint: soak.known.clone(),
        deployed_at: soak.deployed_at,
    };
    let by_current = of(current.policy);
    let fits = match &soak.known {
        None => true,
        Some(known) => by_current.terms().is_ok_and(|terms| terms.digest() == known.terms),
    };
    let checkpoint = if fits {
        sample(&by_current, context, clock).await?
    } else {
        let short = crate::race::short_sha(&commit);
        context
            .output
            .log(&format!("[monitor] has changed since this soak began: it goes on by that of {short}"));
        let Settings { policy, .. } = policy_source::at_commit(context, client, &commit, &[]).await?;
        sample(&of(&policy), context, clock).await?
    };
    match checkpoint.verdict {
        // What one look could not see, the next one may: the chain tells of the time between.
        Verdict::Unmeasured => Err(Failure::new(Exit::SoakUnmeasured, checkpoint.reason.text)
            .help("nothing is lost yet: the next look goes on from the sample before")),
        _ => Ok(checkpoint),
    }
}
