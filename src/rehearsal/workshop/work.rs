//! The work of a workshop: whatever run there is, its workflow's jobs are done. A new
//! run of the same group cancels the one before, as GitHub's `concurrency` has it.

use std::io;
use std::time::Duration;

use futures::future::select_all;
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval};

use super::WORKFLOW;
use crate::rehearsal::stage::Stage;
use crate::rehearsal::staged::Staged;
use crate::rehearsal::workflow::{Ended, Runner, Workflow};
use crate::rehearsal::world::World;

/// How often a look tells what the first host runs.
const LOOK: Duration = Duration::from_millis(20);

/// Works until it is told to stop, or cannot go on.
pub(super) async fn work(stage: &Stage, mut stopped: oneshot::Receiver<()>) -> io::Result<()> {
    let mut runners: Vec<Runner<'_>> = Vec::new();
    let ended = tokio::select! {
        ended = all_runs(stage, &mut runners) => ended,
        _ = &mut stopped => Ok(()),
    };
    for runner in &mut runners {
        runner.stop(&[]).await;
    }
    ended
}

async fn all_runs<'s>(stage: &'s Stage, runners: &mut Vec<Runner<'s>>) -> io::Result<()> {
    let mut changes = stage.github.changes();
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut next: Option<Runner<'_>> = None;
    let mut running = String::new();
    loop {
        for runner in runners.iter_mut() {
            runner.advance()?;
        }
        if next.is_none() {
            let taken = runners.len();
            if let Some(id) = stage.github.read(|world| world.runs.get(taken).map(|run| run.id)) {
                next = Some(begin(stage, id).await?);
            }
        }
        if let Some(runner) = next.take() {
            let rivals = |other: &&Runner<'_>| {
                runner.group().is_some() && runner.group() == other.group() && !other.is_over()
            };
            let former: Vec<u64> = runners.iter().filter(rivals).map(|other| other.staged().id).collect();
            if former.is_empty() {
                runners.push(runner);
                continue;
            }
            // It begins once those have ended.
            next = Some(runner);
            if cancel(stage, &former) {
                continue;
            }
        }
        tokio::select! {
            (index, ended) = step_of(runners) => {
                if let Some(runner) = runners.get_mut(index) {
                    runner.step_ended(&ended)?;
                }
            }
            moved = changes.changed() => moved.map_err(io::Error::other)?,
            _ = look.tick() => follow(stage, &mut running),
        }
    }
}

/// The next step of any run that ends; waits for ever where there is no run.
async fn step_of(runners: &mut [Runner<'_>]) -> (usize, Ended) {
    if runners.is_empty() {
        return std::future::pending().await;
    }
    let all = runners.iter_mut().map(|runner| Box::pin(runner.next()));
    let (ended, index, _) = select_all(all).await;
    (index, ended)
}

/// A runner for a run, with the workflow that the run's own commit has.
async fn begin(stage: &Stage, id: u64) -> io::Result<Runner<'_>> {
    let text = stage.github.read(|world| workflow_of(world, id).cloned());
    let text = text.ok_or_else(|| io::Error::other(format!("run {id} has no {WORKFLOW}")))?;
    let workflow =
        Workflow::parse(&text).map_err(|error| io::Error::other(format!("{WORKFLOW}: {error}")))?;
    Runner::new(&workflow, stage, Staged::of_run(stage, id).await?)
}

/// Of a pull request it is that of the commit which GitHub merged for trying.
fn workflow_of(world: &World, id: u64) -> Option<&String> {
    let run = world.run(id)?;
    let sha = match run.pull_request {
        Some(number) => &world.pull_request(number)?.merge_sha,
        None => &run.head_sha,
    };
    world.commits.get(sha)?.files.get(WORKFLOW)
}

/// Cancels those runs; whether any had not been cancelled.
fn cancel(stage: &Stage, runs: &[u64]) -> bool {
    let going: Vec<u64> = stage.github.read(|world| {
        let goes_on = |id: &&u64| world.run(**id).is_some_and(|run| !run.cancelled);
        runs.iter().filter(goes_on).copied().collect()
    });
    for id in &going {
        stage.github.change(|world, now| world.cancel_run(*id, now));
    }
    !going.is_empty()
}

/// The chain's node says that it is what the first host runs.
fn follow(stage: &Stage, running: &mut String) {
    let now = stage.testnet.runs();
    if now != *running {
        stage.chain.change_node(0, |conduct| conduct.version = format!("0.1.0-{now}"));
        *running = now;
    }
}
