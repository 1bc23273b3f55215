//! The simulation: from one moment at which something happens to the next.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::expression;
use super::super::needs::{before, needs};
use super::super::{Work, Workflow};
use super::durations::{RUNNER, SET_UP};
use super::execution::{Doing, Execution};
use super::samples::Samples;
use super::step::Kind;
use super::{Played, Scene, Used, later, span};
use crate::policy::{Policy, Proof};
use crate::race::SoakProof;
use crate::rehearsal::world::{Conclusion, Job, ReviewState, Status, World};
use crate::setup::RunsOn;
use crate::setup::mode::{JOB, JOB_SELF_HOSTED, REVIEW, RUN};

/// Who approves.
const REVIEWER: &str = "alice";

/// A race being played.
pub(super) struct Simulation<'s> {
    pub(super) scene: &'s Scene,
    pub(super) policy: Policy,
    samples: Option<Samples>,
    /// When soaks were looked after.
    looks: Vec<Timestamp>,
    /// What they have proven.
    pub(super) soaks: Vec<SoakProof>,
    pub(super) world: World,
    pub(super) run: u64,
    began: Timestamp,
    pub(super) now: Timestamp,
    /// The context `github`.
    github: Value,
    pub(super) executions: Vec<Execution>,
    /// Nobody has approved yet.
    unreviewed: bool,
    pub(super) artifacts: Vec<String>,
    /// When the deployment of the testnet began.
    pub(super) deployed: Option<Timestamp>,
    /// When the soak reaches its target.
    pub(super) passes: Option<Timestamp>,
    /// The check, why, and since when.
    pub(super) check: (String, String, Timestamp),
}

impl<'s> Simulation<'s> {
    pub(super) fn new(
        scene: &'s Scene,
        workflow: &Workflow,
        policy: Policy,
        samples: Option<Samples>,
        began: Timestamp,
    ) -> Result<Self, String> {
        let mut world = World::new("octo-org/chain", began);
        for branch in &policy.branches {
            world.protect(&branch.environment, &[REVIEWER], began);
        }
        let number = world.open_pull_request("carol", "Change the core", began);
        let run = world.start_pull_request_run(number, began);
        let pull = world.pull_request(number).ok_or("there is no pull request")?;
        let github = json!({
            "event_name": "pull_request",
            "repository": "octo-org/chain",
            "workflow": workflow.name,
            "sha": pull.merge_sha,
            "ref": format!("refs/pull/{number}/merge"),
            "token": "",
            "event": {"pull_request": {
                "number": number,
                "head": {"sha": pull.head_sha, "repo": {"full_name": "octo-org/chain"}},
                "base": {"sha": pull.base_sha},
            }},
        });
        Ok(Self {
            scene,
            policy,
            samples,
            looks: Vec::new(),
            soaks: Vec::new(),
            world,
            run,
            began,
            now: began,
            github,
            executions: workflow.jobs.iter().map(Execution::of).collect(),
            unreviewed: true,
            artifacts: Vec::new(),
            deployed: None,
            passes: None,
            check: ("pending".to_owned(), String::new(), began),
        })
    }

    pub(super) fn play(mut self) -> Result<Played, String> {
        loop {
            self.advance()?;
            let Some(next) = self.next() else { break };
            self.now = next.max(self.now);
            self.happen()?;
        }
        let mut begun: Vec<_> =
            self.executions.iter().filter_map(|one| Some((self.world.job(one.id?)?, one))).collect();
        begun.retain(|(job, _)| job.runner.is_some());
        begun.sort_by_key(|(job, _)| job.started_at);
        let used = |(job, execution): &(&Job, &Execution)| Used {
            name: job.name.clone(),
            runs_on: execution.job.runs_on,
            ran: span(job.started_at, job.completed_at.unwrap_or(self.now)),
        };
        let mut jobs: Vec<Used> = begun.iter().map(used).collect();
        if let Some(samples) = &self.samples {
            let (name, runs_on) = &samples.job;
            let look = Used { name: name.clone(), runs_on: *runs_on, ran: samples.takes };
            jobs.extend(self.looks.iter().map(|_| look.clone()));
        }
        let (check, reason, at) = self.check.clone();
        Ok(Played { check, reason, after: span(self.began, at), jobs })
    }

