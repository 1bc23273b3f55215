//! `race settle`: the check as a commit status, for jobs that live for seconds.
//! Opens an attempt with `pending`, and writes the verdict once there is one.

use std::time::Duration;

use tokio::time::timeout;

use crate::cli::{Format, Settle};
use crate::config::Runner;
use crate::criteria::Advised;
use crate::exit::Exit;
use crate::github::{ApiError, Client, Depth, Event, Pace, Reader, is_sha};
use crate::policy::Policy;
use crate::race::settle::{AttemptId, Mark, Posted};
use crate::race::watch::{Observation, Refusal, Step, Watch};
use crate::race::{Outcome, Reason, Run, Verdict, stands_for};
use crate::report::actions::{Level, markdown, write_summary};
use crate::report::inert;
use crate::report::verdict::Decided;

use super::advise::advice_line;
use super::announce::{Announcement, announce};
use super::carrying::carried_over;
use super::change::{dispatched_for, event_as_it_is, event_of, group_of, head_is, this_run};
use super::observe::{Clock, Head, Observer, Race};
use super::persist::{Ending, persist};
use super::publish::{Publication, Published, publish};
use super::signals::Signals;
use super::{Context, Failure, connect, policy_source};

/// Runs `race settle`.
pub(super) async fn run(arguments: &Settle, context: &Context) -> Result<Exit, Failure> {
    let clock = Clock::start();
    let mut signals = Signals::listen()
        .map_err(|error| Failure::caused(Exit::Internal, "cannot listen to signals", &error))?;
    let runner = &context.runner;
    let (event, sha) = commit(arguments, runner)?;
    let mut run = this_run(runner, &event)?;
    run.head_sha = sha.clone().unwrap_or(run.head_sha);
    let client = connect::client(context, None).await?;
    let policy = Policy::default();
    let mut settling = Settling {
        context,
        arguments,
        clock,
        watch: Watch::new(policy.polling, clock.began(), arguments.deadline),
        ours: AttemptId { run: run.id, attempt: run.attempt },
        page: format!("{}/attempts/{}", run.url, run.attempt),
        own_job: runner.get("GITHUB_JOB").map(str::to_owned),
        from_fork: event.from_fork,
        dispatched: dispatched_for(&event).is_some(),
        run,
        policy,
    };
    let ended = tokio::select! {
        ended = settling.work(client, &event, sha) => ended,
        signal = signals.next() => {
            settling.tell(&settling.watch.interrupted(signal.name()), None)?;
            return Ok(signal.exit());
        }
    };
    match ended {
        Ok(exit) => Ok(exit),
        Err(Ending::Failure(failure)) => Err(failure),
        Err(Ending::Verdict(verdict)) => {
            settling.tell(&verdict, None)?;
            Ok(verdict.exit())
        }
    }
}

/// The event, and the commit to write on where that is not the run's own.
fn commit(arguments: &Settle, runner: &Runner) -> Result<(Event, Option<String>), Failure> {
    match &arguments.sha {
        Some(sha) if !is_sha(sha) => {
            Err(Failure::new(Exit::Invalid, format!("`{sha}` is no whole SHA"))
                .help("pass all 40 characters"))
        }
        Some(sha) => Ok((event_as_it_is(runner)?, Some(sha.clone()))),
        None => {
            let event = event_of(runner)?;
            let sha = event.head_sha.clone();
            Ok((event, sha))
        }
    }
}

/// One call, from its first reading to what it has written.
struct Settling<'c> {
    context: &'c Context,
    arguments: &'c Settle,
    policy: Policy,
    clock: Clock,
    watch: Watch,
    run: Run,
    ours: AttemptId,
    /// The page of this attempt.
    page: String,
    /// The job that we are a step of.
    own_job: Option<String>,
    from_fork: bool,
    /// The run was dispatched for a pull request, which has a run of its own.
    dispatched: bool,
}

