//! One look at a run: what `wait`, `settle`, `inspect` and `choose` share.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use jiff::Timestamp;
use serde::Deserialize;

use crate::criteria::{self, Advised};
use crate::exit::Exit;
use crate::github::{ApiError, Client, Depth, Event, Reader, Reading, Toll};
use crate::policy::{Policy, Proof, Selection};
use crate::race::contender::{environments_that_matter, read};
use crate::race::sampled::{artifact_name, awaited};
use crate::race::{
    Advice, HeadCheck, Job, JobStatus, Outcome, Run, Snapshot, SoakProof, SoakVerdict, Verdict, Warning,
    decide, mirror,
};
use crate::soak::Checkpoint;

use super::Failure;
use super::advise::{Subject, advice_on};
use super::beside::Beside;
use super::proof::{Found, Proofs, proof_of};

/// The time, that no change of this machine's clock can move.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    began: Timestamp,
    instant: Instant,
}

impl Clock {
    /// A clock that is right now.
    pub(super) fn start() -> Self {
        Self { began: Timestamp::now(), instant: Instant::now() }
    }

    /// When it was started.
    pub(super) const fn began(&self) -> Timestamp {
        self.began
    }

    /// The time.
    pub(super) fn now(&self) -> Timestamp {
        self.began.checked_add(self.instant.elapsed()).unwrap_or(Timestamp::MAX)
    }
}

/// What a look brought.
pub(super) struct Look {
    /// The verdict as it is now, not confirmed.
    pub(super) verdict: Verdict,
    /// The run, where it was read.
    pub(super) run: Option<Run>,
    /// Something differs from the look before.
    pub(super) moved: bool,
    /// What it told of the rate limit.
    pub(super) toll: Toll,
    /// Names of this attempt's jobs that are in progress.
    pub(super) running: Vec<String>,
    /// What the criteria say of the change, where this look was the first to ask.
    pub(super) advised: Option<Box<Advised>>,
}

/// Looks at what decides.
pub(super) enum Observer {
    /// The jobs of a run.
    Race(Box<Race>),
    /// The check on the head of a pull request in the merge queue.
    Head(Box<Head>),
}

impl Observer {
    /// Looks once.
    pub(super) async fn look(
        &mut self,
        policy: &Policy,
        depth: Depth,
        now: Timestamp,
    ) -> Result<Look, ApiError> {
        match self {
            Self::Race(race) => race.look(policy, depth, now).await,
            Self::Head(head) => head.look(policy).await,
        }
    }

    /// What the criteria say of the change, where they were asked.
    pub(super) fn advised(&self) -> Option<&Advised> {
        match self {
            Self::Race(race) => race.advised.as_deref(),
            Self::Head(_) => None,
        }
    }

    /// The client, for what else is to be asked.
    pub(super) const fn client(&mut self) -> &mut Client {
        match self {
            Self::Race(race) => race.reader.client(),
            Self::Head(head) => &mut head.client,
        }
    }
}

/// The jobs of a run, with all that the rules need to know.
pub(super) struct Race {
    reader: Reader,
    own_jobs: Vec<String>,
    soaks: Vec<SoakProof>,
    /// What samples have kept of the soaks that are waited for.
    proofs: Proofs,
    /// The newest of them, by the branch.
    sampled: BTreeMap<String, Checkpoint>,
    /// Where the run gets no secrets: the run that was dispatched in its stead.
    beside: Option<Box<Beside>>,
    /// The change, where the event names both of its sides.
    change: Option<Subject>,
    /// What the criteria say of it: asked for once.
    advice: Option<Advice>,
    /// The same with all that led to it.
    advised: Option<Box<Advised>>,
    /// The criteria are asked even where they have no say.
    curious: bool,
}

impl Race {
    /// `checkpoint` is a `race.soak/1` that the caller vouches for.
    pub(super) fn new(reader: Reader, policy: &Policy, checkpoint: Option<&Path>) -> Result<Self, Failure> {
        let soaks = checkpoint.map(soak_in).transpose()?.into_iter().collect();
        Ok(Self { soaks, ..Self::of(reader, policy) })
    }

    /// Without a checkpoint.
    pub(super) fn of(reader: Reader, policy: &Policy) -> Self {
        let own_jobs = vec![policy.check.clone()];
        Self {
            reader,
            own_jobs,
            soaks: Vec::new(),
            proofs: Proofs::default(),
            sampled: BTreeMap::new(),
            beside: None,
            change: None,
            advice: None,
            advised: None,
            curious: false,
        }
    }

