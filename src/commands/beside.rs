//! The run that was dispatched for a commit whose own run gets no secrets: found by
//! the commit's status, held to its origin, and judged anew.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::config::Runner;
use crate::github::{ApiError, Client, Depth, Event, NewestStatus, Reader, Toll};
use crate::policy::Policy;
use crate::race::dispatched::{Dispatched, Progress, Wanted, beside, progress_of, wants_judging};
use crate::race::settle::{AttemptId, Posted};
use crate::race::{Outcome, Run, Warning};

use super::carrying::own_workflow;
use super::observe::{Look, Race};

/// Looks for the run that was dispatched in our stead.
pub(super) struct Beside {
    wanted: Wanted,
    /// For judging: the run is read as if it were our own.
    judge: Judge,
    /// What was found out of where statuses led to. It does not change.
    known: BTreeMap<AttemptId, bool>,
    last: Option<Posted>,
    /// How often the token was refused, and for want of what.
    refusals: u32,
    lacks: &'static str,
}

/// The run that is judged.
#[derive(Default)]
struct Judge {
    race: Option<(AttemptId, Box<Race>)>,
    looks: u32,
}

/// How often it is asked for what is refused, which is counted against the rate limit.
const REFUSALS: u32 = 3;

/// How often a run that claims to have won is read in full. What it has won by cannot
/// be missing for long, and a status that lies shall cost nothing.
const FULL_LOOKS: u32 = 3;

impl Beside {
    /// For a pull request's run; it asks for nothing before it is looked at. `None`
    /// where it is not known what to look for.
    pub(super) fn of(runner: &Runner, event: &Event, run: &Run) -> Option<Self> {
        let wanted = wanted(runner, event, run)?;
        Some(Self {
            wanted,
            judge: Judge::default(),
            known: BTreeMap::new(),
            last: None,
            refusals: 0,
            lacks: "",
        })
    }

    /// Our own look, with what the dispatched run came to.
    pub(super) async fn add_to(
        &mut self,
        look: Look,
        client: &mut Client,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Look, ApiError> {
        let newest = match self.newest_status(client, policy).await? {
            Some(newest) => newest,
            // Then only our own race can be seen.
            None => {
                let mut look = look;
                look.verdict.warnings.push(Warning::DispatchedUnseen { permission: self.lacks });
                return Ok(look);
            }
        };
        let moved = self.last != newest.status;
        let toll = match (look.toll, newest.toll) {
            (Toll::Free, toll) | (toll, Toll::Free) => toll,
            (Toll::Due, _) | (_, Toll::Due) => Toll::Due,
            (Toll::Wasted, Toll::Wasted) => Toll::Wasted,
        };
        let found = match &newest.status {
            Some(status) => self.dispatched(status, client, policy, now).await?,
            None => None,
        };
        self.last = newest.status;
        let verdict = match found {
            Some(dispatched) => beside(look.verdict, dispatched),
            None => look.verdict,
        };
        Ok(Look { verdict, moved: look.moved || moved, toll, ..look })
    }

    /// The newest status of the check on our commit; `None` where we may not read it.
    async fn newest_status(
        &mut self,
        client: &mut Client,
        policy: &Policy,
    ) -> Result<Option<NewestStatus>, ApiError> {
        if self.refusals >= REFUSALS {
            return Ok(None);
        }
        match client.newest_status(&self.wanted.head_sha, &policy.check).await {
            Ok(newest) => Ok(Some(newest)),
            Err(ApiError::Forbidden { permission, .. }) => {
                self.refusals += 1;
                self.lacks = permission;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The run behind a status, where that is one that we may believe.
    async fn dispatched(
        &mut self,
        status: &Posted,
        client: &mut Client,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Option<Dispatched>, ApiError> {
        let Some(attempt) = self.wanted.attempt_behind(&status.target_url) else { return Ok(None) };
        let ours = match self.known.get(&attempt) {
            Some(ours) => *ours,
            None => {
                let ours = match client.origin_of(attempt).await? {
                    Some(origin) if self.wanted.is(&origin) => {
                        match client.is_part_of(&origin.started_on, &origin.started_at).await {
                            Err(ApiError::Forbidden { permission, .. }) => {
                                self.refusals += 1;
                                self.lacks = permission;
                                return Ok(None);
                            }
                            known => known?,
                        }
                    }
                    _ => false,
                };
                self.known.insert(attempt, ours);
                ours
            }
        };
        if !ours {
            return Ok(None);
        }
        let state = match wants_judging(status) {
            true => self.judge.judge(attempt, client, &self.wanted, policy, now).await?,
            false => progress_of(status),
        };
        let url = self.wanted.page_of(attempt);
        Ok(Some(Dispatched { run: attempt.run, url, state }))
    }
}

impl Judge {
    async fn judge(
        &mut self,
        attempt: AttemptId,
        client: &Client,
        wanted: &Wanted,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Progress, ApiError> {
        if self.race.as_ref().is_none_or(|(judged, _)| *judged != attempt) {
            let event = Event { pull_request: Some(wanted.pull_request), ..Event::default() };
            let reader = Reader::new(client.another(), attempt.run, Some(attempt.attempt))
                .about(Some(wanted.head_sha.clone()), &event);
            self.race = Some((attempt, Box::new(Race::of(reader, policy))));
            self.looks = 0;
        }
        let Some((_, race)) = &mut self.race else { return Ok(Progress::Pending) };
        let depth = if self.looks < FULL_LOOKS { Depth::Full } else { Depth::Quiet };
        let look = race.look_alone(policy, depth, now).await?;
        self.looks += 1;
        if look.verdict.outcome() != Outcome::Won {
            tracing::debug!(?attempt, reason = %look.verdict.reason, "its status says success");
        }
        Ok(Progress::Judged(Box::new(look.verdict)))
    }
}

/// What to look for, where the event and the runner tell.
fn wanted(runner: &Runner, event: &Event, run: &Run) -> Option<Wanted> {
    if event.name != "pull_request" {
        return None;
    }
    let runs_page = run.url.rsplit_once('/')?.0.to_owned();
    let workflow = own_workflow(runner)?;
    let refs = [&event.base_ref, &event.default_branch].into_iter().flatten().cloned().collect();
    let (pull_request, head_sha) = (event.pull_request?, event.head_sha.clone()?);
    Some(Wanted { runs_page, workflow, refs, pull_request, head_sha })
}