impl Settling<'_> {
    /// Reads what is in force, then opens or settles.
    async fn work(&mut self, mut client: Client, event: &Event, sha: Option<String>) -> Result<Exit, Ending> {
        let (context, arguments, clock) = (self.context, self.arguments, self.clock);
        let deadline = arguments.deadline;
        let ask = async || policy_source::in_force(context, &mut client, event, &[]).await;
        self.policy = persist(context, clock, deadline, ask).await?.policy;
        self.watch = Watch::new(self.policy.polling, clock.began(), deadline);
        // Who names a commit vouches for it.
        if let (Some(number), None) = (dispatched_for(event), &arguments.sha) {
            let ask = async || Ok(client.pull_request(number).await?);
            let pull = persist(context, clock, deadline, ask).await?;
            let head = head_is(&pull, &self.run.head_sha);
            if let Err(failure) = head {
                let ask = async || Ok(client.statuses(&self.run.head_sha, &self.policy.check).await?);
                let posted = persist(context, clock, deadline, ask).await?;
                self.has_opened(&posted, failure).map_err(Ending::Failure)?;
            }
        }
        if arguments.open {
            return self.open(client, event).await.map_err(Ending::Failure);
        }
        let observer = if event.name == "merge_group" {
            let number = group_of(event).map_err(Ending::Failure)?;
            let ask = async || Ok(client.pull_request(number).await?);
            let pull = persist(context, clock, deadline, ask).await?;
            Observer::Head(Box::new(Head::new(client, number, pull.head_sha)))
        } else {
            let reader = Reader::new(client, self.run.id, Some(self.run.attempt)).about(sha, event);
            let reader = reader.being_cancelled(arguments.cancelled);
            let race = Race::new(reader, &self.policy, arguments.checkpoint.as_deref());
            let race = race.map_err(Ending::Failure)?.about(event);
            Observer::Race(Box::new(race.with_own_job(self.own_job.as_deref())))
        };
        self.settle(observer).await.map_err(Ending::Failure)
    }

    /// What this run has opened while it was the head's is settled, whatever became of
    /// the pull request since: else its status would be pending for ever.
    fn has_opened(&self, posted: &[Posted], moved: Failure) -> Result<(), Failure> {
        let attempts = posted.iter().filter_map(|status| AttemptId::of_url(&status.target_url));
        if self.arguments.open || attempts.into_iter().all(|attempt| attempt.run != self.ours.run) {
            return Err(moved);
        }
        self.context.output.log(&format!("{}; the commit that was tested gets its status", moved.message));
        Ok(())
    }

    /// Says that the race of this attempt goes on.
    async fn open(&mut self, mut client: Client, event: &Event) -> Result<Exit, Failure> {
        let names: Vec<&str> = self.policy.branches.iter().map(|branch| branch.name.as_str()).collect();
        let text = format!("waiting for {}", names.join(" or "));
        let mut published = self.publish(&mut client, Mark::Pending, &text).await?;
        self.tell_published(Mark::Pending, &published);
        // Only now: whatever the search comes to, the commit has its status.
        let (context, now) = (self.context, self.clock.now());
        let carried = carried_over(context, &mut client, &self.policy, event, &self.run, now).await;
        if let Some(reason) = carried {
            published = self.publish(&mut client, Mark::Success, &reason.to_string()).await?;
            self.tell_published(Mark::Success, &published);
            self.summarise(&Verdict::unknown(reason));
        }
        if self.context.shared.format == Format::Json {
            let stands = &published.stands;
            let json = serde_json::json!({
                "schema": "race.status/1",
                "sha": self.run.head_sha,
                "context": self.policy.check,
                "state": stands.mark.map(Mark::word),
                "target_url": stands.target_url,
                "written": published.written > 0,
            });
            let shown = self.context.output.json(&json.to_string());
            shown.map_err(|error| Failure::caused(Exit::Internal, "cannot write the status", &error))?;
        }
        Ok(Exit::Done)
    }

    /// The verdict in the step's summary, and in the log.
    fn summarise(&self, verdict: &Verdict) {
        let now = self.clock.now();
        let decided = Decided { verdict, run: &self.run, at: Some(now), soaks: None, advised: None };
        self.context.output.log(&verdict.reason.to_string());
        if let Some(path) = self.context.runner.path("GITHUB_STEP_SUMMARY")
            && let Err(error) = write_summary(&path, &decided.summary(&self.policy.check, now))
        {
            self.context.output.log(&format!("cannot write the step's summary: {error}"));
        }
    }

    /// Observes until there is something to say, or nothing; and says it.
    async fn settle(&mut self, mut observer: Observer) -> Result<Exit, Failure> {
        let verdict = match self.until_settled(&mut observer).await {
            Ok(verdict) => verdict,
            Err(Refusal { exit, message, help }) => return Err(Failure::new(exit, message).help(help)),
        };
        let Some(mark) = Mark::of(verdict.outcome()) else {
            self.tell(&verdict, observer.advised())?;
            self.context.output.log("nothing is decided, so nothing is written");
            let gave_up =
                matches!(verdict.reason, Reason::DeadlinePassed { .. } | Reason::Unreachable { .. });
            let exits_so = gave_up || self.arguments.exit_verdict;
            return Ok(if exits_so { verdict.exit() } else { Exit::Done });
        };
        let published = self.publish(observer.client(), mark, &verdict.reason.to_string()).await;
        self.tell(&verdict, observer.advised())?;
        let published = published?;
        self.tell_published(mark, &published);
        if published.written > 0 {
            self.look_again(&mut observer, &verdict).await;
        }
        if self.dispatched && mark == Mark::Success {
            self.tell_of_the_other_check(observer.client()).await;
        }
        Ok(if self.arguments.exit_verdict { verdict.exit() } else { Exit::Done })
    }

    async fn until_settled(&mut self, observer: &mut Observer) -> Result<Verdict, Refusal> {
        let polling = self.policy.polling;
        let mut pace = Pace::new(polling, self.clock.began());
        let mut said = String::new();
        loop {
            let now = self.clock.now();
            let looking = observer.look(&self.policy, Depth::Full, now);
            let looked = match timeout(self.watch.remaining(now), looking).await {
                Ok(looked) => looked,
                Err(_) => Err(ApiError::Transport("no answer before the deadline".to_owned())),
            };
            let now = self.clock.now();
            let waited = Duration::try_from(now.duration_since(self.clock.began())).unwrap_or_default();
            let mut sure = false;
            let (observation, pause) = match looked {
                Ok(look) => {
                    if let Some(advised) = &look.advised {
                        self.context.output.log(&advice_line(advised));
                    }
                    self.run = look.run.unwrap_or_else(|| self.run.clone());
                    sure = matches!(observer, Observer::Race(_))
                        && (self.lists_us(&look.running) || waited >= polling.review_lag);
                    let budget = observer.client().budget();
                    let pause = pace.after_reading(now, look.moved, look.toll, budget, fastrand::f64());
                    (Observation::Read(Box::new(look.verdict)), pause)
                }
                Err(error) => (error.observed(), pace.after_failure(&error, fastrand::f64())),
            };
            let within = match self.watch.observe(now, observation) {
                Step::End(verdict) => return Ok(verdict),
                Step::Refuse(refusal) => return Err(refusal),
                Step::Wait { within } => within,
            };
            let line = match (self.watch.error(), self.watch.last()) {
                (Some(error), _) => format!("trying again: {error}"),
                (None, Some(last)) if last.outcome() == Outcome::Undecided => {
                    if sure {
                        return Ok(last.clone());
                    }
                    last.reason.to_string()
                }
                (None, Some(last)) => format!("to be confirmed: {}", last.reason),
                (None, None) => continue,
            };
            if line != said {
                self.context.output.log(&line);
                said = line;
            }
            let pause = within.map_or(pause, |within| pause.min(within)).min(self.watch.remaining(now));
            tokio::time::sleep(pause).await;
            if let Step::End(verdict) = self.watch.tick(self.clock.now()) {
                return Ok(verdict);
            }
        }
    }

    /// The job list shows the very job that we run in. Then it is no older than the
    /// end of what that job needs, and what it says to be under way is.
    fn lists_us(&self, running: &[String]) -> bool {
        self.own_job.as_ref().is_some_and(|own| running.iter().any(|name| stands_for(own, name)))
    }

    async fn publish(
        &self,
        client: &mut Client,
        mark: Mark,
        description: &str,
    ) -> Result<Published, Failure> {
        let publication = Publication {
            sha: &self.run.head_sha,
            check: &self.policy.check,
            ours: self.ours,
            target_url: self.page.clone(),
            mark,
            description: inert(description).into_owned(),
            from_fork: self.from_fork,
        };
        let remaining = self.watch.remaining(self.clock.now());
        publish(&publication, client, self.context, self.policy.polling, remaining).await
    }

    /// What was written, or why not.
    fn tell_published(&self, mark: Mark, published: &Published) {
        let Published { stands, written } = published;
        let (check, output) = (&self.policy.check, &self.context.output);
        let word = stands.mark.map_or("unknown", Mark::word);
        let short = crate::race::short_sha(&self.run.head_sha);
        let of = AttemptId::of_url(&stands.target_url).unwrap_or(self.ours);
        if of != self.ours {
            let AttemptId { run, attempt } = of;
            output.log(&format!(
                "run {run}, attempt {attempt} has begun since: its status {check} on {short}, {word}, stays"
            ));
        } else if *written > 0 && stands.mark == Some(mark) {
            output.log(&format!("wrote {check} on {short}: {word}"));
        } else if mark != Mark::Pending && stands.mark != Some(mark) {
            output.annotate(
                Level::Warning,
                check,
                &format!(
                    "this attempt has its verdict on {short} already, {word}, and keeps it: {}",
                    stands.description
                ),
            );
        } else {
            output.log(&format!("{check} on {short} is {word} already"));
        }
    }

    /// Looks at the run once more: what came between the reading and the writing
    /// changes nothing any more, but is told.
    async fn look_again(&self, observer: &mut Observer, verdict: &Verdict) {
        match observer.look(&self.policy, Depth::Full, self.clock.now()).await {
            Ok(look) if look.verdict.outcome() != verdict.outcome() => self.context.output.annotate(
                Level::Warning,
                &self.policy.check,
                &format!("the run has moved on ({}), and the verdict stays", look.verdict.reason),
            ),
            Ok(_) => {}
            Err(error) => self.context.output.log(&format!("the run could not be read again: {error}")),
        }
    }

    /// The pull request's own run has a check of the same name, and GitHub requires
    /// both. Says what to do where that one has ended already, and not well.
    async fn tell_of_the_other_check(&self, client: &mut Client) {
        let (check, output) = (&self.policy.check, &self.context.output);
        let told = match client.checks(&self.run.head_sha, check).await {
            Ok(checks) => match checks.into_iter().find(|check| check.kind == "check-run") {
                Some(own) if own.state == "success" => return,
                Some(own)
                    if ["queued", "in_progress", "waiting", "pending"].contains(&own.state.as_str()) =>
                {
                    format!("the check {check} of the pull request's own run takes this verdict: {}", own.url)
                }
                Some(own) => format!(
                    "the check {check} of the pull request's own run ended as {}: re-run the job {check}, it takes this \
                     verdict: {}",
                    own.state, own.url
                ),
                None => return,
            },
            Err(error) => format!(
                "the check {check} of the pull request's own run cannot be read ({error}); where it is red, re-run \
                 that job: it takes this verdict"
            ),
        };
        output.annotate(Level::Notice, check, &told);
        if let Some(path) = self.context.runner.path("GITHUB_STEP_SUMMARY")
            && let Err(error) = write_summary(&path, &format!("\n{}\n", markdown(&told)))
        {
            output.log(&format!("cannot write the step's summary: {error}"));
        }
    }

    fn tell(&self, verdict: &Verdict, advised: Option<&Advised>) -> Result<(), Failure> {
        if self.arguments.open {
            self.context.output.log(&verdict.reason.to_string());
            return Ok(());
        }
        let now = self.clock.now();
        let gave_up = matches!(verdict.reason, Reason::DeadlinePassed { .. } | Reason::Unreachable { .. });
        announce(&Announcement {
            context: self.context,
            decided: Decided { verdict, run: &self.run, at: Some(now), soaks: None, advised },
            check: &self.policy.check,
            file: self.arguments.verdict.as_deref(),
            annotated: gave_up || verdict.outcome() != Outcome::Undecided,
            now,
        })
    }
}
