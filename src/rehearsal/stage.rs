//! The stage of a rehearsal: the stand-ins, the run that is played, and the files
//! that a runner has.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::arguments::{Contender, Fault, Mode, Selection};
use super::dev_chain::{DevChain, DevChainOptions};
use super::github::{GitHub, Options, Token};
use super::reviewer::Person;
use super::scenario::Scenario;
use super::testnet::Testnet;
use super::world::World;
use crate::policy::duration;

/// The files of the jobs' workspaces that are kept beside the logs.
pub(super) const KEPT: [&str; 3] = ["deploy.json", "soak.json", "verdict.json"];

/// The repository that is played in.
pub(super) const REPOSITORY: &str = "octo-org/chain";
/// The job whose conclusion is the check.
pub(super) const CHECK: &str = "testnet-deployer";
/// Login of the simulated reviewer.
pub(super) const REVIEWER: &str = "alice";
/// Login of the pull request's author, who may not review.
const AUTHOR: &str = "carol";
/// Title of the pull request.
const TITLE: &str = "Rotate keys earlier";
/// The reviewer's token.
pub(super) const REVIEWER_TOKEN: &str = "ghp_reviewer";
/// A rehearsal lives an hour in seconds, so it may ask as often as in many hours.
pub(super) const HOURLY_LIMIT: u64 = 100_000;

/// The environment of the legs of a soak, which nobody reviews.
pub(super) const SOAK_ENVIRONMENT: &str = "testnet-soak";

/// The secret that holds the key to the hosts.
const KEY: &str = "TESTNET_SSH_KEY";

/// How long the testnet goes on before it stalls, where it does: a deployment takes two
/// seconds of it.
const BEFORE_STALL: Duration = Duration::from_secs(4);

/// The longest time without a session that the rehearsal's policy allows, besides
/// some sessions: a machine that is busy must not look like a stall.
pub(super) const NO_SESSION: Duration = Duration::from_secs(3);

/// The shipped action that installs `race`: a job has it once it checked out the base.
const INSTALL_RACE: &str = include_str!("../../.github/actions/race/action.yml");

/// The shipped criteria.
const CRITERIA: &str = include_str!("../../policies/criteria.toml");

/// Everything that the jobs of a rehearsal run against.
pub(super) struct Stage {
    pub(super) github: GitHub,
    pub(super) chain: DevChain,
    pub(super) testnet: Testnet,
    /// The pull request's own run.
    pub(super) run: u64,
    pub(super) pull_request: u64,
    /// What a workshop brings along.
    pub(super) own: Option<Own>,
    directory: PathBuf,
    /// Takes the directory away in the end, unless it is to be kept.
    _temporary: Option<TempDir>,
}

/// What a workshop brings along.
pub(super) struct Own {
    /// The repository that is pushed to and checked out of.
    pub(super) origin: PathBuf,
    /// The executable that is installed as `race`.
    pub(super) race: PathBuf,
    /// Further variables of every step.
    pub(super) settings: Vec<(String, String)>,
}