    /// GitHub gets to know the jobs whose needs have ended, and looks for runners.
    fn advance(&mut self) -> Result<(), String> {
        let mut moved = true;
        while moved {
            moved = false;
            for index in 0..self.executions.len() {
                moved |= self.notice_an_ending(index) || self.submit(index)?;
            }
        }
        Ok(())
    }

    /// A job may end from outside: rejected, or with its run.
    fn notice_an_ending(&mut self, index: usize) -> bool {
        let execution = &mut self.executions[index];
        let job = execution.id.and_then(|id| self.world.job(id));
        let Some(job) = job.filter(|_| !execution.is_over()) else { return false };
        match (&job.status, &job.conclusion) {
            (Status::Completed, Some(conclusion)) => {
                // A job that took too long is a failure to those that need it.
                let told = match conclusion {
                    Conclusion::TimedOut => Conclusion::Failure,
                    other => other.clone(),
                };
                execution.end(told);
                true
            }
            (Status::Queued, _) if execution.begins.is_none() => {
                execution.begins = Some(later(self.now, RUNNER));
                execution.due = execution.begins;
                true
            }
            _ => false,
        }
    }

    fn submit(&mut self, index: usize) -> Result<bool, String> {
        if self.executions[index].id.is_some() {
            return Ok(false);
        }
        let Some(needs) = needs(&self.executions, index) else { return Ok(false) };
        let before = before(&self.executions, index);
        let cancelled = self.world.run(self.run).is_some_and(|run| run.cancelled);
        let execution = &mut self.executions[index];
        let scope = execution.scope(&self.github, &needs).after(&before, cancelled);
        let (name, environment) = (&execution.job.name, execution.job.environment.as_deref());
        if expression::holds(execution.job.condition.as_deref(), &scope)? {
            execution.id = Some(self.world.submit_job(self.run, name, environment, self.now));
        } else {
            let skipped = Conclusion::Skipped;
            execution.id = Some(self.world.ended_job(self.run, name, None, skipped.clone(), self.now));
            execution.end(skipped);
        }
        Ok(true)
    }

    /// When something happens next; never where nothing can any more.
    fn next(&self) -> Option<Timestamp> {
        self.next_besides(None)
    }

    /// When something happens next that is not about that job.
    pub(super) fn next_besides(&self, job: Option<usize>) -> Option<Timestamp> {
        let others = self.executions.iter().enumerate().filter(|(index, _)| Some(*index) != job);
        let open = others.map(|(_, execution)| execution).filter(|execution| !execution.is_over());
        let jobs = open.flat_map(|execution| [execution.due, self.ends_at_last(execution)]).flatten();
        let review = self.unreviewed.then(|| later(self.began, self.scene.review));
        jobs.chain(review).chain(self.next_look()).min()
    }

    /// When the open soak is looked after next.
    fn next_look(&self) -> Option<Timestamp> {
        let samples = self.samples.as_ref()?;
        let gate = &self.policy.branches.iter().find(|branch| branch.proof == Proof::Soak)?.job;
        let job = self.executions.iter().find(|execution| execution.job.name == *gate)?;
        let soaks = job.conclusion == Some(Conclusion::Success) && self.check.0 == "pending";
        let since = self.world.job(job.id?)?.completed_at?;
        let last = self.looks.last().copied().unwrap_or(since);
        soaks.then(|| samples.after(self.began, last))
    }

    /// When GitHub puts an end to a job: where it waits too long for a review, is too
    /// long on its runner, or its run takes too long.
    fn ends_at_last(&self, execution: &Execution) -> Option<Timestamp> {
        let job = self.world.job(execution.id?)?;
        let most = match execution.job.runs_on {
            RunsOn::Hosted => JOB,
            RunsOn::SelfHosted => JOB_SELF_HOSTED,
        };
        let own = match job.status {
            Status::Waiting => Some(later(job.created_at, REVIEW)),
            Status::InProgress => {
                Some(later(job.started_at, execution.job.timeout.map_or(most, |timeout| timeout.min(most))))
            }
            _ => None,
        };
        own.into_iter().chain([later(self.began, RUN)]).min()
    }

