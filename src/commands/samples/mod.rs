//! `race samples`: looks once at every soak that goes on, and settles those that have
//! ended. For the workflow of the default branch that does so once in a while: what it
//! keeps is believed, because nothing of a pull request runs there.

mod look;
mod open;
mod runtime;
mod settle;
mod told;

use std::path::PathBuf;
use std::time::Duration;

use crate::cli::Samples;
use crate::exit::Exit;
use crate::github::{Client, Event, Home, Reader};
use crate::policy::{Policy, Proof};
use crate::race::Run;
use crate::race::sampled::{WORKFLOW, artifact_name};
use crate::race::settle::AttemptId;
use crate::report::actions::{Level, write_outputs};
use crate::report::inert_json;
use crate::soak::{Checkpoint, Verdict};

use super::announce::write_whole;
use super::connect::failed;
use super::observe::{Clock, Race};
use super::proof::{FILE, Proofs};
use super::signals::Signals;
use super::{Context, Failure, connect, policy_source};
use look::{Current, look};
use open::{Over, by_turn, has_ended, name, open};
use settle::settle;
use told::{Told, tell};

/// So many soaks have a step of the workflow that keeps what was seen of them.
const MOST: usize = 3;

/// How long the list of artifacts may lag behind what was just kept.
const LISTED_WITHIN: Duration = Duration::from_mins(1);

/// Runs `race samples`.
pub(super) async fn run(arguments: &Samples, context: &Context) -> Result<Exit, Failure> {
    let mut signals = Signals::listen()
        .map_err(|error| Failure::caused(Exit::Internal, "cannot listen to signals", &error))?;
    tokio::select! {
        ended = work(arguments, context) => ended,
        signal = signals.next() => Ok(signal.exit()),
    }
}

async fn work(arguments: &Samples, context: &Context) -> Result<Exit, Failure> {
    let clock = Clock::start();
    let mut client = connect::client(context, None).await?;
    let home = Proofs::default().home(&mut client).await.map_err(|error| failed(&error))?;
    let commit = place(context, &home)?;
    let policy = policy_source::in_force(context, &mut client, &Event::default(), &[]).await?.policy;
    let mut sampling =
        Sampling { arguments, context, clock, client, policy, home, commit, told: Told::default() };
    if sampling.policy.branches.iter().all(|branch| branch.proof == Proof::Job) {
        let why = "no branch of the policy has `proof = \"soak\"`: there is nothing to look at";
        return Err(Failure::new(Exit::Invalid, why).help("`race init --mode sampled` writes such a policy"));
    }
    if arguments.settle {
        sampling.settle_what_was_kept().await?
    } else {
        sampling.look_at_all().await?
    }
    tell(context, &sampling.told)?;
    Ok(if sampling.told.failed.is_empty() { Exit::Done } else { Exit::Partial })
}

/// The commit of the default branch that we are run at. Elsewhere nobody would believe
/// what is kept.
fn place(context: &Context, home: &Home) -> Result<String, Failure> {
    let runner = &context.runner;
    let expected = |repository: &str| format!("{repository}/{WORKFLOW}@refs/heads/{}", home.default_branch);
    let is_there = match (runner.get("GITHUB_REPOSITORY"), runner.get("GITHUB_WORKFLOW_REF")) {
        (Some(repository), Some(reference)) => expected(repository) == reference,
        _ => false,
    };
    match runner.get("GITHUB_SHA").filter(|_| is_there) {
        Some(commit) => Ok(commit.to_owned()),
        None => Err(Failure::new(
            Exit::Invalid,
            format!("this is not {WORKFLOW} on {}, and what others keep is not believed", home.default_branch),
        )
        .help("`race init --mode sampled` writes that workflow; to look at a soak from elsewhere use `race monitor --once`")),
    }
}

/// One call.
struct Sampling<'c> {
    arguments: &'c Samples,
    context: &'c Context,
    clock: Clock,
    client: Client,
    policy: Policy,
    home: Home,
    /// The commit of the default branch whose policy that is.
    commit: String,
    told: Told,
}

