//! Readings of one run: the job list on every look, everything else only when
//! something moved or a verdict is near.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::client::{Client, read, segment};
use super::error::ApiError;
use super::event::Event;
use super::model;
use super::pace::Toll;
use crate::race::dispatched::{DISPATCH, subject_of};
use crate::race::{Advice, Job, Pending, Protection, Review, Run, Snapshot, SoakProof, WithoutSecrets};

/// Readings of one run.
pub struct Reader {
    client: Client,
    run_id: u64,
    attempt: Option<u64>,
    /// What the event or the caller knows better than the run.
    head_sha: Option<String>,
    pull_request: Option<u64>,
    from_fork: bool,
    cancelled: bool,
    run: Option<Run>,
    jobs: Vec<Job>,
    reviews: Vec<Review>,
    pending: Vec<Pending>,
    environments: BTreeMap<String, Protection>,
    /// The last reading broke off, so that what it had begun to read may be stale.
    broken: bool,
}

/// One reading.
#[derive(Clone, Debug)]
pub struct Reading {
    /// What is known of the run.
    pub snapshot: Snapshot,
    /// The job list differs from the one before.
    pub moved: bool,
    /// What the job list told of the rate limit.
    pub toll: Toll,
}

/// What reading the job list came to.
struct Listed {
    changed: bool,
    toll: Toll,
    date: Option<Timestamp>,
}

/// How much to read beside the job list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Nothing, where the job list is as before.
    Quiet,
    /// Run, reviews and pending deployments as well.
    Full,
}

impl Reader {
    /// Readings of the run `run_id`; of its newest attempt where none is named.
    #[must_use]
    pub const fn new(client: Client, run_id: u64, attempt: Option<u64>) -> Self {
        Self {
            client,
            run_id,
            attempt,
            head_sha: None,
            pull_request: None,
            from_fork: false,
            cancelled: false,
            run: None,
            jobs: Vec::new(),
            reviews: Vec::new(),
            pending: Vec::new(),
            environments: BTreeMap::new(),
            broken: false,
        }
    }

    /// What the event or the caller knows of the run better than the API does.
    #[must_use]
    pub fn about(mut self, head_sha: Option<String>, event: &Event) -> Self {
        self.head_sha = head_sha;
        self.pull_request = event.pull_request;
        self.from_fork = event.from_fork;
        self
    }

    /// The run is being cancelled, which the API does not tell before it has ended.
    #[must_use]
    pub const fn being_cancelled(mut self, cancelled: bool) -> Self {
        self.cancelled = cancelled;
        self
    }

    /// The client, for what else is to be asked.
    pub const fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Reads the job list, and what `depth` asks for beside it; `now` stands in for
    /// GitHub's clock where an answer does not tell the time.
    ///
    /// # Errors
    ///
    /// When any of the requests brings nothing. The next reading makes up for it.
    pub async fn read(&mut self, depth: Depth, now: Timestamp) -> Result<Reading, ApiError> {
        let stale = std::mem::replace(&mut self.broken, true);
        let listed = self.read_jobs().await?;
        let run = match &self.run {
            Some(run) if !listed.changed && !stale && depth == Depth::Quiet => run.clone(),
            _ => {
                let run = self.read_run().await?;
                self.pending = self.read_list::<model::PendingDeployment, _>("pending_deployments").await?;
                self.reviews = self.read_list::<model::Approval, _>("approvals").await?;
                self.environments.clear();
                self.run = Some(run.clone());
                run
            }
        };
        self.broken = false;
        Ok(Reading {
            snapshot: self.snapshot(run, listed.date.unwrap_or(now)),
            moved: listed.changed,
            toll: listed.toll,
        })
    }

    /// Reads the protection of these environments anew, and adds it to what is known.
    ///
    /// # Errors
    ///
    /// When any of the requests brings nothing.
    pub async fn read_environments(
        &mut self,
        reading: &mut Reading,
        environments: &[String],
    ) -> Result<(), ApiError> {
        for environment in environments {
            let path = format!("environments/{}", segment(environment));
            let protection = match self.client.get::<model::Environment>(&path).await {
                Ok(environment) => Protection::from(environment),
                Err(ApiError::NotFound { .. }) => Protection::Gone,
                Err(error) => return Err(error),
            };
            self.environments.insert(environment.to_owned(), protection);
        }
        reading.snapshot.environments.clone_from(&self.environments);
        Ok(())
    }

    /// Reads every page of the job list, each conditionally.
    async fn read_jobs(&mut self) -> Result<Listed, ApiError> {
        let mut path = Some(format!("actions/runs/{}/jobs?filter=all&per_page=100", self.run_id));
        let mut pages = Vec::new();
        let mut date = None;
        while let Some(page) = path {
            let answer = self.client.ask(&page, true).await?;
            date = answer.date.or(date);
            path = answer.next.clone();
            pages.push((page, answer));
        }
        let unchanged = pages.iter().all(|(_, answer)| answer.unchanged);
        let toll = match unchanged {
            true => Toll::Free,
            false if pages.iter().any(|(_, answer)| answer.repeated) => Toll::Wasted,
            false => Toll::Due,
        };
        if unchanged && self.run.is_some() {
            return Ok(Listed { changed: false, toll, date });
        }
        let mut jobs = Vec::new();
        for (path, answer) in &pages {
            let page: model::Jobs = read(path, &answer.body)?;
            jobs.extend(page.jobs.into_iter().map(Job::from));
        }
        let changed = jobs != self.jobs;
        self.jobs = jobs;
        Ok(Listed { changed, toll, date })
    }

    async fn read_run(&mut self) -> Result<Run, ApiError> {
        let path = match self.attempt {
            Some(attempt) => format!("actions/runs/{}/attempts/{attempt}", self.run_id),
            None => format!("actions/runs/{}", self.run_id),
        };
        let run: model::Run = self.client.get(&path).await?;
        // A dispatched run is of the default branch's commit, and about another one.
        let dispatched = (run.event == DISPATCH).then(|| subject_of(&run.display_title)).flatten();
        let (about, sha) = dispatched.unzip();
        Ok(Run {
            without_secrets: run.without_secrets().or(self.from_fork.then_some(WithoutSecrets::Fork)),
            id: run.id,
            attempt: self.attempt.or(run.run_attempt).unwrap_or(1),
            url: run.html_url,
            event: run.event,
            head_sha: self.head_sha.clone().or(sha).unwrap_or(run.head_sha),
            pull_request: self
                .pull_request
                .or(about)
                .or_else(|| run.pull_requests.first().map(|pull| pull.number)),
            started_at: run.run_started_at.or(run.created_at),
            cancelled: self.cancelled || run.conclusion == "cancelled",
        })
    }

    async fn read_list<M, T>(&mut self, what: &str) -> Result<Vec<T>, ApiError>
    where
        M: serde::de::DeserializeOwned,
        T: From<M>,
    {
        let path = format!("actions/runs/{}/{what}", self.run_id);
        Ok(self.client.get::<Vec<M>>(&path).await?.into_iter().map(T::from).collect())
    }

    fn snapshot(&self, run: Run, read_at: Timestamp) -> Snapshot {
        Snapshot {
            read_at,
            run,
            jobs: self.jobs.clone(),
            reviews: self.reviews.clone(),
            pending: self.pending.clone(),
            environments: self.environments.clone(),
            advice: Advice::Unknown,
            soaks: Vec::<SoakProof>::new(),
            own_jobs: Vec::new(),
        }
    }
}