    /// What is due now.
    fn happen(&mut self) -> Result<(), String> {
        if self.now >= later(self.began, RUN) {
            self.world.cancel_run(self.run, self.now);
        }
        if self.unreviewed && self.now >= later(self.began, self.scene.review) {
            self.unreviewed = false;
            let environment = &self.policy.branches[0].environment;
            let environment = self.world.environment(environment).map_or(0, |environment| environment.id);
            let approved = ReviewState::Approved;
            // Too late: nothing waits any more.
            let _ = self.world.review(self.run, &[environment], approved, REVIEWER, "", self.now);
        }
        if self.next_look().is_some_and(|look| look <= self.now) {
            self.looks.push(self.now);
            self.sample()?;
        }
        for index in 0..self.executions.len() {
            let execution = &self.executions[index];
            let (Some(id), false) = (execution.id, execution.is_over()) else { continue };
            if self.ends_at_last(execution).is_some_and(|end| end <= self.now) {
                let waited = self.world.job(id).is_some_and(|job| job.status == Status::Waiting);
                let conclusion = if waited { Conclusion::Failure } else { Conclusion::TimedOut };
                self.world.complete(id, conclusion, self.now);
                self.ended(index, "GitHub ended the job");
            } else if execution.due.is_some_and(|due| due <= self.now) {
                self.go_on(index, id)?;
            }
        }
        Ok(())
    }

    /// A job that is due begins, or its step is looked after.
    fn go_on(&mut self, index: usize, id: u64) -> Result<(), String> {
        let execution = &mut self.executions[index];
        if self.world.job(id).is_some_and(|job| job.status == Status::Queued) {
            self.world.begin(id, self.now);
            execution.due = Some(later(self.now, SET_UP));
            return Ok(());
        }
        match execution.doing.take() {
            None => self.next_step(index, id),
            Some(Doing::Ends { success, outputs }) => self.step_ended(index, id, success, &outputs),
            Some(Doing::Keeps(name)) => {
                self.artifacts.push(name);
                self.step_ended(index, id, true, &json!({"artifact-id": "1"}))
            }
            Some(Doing::Fetches) => self.fetch(index, id),
            Some(Doing::Watches(watch)) => self.look(index, id, watch),
        }
    }

    pub(super) fn step_ended(
        &mut self,
        index: usize,
        id: u64,
        success: bool,
        outputs: &Value,
    ) -> Result<(), String> {
        let conclusion = if success { Conclusion::Success } else { Conclusion::Failure };
        self.executions[index].record(&conclusion, outputs);
        self.world.end_step(id, conclusion, self.now);
        self.next_step(index, id)
    }

    /// The next step of a job begins; where there is none more, the job ends.
    fn next_step(&mut self, index: usize, id: u64) -> Result<(), String> {
        let needs = needs(&self.executions, index).unwrap_or_default();
        loop {
            let execution = &mut self.executions[index];
            let at = execution.step.map_or(0, |step| step + 1);
            let Some(step) = execution.job.steps.get(at).cloned() else {
                let conclusion = execution.finish(&self.github, &needs)?;
                self.world.complete(id, conclusion, self.now);
                self.ended(index, "");
                return Ok(());
            };
            execution.step = Some(at);
            let scope = execution.scope(&self.github, &needs);
            self.world.begin_step(id, &step.name, self.now);
            if expression::holds(step.condition.as_deref(), &scope)? {
                let legs = step.env.iter().find(|(name, _)| name == "LEGS");
                let legs = legs.map(|(_, value)| expression::render(value, &scope)).transpose()?;
                let name = match &step.work {
                    Work::Uses(_, inputs) => inputs.iter().find(|(name, _)| name == "name"),
                    Work::Run(_) => None,
                };
                let name = name.map_or("", |(_, value)| value.as_str());
                let (doing, takes) = self.begin_step(Kind::of(&step)?, name, legs.as_deref())?;
                let execution = &mut self.executions[index];
                (execution.doing, execution.due) = (Some(doing), Some(later(self.now, takes)));
                return Ok(());
            }
            execution.record(&Conclusion::Skipped, &json!({}));
            self.world.end_step(id, Conclusion::Skipped, self.now);
        }
    }

    /// A job has ended. Where it is the check, so has that.
    fn ended(&mut self, index: usize, why: &str) {
        let execution = &self.executions[index];
        if execution.job.name != self.policy.check || self.check.0 != "pending" {
            return;
        }
        self.check = ("failure".to_owned(), why.to_owned(), self.now);
    }
}
