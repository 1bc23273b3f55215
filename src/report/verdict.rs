//! A verdict for people and for programs: `race.verdict/1`, the table, the step
//! summary.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::actions::markdown;
use super::advice::{AdviceFile, in_short};
use super::{Paint, inert};
use crate::criteria::Advised;
use crate::policy::duration;
use crate::race::{Contender, Job, Outcome, Reason, ReviewState, Run, State, Verdict};
use crate::soak::Figures;

/// `race.verdict/1`, as design and documentation have it.
#[derive(Serialize)]
struct File<'v> {
    schema: &'static str,
    verdict: &'static str,
    winner: Option<&'v str>,
    exit_code: u8,
    reason: ReasonFile,
    warnings: Vec<String>,
    run: RunFile<'v>,
    branches: Vec<BranchFile<'v>>,
    advice: Option<AdviceFile<'v>>,
    carried_from: Option<CarriedFile<'v>>,
    decided_at: Option<Timestamp>,
}

/// Where a verdict was carried over from.
#[derive(Serialize)]
struct CarriedFile<'v> {
    head_sha: &'v str,
    run: u64,
    branch: &'v str,
    changed_files: usize,
    url: &'v str,
    base_moved: bool,
}

impl<'v> CarriedFile<'v> {
    fn of(reason: &'v Reason) -> Option<Self> {
        let Reason::CarriedOver { branch, run, soaked_sha, files, url, base_moved, .. } = reason else {
            return None;
        };
        let (run, changed_files, base_moved) = (*run, *files, *base_moved);
        Some(Self { head_sha: soaked_sha, run, branch, changed_files, url, base_moved })
    }
}

#[derive(Serialize)]
struct ReasonFile {
    code: &'static str,
    text: String,
    help: Option<String>,
}

#[derive(Serialize)]
struct RunFile<'v> {
    id: u64,
    attempt: u64,
    url: &'v str,
    event: &'v str,
    head_sha: &'v str,
    pull_request: Option<u64>,
}

#[derive(Serialize)]
struct BranchFile<'v> {
    name: &'v str,
    environment: &'v str,
    state: &'static str,
    excluded: bool,
    jobs: Vec<JobFile<'v>>,
    reviews: Vec<ReviewFile<'v>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    soak: Option<SoakFile>,
}

/// What the branch's soak showed, as its job noted it.
#[derive(Serialize)]
struct SoakFile {
    verdict: &'static str,
    counted: u32,
    target: u32,
    baseline: Option<u32>,
    last: Option<u32>,
    from: Timestamp,
    to: Timestamp,
    nodes: u32,
    median_s: Option<f64>,
}

impl From<&Figures> for SoakFile {
    fn from(figures: &Figures) -> Self {
        let (baseline, last) = figures.sessions.unzip();
        let Figures { verdict, counted, target, from, to, nodes, .. } = *figures;
        let median_s = figures.median.map(|median| median.as_secs_f64());
        Self { verdict: verdict.word(), counted, target, baseline, last, from, to, nodes, median_s }
    }
}

#[derive(Serialize)]
struct JobFile<'v> {
    id: u64,
    name: &'v str,
    attempt: u64,
    status: &'v str,
    conclusion: Option<&'v str>,
    url: Option<&'v str>,
    started_at: Option<Timestamp>,
    completed_at: Option<Timestamp>,
}

#[derive(Serialize)]
struct ReviewFile<'v> {
    state: &'static str,
    user: Option<&'v str>,
    comment: &'v str,
}

/// A verdict with the run it is about.
#[derive(Clone, Copy)]
pub struct Decided<'v> {
    /// The verdict.
    pub verdict: &'v Verdict,
    /// The run.
    pub run: &'v Run,
    /// When it was reached; `None` while nothing is decided.
    pub at: Option<Timestamp>,
    /// What the soaks showed, by the branch, where that was asked for.
    pub soaks: Option<&'v BTreeMap<String, Figures>>,
    /// What the criteria say of the change, where they were asked.
    pub advised: Option<&'v Advised>,
}

