//! `race wait`: the required check. Polls the run until a branch has won, or none
//! can.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::timeout;

use crate::cli::Wait;
use crate::config::Flag;
use crate::exit::Exit;
use crate::github::{ApiError, Depth, Event, Pace, Reader};
use crate::policy::{Policy, duration};
use crate::race::watch::{Observation, Refusal, Step, Watch};
use crate::race::{Outcome, Reason, Run, Verdict, Warning};
use crate::report::actions::Level;
use crate::report::verdict::Decided;

use super::advise::advice_line;
use super::announce::{Announcement, announce};
use super::beside::Beside;
use super::carrying::carried_over;
use super::change::{dispatched_for, event_of, group_of, head_is, this_run};
use super::observe::{Clock, Head, Observer, Race};
use super::persist::{Ending, persist};
use super::signals::Signals;
use super::{Context, Failure, connect, policy_source};

/// When waiting ends on a runner of GitHub's, whose jobs end after 6 h, and on one
/// of the team's own, whose jobs end after 5 days.
const HOSTED: Duration = Duration::from_mins(5 * 60 + 40);
const SELF_HOSTED: Duration = Duration::from_hours(4 * 24 + 20);
/// The longest time without a word.
const HEARTBEAT: Duration = Duration::from_mins(1);

/// Runs `race wait`.
pub(super) async fn run(arguments: &Wait, context: &Context) -> Result<Exit, Failure> {
    let clock = Clock::start();
    let mut signals = Signals::listen()
        .map_err(|error| Failure::caused(Exit::Internal, "cannot listen to signals", &error))?;
    let event = event_of(&context.runner)?;
    let start = Start { arguments, context, clock, run: this_run(&context.runner, &event)?, event };
    let prepared = tokio::select! {
        prepared = start.prepare() => prepared,
        signal = signals.next() => {
            let last = Box::new(Reason::NothingRead);
            start.end(&Verdict::unknown(Reason::Interrupted { signal: signal.name(), last }))?;
            return Ok(signal.exit());
        }
    };
    let (mut wait, deadline) = match prepared {
        Ok(prepared) => prepared,
        Err(Ending::Failure(failure)) => return Err(failure),
        Err(Ending::Verdict(verdict)) => {
            start.end(&verdict)?;
            return Ok(verdict.exit());
        }
    };
    if let Some(reason) = wait.carried.take() {
        let verdict = Verdict::unknown(reason);
        wait.end(arguments, &verdict)?;
        return Ok(verdict.exit());
    }
    wait.greet(deadline);
    let ended = tokio::select! {
        ended = wait.until_decided() => ended,
        signal = signals.next() => {
            let verdict = wait.watch.interrupted(signal.name());
            wait.end(arguments, &verdict)?;
            return Ok(signal.exit());
        }
    };
    match ended {
        Ok(verdict) => {
            wait.end(arguments, &verdict)?;
            Ok(verdict.exit())
        }
        Err(Refusal { exit, message, help }) => Err(Failure::new(exit, message).help(help)),
    }
}

/// What is known before GitHub was asked.
struct Start<'c> {
    arguments: &'c Wait,
    context: &'c Context,
    clock: Clock,
    event: Event,
    run: Run,
}

