//! The rehearsal itself: one loop that looks at the world, does what can be done
//! now, and waits until something moves.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::arguments::{Contender, Fault, Fork};
use super::deployment::{self, DeploymentLog};
use super::desk;
use super::github::{self, Trouble};
use super::page::ToldEnding;
use super::samples::{Samples, step_of};
use super::scenario::Scenario;
use super::show::Show;
use super::stage::{CHECK, KEPT, REVIEWER, Stage};
use super::staged::Staged;
use super::testnet::{FAULTY_ON, UNDO_AFTER};
use super::workflow::{Runner, Workflow};
use super::world::ReviewState;
use super::{afterwards, relay};
use crate::commands::{Signal, Signals};
use crate::exit::Exit;
use crate::report::Output;

/// `race wait` keeps its deadline by itself; a rehearsal that is still going on so
/// much later is broken, and must not hang.
const BEYOND_DEADLINE: Duration = Duration::from_secs(30);

/// How long GitHub is out of reach, or the rate limit is spent.
const FAULT_LASTS: SignedDuration = SignedDuration::from_secs(3);

/// How long the page stays for browsers that have not shown the ending yet.
const PAGE_LASTS: Duration = Duration::from_secs(5);

/// The same where somebody asked us to leave.
const FAREWELL: Duration = Duration::from_millis(500);

/// Plays a scenario to its end and returns the exit code of `race wait`.
///
/// # Errors
///
/// When the rehearsal itself cannot be played: a port, a file or a process is not
/// to be had, or the stand-in refuses the reviewer.
pub(super) async fn play(
    scenario: &Scenario,
    workflow: &Workflow,
    keep: Option<&Path>,
    output: Output,
) -> io::Result<u8> {
    let mut signals = Signals::listen()?;
    let stage = Stage::raise(scenario, keep).await?;
    let own = Staged::pull_requests_own(&stage, scenario.fork.is_none()).await?;
    let mut play = Play::begin(scenario, workflow, &stage, own, output)?;
    let ending = play.until_the_end(&mut signals).await;
    let mut then = None;
    if ending.as_ref().is_ok_and(|ending| play.is_green(ending)) {
        then = afterwards::play(scenario, workflow, &stage, &mut play.show, &mut signals).await?;
    }
    let told = match &ending {
        Ok(ending) => play.tell(ending).await,
        Err(_) => Ok(()),
    };
    play.runner.stop(&KEPT).await;
    for runner in play.dispatched.iter_mut().chain(play.samples.runner()) {
        runner.stop(&KEPT).await;
    }
    // Each job that settled has a verdict of its own. This is the last word.
    let last = match &ending {
        Ok(Ending::Over) => {
            let run = play.reviewed_runner().staged();
            Some(desk::verdict(&stage, run.id, &stage.path("verdict.json")).await?)
        }
        _ => None,
    };
    play.show.finish();
    stage.write_exchanges()?;
    told?;
    Ok(match ending? {
        _ if then.is_some() => then.map_or(0, Exit::code),
        Ending::Decided(status) => code_of(status),
        Ending::Over => code_of(last),
        Ending::Asked(signal) => signal.exit().code(),
        Ending::OutOfTime => Exit::Internal.code(),
    })
}

/// How a rehearsal ended.
enum Ending {
    /// `race wait` ended.
    Decided(Option<ExitStatus>),
    /// Nothing moves any more, where no job waits for the verdict.
    Over,
    /// Somebody asked us to leave.
    Asked(Signal),
    /// `race wait` went on far beyond its deadline.
    OutOfTime,
}

/// A rehearsal that is being played.
struct Play<'a> {
    scenario: &'a Scenario,
    workflow: &'a Workflow,
    stage: &'a Stage,
    show: Show,
    /// Of the pull request's own run.
    runner: Runner<'a>,
    /// Of the run that is dispatched for a fork.
    dispatched: Option<Runner<'a>>,
    /// Of the default branch's own, which look at the soak.
    samples: Samples<'a>,
    reviews: JoinSet<io::Result<()>>,
    reviewed: bool,
    gone_wrong: bool,
    /// The session in which `race monitor` began to count.
    first_session: Option<u32>,
    /// The log of `race deploy`, once that has begun.
    deployment: Option<DeploymentLog>,
}