impl Stage {
    /// Starts the stand-ins, opens a pull request and starts its run, and writes the
    /// files that a runner and a checkout of the base would have.
    ///
    /// # Errors
    ///
    /// When a port or a file cannot be had.
    pub(super) async fn raise(scenario: &Scenario, keep: Option<&Path>) -> io::Result<Self> {
        let (directory, temporary) = match keep {
            Some(keep) => {
                fs::create_dir_all(keep)?;
                (keep.canonicalize()?, None)
            }
            None => {
                let temporary = tempfile::Builder::new().prefix("rehearsal-").tempdir()?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        for name in ["home", "policies"] {
            fs::create_dir_all(directory.join(name))?;
        }
        let now = jiff::Timestamp::now();
        let mut world = World::new(REPOSITORY, now);
        let pull_request = match scenario.fork.is_some() {
            true => world.open_fork_pull_request(AUTHOR, TITLE, now),
            false => world.open_pull_request(AUTHOR, TITLE, now),
        };
        let head_sha = world.pull_request(pull_request).map(|pull| pull.head_sha.clone()).unwrap_or_default();

        let sessions_before_stall =
            u32::try_from(BEFORE_STALL.as_millis() / scenario.session_every.as_millis().max(1));
        let chain = DevChain::start(DevChainOptions {
            session: scenario.session_every,
            stall_after: (scenario.fault == Some(Fault::SessionStall))
                .then(|| sessions_before_stall.unwrap_or(u32::MAX).max(1)),
            version: format!("0.1.0-{}", head_sha.get(..11).unwrap_or_default()),
            ..DevChainOptions::default()
        })
        .await?;

        let base = world.pull_request(pull_request).map(|pull| pull.base_sha.clone()).unwrap_or_default();
        let testnet = Testnet::raise(&directory.join("hosts"), &base, &head_sha).await?;
        let mut policies =
            vec![("race.toml", race_policy(scenario)), ("testnet.toml", testnet.policy(scenario, &chain))];
        if scenario.selection != Selection::Manual || scenario.push.is_some() {
            policies.push(("criteria.toml", CRITERIA.to_owned()));
        }
        // What the pull request does not change its head has as well.
        for (name, text) in policies {
            fs::write(directory.join("policies").join(name), &text)?;
            for sha in [&base, &head_sha] {
                world.write_file(sha, &format!("policies/{name}"), &text);
            }
        }
        for sha in [&base, &head_sha] {
            world.write_file(sha, ".github/actions/race/action.yml", INSTALL_RACE);
            world.write_file(sha, ".ci/build", &testnet.build(scenario.fault));
        }
        world.write_file(&head_sha, &scenario.change, "changed\n");
        for contender in Contender::ALL {
            // A name that is mistyped or was never set up is what nobody notices.
            let missing =
                scenario.fault == Some(Fault::UnprotectedEnvironment) && contender == Contender::Null;
            // What the criteria choose needs no environment at all.
            let spared = scenario.selection == Selection::Auto && contender == Contender::Null;
            if !missing && !spared {
                world.protect(contender.name(), &[REVIEWER, "bob"], now);
            }
        }
        if scenario.mode != Mode::Poll {
            // What runs after the approval must not be asked to be approved again.
            world.protect(SOAK_ENVIRONMENT, &[], now);
        }
        for name in [Contender::Testnet.name(), SOAK_ENVIRONMENT] {
            if let Some(environment) = world.environment_mut(name) {
                environment.secrets.insert(KEY.to_owned(), testnet.key().to_owned());
            }
        }
        let run = world.start_pull_request_run(pull_request, now);
        let options = Options { hourly_limit: HOURLY_LIMIT, port: scenario.port, ..Options::default() };
        let github = GitHub::start(world, options)?;
        github.admit(Token::of_person(REVIEWER_TOKEN, REVIEWER));
        github.open_page(if scenario.by_hand { REVIEWER } else { AUTHOR });

        Ok(Self { github, chain, testnet, run, pull_request, own: None, directory, _temporary: temporary })
    }

    /// The stage of a workshop, where nothing has begun.
    pub(super) fn empty(
        (github, chain, testnet): (GitHub, DevChain, Testnet),
        directory: PathBuf,
        own: Own,
    ) -> Self {
        Self { github, chain, testnet, run: 0, pull_request: 0, own: Some(own), directory, _temporary: None }
    }

    /// The simulated reviewer.
    pub(super) fn reviewer(&self) -> Person {
        Person { address: self.github.address(), token: REVIEWER_TOKEN, repository: REPOSITORY }
    }

    /// Where the page of a run is.
    pub(super) fn page_url(&self, run: u64) -> String {
        format!("{}/{REPOSITORY}/actions/runs/{run}", self.github.server_url())
    }

    /// A file or directory of the rehearsal.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Writes what the stand-in was asked and what it answered, one exchange a line.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub(super) fn write_exchanges(&self) -> io::Result<()> {
        let mut text = String::new();
        for exchange in self.github.exchanges() {
            text.push_str(&serde_json::to_string(&exchange)?);
            text.push('\n');
        }
        fs::write(self.path("exchanges.jsonl"), text)
    }
}

/// The race's policy: the shipped one, with waits that suit a rehearsal.
fn race_policy(scenario: &Scenario) -> String {
    let deadline = duration::format(scenario.deadline);
    let job = if scenario.mode == Mode::Relay { "soaked" } else { "testnet" };
    let proof = if scenario.mode == Mode::Sampled { "soak" } else { "job" };
    let selection = scenario.selection.word();
    let carry = if scenario.push.is_some() { "not-needed" } else { "never" };
    let after_win = if scenario.cancel_after_win { "cancel-run" } else { "leave" };
    format!(
        r#"check = "{CHECK}"
selection = "{selection}"
carry = "{carry}"
after_win = "{after_win}"

[[branch]]
name = "testnet"
job = "{job}"
proof = "{proof}"

[[branch]]
name = "null"
spares_testnet = true

[polling]
interval = "150ms"
max_interval = "500ms"
confirm_after = "200ms"
review_lag = "500ms"
deadline = "{deadline}"
"#
    )
}
