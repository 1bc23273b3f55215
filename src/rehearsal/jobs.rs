//! The workflow's jobs: their steps are processes of our own executable, called
//! `race`, with the variables that GitHub's runner sets and nothing else.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::{Child, ChildStdin, Command};
use tokio::task::JoinSet;

use super::scenario::Scenario;
use super::stage::{CHECK, REPOSITORY, REVIEWER_TOKEN, Stage, WORKFLOW_TOKEN};
use super::world::World;
use crate::policy::duration;

/// How long a process may take to leave after SIGINT, a little more than it promises.
const GRACE: Duration = Duration::from_secs(8);

/// Tells a process that a rehearsal started it, and holds its stdin open.
const REHEARSED: &str = "REHEARSED";

/// For a process that is called `race`: where a rehearsal started it, it ends with
/// the rehearsal, even one that was killed and could not end it.
pub fn leave_with_rehearsal() {
    if std::env::var_os(REHEARSED).is_none() {
        return;
    }
    let watch = || {
        // Nothing is ever written there: it ends when the other side is gone.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = kill_process(rustix::process::getpid(), Signal::TERM);
    };
    // Without the thread the process goes on until its own deadline.
    let _ = std::thread::Builder::new().name("rehearsal".to_owned()).spawn(watch);
}

/// A job of the workflow.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) name: &'static str,
    pub(super) environment: Option<&'static str>,
    pub(super) steps: Vec<Step>,
}

/// A step of a job.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) name: &'static str,
    work: Work,
}

/// What a step does.
#[derive(Clone, Debug)]
enum Work {
    /// Succeeds at once.
    Pass,
    /// Runs `race` with these arguments, and with these secrets of the workflow.
    Race(Vec<String>, Vec<(&'static str, String)>),
}

/// The jobs of the run, as `.github/workflows/testnet-deployer.yml` has them.
pub(super) fn workflow(scenario: &Scenario, stage: &Stage) -> Vec<Job> {
    let policies = stage.path("policies").display().to_string();
    let race = |name, arguments: &[&str], secrets: Vec<(&'static str, String)>| {
        let policies = ["--policies".to_owned(), policies.clone()];
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).chain(policies).collect();
        Step { name, work: Work::Race(arguments, secrets) }
    };
    let file = |name: &str| stage.path(name).display().to_string();
    let key = ("TESTNET_SSH_KEY", stage.host.client_key_pem().to_owned());
    let token = ("GITHUB_TOKEN", WORKFLOW_TOKEN.to_owned());
    let deadline = duration::format(scenario.deadline);
    let wait = ["wait", "--deadline", &deadline, "--verdict", &file("verdict.json")];
    vec![
        Job {
            name: "testnet",
            environment: Some("testnet"),
            steps: vec![
                race("race deploy", &["deploy"], vec![key]),
                race("race monitor", &["monitor", "--checkpoint", &file("soak.json")], Vec::new()),
            ],
        },
        Job { name: "null", environment: Some("null"), steps: vec![Step { name: "pass", work: Work::Pass }] },
        Job { name: CHECK, environment: None, steps: vec![race("race wait", &wait, vec![token])] },
    ]
}

/// `race inspect` as a reviewer runs it at their desk: what it wrote to stdout.
///
/// # Errors
///
/// When the process cannot be started.
pub(super) async fn inspect(stage: &Stage, color: bool) -> io::Result<Vec<u8>> {
    let run = stage.run.to_string();
    let color = if color { "always" } else { "never" };
    let policies = stage.path("policies");
    let log = open_log(stage, "inspect")?;
    let output = race()?
        .args(["inspect", &run, "--color", color, "--policies"])
        .arg(policies)
        .envs(common_variables(stage))
        .env("GH_TOKEN", REVIEWER_TOKEN)
        .stderr(log)
        .stdout(Stdio::piped())
        .spawn()?
        .wait_with_output();
    Ok(output.await?.stdout)
}

/// The steps that run now.
#[derive(Default)]
pub(super) struct Steps {
    ends: JoinSet<Ended>,
    processes: HashMap<u64, Process>,
}

/// A process of a step.
struct Process {
    pid: Pid,
    /// Tells the process, by being closed, that we are gone.
    _stdin: Option<ChildStdin>,
}

/// A step that ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// The world's number of its job.
    pub(super) job: u64,
    /// How the process ended; none where there was none to start.
    pub(super) status: Option<ExitStatus>,
    /// Whether the step succeeded.
    pub(super) success: bool,
}

impl Steps {
    /// Starts a step of the job that the world calls `id`. What cannot be started
    /// ends at once, with the reason in the job's log.
    pub(super) fn start(&mut self, stage: &Stage, id: u64, job: &Job, step: &Step) {
        let started = open_log(stage, job.name).and_then(|mut log| match &step.work {
            Work::Pass => writeln!(log, "nothing to do: this branch spares the testnet").map(|()| None),
            Work::Race(arguments, secrets) => {
                let spawned = step_process(stage, job, arguments, secrets, &log);
                if let Err(error) = &spawned {
                    writeln!(log, "cannot start race: {error}")?;
                }
                spawned.map(Some)
            }
        });
        match started {
            Ok(Some(mut child)) => {
                if let Some(pid) = pid_of(&child) {
                    self.processes.insert(id, Process { pid, _stdin: child.stdin.take() });
                }
                self.ends.spawn(async move {
                    let status = child.wait().await.ok();
                    Ended { job: id, status, success: status.is_some_and(|status| status.success()) }
                });
            }
            other => {
                let success = other.is_ok();
                self.ends.spawn(async move { Ended { job: id, status: None, success } });
            }
        }
    }

