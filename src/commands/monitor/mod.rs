//! `race monitor`: watches the nodes, folds what they say, and tells how it goes.

mod leg;
mod reach;
mod voice;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest};
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::chain::{Item, Known, Limits, Subject as Watched, watch};
use crate::cli::Monitor;
use crate::exit::Exit;
use crate::policy;
use crate::soak::{
    Checkpoint, Event, Hash, Observation, Refusal, Run, Seen, State, Step, Stop, Subject, Terms, Verdict,
    explain,
};

use super::change::event_of;
use super::deploy::Tenancy;
use super::observe::Clock;
use super::soaking::{CheckpointFile, announce};
use super::{Context, Failure, Signal, Signals};
use voice::Voice;

/// The longest time without a word.
const HEARTBEAT: Duration = Duration::from_mins(1);
/// About how many lines say how far a soak has come.
const LINES: u32 = 20;
/// Observations that may wait to be folded. A node is not read while it is full.
const QUEUE: usize = 256;
/// How long a single look may take until every node was heard, how long it goes on
/// then, and how long where only rules are still to be checked.
const LOOK: Duration = Duration::from_mins(2);
const LINGER: Duration = Duration::from_millis(500);
const LINGER_AT_TARGET: Duration = Duration::from_secs(40);

/// Runs `race monitor`.
pub(super) async fn run(arguments: &Monitor, context: &Context) -> Result<Exit, Failure> {
    let clock = Clock::start();
    let mut signals = Signals::listen()
        .map_err(|error| Failure::caused(Exit::Internal, "cannot listen to signals", &error))?;
    let settings = context.local_settings(&[])?;
    if arguments.leg {
        leg::is_followed(&settings.policy.branches, context.runner.get("GITHUB_JOB"))?;
    }
    let mut policy = settings.policy.monitor.ok_or_else(|| {
        Failure::new(Exit::Invalid, "the policy does not say which nodes to watch")
            .help("add [monitor] to policies/testnet.toml")
    })?;
    policy.max_runtime = arguments.max_runtime.or(policy.max_runtime);
    let run = run_of(context)?;
    let terms = terms_of(context, arguments, policy, &run, clock.began())?;
    let (file, checkpoint) = CheckpointFile::take(arguments.checkpoint.as_deref())?;
    let state = match &checkpoint {
        None => State::new(&terms),
        Some(checkpoint) => {
            State::resume(&terms, checkpoint, &run, None, clock.now()).map_err(|why| refused(&why))?
        }
    };
    if arguments.explain {
        let text = explain(&terms, &state, clock.now());
        let shown = context.output.result(text.trim_end());
        shown.map_err(|error| Failure::caused(Exit::Internal, "cannot write the result", &error))?;
        return Ok(Exit::Done);
    }
    // A soak that has ended says so again.
    if state.verdict() != Verdict::Running {
        let exit = state.verdict().exit();
        announce(context, &run, &terms, &state, exit)?;
        return Ok(leg::exit_of(arguments, exit));
    }
    let tenancy = settings.policy.deploy.as_ref().and_then(|deploy| Tenancy::of(context, deploy));
    let endpoints = reach::endpoints(context, &terms.monitor, settings.policy.deploy.as_ref())?;
    let run = checkpoint.as_ref().map_or(run, |checkpoint| checkpoint.run.clone());
    let mut soaking = Soaking {
        run,
        state,
        file,
        troubles: vec![None; terms.monitor.nodes.len()],
        voice: Voice::new(context, terms.monitor.target_sessions),
        terms,
    };
    // A file that cannot be written is better known now than in eight hours.
    soaking.file.finish(&soaking.checkpoint()).await?;
    soaking.greet(clock.now());

    let (sender, mut observations) = mpsc::channel(QUEUE);
    let mut watchers = JoinSet::new();
    let items: Arc<[Item]> = Item::of(&soaking.terms.monitor.watches).into();
    for (node, endpoint) in endpoints.into_iter().enumerate() {
        let known = checkpoint.as_ref();
        let subject = Watched {
            node,
            items: items.clone(),
            since: known.and_then(since),
            finalized: known.and_then(|known| known.nodes.get(node)?.finalized),
            ..Watched::at(endpoint, Limits::default())
        };
        watchers.spawn(watch(subject, move || clock.now(), sender.clone()));
    }
    drop(sender);
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut look = arguments.once.then(|| Look::new(soaking.terms.monitor.nodes.len()));
    let mut stopped_by = None;
    let mut lease_lost = pin!(lease_lost(tenancy.as_ref()));
    loop {
        let until = look.as_ref().map(|look| look.until);
        let event = tokio::select! {
            biased;
            signal = signals.next() => {
                stopped_by = Some(signal);
                Event::Stop(clock.now(), stop(signal))
            }
            holder = &mut lease_lost => {
                soaking.voice.say(&holder);
                Event::Stop(clock.now(), Stop::LeaseLost)
            }
            _ = ticks.tick() => Event::Tick(clock.now()),
            Some(observation) = observations.recv() => Event::Observed(observation),
            written = soaking.file.written() => {
                soaking.after_writing(written);
                continue;
            }
            () = looked(until) => Event::Stop(clock.now(), Stop::Looked),
        };
        if let (Some(look), Event::Observed(observation)) = (&mut look, &event) {
            look.note(observation, &soaking.state, &soaking.terms);
        }
        if soaking.take_in(event) == Step::Ended {
            break;
        }
    }
    watchers.abort_all();
    soaking.voice.finish();
    let exit = stopped_by.map_or_else(|| soaking.state.verdict().exit(), Signal::exit);
    soaking.file.finish(&soaking.checkpoint()).await?;
    // A soak that goes on elsewhere still needs the testnet.
    if let Some(tenancy) = tenancy.as_ref().filter(|_| soaking.state.verdict() != Verdict::Unfinished) {
        tenancy.release().await;
    }
    announce(context, &soaking.run, &soaking.terms, &soaking.state, exit)?;
    Ok(leg::exit_of(arguments, exit))
}

