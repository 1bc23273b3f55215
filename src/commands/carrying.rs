//! The verdict on an earlier head of the pull request, looked for and judged anew, where
//! the policy lets a push keep it. What cannot be told is no reason to carry anything.

use jiff::Timestamp;

use crate::config::Runner;
use crate::criteria::{ChangedFile, touches_gate};
use crate::github::{ApiError, Client, Depth, Event, ListedFile, Reader};
use crate::policy::{Carry, Policy};
use crate::race::carry::{Candidate, Heard, NotCarried, Since, Soaked, Sought, carry, hear};
use crate::race::dispatched::file_of;
use crate::race::{Advice, Reason, Run, short_sha};

use super::Context;
use super::advise::{Subject, advice_on};
use super::observe::{Race, advice_of};

/// What an earlier head has won for this one; `None` where this one must race. Says why.
pub(super) async fn carried_over(
    context: &Context,
    client: &mut Client,
    policy: &Policy,
    event: &Event,
    run: &Run,
    now: Timestamp,
) -> Option<Reason> {
    // What runs for a fork has no secrets, so that nothing of it was ever soaked.
    if policy.carry == Carry::Never || event.name != "pull_request" || event.from_fork {
        return None;
    }
    let change = Subject::of(event)?;
    let workflow = own_workflow(&context.runner);
    let mut looking = Looking { client, policy, change, page: page_of(run), now };
    let why = match looking.look(workflow).await {
        Ok(Ok(reason)) => return Some(reason),
        Ok(Err(why)) => why.to_string(),
        Err(error) => error.to_string(),
    };
    context.output.log(&format!("no verdict is carried over: {why}"));
    None
}

/// The file of our own workflow: of `OWNER/NAME/.github/workflows/FILE@REF` the part
/// in between.
pub(super) fn own_workflow(runner: &Runner) -> Option<String> {
    let repository = runner.get("GITHUB_REPOSITORY")?;
    let workflow = runner.get("GITHUB_WORKFLOW_REF")?.strip_prefix(repository)?.strip_prefix('/')?;
    Some(file_of(workflow).to_owned())
}

/// The repository's page, of `.../OWNER/NAME/actions/runs/ID`.
fn page_of(run: &Run) -> String {
    run.url.split("/actions/runs/").next().unwrap_or_default().to_owned()
}

struct Looking<'l> {
    client: &'l mut Client,
    policy: &'l Policy,
    change: Subject,
    page: String,
    now: Timestamp,
}

type Carried = Result<Reason, NotCarried>;

impl Looking<'_> {
    async fn look(&mut self, workflow: Option<String>) -> Result<Carried, ApiError> {
        let (Some(workflow), Some(number)) = (workflow, self.change.pull_request) else {
            return Ok(Err(NotCarried::NothingSoaked));
        };
        let pull = self.client.pull_request(number).await?;
        let runs = self.client.runs_on(&pull.head_ref).await?;
        let sought = Sought {
            workflow,
            pull_request: number,
            head_ref: pull.head_ref,
            head_sha: self.change.head_sha.clone(),
            opened_at: pull.opened_at,
        };
        for candidate in sought.among(&runs) {
            match self.judge(candidate, number).await? {
                Heard::Nothing => {}
                Heard::Refused { branch, state } => {
                    let head_sha = candidate.head_sha.clone();
                    return Ok(Err(NotCarried::Refused { head_sha, branch, state }));
                }
                Heard::Soaked { branch, approved_by } => {
                    let (sha, run) = (candidate.head_sha.clone(), candidate.run.run);
                    let soaked = Soaked { sha, run, branch, approved_by };
                    return Ok(match self.since(&soaked.sha).await? {
                        Ok(since) => carry(self.policy, &soaked, &since),
                        Err(why) => Err(why),
                    });
                }
            }
        }
        Ok(Err(NotCarried::NothingSoaked))
    }

    /// Judges a run by the same rules as our own, whatever its status says.
    async fn judge(&self, candidate: &Candidate, number: u64) -> Result<Heard, ApiError> {
        let event = Event { pull_request: Some(number), ..Event::default() };
        let reader = Reader::new(self.client.another(), candidate.run.run, Some(candidate.run.attempt))
            .about(Some(candidate.head_sha.clone()), &event);
        // What spares the testnet is of no use here, whatever the criteria said of it.
        let mut race = Race::of(reader, self.policy).with_advice(Advice::Unknown);
        let look = race.look_alone(self.policy, Depth::Full, self.now).await?;
        tracing::debug!(head = short_sha(&candidate.head_sha), reason = %look.verdict.reason, "an earlier head");
        Ok(hear(self.policy, &look.verdict))
    }

    /// What differs since that commit. Nothing more is asked once something says no.
    async fn since(&mut self, soaked: &str) -> Result<Result<Since, NotCarried>, ApiError> {
        let Subject { base_sha, head_sha, .. } = self.change.clone();
        let compared = self.client.compare(soaked, &head_sha).await?;
        let mut since = Since {
            url: format!("{}/compare/{}...{}", self.page, short_sha(soaked), short_sha(&head_sha)),
            head_sha: head_sha.clone(),
            relation: compared.relation.clone(),
            merge_base: compared.merge_base.clone(),
            files: compared.whole.then_some(compared.files.len()),
            advice: Advice::Unknown,
            gate_changed: None,
            base_gate_changed: None,
            base_moved: true,
        };
        if compared.merge_base != soaked || !compared.whole {
            return Ok(Ok(since));
        }
        let part = Subject { base_sha: soaked.to_owned(), is_part: true, ..self.change.clone() };
        let (advised, _) = advice_on(self.client, self.policy.criteria.as_ref(), &part).await?;
        since.advice = advice_of(advised.advice);
        if since.advice != Advice::NotNeeded {
            return Ok(Ok(since));
        }
        let whole = self.client.compare(&base_sha, &head_sha).await?;
        since.gate_changed = whole.whole.then(|| touches_gate(&files_of(whole.files)));
        let base = self.client.compare(soaked, &base_sha).await?;
        since.base_moved = base.merge_base != base_sha;
        since.base_gate_changed = base.whole.then(|| touches_gate(&files_of(base.files)));
        Ok(Ok(since))
    }
}

fn files_of(listed: Vec<ListedFile>) -> Vec<ChangedFile> {
    listed.into_iter().map(|listed| listed.file).collect()
}
