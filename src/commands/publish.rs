//! A commit status made to stand: read, write what is due, read again, until
//! nothing is due. Reading before every write is also what makes a write that was
//! cut off safe to repeat.

use std::time::Duration;

use crate::exit::Exit;
use crate::github::{ApiError, Client, NewStatus, Pace};
use crate::policy::Polling;
use crate::race::settle::{AttemptId, Due, Mark, Posted, description, due};

use super::observe::Clock;
use super::{Context, Failure, connect};

/// How often one process writes before it leaves the status to others.
const MOST_WRITES: u32 = 8;
/// How many refusals in a row end it.
const REFUSALS: u32 = 3;

/// What is to be said, and where.
pub(super) struct Publication<'a> {
    /// The commit.
    pub(super) sha: &'a str,
    /// The status's name.
    pub(super) check: &'a str,
    /// The attempt that it is about.
    pub(super) ours: AttemptId,
    /// That attempt's page.
    pub(super) target_url: String,
    /// What to say.
    pub(super) mark: Mark,
    /// The line for people; cut where it is too long.
    pub(super) description: String,
    /// The run is of a fork, whose token mostly only reads.
    pub(super) from_fork: bool,
}

/// What came of it.
pub(super) struct Published {
    /// The status that stands.
    pub(super) stands: Posted,
    /// How many statuses were written for that.
    pub(super) written: u32,
}

/// Publishes, trying again until `remaining` is over where GitHub is in trouble.
pub(super) async fn publish(
    publication: &Publication<'_>,
    client: &mut Client,
    context: &Context,
    polling: Polling,
    remaining: Duration,
) -> Result<Published, Failure> {
    let clock = Clock::start();
    let mut pace = Pace::new(polling, clock.began());
    let mut publishing = Publishing { publication, client, own: Vec::new(), written: 0 };
    let mut refusals = 0;
    loop {
        let error = match publishing.step().await {
            Ok(Some(stands)) => return Ok(Published { stands, written: publishing.written }),
            Ok(None) if publishing.written >= MOST_WRITES => {
                return Err(Failure::new(
                    Exit::Partial,
                    format!(
                        "the status {} was written {MOST_WRITES} times, and does not stay",
                        publication.check
                    ),
                )
                .help("look for something else that writes a status of that name on this commit"));
            }
            Ok(None) => {
                refusals = 0;
                continue;
            }
            Err(error) => error,
        };
        let pause = if error.is_passing() {
            refusals = 0;
            pace.after_failure(&error, fastrand::f64())
        } else {
            refusals += 1;
            polling.confirm_after
        };
        let spent = Duration::try_from(clock.now().duration_since(clock.began())).unwrap_or_default();
        if refusals >= REFUSALS || spent + pause > remaining {
            return Err(refused(&error, publication));
        }
        context.output.log(&format!("trying again: {error}"));
        tokio::time::sleep(pause).await;
    }
}

struct Publishing<'a> {
    publication: &'a Publication<'a>,
    client: &'a mut Client,
    /// What we have set, newest first: lists may lag behind it.
    own: Vec<Posted>,
    written: u32,
}

impl Publishing<'_> {
    /// Reads, and writes where that is due. Gives the status that stands.
    async fn step(&mut self) -> Result<Option<Posted>, ApiError> {
        let Publication { sha, check, ours, mark, .. } = *self.publication;
        let listed = self.client.statuses(sha, check).await?;
        let unlisted = self.own.iter().filter(|own| listed.iter().all(|status| status.id != own.id));
        let posted: Vec<Posted> = unlisted.chain(&listed).cloned().collect();
        let (mark, text, target_url) = match due(mark, ours, &posted) {
            Due::Stands(stands) => return Ok(Some(stands)),
            Due::Write(mark) => {
                (mark, description(&self.publication.description), self.publication.target_url.clone())
            }
            Due::Restore(Posted { mark, description, target_url, .. }) => {
                (mark.unwrap_or(Mark::Pending), description, target_url)
            }
        };
        let status =
            NewStatus { context: check, state: mark.word(), description: &text, target_url: &target_url };
        let posted = self.client.set_status(sha, &status).await?;
        self.written += 1;
        self.own.insert(0, posted);
        Ok(None)
    }
}

fn refused(error: &ApiError, publication: &Publication<'_>) -> Failure {
    let failure = connect::failed(error);
    match error {
        ApiError::Forbidden { .. } if publication.from_fork => failure.help(
            "the token of a fork's run only reads: look at its head, and dispatch this workflow for it with its number \
             and SHA; or let a job that runs `race wait` be the check",
        ),
        ApiError::NotFound { .. } => {
            failure.help("check that the commit is in this repository, and that the token may write statuses")
        }
        _ => failure,
    }
}
