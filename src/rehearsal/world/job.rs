//! Jobs: what they are and how they move.

use std::fmt;

use jiff::Timestamp;

use super::World;

/// Where a job, a step or a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Held back by a concurrency group.
    Pending,
    /// Held back by an environment.
    Waiting,
    /// Ready for a runner.
    Queued,
    /// On a runner.
    InProgress,
    /// Over; the conclusion says how.
    Completed,
    /// A value that is unknown today.
    Other(String),
}

impl Status {
    /// The word in GitHub's API.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pending => "pending",
            Self::Waiting => "waiting",
            Self::Queued => "queued",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Other(word) => word,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// How a job, a step or a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// Every step succeeded.
    Success,
    /// A step failed, or a reviewer rejected.
    Failure,
    /// Someone cancelled.
    Cancelled,
    /// A condition or a failed `needs` left it out.
    Skipped,
    /// Neither good nor bad.
    Neutral,
    /// It ran for longer than allowed.
    TimedOut,
    /// A value that is unknown today.
    Other(String),
}

impl Conclusion {
    /// The word in GitHub's API.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
            Self::Neutral => "neutral",
            Self::TimedOut => "timed_out",
            Self::Other(word) => word,
        }
    }
}

impl fmt::Display for Conclusion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// One execution of one job.
#[derive(Clone, Debug)]
pub struct Job {
    /// GitHub's number for it, which is also that of its check run.
    pub id: u64,
    /// The run that it belongs to.
    pub run: u64,
    /// The run's attempt that executed it.
    pub attempt: u32,
    /// Its name. The API knows no other link to the workflow's file.
    pub name: String,
    /// The environment that it names.
    pub environment: Option<String>,
    /// The deployment that GitHub made for the environment.
    pub deployment: Option<u64>,
    /// Where it stands.
    pub status: Status,
    /// How it ended. May be missing for a moment even when it is completed.
    pub conclusion: Option<Conclusion>,
    /// When it came into the list.
    pub created_at: Timestamp,
    /// When it started; until then when it was created, as GitHub has it.
    pub started_at: Timestamp,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// What it has done so far. Empty until a runner took it.
    pub steps: Vec<Step>,
    /// Who executes it.
    pub runner: Option<Runner>,
    /// What its steps annotated, in order.
    pub annotations: Vec<Annotation>,
}

/// What a step noted for people, by a workflow command in its output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// `notice`, `warning` or `failure`.
    pub level: &'static str,
    /// Its title, empty where the command names none.
    pub title: String,
    /// The text.
    pub message: String,
}

/// One step of a job.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub status: Status,
    /// How it ended.
    pub conclusion: Option<Conclusion>,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
}

/// The machine that executes a job.
#[derive(Clone, Debug)]
pub struct Runner {
    /// GitHub's number for it.
    pub id: u64,
    /// Its name.
    pub name: String,
}

impl Job {
    /// Whether the job names this environment.
    #[must_use]
    pub fn names_environment(&self, name: &str) -> bool {
        self.environment.as_deref().is_some_and(|named| named.eq_ignore_ascii_case(name))
    }
}

impl World {
    /// Puts a job into the newest attempt of `run` and returns its number.
    ///
    /// A job that names a protected environment waits. A job that names one that
    /// does not exist gets it made, unprotected, and is queued at once.
    pub fn submit_job(&mut self, run: u64, name: &str, environment: Option<&str>, now: Timestamp) -> u64 {
        let held = environment.is_some_and(|name| {
            let index = self.ensure_environment(name, now);
            self.environments[index].holds_jobs()
        });
        let deployment = environment.map(|_| self.fresh_id());
        let id = self.fresh_id();
        let attempt = self.run(run).map_or(1, |run| run.attempt);
        self.jobs.push(Job {
            id,
            run,
            attempt,
            name: name.to_owned(),
            environment: environment.map(str::to_owned),
            deployment,
            status: if held { Status::Waiting } else { Status::Queued },
            conclusion: None,
            created_at: now,
            started_at: now,
            completed_at: None,
            steps: Vec::new(),
            runner: None,
            annotations: Vec::new(),
        });
        self.touch(run, now);
        id
    }

    /// Puts a job into `run` that has already ended. What ran has a step and a
    /// runner; what was skipped has neither.
    pub fn ended_job(
        &mut self,
        run: u64,
        name: &str,
        environment: Option<&str>,
        conclusion: Conclusion,
        now: Timestamp,
    ) -> u64 {
        let job = self.submit_job(run, name, environment, now);
        if conclusion != Conclusion::Skipped {
            self.begin(job, now);
        }
        self.complete(job, conclusion, now);
        job
    }

    /// The job of that number.
    #[must_use]
    pub fn job(&self, id: u64) -> Option<&Job> {
        self.jobs.iter().find(|job| job.id == id)
    }

    /// The job of that number, to be changed at will.
    pub fn job_mut(&mut self, id: u64) -> Option<&mut Job> {
        self.jobs.iter_mut().find(|job| job.id == id)
    }

    /// A runner takes the job.
    pub fn begin(&mut self, id: u64, now: Timestamp) {
        let runner = Runner { id: self.fresh_id(), name: "rehearsal-runner".to_owned() };
        self.change_job(id, now, |job| {
            job.status = Status::InProgress;
            job.started_at = now;
            job.runner = Some(runner);
            job.steps.push(Step {
                name: "Set up job".to_owned(),
                status: Status::Completed,
                conclusion: Some(Conclusion::Success),
                started_at: now,
                completed_at: Some(now),
            });
        });
    }

    /// A step of the job starts.
    pub fn begin_step(&mut self, id: u64, name: &str, now: Timestamp) {
        self.change_job(id, now, |job| {
            job.steps.push(Step {
                name: name.to_owned(),
                status: Status::InProgress,
                conclusion: None,
                started_at: now,
                completed_at: None,
            });
        });
    }

    /// The newest step of the job ends.
    pub fn end_step(&mut self, id: u64, conclusion: Conclusion, now: Timestamp) {
        self.change_job(id, now, |job| {
            if let Some(step) = job.steps.last_mut() {
                step.status = Status::Completed;
                step.conclusion = Some(conclusion);
                step.completed_at = Some(now);
            }
        });
    }

    /// A step of the job annotates it, `level` being one of [`Annotation::level`].
    pub fn annotate(&mut self, id: u64, level: &'static str, title: &str, message: &str, now: Timestamp) {
        let (title, message) = (title.to_owned(), message.to_owned());
        let annotation = Annotation { level, title, message };
        self.change_job(id, now, |job| job.annotations.push(annotation));
    }

    /// The job ends. Steps that still run end with it.
    pub fn complete(&mut self, id: u64, conclusion: Conclusion, now: Timestamp) {
        self.change_job(id, now, |job| {
            for step in job.steps.iter_mut().filter(|step| step.status != Status::Completed) {
                step.status = Status::Completed;
                step.conclusion = Some(conclusion.clone());
                step.completed_at = Some(now);
            }
            job.status = Status::Completed;
            job.conclusion = Some(conclusion);
            job.completed_at = Some(now);
        });
    }

    fn change_job(&mut self, id: u64, now: Timestamp, change: impl FnOnce(&mut Job)) {
        if let Some(job) = self.job_mut(id) {
            change(job);
            let run = job.run;
            self.touch(run, now);
        }
    }
}
