//! The verdict of a soak that has ended, written as the status of the commit that was
//! soaked. A run that ended long ago has one, too.

use std::time::Duration;

use crate::exit::Exit;
use crate::github::Depth;
use crate::policy::Policy;
use crate::race::settle::{AttemptId, Mark};
use crate::race::watch::{Observation, Step, Watch};
use crate::race::{Outcome, Run, Verdict, short_sha};
use crate::report::inert;

use super::super::observe::{Clock, Race};
use super::super::publish::{Publication, publish};
use super::super::{Context, Failure};

/// How long one verdict may take, its confirmation by a second reading included.
const DEADLINE: Duration = Duration::from_mins(5);

/// Where the race goes on, though a soak of it has ended, so long is looked.
const PATIENCE: Duration = Duration::from_secs(40);

/// Writes the verdict of a run, where there is one. Tells it.
///
/// # Errors
///
/// When GitHub cannot be read, or refuses the status.
pub(super) async fn settle(
    run: &Run,
    race: &mut Race,
    policy: &Policy,
    context: &Context,
) -> Result<Option<Verdict>, Failure> {
    let clock = Clock::start();
    let Some(verdict) = verdict(race, policy, clock).await? else { return Ok(None) };
    let Some(mark) = Mark::of(verdict.outcome()) else { return Ok(None) };
    let publication = Publication {
        sha: &run.head_sha,
        check: &policy.check,
        ours: AttemptId { run: run.id, attempt: run.attempt },
        target_url: format!("{}/attempts/{}", run.url, run.attempt),
        mark,
        description: inert(&verdict.reason.to_string()).into_owned(),
        from_fork: false,
    };
    let (client, _) = race.proofs();
    let published = publish(&publication, client, context, policy.polling, DEADLINE).await?;
    let word = published.stands.mark.map_or("unknown", Mark::word);
    let what = if published.written > 0 { "wrote" } else { "found" };
    context.output.log(&format!("{what} {} on {}: {word}", policy.check, short_sha(&run.head_sha)));
    Ok(Some(verdict))
}

/// What the race came to, confirmed as elsewhere; none where it goes on.
async fn verdict(race: &mut Race, policy: &Policy, clock: Clock) -> Result<Option<Verdict>, Failure> {
    let polling = policy.polling;
    let mut watch = Watch::new(polling, clock.began(), DEADLINE);
    loop {
        let looked = race.look_alone(policy, Depth::Full, clock.now()).await;
        let now = clock.now();
        let waited = Duration::try_from(now.duration_since(clock.began())).unwrap_or_default();
        let (observation, goes_on) = match looked {
            Ok(look) => {
                let goes_on = look.verdict.outcome() == Outcome::Undecided && waited > PATIENCE;
                (Observation::Read(Box::new(look.verdict)), goes_on)
            }
            Err(error) => (error.observed(), false),
        };
        let within = match watch.observe(now, observation) {
            Step::End(verdict) if verdict.outcome() == Outcome::Undecided => {
                return Err(Failure::new(Exit::Undecided, verdict.reason.to_string()));
            }
            Step::End(verdict) => return Ok(Some(verdict)),
            Step::Refuse(refusal) => {
                return Err(Failure::new(refusal.exit, refusal.message).help(refusal.help));
            }
            Step::Wait { within } => within,
        };
        if goes_on {
            return Ok(None);
        }
        tokio::time::sleep(within.unwrap_or(polling.interval)).await;
    }
}