impl Decided<'_> {
    /// `race.verdict/1`.
    ///
    /// # Errors
    ///
    /// Never for these shapes; passes on the serializer's.
    pub fn json(&self) -> serde_json::Result<String> {
        let Self { verdict, run, at, .. } = self;
        serde_json::to_string_pretty(&File {
            schema: "race.verdict/1",
            verdict: verdict.outcome().word(),
            winner: verdict.reason.winner(),
            exit_code: verdict.exit().code(),
            reason: ReasonFile {
                code: verdict.reason.code(),
                text: verdict.reason.to_string(),
                help: verdict.reason.help(),
            },
            warnings: verdict.warnings.iter().map(ToString::to_string).collect(),
            run: RunFile {
                id: run.id,
                attempt: run.attempt,
                url: &run.url,
                event: &run.event,
                head_sha: &run.head_sha,
                pull_request: run.pull_request,
            },
            branches: verdict
                .branches
                .iter()
                .map(|branch| branch_file(branch, self.soak_of(branch)))
                .collect(),
            advice: self.advised.map(AdviceFile::from),
            carried_from: CarriedFile::of(&verdict.reason),
            decided_at: at.filter(|_| verdict.outcome() != Outcome::Undecided),
        })
    }

    /// The verdict for a terminal: a headline, the branches, their jobs and reviews.
    /// `now` is what the times of what still runs are measured to.
    #[must_use]
    pub fn table(&self, now: Timestamp, color: bool) -> String {
        let Self { verdict, run, .. } = self;
        let mut text = String::new();
        let word = paint_of(verdict.outcome()).on(color, verdict.outcome().word());
        let _ = writeln!(text, "{word}: {}", inert(&verdict.reason.to_string()));
        if let Some(help) = verdict.reason.help() {
            let _ = writeln!(text, "  {}", Paint::Dim.on(color, &inert(&help)));
        }
        for warning in &verdict.warnings {
            let _ = writeln!(text, "{} {}", Paint::Yellow.on(color, "warning:"), inert(&warning.to_string()));
        }
        let _ = writeln!(text, "\n{}", inert(&self.about()));
        if !run.url.is_empty() {
            let _ = writeln!(text, "{}", inert(&run.url));
        }
        if let Some(advised) = self.advised {
            text.push_str(&in_short(advised, color));
        }
        for branch in &verdict.branches {
            let mark = if verdict.reason.winner() == Some(&branch.name) { "*" } else { " " };
            let name = Paint::Bold.on(color, &inert(&branch.name));
            let state = paint_of_state(branch.state).on(color, branch.state.word());
            let excluded = if branch.excluded { " (excluded)" } else { "" };
            let _ = writeln!(text, "\n{mark} {name}  {state}{excluded}");
            for job in &branch.jobs {
                let _ =
                    writeln!(text, "    job {}: {}", inert(&job.name), inert(&told(job, run.attempt, now)));
            }
            if let Some(soak) = self.soak_of(branch) {
                let _ = writeln!(text, "    {name} showed: {} (as the job said)", showed(soak));
            }
            for review in &branch.reviews {
                let user = review.user.as_ref().map_or("nobody", |user| user.login.as_str());
                let comment = match review.comment.as_str() {
                    "" => String::new(),
                    comment => format!(" \"{}\"", inert(comment)),
                };
                let _ = writeln!(text, "    {} by {}{comment}", word_of(review.state), inert(user));
            }
        }
        text
    }

    /// The step summary, in Markdown, the verdict first.
    #[must_use]
    pub fn summary(&self, check: &str, now: Timestamp) -> String {
        let Self { verdict, run, .. } = self;
        let mut text = format!(
            "### {}: {}\n\n{}\n",
            markdown(check),
            verdict.outcome().word(),
            markdown(&verdict.reason.to_string())
        );
        if let Some(help) = verdict.reason.help() {
            let _ = write!(text, "\n> {}\n", markdown(&help));
        }
        for warning in &verdict.warnings {
            let _ = write!(text, "\n> **Warning**: {}\n", markdown(&warning.to_string()));
        }
        if let Some(advised) = self.advised {
            let word = advised.advice.word();
            let _ = write!(text, "\nBy the criteria testnet {word}: {}\n", markdown(&advised.to_string()));
        }
        text.push_str("\n| | branch | state | jobs | reviews |\n| --- | --- | --- | --- | --- |\n");
        for branch in &verdict.branches {
            let winner = if verdict.reason.winner() == Some(&branch.name) { "won" } else { "" };
            let jobs: Vec<String> = branch
                .jobs
                .iter()
                .map(|job| format!("{}: {}", markdown(&job.name), markdown(&told(job, run.attempt, now))))
                .collect();
            let reviews: Vec<String> = branch
                .reviews
                .iter()
                .map(|review| {
                    let user = review.user.as_ref().map_or("nobody", |user| user.login.as_str());
                    format!("{} by {} {}", word_of(review.state), markdown(user), markdown(&review.comment))
                })
                .collect();
            let _ = writeln!(
                text,
                "| {winner} | {} | {} | {} | {} |",
                markdown(&branch.name),
                branch.state.word(),
                jobs.join("<br>"),
                reviews.join("<br>")
            );
        }
        let _ = write!(text, "\n{}\n", markdown(&self.about()));
        text
    }

    fn soak_of(&self, branch: &Contender) -> Option<&Figures> {
        self.soaks?.get(&branch.name)
    }

    /// The run in one line.
    fn about(&self) -> String {
        let run = self.run;
        let mut text = format!("run {} attempt {}", run.id, run.attempt);
        if let Some(number) = run.pull_request {
            let _ = write!(text, ", pull request #{number}");
        }
        if !run.head_sha.is_empty() {
            let _ = write!(text, ", commit {}", run.head_sha.chars().take(11).collect::<String>());
        }
        text
    }
}