/// What the soak is held to: the policy, the runtime that was built, and the end of
/// this leg.
fn terms_of(
    context: &Context,
    arguments: &Monitor,
    policy: policy::Monitor,
    run: &Run,
    began: Timestamp,
) -> Result<Terms, Failure> {
    let code_hash = policy.expect.runtime_wasm.as_deref().map(|path| {
        let code = std::fs::read(path)
            .map_err(|error| Failure::caused(Exit::Invalid, &format!("cannot read {path}"), &error))?;
        Ok::<_, Failure>(Hash(Blake2b::<U32>::digest(code).into()))
    });
    let subject = Subject {
        sha: run.head_sha.clone(),
        merge_sha: context.runner.get("GITHUB_SHA").map(str::to_owned),
        code_hash: code_hash.transpose()?,
    };
    let max_runtime = policy.max_runtime;
    let mut terms = Terms::new(policy, &subject)
        .map_err(|error| Failure::caused(Exit::Invalid, "cannot tell what the nodes must run", &error))?;
    let began = match &arguments.deployment {
        None => began,
        Some(path) => deployment_began(path)?,
    };
    terms.leg_ends = max_runtime.and_then(|limit| began.checked_add(limit).ok());
    Ok(terms)
}

/// When the deployment of this job began, by its `race.deploy/1`.
fn deployment_began(path: &std::path::Path) -> Result<Timestamp, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::caused(Exit::Invalid, &format!("cannot read {}", path.display()), &error)
    })?;
    let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let began = value["started_at"].as_str().and_then(|text| text.parse().ok());
    began.ok_or_else(|| {
        Failure::new(Exit::Invalid, format!("{} does not tell when the deployment began", path.display()))
            .help("--deployment wants the race.deploy/1 that `race deploy` wrote in this job")
    })
}

fn refused(why: &Refusal) -> Failure {
    Failure::new(Exit::Invalid, why.to_string())
        .help("the file was left as it is; move it away, or name another one, to begin anew")
}

/// The last block of which all is known: what came after it is filled in. Where a
/// session's first block is not known, that is tried again.
fn since(checkpoint: &Checkpoint) -> Option<Known> {
    let baseline = checkpoint.baseline?;
    let inexact = checkpoint.sessions.iter().find(|session| !session.exact);
    Some(match (inexact, checkpoint.sessions.last()) {
        (Some(session), _) => Known { number: session.after_block, session: session.index.saturating_sub(1) },
        (None, Some(last)) => Known { number: last.block, session: last.index },
        (None, None) => Known { number: baseline.block, session: baseline.session },
    })
}

/// A single look: it is over when every node was heard.
struct Look {
    heard: Vec<bool>,
    all: bool,
    until: Instant,
}

impl Look {
    fn new(nodes: usize) -> Self {
        Self { heard: vec![false; nodes], all: false, until: Instant::now() + LOOK }
    }

    fn note(&mut self, observation: &Observation, state: &State, terms: &Terms) {
        if let (Seen::Finalized(_) | Seen::Unreachable(_), Some(heard)) =
            (&observation.seen, self.heard.get_mut(observation.node))
        {
            *heard = true;
        }
        if !self.all && self.heard.iter().all(|heard| *heard) {
            self.all = true;
            let reached = state.counted(terms) >= terms.monitor.target_sessions;
            self.until = Instant::now() + if reached { LINGER_AT_TARGET } else { LINGER };
        }
    }
}

/// Waits until another has the testnet, and tells who: for ever where the lease is not
/// ours to keep.
async fn lease_lost(tenancy: Option<&Tenancy<'_>>) -> String {
    match tenancy {
        Some(tenancy) => tenancy.keep().await,
        None => std::future::pending().await,
    }
}

