//! `race choose`: one branch approved and the others rejected in one go, with a
//! reviewer's token. Everything is read anew before and after each step.

use std::time::Duration;

use serde_json::json;

use crate::cli::{Choose, Format};
use crate::exit::Exit;
use crate::github::{ApiError, Decision, Depth, Event, Pace, Reader};
use crate::policy::Policy;
use crate::race::State;
use crate::race::choose::{Candidate, Next, PendingReview, Stop, next, why_not};
use crate::report::inert;

use super::connect::failed;
use super::observe::{Clock, Observer, Race};
use super::subject::Subject;
use super::{Context, Failure, policy_source};

/// How often a step is tried, or a contradiction read again.
const TRIES: u32 = 5;
/// The longest that it waits because GitHub asks it to.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Runs `race choose`.
pub(super) async fn run(arguments: &Choose, context: &Context) -> Result<Exit, Failure> {
    let subject = Subject::read(arguments.subject.as_deref(), arguments.pr, context)?;
    let mut client = subject.client(context, arguments.repo.as_deref()).await?;
    let policy = policy_source::in_force(context, &mut client, &Event::default(), &[]).await?.policy;
    // Reviews are of the newest attempt, whichever one the URL names.
    let (run_id, _) = subject.find(&mut client, &policy).await?;
    let clock = Clock::start();
    let mut choosing = Choosing {
        context,
        branch: &arguments.branch,
        comment: arguments
            .comment
            .clone()
            .unwrap_or_else(|| format!("{} chosen by race choose", arguments.branch)),
        run_id,
        observer: Observer::Race(Box::new(Race::new(Reader::new(client, run_id, None), &policy, None)?)),
        pace: Pace::new(policy.polling, clock.began()),
        clock,
        steps: Vec::new(),
        policy,
    };
    let ended = choosing.until_chosen().await;
    choosing.tell(ended)
}

/// A review of ours.
struct Step {
    environment: String,
    decision: Decision,
    /// GitHub said that it was taken; else the answer did not come, or was a refusal.
    taken: bool,
}

/// One choice, from the first reading to the last.
struct Choosing<'c> {
    context: &'c Context,
    branch: &'c str,
    comment: String,
    run_id: u64,
    policy: Policy,
    observer: Observer,
    pace: Pace,
    clock: Clock,
    /// What was asked of GitHub, in that order.
    steps: Vec<Step>,
}

