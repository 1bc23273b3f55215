//! The soaks that go on: runs whose check is pending, and whose branch is done with its
//! job and waits for its proof.

use jiff::Timestamp;

use crate::github::{ApiError, Client, Depth, GateRun, Home, Reader};
use crate::policy::Policy;
use crate::race::sampled::awaited;
use crate::race::settle::{AttemptId, Due, Mark, due};
use crate::race::{Outcome, Run, Verdict};
use crate::setup::mode::{DEPLOYMENT, REVIEW, Soak as Length};
use crate::soak::Checkpoint;

use super::super::Context;
use super::super::observe::{Clock, Look, Race};
use super::super::proof::Proofs;

/// How often anything is asked of GitHub before a soak is left for the next time.
const TRIES: u32 = 4;

/// Requests that are left to others: then it ends looking for further soaks.
const SPARED: u64 = 100;

/// A soak that goes on.
pub(super) struct Soak {
    /// The attempt whose job has deployed.
    pub(super) attempt: AttemptId,
    /// The run.
    pub(super) run: Run,
    /// When the job ended that has deployed, by GitHub's job list.
    pub(super) deployed_at: Option<Timestamp>,
    /// The newest sample of it.
    pub(super) known: Option<Checkpoint>,
}

/// A run whose soak has ended, or that nobody wants any more, without its status saying so.
pub(super) struct Over {
    pub(super) run: Run,
    pub(super) race: Box<Race>,
}

/// What was found.
#[derive(Default)]
pub(super) struct Open {
    pub(super) soaks: Vec<Soak>,
    pub(super) over: Vec<Over>,
    /// What could not be read, and why.
    pub(super) failed: Vec<(AttemptId, String)>,
}

/// Looks for them among the runs of that workflow.
///
/// # Errors
///
/// When the runs cannot be listed.
pub(super) async fn open(
    client: &mut Client,
    context: &Context,
    policy: &Policy,
    home: &Home,
    workflow: &str,
    clock: Clock,
) -> Result<Open, ApiError> {
    let since = clock.now().checked_sub(horizon(policy)).unwrap_or(Timestamp::MIN);
    let mut tries = 0;
    let runs = loop {
        match client.runs_since(workflow, since, home).await {
            Ok(runs) => break runs,
            Err(error) => again(client, context, error, &mut tries).await?,
        }
    };
    let mut open = Open::default();
    for run in runs.into_iter().filter(|run| run.may_deploy && !run.cancelled) {
        if client.budget().is_some_and(|budget| budget.remaining < SPARED) {
            context.output.log("the rate limit is nearly spent: older runs are left for the next time");
            break;
        }
        let mut tries = 0;
        loop {
            match look_at(client, policy, &run, clock, &mut open).await {
                Ok(()) => break,
                Err(error) => {
                    if let Err(error) = again(client, context, error, &mut tries).await {
                        open.failed.push((of(&run), error.to_string()));
                        break;
                    }
                }
            }
        }
    }
    Ok(open)
}

/// A run cannot have begun earlier: its review, and its soak twice over.
fn horizon(policy: &Policy) -> std::time::Duration {
    let soak = policy.monitor.as_ref().map(|monitor| Length::of(monitor, DEPLOYMENT).whole());
    REVIEW.saturating_add(soak.unwrap_or_default().saturating_mul(2)).min(REVIEW.saturating_mul(24))
}

async fn look_at(
    client: &mut Client,
    policy: &Policy,
    run: &GateRun,
    clock: Clock,
    open: &mut Open,
) -> Result<(), ApiError> {
    let posted = client.statuses(&run.head_sha, &policy.check).await?;
    // What has a verdict keeps it, and a later run of the commit has the say.
    if !matches!(due(Mark::Success, of(run), &posted), Due::Write(_)) {
        return Ok(());
    }
    let unwanted = match run.pull_request {
        Some(number) => !client.pull_request(number).await?.open,
        None => false,
    };
    let reader = Reader::new(client.another(), run.id, Some(run.attempt)).being_cancelled(unwanted);
    let mut race = Race::of(reader, policy);
    let Look { verdict, run: found, .. } = race.look_alone(policy, Depth::Full, clock.now()).await?;
    let Some(run) = found else { return Ok(()) };
    let waits = |branch| Some((awaited(branch, run.id)?, branch.completed_at));
    if let Some((attempt, deployed_at)) = verdict.branches.iter().find_map(waits) {
        let known = race.sampled().values().next().cloned();
        open.soaks.push(Soak { attempt, run, deployed_at, known });
    } else if is_over(&verdict, &race, unwanted) {
        open.over.push(Over { run, race: Box::new(race) });
    }
    Ok(())
}

/// Whether the verdict is ours to write: the run's own jobs know nothing of the proof.
fn is_over(verdict: &Verdict, race: &Race, unwanted: bool) -> bool {
    verdict.outcome() != Outcome::Undecided && (unwanted || !race.sampled().is_empty())
}

fn of(run: &GateRun) -> AttemptId {
    AttemptId { run: run.id, attempt: run.attempt }
}

/// Waits before another try, or gives the error back.
async fn again(client: &Client, context: &Context, error: ApiError, tries: &mut u32) -> Result<(), ApiError> {
    *tries += 1;
    if *tries >= TRIES || !error.is_passing() {
        return Err(error);
    }
    context.output.log(&format!("trying again: {error}"));
    client.pause_before_another(&error, *tries).await;
    Ok(())
}

impl Soak {
    /// How it is called, for people.
    pub(super) fn name(&self) -> String {
        name(&self.run, self.attempt)
    }
}

/// How a soak is called, for people.
pub(super) fn name(run: &Run, AttemptId { run: id, attempt }: AttemptId) -> String {
    match run.pull_request {
        Some(number) => format!("#{number}, run {id}, attempt {attempt}"),
        None => format!("run {id}, attempt {attempt}"),
    }
}

/// Those whose turn it is first: that nobody has looked at for the longest time.
pub(super) fn by_turn(soaks: &mut [Soak]) {
    soaks.sort_by_key(|soak| (soak.known.as_ref().and_then(|known| known.updated_at), soak.attempt));
}

/// What samples have kept of an attempt's soak, asked for by who settles it.
pub(super) async fn has_ended(race: &mut Race, attempt: AttemptId) -> Result<bool, ApiError> {
    let (client, proofs): (&mut Client, &mut Proofs) = race.proofs();
    Ok(match proofs.newest(client, attempt).await? {
        super::super::proof::Found::Sample(checkpoint) => super::is_ended(&checkpoint),
        _ => false,
    })
}
