//! A run that a process may wait for: the stand-in of GitHub that shows it, and the
//! files and variables that GitHub's runner gives.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tempfile::TempDir;
use testnet_deployer::rehearsal::github::{GitHub, Options, Token};
use testnet_deployer::rehearsal::world::World;

/// The repository that the run is in.
pub(crate) const REPOSITORY: &str = "octo-org/chain";
/// The token that asks.
pub(crate) const TOKEN: &str = "ghs_workflow";

/// A run for a pull request whose base has the shipped policies: `testnet` and
/// `null` wait for a review, and `testnet-deployer` runs.
pub(crate) struct Awaited {
    /// The stand-in.
    pub(crate) github: GitHub,
    /// The run's number.
    pub(crate) run: u64,
    directory: TempDir,
}

/// A program as it is to be started: with this environment and no other.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) variables: Vec<(&'static str, String)>,
}

impl Awaited {
    /// Opens the pull request and starts its run, some hours ago.
    ///
    /// # Errors
    ///
    /// When a port or a file cannot be had.
    pub(crate) fn new(options: Options) -> io::Result<Self> {
        let then = Timestamp::now() - SignedDuration::from_hours(3);
        let mut world = World::new(REPOSITORY, then);
        let number = world.open_pull_request("carol", "Rotate keys earlier", then);
        let pull = world.pull_request(number).cloned().ok_or(io::ErrorKind::NotFound)?;
        let policy = include_str!("../../policies/race.toml");
        world.write_file(&pull.base_sha, "policies/race.toml", policy);
        let run = world.start_pull_request_run(number, then);
        for environment in ["testnet", "null"] {
            world.protect(environment, &["alice"], then);
            world.submit_job(run, environment, Some(environment), then);
        }
        let check = world.submit_job(run, "testnet-deployer", None, then);
        world.begin(check, then);
        let github = GitHub::start(world, options)?;
        github.admit(Token::of_workflow(TOKEN, &["actions", "contents", "checks"]));

        let directory = tempfile::tempdir()?;
        let event = json!({
            "number": number,
            "pull_request": {
                "number": number,
                "head": {"sha": pull.head_sha, "ref": pull.head_ref},
                "base": {"sha": pull.base_sha, "ref": pull.base_ref},
            },
        });
        fs::write(directory.path().join("event.json"), event.to_string())?;
        Ok(Self { github, run, directory })
    }

    /// A file or directory of the runner.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// `race wait` as the job `testnet-deployer` runs it, every setting at its default.
    pub(crate) fn race(&self, program: &Path) -> Launch {
        let file = |name| self.path(name).display().to_string();
        Launch {
            program: program.to_owned(),
            arguments: vec!["wait".to_owned()],
            variables: vec![
                ("CI", "true".to_owned()),
                ("GITHUB_ACTIONS", "true".to_owned()),
                ("GITHUB_API_URL", self.github.api_url().to_owned()),
                ("GITHUB_EVENT_NAME", "pull_request".to_owned()),
                ("GITHUB_EVENT_PATH", file("event.json")),
                ("GITHUB_JOB", "testnet-deployer".to_owned()),
                ("GITHUB_OUTPUT", file("output")),
                ("GITHUB_REPOSITORY", REPOSITORY.to_owned()),
                ("GITHUB_RUN_ATTEMPT", "1".to_owned()),
                ("GITHUB_RUN_ID", self.run.to_string()),
                ("GITHUB_SERVER_URL", self.github.server_url().to_owned()),
                ("GITHUB_STEP_SUMMARY", file("summary.md")),
                ("GITHUB_TOKEN", TOKEN.to_owned()),
                ("HOME", self.directory.path().display().to_string()),
                ("RUNNER_ENVIRONMENT", "github-hosted".to_owned()),
                ("RUNNER_OS", "Linux".to_owned()),
            ],
        }
    }
}

impl Launch {
    /// The command, with nothing to read and nobody to read what it says.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }
}
