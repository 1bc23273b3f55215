//! The samples of a soak: the scheduled workflow of the default branch, run again and
//! again while a soak goes on, each time on machines of its own.

use std::fs;
use std::io;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::arguments::{Contender, Mode};
use super::legs::compared;
use super::relay;
use super::scenario::Scenario;
use super::show::Show;
use super::stage::Stage;
use super::staged::Staged;
use super::workflow::{Ended, Runner, SAMPLES, Workflow};
use super::world::Conclusion;
use crate::soak::Checkpoint;

/// About so many looks are taken until the target.
const LOOKS: u32 = 4;

/// The samples of a rehearsal.
pub(super) struct Samples<'a> {
    stage: &'a Stage,
    workflow: Workflow,
    /// From one look to the next.
    every: Duration,
    runner: Option<Runner<'a>>,
    count: u32,
    /// When the next look is taken.
    due: Option<Instant>,
}

impl<'a> Samples<'a> {
    /// None is taken yet.
    pub(super) fn new(scenario: &Scenario, stage: &'a Stage) -> io::Result<Self> {
        let workflow = Workflow::parse(SAMPLES).map_err(io::Error::other)?;
        let every = scenario.session_every * (scenario.sessions / LOOKS).max(1);
        Ok(Self { stage, workflow, every, runner: None, count: 0, due: None })
    }

    /// Takes a look where one is due: the run has deployed, and its check is pending.
    pub(super) async fn advance(
        &mut self,
        scenario: &Scenario,
        run: &Runner<'_>,
        show: &Show,
    ) -> io::Result<()> {
        if scenario.mode != Mode::Sampled {
            return Ok(());
        }
        if let Some(runner) = &mut self.runner {
            runner.advance()?;
            if !runner.is_over() {
                return Ok(());
            }
            let staged = runner.staged().clone();
            self.runner = None;
            if let Some(line) = self.told(&staged, run.staged().id)? {
                show.say(&line);
            }
            self.due = Some(Instant::now() + self.every);
        }
        if !soaks(self.stage, run) || self.due.is_some_and(|due| Instant::now() < due) {
            return Ok(());
        }
        (self.count, self.due) = (self.count + 1, None);
        let session = *self.stage.chain.sessions().borrow();
        show.say(&format!("samples: look {}, on a machine of its own, in session {session}", self.count));
        let staged = Staged::sampling(self.stage, self.count).await?;
        let mut runner = Runner::new(&self.workflow, self.stage, staged)?;
        runner.advance()?;
        self.runner = Some(runner);
        Ok(())
    }

    /// Whether nobody looks now.
    pub(super) fn is_idle(&self) -> bool {
        self.runner.is_none()
    }

    /// The next step of the run that looks now; none where the next look is due.
    pub(super) async fn next(&mut self) -> Option<Ended> {
        match (&mut self.runner, self.due) {
            (Some(runner), _) => Some(runner.next().await),
            (None, Some(due)) => {
                sleep_until(due).await;
                self.due = None;
                None
            }
            (None, None) => std::future::pending().await,
        }
    }

    /// A step has ended: the next one starts, or the job ends.
    pub(super) fn step_ended(&mut self, ended: Option<Ended>) -> io::Result<()> {
        let looking = self.runner.as_mut().zip(ended);
        looking.map_or(Ok(()), |(runner, ended)| runner.step_ended(&ended).map(drop))
    }

    /// The run that looks now.
    pub(super) fn runner(&mut self) -> Option<&mut Runner<'a>> {
        self.runner.as_mut()
    }

    /// What a look came to: by the file that it kept, and where that ended the soak by the
    /// chain's own record.
    fn told(&self, staged: &Staged, run: u64) -> io::Result<Option<String>> {
        let name = format!("soak-{run}-1");
        let path = staged.path("artifacts").join(name).join("soak.json");
        let Ok(text) = fs::read_to_string(path) else { return Ok(None) };
        let soak = Checkpoint::read(&text).map_err(io::Error::other)?;
        let (count, verdict) = (self.count, soak.verdict.word());
        let mut line =
            format!("samples: look {count}: {verdict}, {} of {} sessions", soak.counted, soak.target);
        if verdict == "passed" {
            let same = compared(&soak, &self.stage.chain);
            line = format!("{line}; {}", same.map_err(io::Error::other)?);
        }
        Ok(Some(line))
    }
}

/// Whether nothing more is to be looked at.
pub(super) fn soaks(stage: &Stage, run: &Runner<'_>) -> bool {
    run.ending_of(Contender::Testnet.name()) == Some(&Conclusion::Success)
        && relay::status(stage).as_deref() == Some("pending")
}

/// The next step of that run that ends; waits for ever where there is no run.
pub(super) async fn step_of(runner: Option<&mut Runner<'_>>) -> Ended {
    match runner {
        Some(runner) => runner.next().await,
        None => std::future::pending().await,
    }
}