impl<'a> Play<'a> {
    fn begin(
        scenario: &'a Scenario,
        workflow: &'a Workflow,
        stage: &'a Stage,
        own: Staged,
        output: Output,
    ) -> io::Result<Self> {
        Ok(Self {
            scenario,
            workflow,
            stage,
            show: Show::new(output, scenario.sessions),
            runner: Runner::new(workflow, stage, own)?,
            dispatched: None,
            samples: Samples::new(scenario, stage)?,
            reviews: JoinSet::new(),
            reviewed: false,
            gone_wrong: false,
            first_session: None,
            deployment: None,
        })
    }

    async fn until_the_end(&mut self, signals: &mut Signals) -> io::Result<Ending> {
        let mut world = self.stage.github.changes();
        let mut sessions = self.stage.chain.sessions();
        let limit = Instant::now() + self.scenario.deadline + BEYOND_DEADLINE;
        let mut decided = None;
        loop {
            self.runner.advance()?;
            self.dispatch_for_a_fork().await?;
            if let Some(dispatched) = &mut self.dispatched {
                dispatched.advance()?;
            }
            let reviewed = self.dispatched.as_ref().unwrap_or(&self.runner);
            self.samples.advance(self.scenario, reviewed, &self.show).await?;
            // With the check's job the rehearsal ends; what was dispatched may finish.
            if let Some(status) = decided
                && !self.dispatched.as_ref().is_some_and(Runner::is_busy)
            {
                return Ok(Ending::Decided(status));
            }
            self.review_what_waits();
            let reviewed = self.reviewed && self.reviews.is_empty();
            if relay::is_over(self.scenario, self.stage, self.reviewed_runner(), reviewed)
                && self.samples.is_idle()
            {
                return Ok(Ending::Over);
            }
            self.go_wrong();
            self.show_how_it_stands(*sessions.borrow_and_update());
            tokio::select! {
                ended = self.runner.next() => {
                    if let Some(job) = self.runner.step_ended(&ended)?.filter(|job| job.name == CHECK) {
                        decided = Some(job.status);
                    }
                }
                ended = self.samples.next() => self.samples.step_ended(ended)?,
                ended = step_of(self.dispatched.as_mut()) => {
                    if let Some(dispatched) = &mut self.dispatched {
                        dispatched.step_ended(&ended)?;
                    }
                }
                Some(reviewed) = self.reviews.join_next() => reviewed.map_err(io::Error::other)??,
                moved = world.changed() => moved.map_err(io::Error::other)?,
                moved = sessions.changed() => moved.map_err(io::Error::other)?,
                signal = signals.next() => return Ok(Ending::Asked(signal)),
                () = tokio::time::sleep_until(limit) => return Ok(Ending::OutOfTime),
            }
        }
    }

    /// A maintainer dispatches a run once the check of the fork's own run waits.
    async fn dispatch_for_a_fork(&mut self) -> io::Result<()> {
        if !self.dispatches()
            || self.dispatched.is_some()
            || !relay::is_begun(self.scenario, self.stage, &self.runner)
        {
            return Ok(());
        }
        let staged = Staged::dispatched(self.stage, self.workflow).await?;
        let number = self.stage.pull_request;
        self.show.say(&format!("{REVIEWER}: looked at #{number}, dispatches run {} for its head", staged.id));
        self.dispatched = Some(Runner::new(self.workflow, self.stage, staged)?);
        Ok(())
    }

    fn dispatches(&self) -> bool {
        self.scenario.fork == Some(Fork::Dispatched)
    }

