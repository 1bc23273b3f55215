//! One pull request, one run, three jobs: what most tests begin with. The check's
//! job runs, both branches wait for a review.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use testnet_deployer::rehearsal::github::{Exchange, GitHub, Options, Token};
use testnet_deployer::rehearsal::world::{Conclusion, Review, ReviewState, World};

use crate::openapi::Description;

const REPOSITORY: &str = "octo-org/chain";
/// No process of these tests takes nearly as long.
const BOUND: Duration = Duration::from_secs(60);

/// A stand-in of GitHub with one run, and a directory as a runner has it.
pub(crate) struct Scene {
    pub(crate) github: GitHub,
    pub(crate) run: u64,
    pub(crate) testnet: u64,
    pub(crate) null: u64,
    pub(crate) check: u64,
    pub(crate) head_sha: String,
    pub(crate) base_sha: String,
    pub(crate) pull_request: u64,
    directory: TempDir,
}

/// How a process ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A process that is under way.
pub(crate) struct Running {
    pub(crate) id: u32,
    ended: mpsc::Receiver<std::io::Result<Output>>,
}

impl Running {
    /// Waits for the end, within bounds.
    pub(crate) fn end(self) -> Ended {
        let output = self.ended.recv_timeout(BOUND).unwrap_or_else(|_| {
            let _ = self.signal("KILL");
            panic!("the process did not end within {BOUND:?}");
        });
        let output = output.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Sends a signal to the process alone, as GitHub's runner does.
    pub(crate) fn signal(&self, name: &str) -> std::process::ExitStatus {
        Command::new("kill").args(["-s", name, &self.id.to_string()]).status().unwrap()
    }
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with(Options::default(), |_| {})
    }

    /// A scene whose world is prepared before the run begins.
    pub(crate) fn with(options: Options, prepare: impl FnOnce(&mut World)) -> Self {
        Self::raise(options, prepare, false)
    }

    /// A scene whose pull request comes from a fork.
    pub(crate) fn of_fork() -> Self {
        Self::raise(Options::default(), |_| {}, true)
    }