impl Sampling<'_> {
    /// Looks at every soak that goes on, and settles what was left unsettled.
    async fn look_at_all(&mut self) -> Result<(), Failure> {
        let (client, policy, context) = (&mut self.client, &self.policy, self.context);
        let found = open(client, context, policy, &self.home, &self.arguments.workflow, self.clock);
        let open::Open { mut soaks, over, failed: unread } = found.await.map_err(|error| failed(&error))?;
        for (attempt, why) in unread {
            self.fail(format!("run {}, attempt {}", attempt.run, attempt.attempt), &why);
        }
        for Over { run, mut race } in over {
            self.settle(&run, &mut race).await;
        }
        by_turn(&mut soaks);
        if soaks.is_empty() {
            context.output.log("no soak goes on");
        }
        for later in soaks.iter().skip(MOST) {
            context.output.log(&format!("{}: its turn comes the next time", later.name()));
        }
        let mut outputs = Vec::new();
        for soak in soaks.iter().take(MOST) {
            context.output.log(&format!("{}: a look", soak.name()));
            let current = Current { policy: &self.policy, commit: &self.commit };
            let looked =
                look(soak, &current, &self.arguments.artifact, &mut self.client, context, self.clock).await;
            let place = outputs.len() + 1;
            match looked.and_then(|checkpoint| self.keep(place, &checkpoint).map(|()| checkpoint)) {
                Ok(checkpoint) => {
                    outputs.push((format!("soak-{place}"), artifact_name(soak.attempt)));
                    self.told.looked(soak, &checkpoint);
                }
                Err(failure) => self.fail(soak.name(), &failure.message),
            }
        }
        self.write(&outputs)
    }

    /// Settles the soaks of the directory that have ended, by what was kept of them.
    async fn settle_what_was_kept(&mut self) -> Result<(), Failure> {
        for place in 1..=MOST {
            let Some(checkpoint) = self.kept(place)? else { continue };
            let (Some(id), Some(attempt)) = (checkpoint.run.id, checkpoint.run.attempt) else { continue };
            if !is_ended(&checkpoint) {
                continue;
            }
            let attempt = AttemptId { run: id, attempt: u64::from(attempt) };
            let newest = self.client.progress_of(id).await.map(|progress| progress.attempt);
            let newest = newest.ok().flatten().unwrap_or(attempt.attempt);
            let reader = Reader::new(self.client.another(), id, Some(newest));
            let mut race = Race::of(reader, &self.policy);
            let look = race.look_alone(&self.policy, crate::github::Depth::Full, self.clock.now()).await;
            let run = match look.map(|look| look.run) {
                Ok(Some(run)) => run,
                Ok(None) => continue,
                Err(error) => {
                    self.fail(format!("run {id}, attempt {}", attempt.attempt), &error.to_string());
                    continue;
                }
            };
            if self.is_listed(&mut race, attempt).await {
                self.settle(&run, &mut race).await;
            } else {
                let why = "its artifact is not listed, so nobody could check the verdict";
                self.fail(name(&run, attempt), why);
            }
        }
        Ok(())
    }

    /// Whether everybody can read by now what was just kept.
    async fn is_listed(&self, race: &mut Race, attempt: AttemptId) -> bool {
        let began = self.clock.now();
        loop {
            match has_ended(race, attempt).await {
                Ok(true) => return true,
                Ok(false) => {}
                Err(error) => self.context.output.log(&format!("trying again: {error}")),
            }
            let waited = self.clock.now().duration_since(began).unsigned_abs();
            if waited >= LISTED_WITHIN {
                return false;
            }
            tokio::time::sleep(self.policy.polling.interval).await;
        }
    }

    async fn settle(&mut self, run: &Run, race: &mut Race) {
        match settle(run, race, &self.policy, self.context).await {
            Ok(Some(verdict)) => self.told.settled(run, &verdict),
            Ok(None) => self.context.output.log("its race goes on, so nothing is written"),
            Err(failure) => {
                let attempt = AttemptId { run: run.id, attempt: run.attempt };
                self.fail(name(run, attempt), &failure.message);
            }
        }
    }

    fn fail(&mut self, soak: String, why: &str) {
        self.context.output.annotate(
            Level::Warning,
            "a soak was not looked after",
            &format!("{soak}: {why}"),
        );
        self.told.failed.push((soak, why.to_owned()));
    }

    fn path(&self, place: usize) -> PathBuf {
        self.arguments.dir.join(place.to_string()).join(FILE)
    }

    /// Writes a sample where a step of the workflow takes it.
    fn keep(&self, place: usize, checkpoint: &Checkpoint) -> Result<(), Failure> {
        let path = self.path(place);
        let write = || {
            path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            write_whole(&path, &inert_json(&serde_json::to_string_pretty(checkpoint)?))
        };
        write().map_err(|error| {
            Failure::caused(Exit::Internal, &format!("cannot write {}", path.display()), &error)
        })
    }

    /// What another step of this job has written there.
    fn kept(&self, place: usize) -> Result<Option<Checkpoint>, Failure> {
        let path = self.path(place);
        let unreadable = |error: &dyn std::error::Error| {
            Failure::caused(Exit::Invalid, &format!("cannot read {}", path.display()), error)
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => Checkpoint::read(&text).map(Some).map_err(|error| unreadable(&error)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unreadable(&error)),
        }
    }

    fn write(&self, outputs: &[(String, String)]) -> Result<(), Failure> {
        let Some(path) = self.context.runner.path("GITHUB_OUTPUT") else { return Ok(()) };
        let outputs: Vec<(&str, &str)> =
            outputs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        write_outputs(&path, &outputs)
            .map_err(|error| Failure::caused(Exit::Internal, "cannot write the step's outputs", &error))
    }
}

/// Whether there is nothing more to look at.
pub(super) fn is_ended(checkpoint: &Checkpoint) -> bool {
    matches!(checkpoint.verdict, Verdict::Passed | Verdict::Failed)
}