impl<'c> Start<'c> {
    /// Reads the policy, and in a merge queue the pull request's head; says when the
    /// wait is to end.
    async fn prepare(&self) -> Result<(Waiting<'c>, Duration), Ending> {
        let Self { arguments, context, clock, event, run } = self;
        let by_runner = if context.runner.is_hosted() { HOSTED } else { SELF_HOSTED };
        let deadline = arguments.deadline.unwrap_or(by_runner);
        let flags = deadline_flag(arguments.deadline);
        let mut client = connect::client(context, None).await.map_err(Ending::Failure)?;
        let ask = async || policy_source::in_force(context, &mut client, event, &flags).await;
        let policy = persist(context, *clock, deadline, ask).await?.policy;
        let deadline = policy.polling.deadline.unwrap_or(by_runner);
        let carried = carried_over(context, &mut client, &policy, event, run, clock.now()).await;
        let observer = if event.name == "merge_group" {
            let number = group_of(event).map_err(Ending::Failure)?;
            let ask = async || Ok(client.pull_request(number).await?);
            let pull = persist(context, *clock, deadline, ask).await?;
            Observer::Head(Box::new(Head::new(client, number, pull.head_sha)))
        } else {
            if let Some(number) = dispatched_for(event) {
                let ask = async || Ok(client.pull_request(number).await?);
                let pull = persist(context, *clock, deadline, ask).await?;
                head_is(&pull, &run.head_sha).map_err(Ending::Failure)?;
            }
            let reader = Reader::new(client, run.id, Some(run.attempt)).about(event.head_sha.clone(), event);
            let race =
                Race::new(reader, &policy, arguments.checkpoint.as_deref()).map_err(Ending::Failure)?;
            let beside = Beside::of(&context.runner, event, run);
            if event.from_fork && beside.is_none() {
                context.output.log("a run dispatched for this commit would not be seen: GITHUB_WORKFLOW_REF names no workflow of this repository");
            }
            Observer::Race(Box::new(race.about(event).beside(beside)))
        };
        let waiting = Waiting {
            context,
            clock: *clock,
            watch: Watch::new(policy.polling, clock.began(), deadline),
            pace: Pace::new(policy.polling, clock.began()),
            observer,
            carried,
            run: run.clone(),
            spoken: None,
            warned: Vec::new(),
            policy,
        };
        Ok((waiting, deadline))
    }

    /// Makes a verdict known that was reached without a policy.
    fn end(&self, verdict: &Verdict) -> Result<(), Failure> {
        let now = self.clock.now();
        announce(&Announcement {
            context: self.context,
            decided: Decided { verdict, run: &self.run, at: Some(now), soaks: None, advised: None },
            check: &Policy::default().check,
            file: self.arguments.verdict.as_deref(),
            annotated: true,
            now,
        })
    }
}

/// One wait, from its first reading to its end.
struct Waiting<'c> {
    context: &'c Context,
    policy: Policy,
    clock: Clock,
    watch: Watch,
    pace: Pace,
    observer: Observer,
    /// What an earlier head has won for this one.
    carried: Option<Reason>,
    run: Run,
    /// What was said last, and when.
    spoken: Option<(String, Timestamp)>,
    /// The warnings that were said.
    warned: Vec<Warning>,
}

