//! `race inspect`: which branch won, who approved it and what it showed. From
//! anywhere, of any run.

use std::time::Duration;

use jiff::Timestamp;

use crate::cli::{Format, Inspect};
use crate::config::Settings;
use crate::exit::Exit;
use crate::github::{ApiError, Check, Client, Depth, Event, Pace, Reader, Repository};
use crate::policy::Policy;
use crate::race::watch::{Observation, Step, Watch};
use crate::race::{Outcome, Verdict, stands_for};
use crate::report::verdict::Decided;
use crate::report::{Paint, inert};

use super::announce::{Announcement, announce};
use super::connect::{client, client_of, commit_in_checkout, failed, is_sha};
use super::observe::{Clock, Look, Observer, Race};
use super::signals::Signals;
use super::{Context, Failure, policy_source};

/// How many of a commit's runs are looked into for the one that races.
const RUNS: usize = 10;
/// How often a look is tried before `inspect` gives up, and how long it waits
/// because GitHub asks it to.
const TRIES: u32 = 4;
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Runs `race inspect`.
pub(super) async fn run(arguments: &Inspect, context: &Context) -> Result<Exit, Failure> {
    let subject = Subject::read(arguments, context)?;
    let mut client = match &subject {
        Subject::Run { repository: Some(repository), .. } => client_of(&context.runner, repository.clone())?,
        _ => client(context, arguments.repo.as_deref()).await?,
    };
    let Settings { policy, .. } =
        policy_source::in_force(context, &mut client, &Event::default(), &[]).await?;
    let (run_id, attempt) = subject.find(&mut client, &policy).await?;
    let reader = Reader::new(client, run_id, attempt);
    let observer = Observer::Race(Race::new(reader, &policy, arguments.checkpoint.as_deref())?);
    let mut inspection = Inspection { context, policy, observer, clock: Clock::start() };
    let look = if arguments.watch {
        let mut signals = Signals::listen()
            .map_err(|error| Failure::caused(Exit::Internal, "cannot listen to signals", &error))?;
        tokio::select! {
            followed = inspection.follow() => followed?,
            signal = signals.next() => return Ok(signal.exit()),
        }
    } else {
        inspection.look_patiently().await?
    };
    inspection.tell(arguments, &look).await?;
    Ok(if arguments.exit_verdict { look.verdict.exit() } else { Exit::Done })
}

/// What is inspected.
#[derive(Debug, PartialEq, Eq)]
enum Subject {
    Run { repository: Option<Repository>, id: u64, attempt: Option<u64> },
    PullRequest(u64),
    Commit(String),
    Reference(String),
}

impl Subject {
    fn read(arguments: &Inspect, context: &Context) -> Result<Self, Failure> {
        if let Some(number) = arguments.pr {
            return Ok(Self::PullRequest(number));
        }
        let own_run = context.runner.get("GITHUB_RUN_ID").filter(|_| context.runner.in_actions());
        match (arguments.subject.as_deref(), own_run) {
            (Some(text), _) | (None, Some(text)) => Self::parse(text),
            (None, None) => Ok(Self::Reference("HEAD".to_owned())),
        }
    }

    fn parse(text: &str) -> Result<Self, Failure> {
        if text.starts_with("https://") || text.starts_with("http://") {
            return Self::of_url(text).ok_or_else(|| {
                Failure::new(Exit::Invalid, format!("`{text}` is no URL of a run or a pull request"))
                    .help("copy it from the run's page: https://github.com/OWNER/NAME/actions/runs/ID")
            });
        }
        // A SHA may be all digits, a run's number is never that long.
        if is_sha(text) {
            return Ok(Self::Commit(text.to_owned()));
        }
        if let Ok(id) = text.parse() {
            return Ok(Self::Run { repository: None, id, attempt: None });
        }
        Ok(Self::Reference(text.to_owned()))
    }

