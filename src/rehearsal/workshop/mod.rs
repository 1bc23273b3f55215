//! A repository that is worked in: people push to it, open pull requests, review and
//! merge, and what its workflow says is run, for as many runs as there are. The
//! repository is a real one of git's, on disk.

mod git;
mod work;

pub use git::git;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::dev_chain::{DevChain, DevChainOptions};
use super::github::{GitHub, Options, Token};
use super::stage::{HOURLY_LIMIT, Own, REPOSITORY, REVIEWER, REVIEWER_TOKEN, Stage};
use super::testnet::Testnet;
use super::world::{Conclusion, ReviewState, Status, World};
use git::Origin;

/// The file whose workflow is run.
const WORKFLOW: &str = ".github/workflows/testnet-deployer.yml";

/// What every host runs before anything is deployed.
const OLD: &str = "5f1a7c02b9d";

/// How one is set up.
#[derive(Clone, Debug)]
pub struct WorkshopOptions {
    /// How long a session of the chain takes.
    pub session: Duration,
    /// The longest that anything here is waited for.
    pub patience: Duration,
    /// The executable that is installed as `race`, and is called so.
    pub race: PathBuf,
    /// Further variables of every step, by which its waits may be cut short.
    pub settings: Vec<(String, String)>,
}

/// A host of the testnet, as its own console would show it.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its name in the policy.
    pub name: &'static str,
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// Its public key.
    pub host_key: String,
    /// Where its node lies, and runs.
    pub directory: PathBuf,
}

