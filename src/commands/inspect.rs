//! `race inspect`: which branch won, who approved it and what it showed. From
//! anywhere, of any run.

use std::time::Duration;

use jiff::Timestamp;

use crate::cli::{Format, Inspect};
use crate::config::Settings;
use crate::exit::Exit;
use crate::github::{ApiError, Check, Depth, Event, Pace, Reader};
use crate::policy::Policy;
use crate::race::watch::{Observation, Step, Watch};
use crate::race::{Outcome, Verdict};
use crate::report::verdict::Decided;
use crate::report::{Paint, inert};
use crate::soak::Checkpoint;

use super::announce::{Announcement, announce};
use super::connect::failed;
use super::observe::{Clock, Look, Observer, Race};
use super::showed::figures_of;
use super::signals::Signals;
use super::subject::Subject;
use super::{Context, Failure, policy_source};

/// How often a look is tried before `inspect` gives up, and how long it waits
/// because GitHub asks it to.
const TRIES: u32 = 4;
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Runs `race inspect`.
pub(super) async fn run(arguments: &Inspect, context: &Context) -> Result<Exit, Failure> {
    let subject = Subject::read(arguments.subject.as_deref(), arguments.pr, context)?;
    let mut client = subject.client(context, arguments.repo.as_deref()).await?;
    let Settings { policy, .. } =
        policy_source::in_force(context, &mut client, &Event::default(), &[]).await?;
    let (run_id, attempt) = subject.find(&mut client, &policy).await?;
    let reader = Reader::new(client, run_id, attempt);
    let race = Race::new(reader, &policy, arguments.checkpoint.as_deref())?.curious();
    let observer = Observer::Race(Box::new(race));
    let mut inspection = Inspection { context, policy, observer, clock: Clock::start() };
    let look = if arguments.watch {
        let mut signals = Signals::listen()
            .map_err(|error| Failure::caused(Exit::Internal, "cannot listen to signals", &error))?;
        tokio::select! {
            followed = inspection.follow() => followed?,
            signal = signals.next() => return Ok(signal.exit()),
        }
    } else {
        inspection.look_patiently().await?
    };
    inspection.tell(arguments, &look).await?;
    Ok(if arguments.exit_verdict { look.verdict.exit() } else { Exit::Done })
}

struct Inspection<'c> {
    context: &'c Context,
    policy: Policy,
    observer: Observer,
    clock: Clock,
}