fn branch_file<'v>(branch: &'v Contender, soak: Option<&Figures>) -> BranchFile<'v> {
    BranchFile {
        name: &branch.name,
        environment: &branch.environment,
        state: branch.state.word(),
        excluded: branch.excluded,
        jobs: branch
            .jobs
            .iter()
            .map(|job| JobFile {
                id: job.id,
                name: &job.name,
                attempt: job.attempt,
                status: job.status.word(),
                conclusion: job.conclusion.as_ref().map(|conclusion| conclusion.word()),
                url: job.url.as_deref(),
                started_at: job.started_at,
                completed_at: job.completed_at,
            })
            .collect(),
        reviews: branch
            .reviews
            .iter()
            .map(|review| ReviewFile {
                state: word_of(review.state),
                user: review.user.as_ref().map(|user| user.login.as_str()),
                comment: &review.comment,
            })
            .collect(),
        soak: soak.map(SoakFile::from),
    }
}

/// The figures of a soak, in words.
fn showed(soak: &Figures) -> String {
    let Figures { verdict, counted, target, nodes, .. } = soak;
    let mut text = format!("{}, {counted} of {target} sessions", verdict.word());
    if let Some((first, last)) = soak.sessions {
        let _ = write!(text, ", {first}..{last}");
    }
    let took = duration::rounded(duration::between(soak.from, soak.to));
    let _ = write!(text, ", {took}, {}", crate::soak::nodes(usize::try_from(*nodes).unwrap_or_default()));
    if let Some(median) = soak.median {
        let _ = write!(text, ", {} each by the median", duration::rounded(median));
    }
    text
}

/// A job's state and times, in words.
fn told(job: &Job, attempt: u64, now: Timestamp) -> String {
    let word = job.conclusion.as_ref().map_or(job.status.word(), |conclusion| conclusion.word());
    let since = |start: Timestamp, end: Timestamp| {
        duration::rounded(Duration::from_secs(
            u64::try_from(end.duration_since(start).as_secs()).unwrap_or(0),
        ))
    };
    let mut text = match (job.started_at, job.completed_at) {
        (Some(start), Some(end)) if job.ran() => {
            format!("{word}, {} from {}", since(start, end), start.strftime("%Y-%m-%d %H:%M:%S UTC"))
        }
        // What did not run has a start all the same: when it began to wait.
        (_, Some(end)) => format!("{word} at {}", end.strftime("%Y-%m-%d %H:%M:%S UTC")),
        (Some(start), None) => format!("{word} for {}", since(start, now)),
        (None, None) => word.to_owned(),
    };
    if job.attempt != attempt {
        let _ = write!(text, " (attempt {})", job.attempt);
    }
    text
}

const fn word_of(state: ReviewState) -> &'static str {
    match state {
        ReviewState::Approved => "approved",
        ReviewState::Rejected => "rejected",
        ReviewState::Other => "commented",
    }
}

const fn paint_of(outcome: Outcome) -> Paint {
    match outcome {
        Outcome::Won => Paint::Green,
        Outcome::Lost | Outcome::Void => Paint::Red,
        Outcome::Cancelled | Outcome::Undecided => Paint::Yellow,
    }
}

const fn paint_of_state(state: State) -> Paint {
    match state {
        State::Succeeded => Paint::Green,
        State::Rejected | State::Failed => Paint::Red,
        State::Running | State::Queued | State::Waiting => Paint::Yellow,
        State::Missing | State::Cancelled | State::Skipped => Paint::Dim,
    }
}
