//! A single look at the soak of another run, for `race samples`.

use jiff::Timestamp;

use super::super::observe::Clock;
use super::super::soaking::CheckpointFile;
use super::super::{Context, Failure};
use super::look::Look;
use super::soaking::Soaking;
use super::{follow, reach};
use crate::exit::Exit;
use crate::policy::Policy;
use crate::policy::duration::between;
use crate::soak::{Checkpoint, Hash, Run, State, Subject, Terms, Verdict};

/// The soak of another run.
pub(in crate::commands) struct Sample<'s> {
    /// What it is held to, and how its nodes are reached.
    pub(in crate::commands) policy: &'s Policy,
    /// The run, and the commit that is soaked.
    pub(in crate::commands) run: Run,
    /// BLAKE2b-256 of the runtime that was built, where the policy wants to know.
    pub(in crate::commands) code_hash: Option<Hash>,
    /// What the look before has left.
    pub(in crate::commands) checkpoint: Option<Checkpoint>,
    /// When its deployment ended.
    pub(in crate::commands) deployed_at: Option<Timestamp>,
}

impl Sample<'_> {
    /// What it is held to.
    ///
    /// # Errors
    ///
    /// When the policy says nothing of a soak, or expects what cannot be known.
    pub(in crate::commands) fn terms(&self) -> Result<Terms, Failure> {
        let mut monitor = self.policy.monitor.clone().ok_or_else(|| {
            Failure::new(Exit::Invalid, "the policy does not say which nodes to watch")
                .help("add [monitor] to policies/testnet.toml")
        })?;
        // A look is no leg, and has no end but its own.
        monitor.max_runtime = None;
        let subject = Subject { sha: self.run.head_sha.clone(), merge_sha: None, code_hash: self.code_hash };
        Terms::new(monitor, &subject)
            .map_err(|error| Failure::caused(Exit::Invalid, "cannot tell what the nodes must run", &error))
    }
}

/// Looks once, and tells what the soak has come to.
///
/// # Errors
///
/// When the policy and the checkpoint do not go together, or the nodes cannot be asked.
pub(in crate::commands) async fn sample(
    sample: &Sample<'_>,
    context: &Context,
    clock: Clock,
) -> Result<Checkpoint, Failure> {
    let (terms, run) = (sample.terms()?, sample.run.clone());
    let mut state = match &sample.checkpoint {
        None => State::new(&terms),
        Some(checkpoint) => State::resume(&terms, checkpoint, &run, None, clock.now())
            .map_err(|why| Failure::new(Exit::Invalid, why.to_string()))?,
    };
    if let Some(deployed_at) = sample.deployed_at {
        state.deployed(&terms, between(deployed_at, clock.now()));
    }
    let (file, _) = CheckpointFile::take(None)?;
    let endpoints = reach::endpoints(context, &terms.monitor, sample.policy.deploy.as_ref())?;
    let mut soaking = Soaking::new(context, terms, run, state, file);
    if soaking.state.verdict() == Verdict::Running {
        soaking.greet(clock.now(), None);
        let look = Look::new(soaking.terms.monitor.nodes.len());
        follow(&mut soaking, endpoints, sample.checkpoint.as_ref(), clock, Some(look), None, None).await;
    }
    Ok(soaking.checkpoint())
}
