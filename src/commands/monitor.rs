//! `race monitor`: watches the nodes, folds what they say, and tells how it goes.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::chain::{Endpoint, Limits, Subject as Watched, watch};
use crate::cli::Monitor;
use crate::exit::Exit;
use crate::policy;
use crate::soak::{
    Checkpoint, Event, NOT_VERIFIED, Observation, Run, Seen, State, Step, Stop, Subject, Terms,
};

use super::change::event_of;
use super::observe::Clock;
use super::soaking::{CheckpointFile, announce};
use super::{Context, Failure, Signal, Signals};

/// The longest time without a word.
const HEARTBEAT: Duration = Duration::from_mins(1);
/// About how many lines say how far a soak has come.
const LINES: u32 = 20;
/// Observations that may wait to be folded. A node is not read while it is full.
const QUEUE: usize = 256;

/// Runs `race monitor`.
pub(super) async fn run(arguments: &Monitor, context: &Context) -> Result<Exit, Failure> {
    let clock = Clock::start();
    let mut signals = Signals::listen()
        .map_err(|error| Failure::caused(Exit::Internal, "cannot listen to signals", &error))?;
    let settings = context.local_settings(&[])?;
    let policy = settings.policy.monitor.ok_or_else(|| {
        Failure::new(Exit::Invalid, "the policy does not say which nodes to watch")
            .help("add [monitor] to policies/testnet.toml")
    })?;
    let run = run_of(context)?;
    let subject = Subject {
        sha: run.head_sha.clone(),
        merge_sha: context.runner.get("GITHUB_SHA").map(str::to_owned),
        code_hash: None,
    };
    let mut terms = Terms::new(policy, &subject)
        .map_err(|error| Failure::caused(Exit::Invalid, "cannot tell what the nodes must run", &error))?;
    let leg = terms.monitor.max_runtime;
    terms.leg_ends = leg.and_then(|leg| clock.began().checked_add(leg).ok());
    let mut soaking = Soaking {
        context,
        run,
        state: State::new(&terms),
        file: CheckpointFile::take(arguments.checkpoint.as_deref())?,
        troubles: vec![None; terms.monitor.nodes.len()],
        spoken: Instant::now(),
        terms,
    };
    // A file that cannot be written is better known now than in eight hours.
    soaking.file.finish(&soaking.checkpoint()).await?;
    soaking.greet();

    let (sender, mut observations) = mpsc::channel(QUEUE);
    let mut watchers = JoinSet::new();
    for (index, node) in soaking.terms.monitor.nodes.iter().enumerate() {
        let endpoint = Endpoint::at(node.url.clone());
        let subject = Watched { node: index, ..Watched::at(endpoint, Limits::default()) };
        watchers.spawn(watch(subject, move || clock.now(), sender.clone()));
    }
    drop(sender);
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stopped_by = None;
    loop {
        let event = tokio::select! {
            signal = signals.next() => {
                stopped_by = Some(signal);
                Event::Stop(clock.now(), stop(signal))
            }
            Some(observation) = observations.recv() => Event::Observed(observation),
            _ = ticks.tick() => Event::Tick(clock.now()),
            written = soaking.file.written() => {
                soaking.after_writing(written);
                continue;
            }
        };
        if soaking.take_in(event) == Step::Ended {
            break;
        }
    }
    watchers.abort_all();
    let exit = stopped_by.map_or_else(|| soaking.state.verdict().exit(), Signal::exit);
    soaking.file.finish(&soaking.checkpoint()).await?;
    announce(context, &soaking.run, &soaking.terms, &soaking.state, exit)?;
    Ok(exit)
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
    context: &'c Context,
    terms: Terms,
    run: Run,
    state: State,
    file: CheckpointFile,
    /// What was last said to be wrong with each node.
    troubles: Vec<Option<String>>,
    spoken: Instant,
}

impl Soaking<'_> {
    fn checkpoint(&self) -> Checkpoint {
        Checkpoint::of(&self.run, &self.terms, &self.state)
    }

    fn greet(&mut self) {
        let (target, nodes) = (self.terms.monitor.target_sessions, self.terms.monitor.nodes.len());
        let least = policy::duration::rounded(self.terms.monitor.session_length.saturating_mul(target));
        self.say(&format!("soak of {target} sessions on {nodes} node(s); at least {least}"));
        self.say(&format!("warning: {NOT_VERIFIED}"));
    }

    /// Folds an event, and says what is new.
    fn take_in(&mut self, event: Event) -> Step {
        if let Event::Observed(observation) = &event {
            self.mention_trouble(observation);
        }
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
        if self.spoken.elapsed() >= HEARTBEAT {
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
                Some(trouble) => format!("node {}: {trouble}", observation.node),
                None => format!("node {}: answers again", observation.node),
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
        self.context.output.log(line);
        self.spoken = Instant::now();
    }
}
