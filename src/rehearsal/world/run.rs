//! Workflow runs and their attempts.

use jiff::Timestamp;

use super::{Conclusion, Job, PullRequest, Review, Status, World};

/// One run of a workflow. Its status follows from its jobs.
#[derive(Clone, Debug)]
pub struct Run {
    /// GitHub's number for it.
    pub id: u64,
    /// Its number within the workflow.
    pub number: u64,
    /// The newest attempt, from 1.
    pub attempt: u32,
    /// Name of the workflow.
    pub workflow: String,
    /// The file of the workflow.
    pub workflow_path: String,
    /// What the workflow's `run-name` made; none where it has none.
    pub title: Option<String>,
    /// What started it, for example `pull_request`.
    pub event: String,
    /// The commit that it is about: of a pull request the head, not the merge.
    pub head_sha: String,
    /// The git branch of that commit; null for some events.
    pub head_ref: Option<String>,
    /// The pull request that started it.
    pub pull_request: Option<u64>,
    /// Whether the commit comes from a fork.
    pub from_fork: bool,
    /// Login of who started it.
    pub actor: String,
    /// Reviews of all attempts, oldest first. GitHub gives them no time and no attempt.
    pub reviews: Vec<Review>,
    /// Whether someone cancelled it.
    pub cancelled: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// When the newest attempt began.
    pub started_at: Timestamp,
    /// When anything in it last moved.
    pub updated_at: Timestamp,
}

impl World {
    /// Starts a run for a pull request and returns its number. A pull request that
    /// is not there gives a run without a commit.
    pub fn start_pull_request_run(&mut self, number: u64, now: Timestamp) -> u64 {
        let pull = self.pull_request(number).cloned();
        let id = self.start_run(
            "pull_request",
            pull.as_ref().map_or("", |pull| &pull.head_sha),
            pull.as_ref().map_or("", |pull| &pull.author),
            now,
        );
        if let Some(run) = self.run_mut(id) {
            run.pull_request = pull.as_ref().map(|pull| pull.number);
            run.from_fork = pull.as_ref().is_some_and(|pull| pull.from_fork);
            run.head_ref = pull.map(|pull| pull.head_ref);
        }
        id
    }

    /// Starts a run by hand on the default branch, of the title that the workflow's
    /// `run-name` makes, and returns its number. Its inputs are nowhere in the API.
    pub fn dispatch_run(&mut self, actor: &str, title: &str, now: Timestamp) -> u64 {
        let tip = self.resolve(&self.repository.default_branch).unwrap_or_default();
        let id = self.start_run("workflow_dispatch", &tip, actor, now);
        if let Some(run) = self.run_mut(id) {
            run.title = Some(title.to_owned());
        }
        id
    }

    /// Starts a run that nobody started, of that workflow's file on the default branch,
    /// and returns its number.
    pub fn start_scheduled_run(&mut self, workflow: &str, now: Timestamp) -> u64 {
        let tip = self.resolve(&self.repository.default_branch).unwrap_or_default();
        let id = self.start_run("schedule", &tip, "alice", now);
        if let Some(run) = self.run_mut(id) {
            workflow.clone_into(&mut run.workflow_path);
            run.workflow =
                workflow.rsplit('/').next().unwrap_or_default().trim_end_matches(".yml").to_owned();
        }
        id
    }

    /// Starts a run for a commit and returns its number.
    pub fn start_run(&mut self, event: &str, head_sha: &str, actor: &str, now: Timestamp) -> u64 {
        self.user(actor);
        let id = self.fresh_id();
        self.runs.push(Run {
            id,
            number: self.runs.len() as u64 + 1,
            attempt: 1,
            workflow: "testnet-deployer".to_owned(),
            workflow_path: ".github/workflows/testnet-deployer.yml".to_owned(),
            title: None,
            event: event.to_owned(),
            head_sha: head_sha.to_owned(),
            head_ref: Some(self.repository.default_branch.clone()),
            pull_request: None,
            from_fork: false,
            actor: actor.to_owned(),
            reviews: Vec::new(),
            cancelled: false,
            created_at: now,
            started_at: now,
            updated_at: now,
        });
        id
    }