    /// `https://host/OWNER/NAME/actions/runs/ID[/attempts/N][/...]`.
    fn of_url(url: &str) -> Option<Self> {
        let url = url::Url::parse(url).ok()?;
        let segments: Vec<&str> = url.path_segments()?.collect();
        let [owner, name, "actions", "runs", id, rest @ ..] = segments.as_slice() else { return None };
        let attempt = match rest {
            ["attempts", attempt, ..] => Some(attempt.parse().ok()?),
            _ => None,
        };
        let repository = Repository::parse(&format!("{owner}/{name}"))?;
        Some(Self::Run { repository: Some(repository), id: id.parse().ok()?, attempt })
    }

    /// The run to inspect, and its attempt where one was named.
    async fn find(self, client: &mut Client, policy: &Policy) -> Result<(u64, Option<u64>), Failure> {
        let head_sha = match self {
            Self::Run { id, attempt, .. } => return Ok((id, attempt)),
            Self::PullRequest(number) => {
                client.pull_request(number).await.map_err(|error| failed(&error))?.head_sha
            }
            Self::Commit(sha) => sha,
            Self::Reference(reference) => match commit_in_checkout(&reference).await {
                Some(sha) => sha,
                None => client.commit_of(&reference).await.map_err(|error| failed(&error))?,
            },
        };
        let runs = client.runs_of(&head_sha).await.map_err(|error| failed(&error))?;
        for id in runs.into_iter().take(RUNS) {
            let names = client.job_names(id).await.map_err(|error| failed(&error))?;
            let races = |name: &String| policy.branches.iter().any(|branch| stands_for(&branch.gate, name));
            if names.iter().any(races) {
                return Ok((id, None));
            }
        }
        let short = head_sha.get(..11).unwrap_or(&head_sha);
        Err(Failure::new(Exit::NotFound, format!("no run of commit {short} has a branch of the race")).help(
            "name the run itself, by its number or URL; the newest ten runs of the commit were looked at",
        ))
    }
}

struct Inspection<'c> {
    context: &'c Context,
    policy: Policy,
    observer: Observer,
    clock: Clock,
}