/// A repository that is worked in. When it is dropped, everything in it stops.
pub struct Workshop {
    stage: Arc<Stage>,
    origin: Origin,
    patience: Duration,
    failure: Arc<Mutex<Option<String>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Workshop {
    /// Opens an empty one in that directory: a repository `chain.git`, a testnet of
    /// three hosts and a chain, and the runner that takes its jobs.
    ///
    /// # Errors
    ///
    /// When a port, a file or a thread cannot be had.
    pub fn open(directory: &Path, options: WorkshopOptions) -> io::Result<Self> {
        let directory = directory.canonicalize()?;
        let origin = Origin::new(directory.join("chain.git"))?;
        let failure = Arc::new(Mutex::new(None));
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = mpsc::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let failed = Arc::clone(&failure);
        let WorkshopOptions { session, patience, race, settings } = options;
        let own = Own { origin: origin.path.clone(), race, settings };
        let thread = std::thread::Builder::new().name("workshop".to_owned()).spawn(move || {
            runtime.block_on(async {
                let stage = match raise(directory, own, session).await {
                    Ok(stage) => Arc::new(stage),
                    Err(error) => {
                        // Nobody asks any more where the other side is gone.
                        let _ = tell.send(Err(error));
                        return;
                    }
                };
                let _ = tell.send(Ok(Arc::clone(&stage)));
                if let Err(error) = work::work(&stage, stopped).await {
                    *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
                    // Whoever waits is told.
                    stage.github.change(|_, _| ());
                }
            });
            runtime.shutdown_background();
        })?;
        let stage = told.recv().map_err(io::Error::other)??;
        Ok(Self { stage, origin, patience, failure, stop: Some(stop), thread: Some(thread) })
    }

    /// The stand-in of GitHub.
    #[must_use]
    pub fn github(&self) -> &GitHub {
        &self.stage.github
    }

    /// Where to push to.
    #[must_use]
    pub fn origin(&self) -> &Path {
        &self.origin.path
    }

    /// The hosts of the testnet.
    #[must_use]
    pub fn hosts(&self) -> Vec<Host> {
        self.stage.testnet.told()
    }

    /// The private key that the hosts accept.
    #[must_use]
    pub fn key(&self) -> &str {
        self.stage.testnet.key()
    }

    /// The port of 127.0.0.1 at which the chain's node answers.
    #[must_use]
    pub fn node_port(&self) -> u16 {
        self.stage.chain.port()
    }

    /// What a job has written so far.
    #[must_use]
    pub fn log(&self, run: u64, job: &str) -> String {
        let path = self.stage.path("runs").join(run.to_string()).join(format!("{job}.log"));
        std::fs::read_to_string(path).unwrap_or_default()
    }

    /// Takes over what was pushed. What moved the head of a pull request starts a run,
    /// whose number is returned.
    ///
    /// # Errors
    ///
    /// When git fails, or a head cannot be merged into its base.
    pub fn receive(&self) -> io::Result<Option<u64>> {
        let mut started = None;
        for (name, sha) in self.origin.heads()? {
            let reference = format!("heads/{name}");
            if self.github().read(|world| world.refs.get(&reference) == Some(&sha)) {
                continue;
            }
            self.take(&sha)?;
            let moved = self.github().change(|world, _| {
                world.refs.insert(reference, sha.clone());
                let open = world.pull_requests.iter().find(|pull| pull.open && pull.head_ref == name);
                open.map(|pull| (pull.number, pull.base_sha.clone()))
            });
            if let Some((number, base)) = moved {
                let merge = self.origin.merge(&base, &sha, &format!("Merge {sha} into {base}"))?;
                self.take(&merge)?;
                self.github().change(|world, _| {
                    world.refs.insert(format!("pull/{number}/head"), sha.clone());
                    world.refs.insert(format!("pull/{number}/merge"), merge.clone());
                    if let Some(pull) = world.pull_request_mut(number) {
                        (pull.head_sha, pull.merge_sha) = (sha, merge.clone());
                    }
                });
                started = self.run_of(number, &merge);
            }
        }
        Ok(started)
    }

    /// Opens a pull request from a git branch that was pushed: its number, and that of
    /// its run where it has a workflow.
    ///
    /// # Errors
    ///
    /// When there is no such git branch, or it cannot be merged.
    pub fn open_pull_request(
        &self,
        author: &str,
        title: &str,
        branch: &str,
    ) -> io::Result<(u64, Option<u64>)> {
        let missing = || io::Error::other(format!("nobody has pushed {branch}"));
        let head = self.github().read(|world| world.refs.get(&format!("heads/{branch}")).cloned());
        let head = head.ok_or_else(missing)?;
        let base = self.tip();
        let merge = self.origin.merge(&base, &head, &format!("Merge {head} into {base}"))?;
        self.take(&merge)?;
        let number = self
            .github()
            .change(|world, now| world.propose(author, title, [branch.to_owned(), head, merge.clone()], now));
        Ok((number, self.run_of(number, &merge)))
    }

    /// Puts a pull request into the merge queue, which starts a run for the group.
    ///
    /// # Errors
    ///
    /// When a required check of its head has not succeeded, or git fails.
    pub fn enqueue(&self, number: u64) -> io::Result<u64> {
        let (head, author) = self.head_of(number)?;
        self.is_passed(&head)?;
        let base = self.tip();
        let group = self.origin.merge(&base, &head, &format!("Merge pull request #{number}"))?;
        let branch = queue_branch(number, &base);
        self.origin.point(&branch, &group)?;
        self.take(&group)?;
        Ok(self.github().change(|world, now| {
            world.refs.insert(format!("heads/{branch}"), group.clone());
            let run = world.start_run("merge_group", &group, &author, now);
            if let Some(run) = world.run_mut(run) {
                run.head_ref = Some(branch);
            }
            run
        }))
    }

    /// Merges a pull request: as its group in the merge queue, where it has one.
    ///
    /// # Errors
    ///
    /// When a required check has not succeeded, or git fails.
    pub fn merge(&self, number: u64) -> io::Result<()> {
        let (head, _) = self.head_of(number)?;
        let base = self.tip();
        let group = format!("heads/{}", queue_branch(number, &base));
        let merged = match self.github().read(|world| world.refs.get(&group).cloned()) {
            Some(group) => {
                self.is_passed(&group)?;
                group
            }
            None => {
                self.is_passed(&head)?;
                self.origin.merge(&base, &head, &format!("Merge pull request #{number}"))?
            }
        };
        self.origin.point("main", &merged)?;
        self.github().change(|world, _| {
            if let Some(pull) = world.pull_request_mut(number) {
                pull.open = false;
            }
        });
        self.receive().map(drop)
    }

    /// Reviews an environment that waits, as on GitHub's page.
    ///
    /// # Errors
    ///
    /// As GitHub refuses.
    pub fn review(
        &self,
        run: u64,
        environment: &str,
        state: ReviewState,
        login: &str,
        comment: &str,
    ) -> io::Result<()> {
        self.github().change(|world, now| {
            let id = world.environment(environment).map_or(0, |environment| environment.id);
            world.review(run, &[id], state, login, comment, now).map(drop).map_err(io::Error::other)
        })
    }

    /// Waits until the job has ended, and says how.
    ///
    /// # Errors
    ///
    /// When that takes too long, or the runner has failed.
    pub fn until_ended(&self, run: u64, job: &str) -> io::Result<Conclusion> {
        let ended = |world: &World| {
            let mut jobs = world.jobs.iter();
            jobs.find(|known| known.run == run && known.name == job)?.conclusion.clone()
        };
        self.until(&format!("the end of {job}"), |world| ended(world).is_some())?;
        Ok(self.github().read(ended).unwrap_or(Conclusion::Neutral))
    }

    /// Waits until the race is open, and that job waits for its review.
    ///
    /// # Errors
    ///
    /// When that takes too long, or the runner has failed.
    pub fn until_waiting(&self, run: u64, job: &str) -> io::Result<()> {
        self.until_ended(run, "open")?;
        self.until(&format!("the review of {job}"), |world| {
            let mut jobs = world.jobs.iter();
            jobs.any(|known| known.run == run && known.name == job && known.status == Status::Waiting)
        })
    }

    fn until(&self, what: &str, condition: impl Fn(&World) -> bool) -> io::Result<()> {
        let failure = || self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let come =
            self.github().wait_until(self.patience, |world, _| condition(world) || failure().is_some());
        match failure() {
            Some(failure) => Err(io::Error::other(failure)),
            None if come => Ok(()),
            None => Err(io::Error::other(format!("{what} did not come within {:?}", self.patience))),
        }
    }

    /// The commit of the default git branch.
    fn tip(&self) -> String {
        self.github().read(|world| world.resolve("main")).unwrap_or_default()
    }

    fn head_of(&self, number: u64) -> io::Result<(String, String)> {
        let found = self.github().read(|world| {
            let pull = world.pull_request(number).filter(|pull| pull.open);
            pull.map(|pull| (pull.head_sha.clone(), pull.author.clone()))
        });
        found.ok_or_else(|| io::Error::other(format!("there is no open pull request {number}")))
    }

    /// Has the stand-in know a commit.
    fn take(&self, sha: &str) -> io::Result<()> {
        let commit = self.origin.commit(sha, self.github().now())?;
        self.github().change(|world, _| {
            world.commits.insert(sha.to_owned(), commit);
        });
        Ok(())
    }

    /// Starts the run of a pull request, where what would be merged has a workflow.
    fn run_of(&self, number: u64, merge: &str) -> Option<u64> {
        self.github().change(|world, now| {
            let commit = world.commits.get(merge)?;
            commit.files.contains_key(WORKFLOW).then(|| world.start_pull_request_run(number, now))
        })
    }

    /// Whether everything that the rules require of that commit has succeeded.
    fn is_passed(&self, sha: &str) -> io::Result<()> {
        let lacking = self.github().read(|world| {
            let rules = world.rules_for(&world.repository.default_branch);
            let checks = rules.into_iter().filter_map(|(_, rule)| {
                let of = rule["type"] == "required_status_checks";
                of.then(|| rule["parameters"]["required_status_checks"].as_array()).flatten()
            });
            let names: Vec<&str> = checks.flatten().filter_map(|check| check["context"].as_str()).collect();
            let lacks = |name: &&str| {
                let mut statuses = world.latest_statuses(sha).into_iter();
                let mut runs = world.runs.iter().filter(|run| run.head_sha == sha);
                let succeeded = |run: &super::world::Run| {
                    let jobs = world.jobs_of_attempt(run.id, run.attempt);
                    jobs.iter().any(|job| job.name == *name && job.conclusion == Some(Conclusion::Success))
                };
                !statuses.any(|status| status.context == *name && status.state == "success")
                    && !runs.any(succeeded)
            };
            names.into_iter().find(lacks).map(str::to_owned)
        });
        match lacking {
            Some(name) => Err(io::Error::other(format!("the required check `{name}` has not succeeded"))),
            None => Ok(()),
        }
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed already; there is nobody to tell.
            drop(thread.join());
        }
    }
}

fn queue_branch(number: u64, base: &str) -> String {
    format!("gh-readonly-queue/main/pr-{number}-{base}")
}

async fn raise(directory: PathBuf, own: Own, session: Duration) -> io::Result<Stage> {
    let chain = DevChain::start(DevChainOptions {
        session,
        version: format!("0.1.0-{OLD}"),
        ..DevChainOptions::default()
    })
    .await?;
    let testnet = Testnet::raise(&directory.join("hosts"), OLD, "").await?;
    let mut world = World::new(REPOSITORY, Timestamp::now());
    world.user(REVIEWER);
    let github = GitHub::start(world, Options { hourly_limit: HOURLY_LIMIT, ..Options::default() })?;
    github.admit(Token::of_person(REVIEWER_TOKEN, REVIEWER));
    Ok(Stage::empty((github, chain, testnet), directory, own))
}
