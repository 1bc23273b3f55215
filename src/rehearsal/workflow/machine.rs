//! The machine of a job: a home, a workspace, and the variables that GitHub's runner
//! sets. Every job has one of its own, as on GitHub.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::PathBuf;

use super::execution::Run;
use crate::rehearsal::stage::REPOSITORY;
use crate::rehearsal::staged::Staged;
use crate::rehearsal::world::World;

/// The machine of a job.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    root: PathBuf,
    /// The job's id in the file.
    job: String,
    /// Whether `race` was installed.
    pub(super) has_tools: bool,
}

impl Machine {
    /// An empty machine for the job.
    pub(super) fn new(run: &Staged, job: &str) -> io::Result<Self> {
        let machine = Self { root: run.path("machines").join(job), job: job.to_owned(), has_tools: false };
        for name in ["home", "workspace", "temp"] {
            fs::create_dir_all(machine.root.join(name))?;
        }
        Ok(machine)
    }

    pub(super) fn workspace(&self) -> PathBuf {
        self.root.join("workspace")
    }

    /// Where programs are installed.
    pub(super) fn tools(&self) -> PathBuf {
        self.root.join("tools")
    }

    /// The script of a step.
    pub(super) fn script(&self, step: usize) -> PathBuf {
        self.root.join("temp").join(format!("step-{step}.sh"))
    }

    /// Where a step writes its outputs.
    pub(super) fn output(&self, step: usize) -> PathBuf {
        self.root.join("temp").join(format!("output-{step}"))
    }

    /// How long the log of the job is, in bytes.
    pub(super) fn log_length(&self, run: &Staged) -> u64 {
        fs::metadata(run.path(&format!("{}.log", self.job))).map_or(0, |log| log.len())
    }

    /// The log of the job from that byte on.
    pub(super) fn log_from(&self, run: &Staged, start: u64) -> String {
        let log = fs::read(run.path(&format!("{}.log", self.job))).unwrap_or_default();
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        String::from_utf8_lossy(log.get(start..).unwrap_or_default()).into_owned()
    }

    /// The log of the job, to be written on.
    pub(super) fn open_log(&self, run: &Staged) -> io::Result<File> {
        let path = run.path(&format!("{}.log", self.job));
        OpenOptions::new().create(true).append(true).open(path)
    }

    /// The variables that GitHub's runner sets for a step.
    ///
    /// Source: <https://docs.github.com/actions/reference/workflows-and-actions/variables>.
    pub(super) fn variables(&self, run: &Run<'_>, step: usize) -> Vec<(String, String)> {
        let Run { stage, staged, workflow, .. } = run;
        let path = |path: PathBuf| path.display().to_string();
        let mut variables: Vec<(&str, String)> = [
            ("CI", "true"),
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_EVENT_NAME", staged.event),
            ("GITHUB_JOB", self.job.as_str()),
            ("GITHUB_REPOSITORY", REPOSITORY),
            ("GITHUB_REPOSITORY_OWNER", "octo-org"),
            ("GITHUB_RUN_NUMBER", "1"),
            ("GITHUB_WORKFLOW", workflow),
            ("LANG", "C.UTF-8"),
            ("RUNNER_ARCH", "X64"),
            ("RUNNER_ENVIRONMENT", "github-hosted"),
            ("RUNNER_NAME", "rehearsal-runner"),
            ("RUNNER_OS", "Linux"),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .into();
        let mut search = std::env::var("PATH").unwrap_or_default();
        if self.has_tools {
            search = format!("{}:{search}", self.tools().display());
        }
        variables.extend([
            ("GITHUB_API_URL", stage.github.api_url().to_owned()),
            ("GITHUB_EVENT_PATH", path(staged.payload())),
            ("GITHUB_GRAPHQL_URL", format!("{}/graphql", stage.github.api_url())),
            ("GITHUB_OUTPUT", path(self.output(step))),
            ("GITHUB_RUN_ID", staged.id.to_string()),
            ("GITHUB_SERVER_URL", stage.github.server_url().to_owned()),
            ("GITHUB_STEP_SUMMARY", path(staged.path(&format!("{}.summary.md", self.job)))),
            ("GITHUB_WORKSPACE", path(self.workspace())),
            ("HOME", path(self.root.join("home"))),
            ("PATH", search),
            ("RUNNER_TEMP", path(self.root.join("temp"))),
        ]);
        variables.extend(stage.github.read(|world| of_the_run(world, staged.id)));
        let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value));
        let own = stage.own.iter().flat_map(|own| own.settings.iter().cloned());
        variables.chain(own).collect()
    }
}

/// What the runner's variables tell of a run.
pub(super) fn of_the_run(world: &World, run: u64) -> Vec<(&'static str, String)> {
    let Some(run) = world.run(run) else { return Vec::new() };
    let mut variables = vec![
        ("GITHUB_ACTOR", run.actor.clone()),
        ("GITHUB_TRIGGERING_ACTOR", run.actor.clone()),
        ("GITHUB_RUN_ATTEMPT", run.attempt.to_string()),
        ("GITHUB_REPOSITORY_ID", world.repository.id.to_string()),
    ];
    let started_on = match run.pull_request.and_then(|number| world.pull_request(number)) {
        Some(pull) => {
            // In a pull request's run this is the commit that GitHub merged for trying.
            variables.push(("GITHUB_SHA", pull.merge_sha.clone()));
            variables.push(("GITHUB_REF_NAME", format!("{}/merge", pull.number)));
            variables.push(("GITHUB_HEAD_REF", pull.head_ref.clone()));
            variables.push(("GITHUB_BASE_REF", pull.base_ref.clone()));
            format!("refs/pull/{}/merge", pull.number)
        }
        None => {
            let name = run.head_ref.clone().unwrap_or_default();
            variables.push(("GITHUB_SHA", run.head_sha.clone()));
            variables.push(("GITHUB_REF_NAME", name.clone()));
            format!("refs/heads/{name}")
        }
    };
    variables.push(("GITHUB_WORKFLOW_REF", format!("{REPOSITORY}/{}@{started_on}", run.workflow_path)));
    variables.push(("GITHUB_REF", started_on));
    variables
}