    /// The run of that number.
    #[must_use]
    pub fn run(&self, id: u64) -> Option<&Run> {
        self.runs.iter().find(|run| run.id == id)
    }

    /// The run of that number, to be changed at will.
    pub fn run_mut(&mut self, id: u64) -> Option<&mut Run> {
        self.runs.iter_mut().find(|run| run.id == id)
    }

    /// Begins the next attempt of a run. Its jobs are submitted by the caller: all
    /// of them, or only those that failed.
    pub fn start_attempt(&mut self, id: u64, now: Timestamp) {
        if let Some(run) = self.run_mut(id) {
            run.attempt += 1;
            run.cancelled = false;
            run.started_at = now;
            run.updated_at = now;
        }
    }

    /// Cancels a run: every job of it that has not ended is cancelled.
    pub fn cancel_run(&mut self, id: u64, now: Timestamp) {
        let open: Vec<u64> = self
            .jobs
            .iter()
            .filter(|job| job.run == id && job.status != Status::Completed)
            .map(|job| job.id)
            .collect();
        for job in open {
            self.complete(job, Conclusion::Cancelled, now);
        }
        if let Some(run) = self.run_mut(id) {
            run.cancelled = true;
        }
    }

    /// Every execution of every job of a run, of all attempts.
    #[must_use]
    pub fn all_jobs(&self, run: u64) -> Vec<&Job> {
        self.jobs.iter().filter(|job| job.run == run).collect()
    }

    /// The jobs of a run as an attempt shows them: of each name the newest
    /// execution up to then. That jobs which were not run again are shown with the
    /// attempt that ran them is not documented by GitHub.
    #[must_use]
    pub fn jobs_of_attempt(&self, run: u64, attempt: u32) -> Vec<&Job> {
        let until_then = |job: &&Job| job.run == run && job.attempt <= attempt;
        self.jobs
            .iter()
            .filter(until_then)
            .filter(|job| {
                let mut others = self.jobs.iter().filter(until_then);
                !others.any(|other| other.name == job.name && other.attempt > job.attempt)
            })
            .collect()
    }

    /// Status and conclusion of an attempt of a run, as its jobs make them.
    #[must_use]
    pub fn run_state(&self, run: &Run, attempt: u32) -> (Status, Option<Conclusion>) {
        let jobs = self.jobs_of_attempt(run.id, attempt);
        let any = |status: Status| jobs.iter().any(|job| job.status == status);
        if jobs.is_empty() {
            return if run.cancelled {
                (Status::Completed, Some(Conclusion::Cancelled))
            } else {
                (Status::Queued, None)
            };
        }
        for status in [Status::InProgress, Status::Queued, Status::Waiting, Status::Pending] {
            if any(status.clone()) {
                return (status, None);
            }
        }
        if jobs.iter().any(|job| job.status != Status::Completed) {
            return (Status::InProgress, None);
        }
        let ended =
            |conclusion: Conclusion| jobs.iter().any(|job| job.conclusion == Some(conclusion.clone()));
        let conclusion = if run.cancelled || ended(Conclusion::Cancelled) {
            Conclusion::Cancelled
        } else if ended(Conclusion::Failure) || ended(Conclusion::TimedOut) {
            Conclusion::Failure
        } else if ended(Conclusion::Success) {
            Conclusion::Success
        } else {
            Conclusion::Skipped
        };
        (Status::Completed, Some(conclusion))
    }

    /// The pull requests whose head is this commit, as GitHub lists them.
    #[must_use]
    pub fn pull_requests_of(&self, sha: &str) -> Vec<&PullRequest> {
        self.pull_requests.iter().filter(|pull| pull.head_sha == sha).collect()
    }

    /// Notes that something in the run moved.
    pub(super) fn touch(&mut self, id: u64, now: Timestamp) {
        if let Some(run) = self.run_mut(id) {
            run.updated_at = now;
        }
    }
}
