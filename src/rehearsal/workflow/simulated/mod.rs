//! A race on a simulated clock, to learn what its runners cost: the workflow and the
//! policies are those that `race init` writes, jobs begin and end as on GitHub, within
//! its limits, and [`crate::race`] decides. What a step takes of the time is assumed, in
//! [`durations`].

mod acting;
pub mod durations;
mod execution;
mod samples;
mod seen;
mod simulation;
mod step;

use std::time::Duration;

use jiff::Timestamp;

use super::Workflow;
use crate::config::{Layers, PolicyFile, Runner};
use crate::policy::duration::between;
use crate::policy::{Policy, Selection};
use crate::setup::answers::Environments;
use crate::setup::files::files;
use crate::setup::mode::MOST_LEGS;
use crate::setup::{Answers, Mode, Release, RunsOn, workflow};
use durations::Pace;
use samples::Samples;
use simulation::Simulation;

/// A race that is to be played.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    /// The way to wait.
    pub mode: Mode,
    /// Where the long jobs run.
    pub runs_on: RunsOn,
    /// How long a session should take.
    pub session_length: Duration,
    /// How many must pass.
    pub sessions: u32,
    /// From the push until somebody approves `testnet`. The other branch is left alone.
    pub review: Duration,
    /// How long things take.
    pub pace: Pace,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Played {
    /// What the check came to in the end: `success`, `failure`, `error`, `pending`.
    pub check: String,
    /// Why, in the words that are on the pull request or in the log.
    pub reason: String,
    /// From the push until the check was that.
    pub after: Duration,
    /// Every job that was on a runner, in the order in which they began.
    pub jobs: Vec<Used>,
}

/// A job that was on a runner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    /// Its name.
    pub name: String,
    /// Whose runner it was.
    pub runs_on: RunsOn,
    /// For how long.
    pub ran: Duration,
}

impl Used {
    /// What GitHub bills: whole minutes, those that have begun.
    ///
    /// Source: <https://docs.github.com/billing/concepts/product-billing/github-actions>.
    #[must_use]
    pub const fn minutes(&self) -> u64 {
        self.ran.as_millis().div_ceil(60_000) as u64
    }
}

impl Played {
    /// Whether the pull request may merge.
    #[must_use]
    pub fn is_won(&self) -> bool {
        self.check == "success"
    }

    /// The minutes of all jobs, on whatever runners.
    #[must_use]
    pub fn minutes(&self) -> u64 {
        self.jobs.iter().map(Used::minutes).sum()
    }
}

impl Scene {
    /// What `race init` is told.
    fn answers(&self) -> Option<Answers> {
        Some(Answers {
            mode: self.mode,
            selection: Selection::Manual,
            runs_on: self.runs_on,
            release: Release::new(&"ab".repeat(20), "v0.1.0")?,
            environments: Environments::default(),
            reviewers: Vec::new(),
            targets: Vec::new(),
            nodes: Vec::new(),
            session_length: self.session_length,
            target_sessions: self.sessions,
            binary: None,
        })
    }

    /// Plays it, from the push until nothing of the run can happen any more.
    ///
    /// # Errors
    ///
    /// What of the files is not understood.
    pub fn play(&self) -> Result<Played, String> {
        let answers = self.answers().ok_or("the release is none")?;
        let written = files(&answers);
        let text = |path: &str| {
            let file = written.iter().find(|file| file.path == path);
            file.map(|file| file.text.clone()).ok_or_else(|| format!("`race init` writes no {path}"))
        };
        // `race init` refuses to write more legs than these.
        let workflow = if self.mode == Mode::Relay && answers.soak().legs(self.runs_on) > MOST_LEGS {
            workflow::workflow(self.mode, MOST_LEGS, self.runs_on, &answers.release)
        } else {
            text(workflow::PATH)?
        };
        let workflow = Workflow::parse(&workflow)?;
        let policy = policy(text("policies/race.toml")?, text("policies/testnet.toml")?)?;
        let samples = written.iter().find(|file| file.path.ends_with("samples.yml"));
        let samples = samples.map(|file| Samples::of(&file.text)).transpose()?;
        Simulation::new(self, &workflow, policy, samples, begin())?.play()
    }
}

fn policy(race: String, testnet: String) -> Result<Policy, String> {
    let file = |name: &'static str, text| PolicyFile { name, place: format!("policies/{name}"), text };
    let files = [file("race.toml", race), file("testnet.toml", testnet)];
    let settled = Layers { files: &files, runner: &Runner::default(), flags: &[] }.settle();
    settled.map(|settings| settings.policy).map_err(|invalid| format!("{invalid:?}"))
}

/// When every simulation begins.
fn begin() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap_or_default()
}

/// The moment after that time.
fn later(moment: Timestamp, by: Duration) -> Timestamp {
    moment.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// How long a job was on its runner.
fn span(from: Timestamp, to: Timestamp) -> Duration {
    between(from, to)
}
