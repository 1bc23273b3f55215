//! What the steps of a simulation do.

use std::time::Duration;

use serde_json::json;

use super::durations::{ARTIFACT, FETCH, LINE, SETTLE};
use super::execution::{Doing, Execution};
use super::seen::{page, posted, snapshot};
use super::simulation::Simulation;
use super::step::Kind;
use super::{later, span};
use crate::policy::{AfterWin, Monitor};
use crate::race::settle::{AttemptId, Due, Mark, description, due};
use crate::race::watch::{Observation, Step as Next, Watch};
use crate::race::{Outcome, SoakProof, SoakVerdict, Verdict, decide};
use crate::rehearsal::world::NewStatus;
use crate::setup::mode::CHECK;

/// How long `race settle` keeps trying.
const PATIENCE: Duration = Duration::from_mins(15);
/// How long `race deploy` waits for what the build hands over.
const ARTIFACT_WAIT: Duration = Duration::from_hours(1);

impl Simulation<'_> {
    /// What a step is about, and when it is to be looked after.
    pub(super) fn begin_step(
        &mut self,
        kind: Kind,
        name: &str,
        legs: Option<&str>,
    ) -> Result<(Doing, Duration), String> {
        let polling = self.policy.polling;
        let watch = |deadline| Doing::Watches(Box::new(Watch::new(polling, self.now, deadline)));
        Ok(match kind {
            Kind::Takes(takes) => (Doing::ends(), takes),
            Kind::Keep => (Doing::Keeps(name.to_owned()), ARTIFACT),
            Kind::Build => (Doing::ends(), self.scene.pace.build),
            Kind::Deploy => {
                // A leg of the soak counts from here.
                self.deployed = Some(self.now);
                (Doing::Fetches, Duration::ZERO)
            }
            Kind::Monitor { leg } => self.soak(leg)?,
            Kind::Wait => (watch(polling.deadline.unwrap_or(CHECK)), SETTLE),
            Kind::Settle => (watch(PATIENCE), SETTLE),
            Kind::Open => {
                self.write(Mark::Pending, "")?;
                (Doing::ends(), SETTLE)
            }
            Kind::CleanUp => {
                if self.policy.after_win == AfterWin::CancelRun {
                    self.world.cancel_run(self.run, self.now);
                }
                (Doing::ends(), SETTLE)
            }
            Kind::Legs => {
                let passed = legs.is_some_and(|legs| legs.split(' ').any(|leg| leg == "passed"));
                (Doing::Ends { success: passed, outputs: json!({}) }, LINE)
            }
        })
    }

    /// `race monitor`: when it ends and with what, the chain doing as it should.
    fn soak(&mut self, leg: bool) -> Result<(Doing, Duration), String> {
        let whole = self.scene.pace.ready.saturating_add(self.sessions()?);
        let passes = *self.passes.get_or_insert_with(|| later(self.now, whole));
        let began = self.deployed.take().unwrap_or(self.now);
        let limit = self.policy.monitor.as_ref().and_then(|monitor| monitor.max_runtime);
        let ends = limit.map(|limit| later(began, limit)).filter(|ends| *ends < passes);
        let (success, word) = if ends.is_some() { (leg, "unfinished") } else { (true, "passed") };
        let doing = Doing::Ends { success, outputs: json!({"verdict": word}) };
        Ok((doing, span(self.now, ends.unwrap_or(passes))))
    }

    /// `race deploy --artifact`: waits for what the build hands over, then deploys.
    pub(super) fn fetch(&mut self, index: usize, id: u64) -> Result<(), String> {
        let build = self.executions.iter().find(|execution| execution.job.id == "build");
        let waits = self.deployed.map_or(Duration::ZERO, |since| span(since, self.now));
        if self.artifacts.iter().any(|name| name == "testnet") {
            let execution = &mut self.executions[index];
            execution.doing = Some(Doing::ends());
            execution.due = Some(later(self.now, self.scene.pace.deployment));
        } else if build.is_none_or(Execution::is_over) || waits >= ARTIFACT_WAIT {
            self.step_ended(index, id, false, &json!({}))?;
        } else {
            let execution = &mut self.executions[index];
            (execution.doing, execution.due) = (Some(Doing::Fetches), Some(later(self.now, FETCH)));
        }
        Ok(())
    }

    /// `race wait` and `race settle` look at the run.
    pub(super) fn look(&mut self, index: usize, id: u64, mut watch: Box<Watch>) -> Result<(), String> {
        let execution = &self.executions[index];
        let step = execution.step.and_then(|at| execution.job.steps.get(at));
        let waits = matches!(step.map(Kind::of).transpose()?, Some(Kind::Wait));
        let run = self.world.run(self.run).ok_or("there is no run")?;
        let mut own = vec![self.policy.check.clone()];
        own.extend((!waits).then(|| execution.job.id.clone()));
        let seen = snapshot(&self.world, run, own, self.soaks.clone(), self.now);
        let verdict = decide(&self.policy, &seen);
        let outcome = verdict.outcome();
        let ended = match watch.observe(self.now, Observation::Read(Box::new(verdict.clone()))) {
            Next::End(verdict) => Some(verdict),
            Next::Refuse(refusal) => return Err(refusal.message),
            // In its own job the list is as new as need be.
            Next::Wait { .. } if !waits && outcome == Outcome::Undecided => Some(verdict),
            Next::Wait { within } => {
                let pause = within.unwrap_or_else(|| self.pause(index)).min(watch.remaining(self.now));
                let execution = &mut self.executions[index];
                (execution.doing, execution.due) =
                    (Some(Doing::Watches(watch)), Some(later(self.now, pause)));
                None
            }
        };
        let Some(verdict) = ended else { return Ok(()) };
        let word = verdict.outcome().word();
        if waits {
            let check = if verdict.outcome() == Outcome::Won { "success" } else { "failure" };
            self.check = (check.to_owned(), verdict.reason.to_string(), self.now);
            return self.step_ended(index, id, verdict.outcome() == Outcome::Won, &json!({"verdict": word}));
        }
        self.settle(&verdict)?;
        self.step_ended(index, id, true, &json!({"verdict": word}))
    }

    /// How long `race wait` sees nothing new, look by look.
    fn pause(&self, index: usize) -> Duration {
        let interval = self.policy.polling.max_interval;
        let quiet = self.next_besides(Some(index)).map_or(interval, |next| span(self.now, next));
        let looks = quiet.as_millis().div_ceil(interval.as_millis().max(1)).max(1);
        interval.saturating_mul(u32::try_from(looks).unwrap_or(u32::MAX))
    }

    /// The samples look after the soak: at first they take the baseline, in the end they
    /// settle.
    pub(super) fn sample(&mut self) -> Result<(), String> {
        let soak = self.sessions()?;
        let passes = *self.passes.get_or_insert_with(|| later(self.now, soak));
        if self.now < passes {
            return Ok(());
        }
        let run = self.world.run(self.run).ok_or("there is no run")?;
        let passed = SoakVerdict::Passed;
        self.soaks =
            vec![SoakProof { run_id: run.id, attempt: 1, head_sha: run.head_sha.clone(), verdict: passed }];
        let own = vec![self.policy.check.clone()];
        let seen = snapshot(&self.world, run, own, self.soaks.clone(), self.now);
        self.settle(&decide(&self.policy, &seen))
    }

    /// How long all sessions take.
    fn sessions(&self) -> Result<Duration, String> {
        let monitor: &Monitor = self.policy.monitor.as_ref().ok_or("nothing is said about the soak")?;
        let sessions = monitor.target_sessions.saturating_add(monitor.warm_up_sessions);
        let session = (monitor.session_length / 100).saturating_mul(100 + self.scene.pace.slack);
        Ok(session.saturating_mul(sessions))
    }

    fn settle(&mut self, verdict: &Verdict) -> Result<(), String> {
        match Mark::of(verdict.outcome()) {
            Some(mark) => self.write(mark, &verdict.reason.to_string()),
            None => Ok(()),
        }
    }

    /// Writes the status, where it is due.
    fn write(&mut self, mark: Mark, text: &str) -> Result<(), String> {
        let run = self.world.run(self.run).ok_or("there is no run")?;
        let (sha, check) = (run.head_sha.clone(), self.policy.check.clone());
        let url = format!("{}/attempts/1", page(run));
        let ours = AttemptId { run: run.id, attempt: 1 };
        if due(mark, ours, &posted(&self.world, &sha, &check)) != Due::Write(mark) {
            return Ok(());
        }
        let status = NewStatus {
            context: check,
            state: mark.word().to_owned(),
            description: Some(description(text)),
            target_url: Some(url),
        };
        self.world
            .post_status(&sha, status, "github-actions[bot]", self.now)
            .map_err(|error| error.to_string())?;
        self.check = (mark.word().to_owned(), text.to_owned(), self.now);
        Ok(())
    }
}