    fn raise(options: Options, prepare: impl FnOnce(&mut World), fork: bool) -> Self {
        let now = (options.clock)();
        let mut world = World::new(REPOSITORY, now);
        world.protect("testnet", &["alice", "bob"], now);
        world.protect("null", &["alice"], now);
        prepare(&mut world);
        let pull_request = match fork {
            true => world.open_fork_pull_request("carol", "Change the core", now),
            false => world.open_pull_request("carol", "Change the core", now),
        };
        let run = world.start_pull_request_run(pull_request, now);
        let testnet = world.submit_job(run, "testnet", Some("testnet"), now);
        let null = world.submit_job(run, "null", Some("null"), now);
        let check = world.submit_job(run, "testnet-deployer", None, now);
        world.begin(check, now);
        world.begin_step(check, "race wait", now);
        let pull = world.pull_request(pull_request).unwrap();
        let (head_sha, base_sha) = (pull.head_sha.clone(), pull.base_sha.clone());
        let github = GitHub::start(world, options).unwrap();
        github.admit(Token::of_workflow("ghs_workflow", &["actions", "contents"]));
        github.admit(Token::of_person("ghp_person", "dora"));
        let scene = Self {
            github,
            run,
            testnet,
            null,
            check,
            head_sha,
            base_sha,
            pull_request,
            directory: tempfile::tempdir().unwrap(),
        };
        let event = json!({
            "action": "opened", "number": pull_request,
            "pull_request": {
                "number": pull_request,
                "head": {"sha": scene.head_sha, "ref": "change", "repo": {"id": if fork { 2 } else { 1 }}},
                "base": {"sha": scene.base_sha, "ref": "main", "repo": {"id": 1}},
            },
            "repository": {"id": 1, "default_branch": "main"},
        });
        scene.write("event.json", &event.to_string());
        scene.write("policies/race.toml", "");
        scene
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// What `--verdict` wrote.
    pub(crate) fn verdict(&self) -> Value {
        serde_json::from_str(&self.read("verdict.json")).unwrap()
    }

    /// An output of the step.
    pub(crate) fn output(&self, name: &str) -> Option<String> {
        let text = self.read("output");
        let mut lines = text.lines();
        let delimiter = lines.find_map(|line| line.strip_prefix(&format!("{name}<<")))?.to_owned();
        let value: Vec<&str> = lines.take_while(|line| *line != delimiter).collect();
        Some(value.join("\n"))
    }

    /// `race` with these arguments, in an environment of its own, quick to poll.
    pub(crate) fn race(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_race"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.directory.path())
            .env("GITHUB_API_URL", self.github.api_url())
            .env("GITHUB_SERVER_URL", self.github.server_url())
            .env("RACE_POLLING__INTERVAL", "100ms")
            .env("RACE_POLLING__MAX_INTERVAL", "200ms")
            .env("RACE_POLLING__CONFIRM_AFTER", "50ms")
            .env("RACE_POLLING__REVIEW_LAG", "300ms")
            .current_dir(self.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// The same as a step of the run.
    pub(crate) fn step(&self, arguments: &[&str]) -> Command {
        let mut command = self.race(arguments);
        command
            .env("GITHUB_ACTIONS", "true")
            .env("CI", "true")
            .env("GITHUB_TOKEN", "ghs_workflow")
            .env("GITHUB_REPOSITORY", REPOSITORY)
            .env("GITHUB_WORKFLOW_REF", format!("{REPOSITORY}/.github/workflows/testnet-deployer.yml@main"))
            .env("GITHUB_RUN_ID", self.run.to_string())
            .env("GITHUB_RUN_ATTEMPT", "1")
            .env("GITHUB_JOB", "testnet-deployer")
            .env("GITHUB_SHA", "0".repeat(40))
            .env("GITHUB_EVENT_NAME", "pull_request")
            .env("GITHUB_EVENT_PATH", self.path("event.json"))
            .env("GITHUB_OUTPUT", self.path("output"))
            .env("GITHUB_STEP_SUMMARY", self.path("summary.md"))
            .env("RUNNER_ENVIRONMENT", "github-hosted");
        command
    }

    /// `race wait` as the check's job runs it.
    pub(crate) fn wait(&self, more: &[&str]) -> Running {
        let base = ["wait", "--policies", "policies", "--verdict", "verdict.json"];
        let arguments: Vec<&str> = base.iter().chain(more).copied().collect();
        start(self.step(&arguments))
    }

    /// The same at a desk, with a person's token.
    pub(crate) fn desk(&self, arguments: &[&str]) -> Ended {
        let mut command = self.race(arguments);
        command.env("GH_TOKEN", "ghp_person").env("GITHUB_REPOSITORY", REPOSITORY);
        start(command).end()
    }

    /// Blocks until the job list was read so often, whatever came of it.
    pub(crate) fn await_readings(&self, count: usize) {
        let read = self.github.wait_until(BOUND, |_, exchanges| {
            exchanges.iter().filter(|exchange| exchange.path.ends_with("/jobs")).count() >= count
        });
        assert!(read, "the job list was not read {count} times");
    }

    /// A person reviews an environment, and the job goes on as a runner would take it.
    pub(crate) fn review(&self, environment: &str, state: ReviewState, comment: &str) {
        self.github.change(|world, now| {
            let id = world.environment(environment).unwrap().id;
            world.review(self.run, &[id], state, "alice", comment, now).unwrap();
        });
    }

    /// Approves an environment and completes its job with this conclusion.
    pub(crate) fn approve_and_complete(&self, environment: &str, conclusion: Conclusion) {
        self.review(environment, ReviewState::Approved, "");
        self.complete(environment, conclusion);
    }

    /// Runs a job that was let through to its end.
    pub(crate) fn complete(&self, job: &str, conclusion: Conclusion) {
        let id = if job == "testnet" { self.testnet } else { self.null };
        self.github.change(|world, now| {
            world.begin(id, now);
            world.begin_step(id, "work", now);
            world.end_step(id, conclusion.clone(), now);
            world.complete(id, conclusion, now);
        });
    }

    /// An entry in the review history, whatever the jobs do.
    pub(crate) fn add_review(&self, environment: &str, state: ReviewState, user: &str, comment: &str) {
        let review = Review {
            environments: vec![environment.to_owned()],
            state,
            user: user.to_owned(),
            comment: comment.to_owned(),
        };
        self.github.change(|world, now| world.add_review(self.run, review, now));
    }

    /// Every request so far, held to GitHub's own description.
    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        let exchanges = self.github.exchanges();
        Description::load().assert_holds(&exchanges);
        exchanges
    }
}

/// Starts a process and waits for it on a thread of its own.
pub(crate) fn start(mut command: Command) -> Running {
    let child = command.spawn().unwrap();
    let id = child.id();
    let (tell, ended) = mpsc::channel();
    std::thread::spawn(move || tell.send(child.wait_with_output()));
    Running { id, ended }
}