impl Choosing<'_> {
    async fn until_chosen(&mut self) -> Result<(), Failure> {
        let mut tries = 0;
        loop {
            let mut candidates = self.candidates().await?;
            let mut due = next(&candidates, self.branch);
            if due == Next::Look {
                self.add_states(&mut candidates).await?;
                due = next(&candidates, self.branch);
            }
            let error = match due {
                Next::Done => return Ok(()),
                Next::Reject(pending) => self.review(&pending, Decision::Rejected).await,
                Next::Approve(pending) => self.review(&[pending], Decision::Approved).await,
                Next::Stop(stop) => return Err(self.stopped(&stop).await),
                Next::Unclear(branch) => Err(ApiError::Malformed {
                    path: format!("actions/runs/{}", self.run_id),
                    message: format!("the job of {branch} waits, and no review of it is pending"),
                }),
                Next::Look => Err(ApiError::Malformed {
                    path: format!("actions/runs/{}/jobs", self.run_id),
                    message: "the branches are not in it".to_owned(),
                }),
            };
            match error {
                Ok(()) => tries = 0,
                Err(error) => {
                    tries += 1;
                    self.before_another_try(error, tries).await?;
                }
            }
        }
    }

    /// What waits, and what we know of the branches beside it.
    async fn candidates(&mut self) -> Result<Vec<Candidate>, Failure> {
        let pending = self.observer.client().pending_reviews(self.run_id).await;
        let pending = pending.map_err(|error| self.failure(&error))?;
        let candidate = |branch: &crate::policy::Branch| {
            let same = |name: &str| name.eq_ignore_ascii_case(&branch.environment);
            Candidate {
                branch: branch.name.clone(),
                environment: branch.environment.clone(),
                pending: pending.iter().find(|pending| same(&pending.environment)).cloned(),
                state: None,
                reviewed: self.steps.iter().any(|step| step.taken && same(&step.environment)),
            }
        };
        Ok(self.policy.branches.iter().map(candidate).collect())
    }

    /// Adds the states of the branches by the job list.
    async fn add_states(&mut self, candidates: &mut [Candidate]) -> Result<(), Failure> {
        let mut tries = 0;
        let look = loop {
            match self.observer.look(&self.policy, Depth::Full, self.clock.now()).await {
                Ok(look) => break look,
                Err(error) => {
                    tries += 1;
                    self.before_another_try(error, tries).await?;
                }
            }
        };
        for candidate in candidates {
            let branch = look.verdict.branches.iter().find(|branch| branch.name == candidate.branch);
            candidate.state = Some(branch.map_or(State::Missing, |branch| branch.state));
        }
        Ok(())
    }

    async fn review(&mut self, pending: &[PendingReview], decision: Decision) -> Result<(), ApiError> {
        let ids: Vec<u64> = pending.iter().map(|pending| pending.environment_id).collect();
        let reviewed = self.observer.client().review(self.run_id, &ids, decision, &self.comment).await;
        // A refusal is none of ours; an answer that did not come may be.
        if reviewed.is_ok() || reviewed.as_ref().is_err_and(ApiError::is_passing) {
            for PendingReview { environment, .. } in pending {
                self.steps.retain(|step| step.environment != *environment);
                let taken = reviewed.is_ok();
                self.steps.push(Step { environment: environment.clone(), decision, taken });
            }
        }
        reviewed
    }

    /// Waits where reading and trying again may help.
    async fn before_another_try(&mut self, error: ApiError, tries: u32) -> Result<(), Failure> {
        // What is not pending (any more), or two reviews at the same moment.
        let refused = matches!(error, ApiError::Status { status: 422, .. });
        let pause = self.pace.after_failure(&error, fastrand::f64());
        let pause = if refused { self.policy.polling.confirm_after } else { pause };
        let may_help = refused || error.is_passing();
        if !may_help || tries >= TRIES || pause > LONGEST_PAUSE {
            return Err(self.failure(&error));
        }
        self.context.output.log(&format!("trying again: {error}"));
        tokio::time::sleep(pause).await;
        Ok(())
    }

    async fn stopped(&mut self, stop: &Stop) -> Failure {
        let why = match stop {
            Stop::MayNotReview(pending) => {
                let login = self.observer.client().login().await;
                format!(": {}", why_not(pending, login.as_deref(), self.clock.now()))
            }
            _ => String::new(),
        };
        let exit = if self.steps.is_empty() { stop.exit() } else { Exit::Partial };
        Failure::new(exit, format!("{stop}{why}")).help(stop.help())
    }

    fn failure(&self, error: &ApiError) -> Failure {
        let mut failure = failed(error);
        match error {
            ApiError::Forbidden { .. } => {
                failure = failure.help(
                    "GitHub takes reviews of people only: set GH_TOKEN to a reviewer's own token, with `repo` \
                     or, fine-grained, `Deployments: write`",
                );
            }
            ApiError::Status { status: 422, .. } => failure.exit = Exit::Partial,
            _ => {}
        }
        if !self.steps.is_empty() {
            failure.exit = Exit::Partial;
        }
        failure
    }

    /// Says what was done, and what came of it.
    fn tell(mut self, ended: Result<(), Failure>) -> Result<Exit, Failure> {
        if ended.is_ok() {
            // It is as wanted, so what went unanswered took effect.
            self.steps.iter_mut().for_each(|step| step.taken = true);
        }
        let output = &self.context.output;
        let shown = match self.context.shared.format {
            Format::Json => {
                let steps = self.steps.iter().map(|step| {
                    json!({"environment": step.environment, "state": step.decision, "confirmed": step.taken})
                });
                let (exit, reason) = match &ended {
                    Ok(()) => (Exit::Done, None),
                    Err(failure) => (failure.exit, Some(&failure.message)),
                };
                let choice = json!({
                    "schema": "race.choice/1",
                    "branch": self.branch,
                    "run": {"id": self.run_id},
                    "chosen": ended.is_ok(),
                    "done": steps.collect::<Vec<_>>(),
                    "reason": reason,
                    "exit_code": exit,
                });
                output.json(&choice.to_string())
            }
            Format::Human => {
                let mut text = String::new();
                for Step { environment, decision, taken } in &self.steps {
                    let word = if *decision == Decision::Approved { "approved" } else { "rejected" };
                    let doubt = if *taken { "" } else { " (GitHub's answer did not come)" };
                    text.push_str(&format!("{word} {}{doubt}\n", inert(environment)));
                }
                if ended.is_ok() {
                    let already = if self.steps.is_empty() { "was chosen already" } else { "is chosen" };
                    text.push_str(&format!("{} {already} in run {}\n", inert(self.branch), self.run_id));
                }
                if text.is_empty() { Ok(()) } else { output.result(&text) }
            }
        };
        shown.map_err(|error| Failure::caused(Exit::Internal, "cannot write the result", &error))?;
        ended.map(|()| Exit::Done)
    }
}