impl Waiting<'_> {
    /// Observes, folds, and acts on what the fold says, until it says to end.
    async fn until_decided(&mut self) -> Result<Verdict, Refusal> {
        let mut depth = Depth::Full;
        loop {
            let now = self.clock.now();
            // A look may take many requests; the deadline holds all the same.
            let looking = self.observer.look(&self.policy, depth, now);
            let looked = match timeout(self.watch.remaining(now), looking).await {
                Ok(looked) => looked,
                Err(_) => Err(ApiError::Transport("no answer before the deadline".to_owned())),
            };
            let now = self.clock.now();
            let (observation, pause) = match looked {
                Ok(look) => {
                    if let Some(advised) = &look.advised {
                        self.context.output.log(&advice_line(advised));
                    }
                    self.run = look.run.unwrap_or_else(|| self.run.clone());
                    let budget = self.observer.client().budget();
                    let pause = self.pace.after_reading(now, look.moved, look.toll, budget, fastrand::f64());
                    (Observation::Read(Box::new(look.verdict)), pause)
                }
                Err(error) => (error.observed(), self.pace.after_failure(&error, fastrand::f64())),
            };
            let pause = match self.watch.observe(now, observation) {
                Step::End(verdict) => return Ok(verdict),
                Step::Refuse(refusal) => return Err(refusal),
                Step::Wait { within } => {
                    self.warn();
                    depth = if within.is_some() { Depth::Full } else { Depth::Quiet };
                    within.map_or(pause, |within| pause.min(within))
                }
            };
            self.speak(now);
            if let Some(verdict) = self.pause(pause).await {
                return Ok(verdict);
            }
        }
    }

    /// Says what is doubtful about the race, once.
    fn warn(&mut self) {
        let warnings = self.watch.last().map(|last| last.warnings.as_slice()).unwrap_or_default();
        for warning in warnings.iter().filter(|warning| !self.warned.contains(warning)) {
            self.context.output.annotate(Level::Warning, "race wait", &warning.to_string());
        }
        self.warned = warnings.to_vec();
    }

    /// Waits this long, with a word every minute; ends early at the deadline.
    async fn pause(&mut self, pause: Duration) -> Option<Verdict> {
        let until = self.clock.now().checked_add(pause).unwrap_or(Timestamp::MAX);
        loop {
            let now = self.clock.now();
            if let Step::End(verdict) = self.watch.tick(now) {
                return Some(verdict);
            }
            self.speak(now);
            let left = Duration::try_from(until.duration_since(now)).unwrap_or_default();
            if left.is_zero() {
                return None;
            }
            tokio::time::sleep(left.min(self.watch.remaining(now)).min(self.until_word(now))).await;
        }
    }

    /// How long until the next heartbeat is due.
    fn until_word(&self, now: Timestamp) -> Duration {
        let Some((_, at)) = &self.spoken else { return Duration::ZERO };
        HEARTBEAT.saturating_sub(Duration::try_from(now.duration_since(*at)).unwrap_or_default())
    }

    /// Says what is awaited, where that is new or a minute has passed.
    fn speak(&mut self, now: Timestamp) {
        let awaited = match (self.watch.error(), self.watch.last()) {
            (Some(error), _) => format!("trying again: {error}"),
            (None, Some(last)) if last.outcome() == Outcome::Undecided => last.reason.to_string(),
            (None, Some(last)) => format!("to be confirmed: {}", last.reason),
            (None, None) => "reading the run".to_owned(),
        };
        let known = self.spoken.as_ref().is_some_and(|(said, _)| *said == awaited);
        if known && !self.until_word(now).is_zero() {
            return;
        }
        let waited = Duration::try_from(now.duration_since(self.clock.began())).unwrap_or_default();
        let left = duration::rounded(self.watch.remaining(now));
        self.context.output.log(&format!("[{}] {awaited} ({left} left)", duration::rounded(waited)));
        self.spoken = Some((awaited, now));
    }

    /// Says what is awaited, for how long, and what is doubtful from the start.
    fn greet(&self, deadline: Duration) {
        let within = duration::rounded(deadline);
        let awaited = match &self.observer {
            Observer::Race(_) => {
                let names: Vec<&str> =
                    self.policy.branches.iter().map(|branch| branch.name.as_str()).collect();
                format!("{} in run {}, attempt {}", names.join(" or "), self.run.id, self.run.attempt)
            }
            Observer::Head(_) => format!("the check {} on the pull request's head", self.policy.check),
        };
        self.context.output.log(&format!("waiting for {awaited}, for up to {within}"));
        if let Some(monitor) = &self.policy.monitor {
            let least = monitor.session_length * monitor.target_sessions;
            if least > deadline {
                let least = duration::rounded(least);
                let target = monitor.target_sessions;
                self.context.output.annotate(
                    Level::Warning,
                    "race wait",
                    &format!("{target} sessions take at least {least}, and waiting ends after {within}: no soak can pass within this job"),
                );
            }
        }
    }

    fn end(&self, arguments: &Wait, verdict: &Verdict) -> Result<(), Failure> {
        let now = self.clock.now();
        let advised = self.observer.advised();
        let decided = Decided { verdict, run: &self.run, at: Some(now), soaks: None, advised };
        announce(&Announcement {
            context: self.context,
            decided,
            check: &self.policy.check,
            file: arguments.verdict.as_deref(),
            annotated: true,
            now,
        })
    }
}

fn deadline_flag(deadline: Option<Duration>) -> Vec<Flag> {
    let flag =
        |deadline| Flag { flag: "--deadline", key: "polling.deadline", value: duration::format(deadline) };
    deadline.map(flag).into_iter().collect()
}