/// Waits until that moment, for ever where there is none.
async fn looked(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}

fn stop(signal: Signal) -> Stop {
    match signal {
        Signal::Interrupt => Stop::Interrupted,
        Signal::Terminate => Stop::Terminated,
    }
}

/// The run that the soak belongs to, as far as there is one.
fn run_of(context: &Context) -> Result<Run, Failure> {
    let runner = &context.runner;
    let event = event_of(runner)?;
    Ok(Run {
        id: runner.get("GITHUB_RUN_ID").and_then(|text| text.parse().ok()),
        attempt: runner.get("GITHUB_RUN_ATTEMPT").and_then(|text| text.parse().ok()),
        head_sha: event.head_sha.or_else(|| runner.get("GITHUB_SHA").map(str::to_owned)),
    })
}

/// A soak on its way.
struct Soaking<'c> {
    terms: Terms,
    run: Run,
    state: State,
    file: CheckpointFile,
    /// What was last said to be wrong with each node.
    troubles: Vec<Option<String>>,
    voice: Voice<'c>,
}

impl Soaking<'_> {
    fn checkpoint(&self) -> Checkpoint {
        Checkpoint::of(&self.run, &self.terms, &self.state)
    }

    /// Says how long the soak takes, against the time that this leg has.
    fn greet(&mut self, now: Timestamp) {
        let (target, nodes) = (self.terms.monitor.target_sessions, self.terms.monitor.nodes.len());
        let counted = self.state.counted(&self.terms);
        let left = self.terms.monitor.session_length.saturating_mul(target.saturating_sub(counted));
        let least = policy::duration::rounded(left);
        self.say(&if self.state.baseline().is_some() {
            format!(
                "the soak goes on: {counted} of {target} sessions on {nodes} node(s); at least {least} more"
            )
        } else {
            format!("soak of {target} sessions on {nodes} node(s); at least {least}")
        });
        if let Some(end) = self.terms.leg_ends {
            let leg = Duration::try_from(end.duration_since(now)).unwrap_or_default();
            let leg = (policy::duration::rounded(leg), leg < left);
            self.say(&match leg {
                (leg, true) => format!("this leg ends in {leg}: another one must go on from the checkpoint"),
                (leg, false) => format!("this leg ends in {leg}"),
            });
        }
        for warning in self.state.warnings(&self.terms) {
            self.say(&format!("warning: {warning}"));
        }
    }

    /// Folds an event, and says what is new.
    fn take_in(&mut self, event: Event) -> Step {
        if let Event::Observed(observation) = &event {
            self.mention_trouble(observation);
        }
        let is_tick = matches!(event, Event::Tick(_));
        let step = self.state.fold(&self.terms, event);
        match step {
            Step::Nothing | Step::Ended => {}
            Step::Baseline => {
                self.save();
                if let Some(baseline) = self.state.baseline() {
                    let line = format!("baseline: session {}, block {}", baseline.session, baseline.block);
                    self.say(&line);
                }
            }
            Step::Sessions(more) => {
                self.save();
                let (counted, every) = (
                    self.state.counted(&self.terms),
                    self.terms.monitor.target_sessions.div_ceil(LINES).max(1),
                );
                if counted / every > counted.saturating_sub(more) / every {
                    self.say_reason();
                }
            }
        }
        if is_tick {
            self.voice.show(&self.terms, &self.state, || Checkpoint::of(&self.run, &self.terms, &self.state));
        }
        if self.voice.silent_for() >= HEARTBEAT {
            self.say_reason();
        }
        step
    }

    /// Says when a node gets out of reach, and when it is back.
    fn mention_trouble(&mut self, observation: &Observation) {
        let trouble = match &observation.seen {
            Seen::Unreachable(trouble) => Some(trouble.clone()),
            Seen::Finalized(_) => None,
            _ => return,
        };
        let Some(known) = self.troubles.get_mut(observation.node) else { return };
        if *known != trouble {
            let line = match &trouble {
                Some(trouble) => format!("node {}: {trouble}", self.terms.node(observation.node)),
                None => format!("node {}: answers again", self.terms.node(observation.node)),
            };
            *known = trouble;
            self.say(&line);
        }
    }

    fn save(&mut self) {
        let (run, terms, state) = (&self.run, &self.terms, &self.state);
        self.file.save(|| Checkpoint::of(run, terms, state));
    }

    /// A write that failed is tried again with the next session; the last one counts.
    fn after_writing(&mut self, written: std::io::Result<bool>) {
        match written {
            Ok(true) => self.save(),
            Ok(false) => {}
            Err(error) => self.say(&format!("cannot write the checkpoint: {error}")),
        }
    }

    fn say_reason(&mut self) {
        let reason = self.state.reason(&self.terms).to_string();
        self.say(&reason);
    }

    fn say(&mut self, line: &str) {
        self.voice.say(line);
    }
}