    /// What the samples of the soaks have come to, by the branch.
    pub(super) const fn sampled(&self) -> &BTreeMap<String, Checkpoint> {
        &self.sampled
    }

    /// The client, and what samples have kept.
    pub(super) const fn proofs(&mut self) -> (&mut Client, &mut Proofs) {
        (self.reader.client(), &mut self.proofs)
    }

    /// A job of this name is ours as well: that it goes on keeps no branch from
    /// being given up.
    pub(super) fn with_own_job(mut self, name: Option<&str>) -> Self {
        self.own_jobs.extend(name.map(str::to_owned));
        self
    }

    /// The event tells what the change is.
    pub(super) fn about(mut self, event: &Event) -> Self {
        self.change = Subject::of(event);
        self
    }

    /// The caller knows what the criteria say, and they are not asked.
    pub(super) const fn with_advice(mut self, advice: Advice) -> Self {
        self.advice = Some(advice);
        self
    }

    /// The criteria are asked, where there are some, even where they have no say.
    pub(super) const fn curious(mut self) -> Self {
        self.curious = true;
        self
    }

    /// A run without secrets takes over the verdict of what was dispatched for it.
    pub(super) fn beside(mut self, beside: Option<Beside>) -> Self {
        self.beside = beside.map(Box::new);
        self
    }

    async fn look(&mut self, policy: &Policy, depth: Depth, now: Timestamp) -> Result<Look, ApiError> {
        let look = self.look_alone(policy, depth, now).await?;
        let without_secrets = look.run.as_ref().is_some_and(|run| run.without_secrets.is_some());
        match &mut self.beside {
            Some(beside) if without_secrets && look.verdict.outcome() != Outcome::Won => {
                beside.add_to(look, self.reader.client(), policy, now).await
            }
            _ => Ok(look),
        }
    }

    /// Looks at this run and nothing else.
    pub(super) async fn look_alone(
        &mut self,
        policy: &Policy,
        depth: Depth,
        now: Timestamp,
    ) -> Result<Look, ApiError> {
        let mut reading = self.reader.read(depth, now).await?;
        reading.snapshot.own_jobs.clone_from(&self.own_jobs);
        reading.snapshot.soaks.clone_from(&self.soaks);
        let advised = self.advise(policy, &reading.snapshot.run).await?;
        reading.snapshot.advice = self.advice.unwrap_or_default();
        let expired = self.read_proofs(policy, &mut reading.snapshot).await?;
        let mut wanted = environments_that_matter(policy, &reading.snapshot);
        wanted.retain(|environment| !reading.snapshot.environments.contains_key(environment));
        if !wanted.is_empty() {
            self.reader.read_environments(&mut reading, &wanted).await?;
        }
        let Reading { snapshot, moved, toll } = reading;
        let mut verdict = decide(policy, &snapshot);
        verdict.warnings.extend(expired);
        let runs = |job: &Job| job.status == JobStatus::InProgress && job.attempt == snapshot.run.attempt;
        let running = snapshot.jobs.into_iter().filter(runs).map(|job| job.name).collect();
        Ok(Look { verdict, run: Some(snapshot.run), moved, toll, running, advised })
    }

    /// Adds to the snapshot what samples have kept of the soaks that are waited for, and
    /// tells which of them have expired.
    async fn read_proofs(
        &mut self,
        policy: &Policy,
        snapshot: &mut Snapshot,
    ) -> Result<Vec<Warning>, ApiError> {
        let mut expired = Vec::new();
        // Who names a checkpoint vouches for it.
        if !self.soaks.is_empty() {
            return Ok(expired);
        }
        for branch in policy.branches.iter().filter(|branch| branch.proof == Proof::Soak) {
            let contender = read(policy, branch, snapshot);
            let Some(attempt) = awaited(&contender, snapshot.run.id) else { continue };
            let (client, proofs) = self.proofs();
            match proofs.newest(client, attempt).await? {
                Found::Nothing => {}
                Found::Expired => expired.push(Warning::SampleExpired {
                    branch: branch.name.clone(),
                    artifact: artifact_name(attempt),
                }),
                Found::Sample(checkpoint) => {
                    snapshot.soaks.extend(proof_of(&checkpoint));
                    self.sampled.insert(branch.name.clone(), *checkpoint);
                }
            }
        }
        Ok(expired)
    }

