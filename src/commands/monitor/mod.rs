//! `race monitor`: watches the nodes, folds what they say, and tells how it goes.

mod began;
mod leg;
mod look;
mod reach;
mod sample;
mod soaking;
mod voice;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::chain::{Endpoint, Item, Known, Limits, Subject as Watched, watch};
use crate::cli::Monitor;
use crate::exit::Exit;
use crate::policy;
use crate::soak::{
    Checkpoint, Event, Hash, Refusal, Run, State, Step, Stop, Subject, Terms, Verdict, explain,
};

use super::change::event_of;
use super::deploy::Tenancy;
use super::observe::Clock;
use super::soaking::{CheckpointFile, announce};
use super::{Context, Failure, Signal, Signals};
use began::began;
use look::{Look, looked};
use soaking::Soaking;

pub(super) use sample::{Sample, sample};

/// Observations that may wait to be folded. A node is not read while it is full.
const QUEUE: usize = 256;

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
    let (file, checkpoint) = CheckpointFile::take(arguments.checkpoint.as_deref())?;
    let mut terms = terms_of(context, &policy, &run, checkpoint.as_ref())?;
    let state = match &checkpoint {
        None => State::new(&terms),
        Some(checkpoint) => {
            State::resume(&terms, checkpoint, &run, None, clock.now()).map_err(|why| refused(&why))?
        }
    };
    let deployment = arguments.deployment.as_deref();
    let mut leg = None;
    if state.verdict() == Verdict::Running && (terms.monitor.max_runtime.is_some() || deployment.is_some()) {
        let began = began(context, deployment, clock.began()).await?;
        let ends = |limit: Duration| began.at.checked_add(limit).ok();
        terms.leg_ends = terms.monitor.max_runtime.and_then(ends);
        leg = Some(began.told);
    }
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
    let mut soaking = Soaking::new(context, terms, run, state, file);
    // A file that cannot be written is better known now than in eight hours.
    soaking.file.finish(&soaking.checkpoint()).await?;
    soaking.greet(clock.now(), leg.as_deref());

    let known = checkpoint.as_ref();
    let look = arguments.once.then(|| Look::new(soaking.terms.monitor.nodes.len()));
    let stopped_by =
        follow(&mut soaking, endpoints, known, clock, look, Some(&mut signals), tenancy.as_ref()).await;
    let exit = stopped_by.map_or_else(|| soaking.state.verdict().exit(), Signal::exit);
    soaking.file.finish(&soaking.checkpoint()).await?;
    // A soak that goes on elsewhere still needs the testnet.
    if let Some(tenancy) = tenancy.as_ref().filter(|_| soaking.state.verdict() != Verdict::Unfinished) {
        tenancy.release().await;
    }
    announce(context, &soaking.run, &soaking.terms, &soaking.state, exit)?;
    Ok(leg::exit_of(arguments, exit))
}

/// Watches the nodes until the soak has a verdict or the look is over. Tells by which
/// signal it was ended.
async fn follow(
    soaking: &mut Soaking<'_>,
    endpoints: Vec<Endpoint>,
    known: Option<&Checkpoint>,
    clock: Clock,
    mut look: Option<Look>,
    mut signals: Option<&mut Signals>,
    tenancy: Option<&Tenancy<'_>>,
) -> Option<Signal> {
    let (sender, mut observations) = mpsc::channel(QUEUE);
    let mut watchers = JoinSet::new();
    let items: Arc<[Item]> = Item::of(&soaking.terms.monitor.watches).into();
    for (node, endpoint) in endpoints.into_iter().enumerate() {
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
    let mut stopped_by = None;
    let mut lease_lost = pin!(lease_lost(tenancy));
    loop {
        let until = look.as_ref().map(|look| look.until);
        let event = tokio::select! {
            biased;
            signal = next(&mut signals) => {
                stopped_by = Some(signal);
                Event::Stop(clock.now(), stop(signal))
            }
            holder = &mut lease_lost => {
                soaking.say(&holder);
                Event::Stop(clock.now(), Stop::LeaseLost)
            }
            _ = ticks.tick() => Event::Tick(clock.now()),
            Some(observation) = observations.recv() => Event::Observed(observation),
            written = soaking.file.written() => {
                soaking.after_writing(written);
                continue;
            }
            () = looked(until) => {
                let now = clock.now();
                if look.as_mut().is_some_and(|look| look.goes_on(&soaking.state, &soaking.terms, now)) {
                    continue;
                }
                Event::Stop(now, Stop::Looked)
            }
        };
        if let (Some(look), Event::Observed(observation)) = (&mut look, &event) {
            look.note(observation, &soaking.state, &soaking.terms);
        }
        if soaking.take_in(event) == Step::Ended {
            break;
        }
    }
    watchers.abort_all();
    soaking.finish();
    stopped_by
}

/// The next signal; none ever comes where somebody else listens.
async fn next(signals: &mut Option<&mut Signals>) -> Signal {
    match signals {
        Some(signals) => signals.next().await,
        None => std::future::pending().await,
    }
}

/// What the soak is held to: the policy, and the runtime that was built. Later legs may
/// not have the file any more; then it is the one that the nodes have told, if the
/// checkpoint was held to just that.
fn terms_of(
    context: &Context,
    policy: &policy::Monitor,
    run: &Run,
    known: Option<&Checkpoint>,
) -> Result<Terms, Failure> {
    let with = |code_hash| {
        let subject = Subject {
            sha: run.head_sha.clone(),
            merge_sha: context.runner.get("GITHUB_SHA").map(str::to_owned),
            code_hash,
        };
        Terms::new(policy.clone(), &subject)
            .map_err(|error| Failure::caused(Exit::Invalid, "cannot tell what the nodes must run", &error))
    };
    let Some(path) = &policy.expect.runtime_wasm else { return with(None) };
    match std::fs::read(path) {
        Ok(code) => with(Some(Hash(Blake2b::<U32>::digest(code).into()))),
        Err(error) => {
            let told = known.into_iter().flat_map(Checkpoint::code_hashes);
            let mut terms = told.filter_map(|hash| with(Some(hash)).ok());
            terms
                .find(|terms| known.is_some_and(|known| known.terms == terms.digest()))
                .ok_or_else(|| Failure::caused(Exit::Invalid, &format!("cannot read {path}"), &error))
        }
    }
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

/// Waits until another has the testnet, and tells who: for ever where the lease is not
/// ours to keep.
async fn lease_lost(tenancy: Option<&Tenancy<'_>>) -> String {
    match tenancy {
        Some(tenancy) => tenancy.keep().await,
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
        policy: None,
    })
}