impl Inspection<'_> {
    async fn look(&mut self, depth: Depth) -> Result<Look, ApiError> {
        self.observer.look(&self.policy, depth, self.clock.now()).await
    }

    /// Looks once, and again where that may help.
    async fn look_patiently(&mut self) -> Result<Look, Failure> {
        let mut pace = Pace::new(self.policy.polling, self.clock.began());
        for _ in 1..TRIES {
            match self.look(Depth::Full).await {
                Ok(look) => return Ok(look),
                Err(error) if error.is_passing() => {
                    let pause = pace.after_failure(&error, fastrand::f64());
                    if pause > LONGEST_PAUSE {
                        return Err(failed(&error));
                    }
                    self.context.output.log(&format!("trying again: {error}"));
                    tokio::time::sleep(pause).await;
                }
                Err(error) => return Err(failed(&error)),
            }
        }
        self.look(Depth::Full).await.map_err(|error| failed(&error))
    }

    /// Follows the run until it is decided, with a line for every change.
    async fn follow(&mut self) -> Result<Look, Failure> {
        let polling = self.policy.polling;
        let mut pace = Pace::new(polling, self.clock.began());
        let mut watch = Watch::new(polling, self.clock.began(), Duration::MAX);
        let mut depth = Depth::Full;
        let mut said = String::new();
        loop {
            let looked = self.look(depth).await;
            let now = self.clock.now();
            let (observation, pause) = match &looked {
                Ok(look) => {
                    let budget = self.observer.client().budget();
                    let pause = pace.after_reading(now, look.moved, look.toll, budget, fastrand::f64());
                    (Observation::Read(Box::new(look.verdict.clone())), pause)
                }
                Err(error) => (error.observed(), pace.after_failure(error, fastrand::f64())),
            };
            let within = match (watch.observe(now, observation), &looked) {
                (Step::End(_), Ok(_)) => return looked.map_err(|error| failed(&error)),
                (Step::Refuse(refusal), _) => {
                    return Err(Failure::new(refusal.exit, refusal.message).help(refusal.help));
                }
                (Step::Wait { within }, _) => within,
                (Step::End(_), Err(_)) => None,
            };
            let line = match &looked {
                Ok(look) => line_of(&look.verdict),
                Err(error) => format!("trying again: {error}"),
            };
            if line != said {
                self.context.output.log(&line);
                said = line;
            }
            depth = if within.is_some() { Depth::Full } else { Depth::Quiet };
            tokio::time::sleep(within.map_or(pause, |within| pause.min(within))).await;
        }
    }

    async fn tell(&mut self, arguments: &Inspect, look: &Look) -> Result<(), Failure> {
        let Look { verdict, run, .. } = look;
        let Some(run) = run else { return Ok(()) };
        let now = self.clock.now();
        let decided_at = verdict.winner().map_or(Some(now), |winner| winner.completed_at);
        announce(&Announcement {
            context: self.context,
            decided: Decided { verdict, run, at: decided_at },
            check: &self.policy.check,
            file: arguments.verdict.as_deref(),
            annotated: false,
            now,
        })?;
        if self.context.shared.format == Format::Json {
            return Ok(());
        }
        let mut text = String::new();
        if !arguments.watch && self.may_still_change(verdict, now) {
            text.push_str("\nnot yet confirmed by a second reading\n");
        }
        text.push_str(&self.check_line(&run.head_sha).await);
        self.context
            .output
            .result(&text)
            .map_err(|error| Failure::caused(Exit::Internal, "cannot write the result", &error))
    }

    /// An ending other than a win is so young that GitHub's lists may lag behind it.
    fn may_still_change(&self, verdict: &Verdict, now: Timestamp) -> bool {
        let last = verdict.branches.iter().filter_map(|branch| branch.completed_at).max();
        let settled = last.and_then(|last| last.checked_add(self.policy.polling.review_lag).ok());
        !matches!(verdict.outcome(), Outcome::Won | Outcome::Undecided) && settled.is_none_or(|at| at > now)
    }

    /// The state of the check on the commit. It is told beside the verdict; where it
    /// cannot be read, that is all there is to say.
    async fn check_line(&mut self, head_sha: &str) -> String {
        let check = self.policy.check.clone();
        let color = self.context.output.style.color_out;
        let told = match self.observer.client().checks(head_sha, &check).await {
            Ok(checks) if checks.is_empty() => "not reported yet".to_owned(),
            Ok(checks) => checks.iter().map(state_of).collect::<Vec<_>>().join("; "),
            Err(error) => format!("cannot be read ({error})"),
        };
        format!("\ncheck {}  {}\n", Paint::Bold.on(color, &inert(&check)), inert(&told))
    }
}

fn state_of(check: &Check) -> String {
    let kind = if check.kind == "status" { "status" } else { "check run" };
    match check.description.as_str() {
        "" => format!("{} ({kind})", check.state),
        description => format!("{} ({kind}): {description}", check.state),
    }
}

/// One line for a race that goes on.
fn line_of(verdict: &Verdict) -> String {
    let states: Vec<String> =
        verdict.branches.iter().map(|branch| format!("{} {}", branch.name, branch.state.word())).collect();
    format!("{} ({})", verdict.reason, states.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_told_by_its_form() {
        let sha = "0123456789012345678901234567890123456789";
        let run = |repository: Option<&str>, id, attempt| Subject::Run {
            repository: repository.and_then(Repository::parse),
            id,
            attempt,
        };
        for (text, expected) in [
            ("7", run(None, 7, None)),
            (sha, Subject::Commit(sha.to_owned())),
            ("main", Subject::Reference("main".to_owned())),
            ("https://github.com/o/r/actions/runs/7", run(Some("o/r"), 7, None)),
            ("https://ghe.example/o/r/actions/runs/7/attempts/2", run(Some("o/r"), 7, Some(2))),
            ("https://github.com/o/r/actions/runs/7/job/9", run(Some("o/r"), 7, None)),
        ] {
            assert_eq!(Subject::parse(text).unwrap(), expected, "{text}");
        }
        assert_eq!(Subject::parse("https://github.com/o/r/issues/7").unwrap_err().exit, Exit::Invalid);
    }
}