impl Inspection<'_> {
    async fn look(&mut self, depth: Depth) -> Result<Look, ApiError> {
        self.observer.look(&self.policy, depth, self.clock.now()).await
    }

    /// Looks once, and again where that may help.
    async fn look_patiently(&mut self) -> Result<Look, Failure> {
        let mut pace = Pace::new(self.policy.polling, self.clock.began());
        for _ in 1..TRIES {
            match self.look(Depth::Full).await {
                Ok(look) => return Ok(look),
                Err(error) if error.is_passing() => {
                    let pause = pace.after_failure(&error, fastrand::f64());
                    if pause > LONGEST_PAUSE {
                        return Err(failed(&error));
                    }
                    self.context.output.log(&format!("trying again: {error}"));
                    tokio::time::sleep(pause).await;
                }
                Err(error) => return Err(failed(&error)),
            }
        }
        self.look(Depth::Full).await.map_err(|error| failed(&error))
    }

    /// Follows the run until it is decided, with a line for every change.
    async fn follow(&mut self) -> Result<Look, Failure> {
        let polling = self.policy.polling;
        let mut pace = Pace::new(polling, self.clock.began());
        let mut watch = Watch::new(polling, self.clock.began(), Duration::MAX);
        let mut depth = Depth::Full;
        let mut said = String::new();
        loop {
            let looked = self.look(depth).await;
            let now = self.clock.now();
            let (observation, pause) = match &looked {
                Ok(look) => {
                    let budget = self.observer.client().budget();
                    let pause = pace.after_reading(now, look.moved, look.toll, budget, fastrand::f64());
                    (Observation::Read(Box::new(look.verdict.clone())), pause)
                }
                Err(error) => (error.observed(), pace.after_failure(error, fastrand::f64())),
            };
            let within = match (watch.observe(now, observation), &looked) {
                (Step::End(_), Ok(_)) => return looked.map_err(|error| failed(&error)),
                (Step::Refuse(refusal), _) => {
                    return Err(Failure::new(refusal.exit, refusal.message).help(refusal.help));
                }
                (Step::Wait { within }, _) => within,
                (Step::End(_), Err(_)) => None,
            };
            let line = match &looked {
                Ok(look) => line_of(&look.verdict),
                Err(error) => format!("trying again: {error}"),
            };
            if line != said {
                self.context.output.log(&line);
                said = line;
            }
            depth = if within.is_some() { Depth::Full } else { Depth::Quiet };
            tokio::time::sleep(within.map_or(pause, |within| pause.min(within))).await;
        }
    }

    async fn tell(&mut self, arguments: &Inspect, look: &Look) -> Result<(), Failure> {
        let Look { verdict, run, .. } = look;
        let Some(run) = run else { return Ok(()) };
        let now = self.clock.now();
        let soaks = figures_of(self.observer.client(), &self.policy, verdict).await;
        let decided_at = verdict.winner().map_or(Some(now), |winner| winner.completed_at);
        let advised = self.observer.advised();
        announce(&Announcement {
            context: self.context,
            decided: Decided { verdict, run, at: decided_at, soaks: Some(&soaks), advised },
            check: &self.policy.check,
            file: arguments.verdict.as_deref(),
            annotated: false,
            now,
        })?;
        if self.context.shared.format == Format::Json {
            return Ok(());
        }
        let mut text = String::new();
        if !arguments.watch && self.may_still_change(verdict, now) {
            text.push_str("\nnot yet confirmed by a second reading\n");
        }
        text.push_str(&self.sampled());
        text.push_str(&self.check_line(&run.head_sha).await);
        self.context
            .output
            .result(&text)
            .map_err(|error| Failure::caused(Exit::Internal, "cannot write the result", &error))
    }

    /// An ending other than a win is so young that GitHub's lists may lag behind it.
    fn may_still_change(&self, verdict: &Verdict, now: Timestamp) -> bool {
        let last = verdict.branches.iter().filter_map(|branch| branch.completed_at).max();
        let settled = last.and_then(|last| last.checked_add(self.policy.polling.review_lag).ok());
        !matches!(verdict.outcome(), Outcome::Won | Outcome::Undecided) && settled.is_none_or(|at| at > now)
    }

    /// What the samples of soaks have come to, where somebody has taken some.
    fn sampled(&self) -> String {
        let Observer::Race(race) = &self.observer else { return String::new() };
        let color = self.context.output.style.color_out;
        let lines = race.sampled().iter().map(|(branch, soak)| {
            let Checkpoint { verdict, counted, target, updated_at, .. } = soak;
            let at = updated_at.map_or(String::new(), |at| format!(", looked at {at:.0}"));
            let title = Paint::Bold.on(color, &format!("soak of {}", inert(branch)));
            format!(
                "\n{title}  {}, {counted} of {target} sessions{at} (as the samples say)\n",
                verdict.word()
            )
        });
        lines.collect()
    }

    /// The state of the check on the commit. It is told beside the verdict; where it
    /// cannot be read, that is all there is to say.
    async fn check_line(&mut self, head_sha: &str) -> String {
        let check = self.policy.check.clone();
        let color = self.context.output.style.color_out;
        let told = match self.observer.client().checks(head_sha, &check).await {
            Ok(checks) if checks.is_empty() => "not reported yet".to_owned(),
            Ok(checks) => checks.iter().map(state_of).collect::<Vec<_>>().join("; "),
            Err(error) => format!("cannot be read ({error})"),
        };
        format!("\ncheck {}  {}\n", Paint::Bold.on(color, &inert(&check)), inert(&told))
    }
}

fn state_of(check: &Check) -> String {
    let kind = if check.kind == "status" { "status" } else { "check run" };
    let state = match check.description.as_str() {
        "" => format!("{} ({kind})", check.state),
        description => format!("{} ({kind}): {description}", check.state),
    };
    // A status is of the run that wrote it, which need not be this one.
    if kind == "status" && !check.url.is_empty() { format!("{state}, {}", check.url) } else { state }
}

/// One line for a race that goes on.
fn line_of(verdict: &Verdict) -> String {
    let states: Vec<String> =
        verdict.branches.iter().map(|branch| format!("{} {}", branch.name, branch.state.word())).collect();
    format!("{} ({})", verdict.reason, states.join(", "))
}
