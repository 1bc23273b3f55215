//! The merge queue takes the pull request: the workflow is run once more, for its group,
//! where nobody reviews.

use std::io;
use std::time::Duration;

use tokio::time::Instant;

use super::arguments::Mode;
use super::scenario::Scenario;
use super::show::Show;
use super::stage::{CHECK, Stage};
use super::staged::Staged;
use super::workflow::{Runner, Workflow};
use super::world::Conclusion;
use crate::commands::Signals;

/// Mirroring takes seconds; on a machine that is busy some more.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs the workflow for the group. Whether its check is green in the end.
///
/// # Errors
///
/// When the stand-in refuses, or an expression names what is not there.
pub(super) async fn play(
    scenario: &Scenario,
    workflow: &Workflow,
    stage: &Stage,
    show: &mut Show,
    signals: &mut Signals,
) -> io::Result<bool> {
    let staged = Staged::in_the_queue(stage).await?;
    let run = staged.id;
    show.say(&format!("the merge queue takes #{}: run {run} for its group", stage.pull_request));
    let mut runner = Runner::new(workflow, stage, staged)?;
    let mut world = stage.github.changes();
    let began = Instant::now();
    loop {
        runner.advance()?;
        let ids = runner.submitted();
        let jobs: Vec<_> =
            stage.github.read(|world| ids.iter().filter_map(|id| world.job(*id).cloned()).collect());
        show.jobs(&jobs, runner.staged().prefix);
        if !runner.is_busy() {
            break;
        }
        tokio::select! {
            ended = runner.next() => drop(runner.step_ended(&ended)?),
            moved = world.changed() => moved.map_err(io::Error::other)?,
            _ = signals.next() => break,
            () = tokio::time::sleep_until(began + LIMIT) => break,
        }
    }
    let group = stage.github.read(|world| world.run(run).map(|run| run.head_sha.clone())).unwrap_or_default();
    let state = match scenario.mode {
        Mode::Poll => runner.ending_of(CHECK).map(Conclusion::as_str).map(str::to_owned),
        Mode::Relay => stage.github.read(|world| {
            let latest = world.latest_statuses(&group);
            latest.into_iter().find(|status| status.context == CHECK).map(|status| status.state.clone())
        }),
    };
    let state = state.unwrap_or_else(|| "not there".to_owned());
    let short = crate::race::short_sha(&group);
    show.say(&format!("merge queue: {CHECK} on {short} is {state} after {:.1?}", began.elapsed()));
    for name in runner.failed_jobs() {
        show.tail(runner.staged(), name);
    }
    runner.stop(&["verdict.json"]).await;
    Ok(state == "success")
}
