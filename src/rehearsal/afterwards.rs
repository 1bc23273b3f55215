//! What comes after a green check: a push to the pull request, whose verdict may be
//! carried over, and the merge queue. Each is a run of its own, in which nobody reviews.

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
use crate::exit::Exit;
use crate::race::short_sha;

/// Carrying and mirroring take seconds; on a machine that is busy some more.
const LIMIT: Duration = Duration::from_secs(60);

/// What all of it needs.
struct Afterwards<'a> {
    scenario: &'a Scenario,
    workflow: &'a Workflow,
    stage: &'a Stage,
    show: &'a mut Show,
    signals: &'a mut Signals,
}

/// Plays what the scenario asks for, and gives the exit code where that is not green.
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
) -> io::Result<Option<Exit>> {
    let mut afterwards = Afterwards { scenario, workflow, stage, show, signals };
    if let Some(file) = &scenario.push {
        let staged = Staged::pushed(stage, file).await?;
        let told = format!("a push changes {file}: run {}", staged.id);
        if !afterwards.is_green(staged, &told).await? {
            return Ok(Some(Exit::Undecided));
        }
    }
    if scenario.merge_queue {
        let staged = Staged::in_the_queue(stage).await?;
        let told = format!("the merge queue takes #{}: run {}", stage.pull_request, staged.id);
        if !afterwards.is_green(staged, &told).await? {
            return Ok(Some(Exit::BranchFailed));
        }
    }
    Ok(None)
}

impl Afterwards<'_> {
    /// Whether the check of that run is green, once nothing in it moves by itself.
    async fn is_green(&mut self, staged: Staged, told: &str) -> io::Result<bool> {
        let (run, prefix) = (staged.id, staged.prefix);
        self.show.say(told);
        let mut runner = Runner::new(self.workflow, self.stage, staged)?;
        let mut world = self.stage.github.changes();
        let began = Instant::now();
        loop {
            runner.advance()?;
            let ids = runner.submitted();
            let jobs: Vec<_> =
                self.stage.github.read(|world| ids.iter().filter_map(|id| world.job(*id).cloned()).collect());
            self.show.jobs(&jobs, prefix);
            // Who reads the jobs races; nobody will review.
            let races = self.stage.github.was_asked(&format!("/runs/{run}/jobs"));
            if races || !runner.is_busy() {
                break;
            }
            tokio::select! {
                ended = runner.next() => drop(runner.step_ended(&ended)?),
                moved = world.changed() => moved.map_err(io::Error::other)?,
                _ = self.signals.next() => break,
                () = tokio::time::sleep_until(began + LIMIT) => break,
                () = tokio::time::sleep(Duration::from_millis(100)) => {}
            }
        }
        let head = self.stage.github.read(|world| world.run(run).map(|run| run.head_sha.clone()));
        let head = head.unwrap_or_default();
        let state = match self.scenario.mode {
            Mode::Poll => runner.ending_of(CHECK).map(Conclusion::as_str).map(str::to_owned),
            Mode::Relay | Mode::Sampled => self.stage.github.read(|world| {
                let latest = world.latest_statuses(&head);
                latest.into_iter().find(|status| status.context == CHECK).map(|status| status.state.clone())
            }),
        };
        let state = state.unwrap_or_else(|| "not decided".to_owned());
        let (short, took) = (short_sha(&head), began.elapsed());
        self.show.say(&format!("{prefix}{CHECK} on {short} is {state} after {took:.1?}"));
        for name in runner.failed_jobs() {
            self.show.tail(runner.staged(), name);
        }
        runner.stop(&["verdict.json"]).await;
        Ok(state == "success")
    }
}
