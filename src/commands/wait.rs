//! `race wait`: the required check. Polls the run until a branch has won, or none
//! can.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::timeout;

use crate::cli::Wait;
use crate::config::{Flag, Runner};
use crate::exit::Exit;
use crate::github::{ApiError, Depth, Event, Pace, Reader};
use crate::policy::{Policy, duration};
use crate::race::watch::{Observation, Refusal, Step, Watch};
use crate::race::{Outcome, Reason, Run, Verdict, Warning, WithoutSecrets};
use crate::report::actions::Level;
use crate::report::verdict::Decided;

use super::announce::{Announcement, announce};
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
        let observer = if event.name == "merge_group" {
            let number = group_of(event).map_err(Ending::Failure)?;
            let ask = async || Ok(client.pull_request(number).await?);
            let pull = persist(context, *clock, deadline, ask).await?;
            Observer::Head(Head::new(client, number, pull.head_sha))
        } else {
            let mut head_sha = event.head_sha.clone();
            if let (None, Some(number)) = (&head_sha, event.pull_request) {
                // A run started by hand for a pull request is about that one's head.
                let ask = async || Ok(client.pull_request(number).await?);
                head_sha = Some(persist(context, *clock, deadline, ask).await?.head_sha);
            }
            let reader = Reader::new(client, run.id, Some(run.attempt)).about(head_sha, event);
            let race =
                Race::new(reader, &policy, arguments.checkpoint.as_deref()).map_err(Ending::Failure)?;
            Observer::Race(race)
        };
        let waiting = Waiting {
            context,
            clock: *clock,
            watch: Watch::new(policy.polling, clock.began(), deadline),
            pace: Pace::new(policy.polling, clock.began()),
            observer,
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
            decided: Decided { verdict, run: &self.run, at: Some(now) },
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
        let decided = Decided { verdict, run: &self.run, at: Some(now) };
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

/// The run that we are a job of, as the runner's variables tell it.
pub(super) fn this_run(runner: &Runner, event: &Event) -> Result<Run, Failure> {
    let number = |name: &str| {
        let text = runner.get(name).ok_or_else(|| {
            Failure::new(Exit::Invalid, format!("{name} is not set")).help(
                "this command is a step of a workflow; to look at a run from elsewhere use `race inspect`",
            )
        })?;
        text.parse::<u64>()
            .map_err(|_| Failure::new(Exit::Invalid, format!("{name} is `{text}`, which is no number")))
    };
    let id = number("GITHUB_RUN_ID")?;
    let attempt = if runner.get("GITHUB_RUN_ATTEMPT").is_some() { number("GITHUB_RUN_ATTEMPT")? } else { 1 };
    let server = runner.get("GITHUB_SERVER_URL").unwrap_or("https://github.com");
    let repository = runner.get("GITHUB_REPOSITORY").unwrap_or_default();
    let sha = event.head_sha.as_deref().or_else(|| runner.get("GITHUB_SHA"));
    Ok(Run {
        id,
        attempt,
        url: format!("{server}/{repository}/actions/runs/{id}"),
        event: event.name.clone(),
        head_sha: sha.unwrap_or_default().to_owned(),
        pull_request: event.pull_request,
        started_at: None,
        cancelled: false,
        without_secrets: event.from_fork.then_some(WithoutSecrets::Fork),
    })
}

/// The event that started the run.
pub(super) fn event_of(runner: &Runner) -> Result<Event, Failure> {
    let (Some(name), Some(path)) = (runner.get("GITHUB_EVENT_NAME"), runner.path("GITHUB_EVENT_PATH")) else {
        return Ok(Event::default());
    };
    let payload = std::fs::read_to_string(&path).map_err(|error| {
        Failure::caused(Exit::Invalid, &format!("cannot read {}", path.display()), &error)
    })?;
    Event::parse(name, &payload).map_err(|error| Failure::new(Exit::Invalid, error.to_string()))
}

/// The pull request that a merge group is about.
pub(super) fn group_of(event: &Event) -> Result<u64, Failure> {
    event.pull_request.ok_or_else(|| {
        Failure::new(Exit::Invalid, "the merge group's ref names no pull request").help(
            "in a merge queue the pull request's verdict is mirrored; its number is read from `.../pr-NUMBER-SHA`",
        )
    })
}

fn deadline_flag(deadline: Option<Duration>) -> Vec<Flag> {
    let flag =
        |deadline| Flag { flag: "--deadline", key: "polling.deadline", value: duration::format(deadline) };
    deadline.map(flag).into_iter().collect()
}
