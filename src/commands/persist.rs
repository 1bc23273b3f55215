//! Asking GitHub for what must be known before anything can be decided, until it
//! tells or the deadline has passed.

use std::time::Duration;

use crate::github::Pace;
use crate::policy::Polling;
use crate::race::Verdict;
use crate::race::watch::{Observation, Step, Watch};

use super::observe::Clock;
use super::policy_source::Unknown;
use super::{Context, Failure};

/// What ends the asking without an answer.
pub(super) enum Ending {
    /// The deadline passed.
    Verdict(Verdict),
    /// GitHub refuses, or what was found cannot be used.
    Failure(Failure),
}

/// Asks again and again, as the wait for a verdict does: an outage ends nothing
/// before the deadline, a refusal is believed when it was repeated.
pub(super) async fn persist<T>(
    context: &Context,
    clock: Clock,
    deadline: Duration,
    mut ask: impl AsyncFnMut() -> Result<T, Unknown>,
) -> Result<T, Ending> {
    let polling = Polling::default();
    let mut watch = Watch::new(polling, clock.began(), deadline);
    let mut pace = Pace::new(polling, clock.began());
    loop {
        let asked = tokio::time::timeout(watch.remaining(clock.now()), ask()).await;
        let now = clock.now();
        let (observation, pause) = match asked {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(Unknown::Failure(failure))) => return Err(Ending::Failure(failure)),
            Ok(Err(Unknown::Api(error))) => (error.observed(), pace.after_failure(&error, fastrand::f64())),
            Err(_) => (Observation::Unreachable("no answer before the deadline".to_owned()), Duration::ZERO),
        };
        let within = match watch.observe(now, observation) {
            Step::End(verdict) => return Err(Ending::Verdict(verdict)),
            Step::Refuse(refusal) => {
                let failure = Failure::new(refusal.exit, refusal.message).help(refusal.help);
                return Err(Ending::Failure(failure));
            }
            Step::Wait { within } => within,
        };
        if let Some(error) = watch.error() {
            context.output.log(&format!("trying again: {error}"));
        }
        let pause = within.map_or(pause, |within| pause.min(within));
        tokio::time::sleep(pause.min(watch.remaining(now))).await;
    }
}