    /// The runner of the run that is reviewed.
    fn reviewed_runner(&self) -> &Runner<'a> {
        self.dispatched.as_ref().unwrap_or(&self.runner)
    }

    /// The reviewer answers once `race wait` has begun to look.
    fn review_what_waits(&mut self) {
        let run = self.reviewed_runner().staged().id;
        let is_missing = self.dispatches() && self.dispatched.is_none();
        if self.reviewed || is_missing || !relay::is_begun(self.scenario, self.stage, self.reviewed_runner())
        {
            return;
        }
        self.reviewed = true;
        let task = if self.scenario.by_hand { "review" } else { "watch" };
        self.show.say(&format!("{task} the run at {}", self.stage.page_url(run)));
        let person = self.stage.reviewer();
        let reviews = self.scenario.reviews.clone();
        for (contender, state) in &reviews {
            self.show.say(&format!("{REVIEWER}: {} {}", state.as_str(), contender.name()));
        }
        self.reviews.spawn(async move {
            for (contender, state) in reviews {
                let comment = match state {
                    ReviewState::Approved => "this one suits the change",
                    ReviewState::Rejected => "not for this change",
                };
                person.review(run, contender.name(), state, comment).await?;
            }
            Ok(())
        });
    }

    /// What goes wrong with GitHub, does so once an approved job runs.
    fn go_wrong(&mut self) {
        if self.gone_wrong
            || !relay::may_go_wrong(self.scenario, &self.runner)
            || !self.runner.has_passed_a_gate()
            || !self.reviews.is_empty()
        {
            return;
        }
        self.gone_wrong = true;
        let github = &self.stage.github;
        let (now, seconds) = (github.now(), FAULT_LASTS.as_secs());
        match self.scenario.fault {
            Some(Fault::ApiOutage) => {
                self.show.say(&format!("fault: GitHub is out of reach for {seconds} s"));
                github.trouble(Trouble::new(github::Fault::Dropped).until(now + FAULT_LASTS / 2));
                github.trouble(Trouble::new(github::Fault::BadGateway).until(now + FAULT_LASTS));
            }
            Some(Fault::RunCancelled) => {
                self.show.say(&format!("fault: {REVIEWER} cancels the run"));
                let (person, run) = (self.stage.reviewer(), self.runner.staged().id);
                self.reviews.spawn(async move { person.cancel(run).await });
            }
            Some(Fault::RateLimit) => {
                self.show.say(&format!("fault: the rate limit is spent for {seconds} s"));
                github.exhaust_rate_limit(now + FAULT_LASTS);
            }
            _ => {}
        }
    }

    fn show_how_it_stands(&mut self, session: u32) {
        for runner in std::iter::once(&self.runner).chain(&self.dispatched) {
            let ids = runner.submitted();
            let jobs = self
                .stage
                .github
                .read(|world| ids.iter().filter_map(|id| world.job(*id).cloned()).collect::<Vec<_>>());
            self.show.jobs(&jobs, runner.staged().prefix);
        }
        self.show_the_deployment();
        if self.first_session.is_none() && self.reviewed_runner().runs("race monitor") {
            self.first_session = Some(session);
        }
        if let Some(first) = self.first_session {
            let passed = session.saturating_sub(first);
            self.show.sessions(passed);
            let target = self.scenario.sessions;
            self.stage.github.tell_page(|told| told.sessions = Some((passed.min(target), target)));
        }
    }

    /// Its waves, and what each host runs.
    fn show_the_deployment(&mut self) {
        if self.deployment.is_none() && self.reviewed_runner().runs("race deploy") {
            self.deployment = Some(DeploymentLog::default());
            match self.scenario.fault {
                Some(Fault::DeployStep) => {
                    self.show.say(&format!("fault: the new version does not start on {FAULTY_ON}"));
                }
                Some(Fault::DeployCutOff) => self.show.say(&format!(
                    "fault: the new version cuts {FAULTY_ON} off; without a word for {UNDO_AFTER} it undoes that"
                )),
                _ => {}
            }
        }
        let log = self.reviewed_runner().staged().path(&format!("{}.log", Contender::Testnet.name()));
        let Some(deployment) = &mut self.deployment else { return };
        for line in deployment.news(&log) {
            self.show.say(&format!("deployment: {line}"));
        }
        // Elsewhere than on a terminal the log's lines tell it, in their order.
        if self.show.output().style.live {
            for (host, version) in self.stage.testnet.versions() {
                self.show.state(host, &version);
            }
        }
    }

    /// Whether the pull request may be merged.
    fn is_green(&self, ending: &Ending) -> bool {
        match ending {
            Ending::Decided(status) => code_of(*status) == 0,
            Ending::Over => relay::status(self.stage).is_some_and(|status| status == "success"),
            Ending::Asked(_) | Ending::OutOfTime => false,
        }
    }

    /// Says how it ended: what failed, and what `race inspect` says.
    async fn tell(&mut self, ending: &Ending) -> io::Result<()> {
        self.show_how_it_stands(*self.stage.chain.sessions().borrow());
        self.show.finish();
        let status = relay::status(self.stage).unwrap_or_else(|| "not there".to_owned());
        let green = self.is_green(ending);
        let line = match ending {
            Ending::Decided(status) => {
                let code = code_of(*status);
                let exit = Exit::ALL.into_iter().find(|exit| exit.code() == code);
                format!("race wait: exit {code}, {}", exit.map_or("a code of no meaning", Exit::meaning))
            }
            Ending::Over => format!("the status {CHECK} is {status}"),
            Ending::Asked(signal) => format!("{}: the rehearsal ends", signal.name()),
            Ending::OutOfTime => "race wait went on far beyond its deadline".to_owned(),
        };
        self.show.say(&line);
        if matches!(ending, Ending::Asked(_)) {
            self.tell_page(line, false, Vec::new(), FAREWELL).await;
            return Ok(());
        }
        self.tell_the_hosts();
        // What the check says of a decided race, `race inspect` says below.
        let told_below = matches!(ending, Ending::Decided(status) if (10..=14).contains(&code_of(*status)));
        for runner in std::iter::once(&self.runner).chain(&self.dispatched) {
            for name in runner.failed_jobs() {
                if !(told_below && *name == *CHECK) {
                    self.show.tail(runner.staged(), name);
                }
            }
        }
        if matches!(ending, Ending::Decided(_) | Ending::Over) {
            let color = io::stdout().is_terminal() && self.show.output().style.color_out;
            let told = self.inspect(color).await?;
            if told.is_empty() {
                self.show.tail(self.runner.staged(), "inspect");
            }
            io::stdout().lock().write_all(&told)?;
            let plain = if color { self.inspect(false).await? } else { told };
            self.tell_page(line, green, plain, PAGE_LASTS).await;
        }
        Ok(())
    }

    /// What the deployment came to, and what every host has in the end.
    fn tell_the_hosts(&self) {
        if let Some(line) = deployment::ending(self.reviewed_runner().staged()) {
            self.show.say(&line);
        }
        for (host, version) in self.stage.testnet.versions() {
            self.show.say(&format!("  {host} has {version}"));
        }
    }

    /// What `race inspect` says: of the run that was dispatched, and of the pull request's own.
    async fn inspect(&self, color: bool) -> io::Result<Vec<u8>> {
        let mut told = Vec::new();
        if let Some(dispatched) = &self.dispatched {
            told = desk::inspect(self.stage, dispatched.staged().id, color).await?;
            told.push(b'\n');
        }
        told.extend(desk::inspect(self.stage, self.stage.run, color).await?);
        Ok(told)
    }

    /// Shows the ending on the page, and waits until it has been seen there.
    async fn tell_page(&self, verdict: String, green: bool, inspect: Vec<u8>, limit: Duration) {
        let inspect = String::from_utf8_lossy(&inspect).into_owned();
        self.stage.github.tell_page(|told| told.ending = Some(ToldEnding { green, verdict, inspect }));
        self.stage.github.page_is_finished(limit).await;
    }
}

/// The exit code of a process; one that was killed has failed by itself.
fn code_of(status: Option<ExitStatus>) -> u8 {
    let code = status.and_then(|status| status.code());
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(Exit::Internal.code())
}