    /// The next step that ends; waits for ever where none runs.
    pub(super) async fn next(&mut self) -> Ended {
        loop {
            match self.ends.join_next().await {
                Some(Ok(ended)) => {
                    self.processes.remove(&ended.job);
                    return ended;
                }
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// Ends every process: asked first, killed if it does not listen.
    pub(super) async fn stop(&mut self) {
        for Process { pid, .. } in self.processes.values() {
            // One that has just ended needs no signal.
            let _ = kill_process(*pid, Signal::INT);
        }
        let all = async { while self.ends.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, all).await.is_err() {
            for Process { pid, .. } in self.processes.values() {
                let _ = kill_process_group(*pid, Signal::KILL);
            }
            self.ends.shutdown().await;
        }
        self.processes.clear();
    }
}

fn pid_of(child: &Child) -> Option<Pid> {
    child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
}

/// Our own executable under the name `race`, with an empty environment, in a
/// process group of its own: the terminal's Ctrl-C reaches us alone, and we end
/// the jobs in order.
fn race() -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg0("race").env_clear().stdin(Stdio::null()).process_group(0).kill_on_drop(true);
    Ok(command)
}

fn step_process(
    stage: &Stage,
    job: &Job,
    arguments: &[String],
    secrets: &[(&'static str, String)],
    log: &File,
) -> io::Result<Child> {
    race()?
        .args(arguments)
        .current_dir(stage.path("home"))
        .envs(common_variables(stage))
        .envs(runner_variables(stage, job))
        .envs(secrets.iter().map(|(name, value)| (*name, value)))
        .env(REHEARSED, "true")
        .stdin(Stdio::piped())
        .stdout(log.try_clone()?)
        .stderr(log.try_clone()?)
        .spawn()
}

/// The log of a job, to be written on.
fn open_log(stage: &Stage, job: &str) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(stage.path(&format!("{job}.log")))
}

/// What a process needs anywhere, and where GitHub is.
fn common_variables(stage: &Stage) -> Vec<(&'static str, String)> {
    let mut variables = vec![
        ("HOME", stage.path("home").display().to_string()),
        ("LANG", "C.UTF-8".to_owned()),
        ("GITHUB_API_URL", stage.github.api_url().to_owned()),
        ("GITHUB_SERVER_URL", stage.github.server_url().to_owned()),
        ("GITHUB_REPOSITORY", REPOSITORY.to_owned()),
    ];
    variables.extend(std::env::var("PATH").ok().map(|path| ("PATH", path)));
    variables
}

/// The variables that GitHub's runner sets.
///
/// Source: <https://docs.github.com/actions/reference/workflows-and-actions/variables>.
fn runner_variables(stage: &Stage, job: &Job) -> Vec<(&'static str, String)> {
    let path = |name: &str| stage.path(name).display().to_string();
    let mut variables: Vec<(&'static str, String)> = [
        ("CI", "true"),
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_EVENT_NAME", "pull_request"),
        ("GITHUB_JOB", job.name),
        ("GITHUB_REPOSITORY_OWNER", "octo-org"),
        ("GITHUB_RUN_NUMBER", "1"),
        ("GITHUB_WORKFLOW", "testnet-deployer"),
        ("RUNNER_ARCH", "X64"),
        ("RUNNER_ENVIRONMENT", "github-hosted"),
        ("RUNNER_NAME", "rehearsal-runner"),
        ("RUNNER_OS", "Linux"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into();
    variables.extend([
        ("GITHUB_EVENT_PATH", path("event.json")),
        ("GITHUB_GRAPHQL_URL", format!("{}/graphql", stage.github.api_url())),
        ("GITHUB_OUTPUT", path(&format!("{}.output", job.name))),
        ("GITHUB_RUN_ID", stage.run.to_string()),
        ("GITHUB_STEP_SUMMARY", path(&format!("{}.summary.md", job.name))),
        ("GITHUB_WORKSPACE", path("home")),
        ("RUNNER_TEMP", path("runner-temp")),
    ]);
    variables.extend(stage.github.read(|world| of_the_run(world, stage.run)));
    variables
}

fn of_the_run(world: &World, run: u64) -> Vec<(&'static str, String)> {
    let Some(run) = world.run(run) else { return Vec::new() };
    let mut variables = vec![
        ("GITHUB_ACTOR", run.actor.clone()),
        ("GITHUB_TRIGGERING_ACTOR", run.actor.clone()),
        ("GITHUB_RUN_ATTEMPT", run.attempt.to_string()),
        ("GITHUB_REPOSITORY_ID", world.repository.id.to_string()),
    ];
    if let Some(pull) = run.pull_request.and_then(|number| world.pull_request(number)) {
        // In a pull request's run this is the commit that GitHub merged for trying.
        variables.push(("GITHUB_SHA", pull.merge_sha.clone()));
        variables.push(("GITHUB_REF", format!("refs/pull/{}/merge", pull.number)));
        variables.push(("GITHUB_REF_NAME", format!("{}/merge", pull.number)));
        variables.push(("GITHUB_HEAD_REF", pull.head_ref.clone()));
        variables.push(("GITHUB_BASE_REF", pull.base_ref.clone()));
    }
    variables
}