    /// Asks the criteria, where somebody wants to know and nobody has asked yet.
    async fn advise(&mut self, policy: &Policy, run: &Run) -> Result<Option<Box<Advised>>, ApiError> {
        let decides = policy.selection != Selection::Manual;
        let asks = decides || self.curious && policy.criteria.is_some();
        if self.advice.is_some() || !asks {
            return Ok(None);
        }
        let advised = match self.ask_the_criteria(policy, run).await {
            Ok(Some(advised)) => Box::new(advised),
            Ok(None) => return Ok(None),
            // What only is told may be missing.
            Err(error) if !decides => {
                tracing::debug!(%error, "the criteria could not be asked");
                self.advice = Some(Advice::Unknown);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        self.advice = Some(advice_of(advised.advice));
        self.advised = Some(advised.clone());
        Ok(Some(advised))
    }

    async fn ask_the_criteria(&mut self, policy: &Policy, run: &Run) -> Result<Option<Advised>, ApiError> {
        let client = self.reader.client();
        let change = match (&self.change, run.pull_request) {
            (Some(change), _) => change.clone(),
            (None, Some(number)) => {
                let pull = client.pull_request(number).await?;
                Subject {
                    pull_request: Some(number),
                    base_sha: pull.base_sha,
                    head_sha: run.head_sha.clone(),
                    from_fork: false,
                    is_part: false,
                }
            }
            // Nothing to compare with: that stays unknown, and counts as required.
            (None, None) => return Ok(None),
        };
        let (advised, _) = advice_on(client, policy.criteria.as_ref(), &change).await?;
        Ok(Some(advised))
    }
}

/// The criteria's advice, as the race knows it.
pub(super) const fn advice_of(advice: criteria::Advice) -> Advice {
    match advice {
        criteria::Advice::NotNeeded => Advice::NotNeeded,
        criteria::Advice::Recommended => Advice::Recommended,
        criteria::Advice::Required => Advice::Required,
        criteria::Advice::Unknown => Advice::Unknown,
    }
}

/// The check on the head of a pull request in the merge queue.
pub(super) struct Head {
    client: Client,
    pull_request: u64,
    head_sha: String,
    known: Option<Verdict>,
}

impl Head {
    pub(super) const fn new(client: Client, pull_request: u64, head_sha: String) -> Self {
        Self { client, pull_request, head_sha, known: None }
    }

    async fn look(&mut self, policy: &Policy) -> Result<Look, ApiError> {
        let before = self.client.charged();
        let checks = self.client.checks(&self.head_sha, &policy.check).await?;
        let checks: Vec<HeadCheck> =
            checks.into_iter().map(|check| HeadCheck { state: check.state, at: check.at }).collect();
        let verdict = Verdict::unknown(mirror(&checks, self.pull_request, &self.head_sha));
        let moved = self.known.replace(verdict.clone()).is_none_or(|known| known != verdict);
        let toll = match self.client.charged() - before {
            0 => Toll::Free,
            _ if moved => Toll::Due,
            _ => Toll::Wasted,
        };
        Ok(Look { verdict, run: None, moved, toll, running: Vec::new(), advised: None })
    }
}

/// What the race needs to know of a `race.soak/1`.
#[derive(Deserialize)]
struct SoakFile {
    schema: String,
    run: SoakRun,
    verdict: String,
}

#[derive(Deserialize)]
struct SoakRun {
    id: u64,
    attempt: u64,
    head_sha: String,
}

fn soak_in(path: &Path) -> Result<SoakProof, Failure> {
    let unreadable = |error: &dyn std::error::Error| {
        Failure::caused(Exit::Invalid, &format!("cannot read the checkpoint {}", path.display()), error)
    };
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(&error))?;
    let file: SoakFile = serde_json::from_str(&text).map_err(|error| unreadable(&error))?;
    if file.schema != "race.soak/1" {
        return Err(Failure::new(
            Exit::Invalid,
            format!("{} is `{}`, not `race.soak/1`", path.display(), file.schema),
        ));
    }
    Ok(SoakProof {
        run_id: file.run.id,
        attempt: file.run.attempt,
        head_sha: file.run.head_sha,
        verdict: match file.verdict.as_str() {
            "passed" => SoakVerdict::Passed,
            "failed" => SoakVerdict::Failed,
            _ => SoakVerdict::Open,
        },
    })
}
