//! `race cleanup`: what a decided race has left waiting, told, or ended by cancelling
//! the run. Never before the check says that the race is won.

use serde_json::json;

use crate::cli::Format;
use crate::exit::Exit;
use crate::github::{ApiError, Client, Depth, Reader};
use crate::policy::Policy;
use crate::race::Run;
use crate::race::cleanup::{Cleanup, cleanup, is_written};
use crate::race::settle::AttemptId;
use crate::report::inert;

use super::change::{event_of, this_run};
use super::connect::failed;
use super::observe::{Clock, Race};
use super::{Context, Failure, connect, policy_source};

/// How often a look is tried.
const TRIES: u32 = 4;

/// Runs `race cleanup`.
pub(super) async fn run(context: &Context) -> Result<Exit, Failure> {
    let event = event_of(&context.runner)?;
    let run = this_run(&context.runner, &event)?;
    let mut client = connect::client(context, None).await?;
    let policy = policy_source::in_force(context, &mut client, &event, &[]).await?.policy;
    let reader =
        Reader::new(client.another(), run.id, Some(run.attempt)).about(event.head_sha.clone(), &event);
    let own_job = context.runner.get("GITHUB_JOB");
    let mut race = Race::of(reader, &policy).with_own_job(own_job);
    let clock = Clock::start();
    let mut tries = 0;
    let look = loop {
        match race.look_alone(&policy, Depth::Full, clock.now()).await {
            Ok(look) => break look,
            Err(error) => {
                tries += 1;
                if tries >= TRIES || !error.is_passing() {
                    return Err(failed(&error));
                }
                context.output.log(&format!("trying again: {error}"));
                tokio::time::sleep(policy.polling.confirm_after).await;
            }
        }
    };
    let mut due = cleanup(policy.after_win, &look.verdict, false);
    if due == Cleanup::NotWritten {
        let written = written(&mut client, &policy, &run).await.map_err(|error| failed(&error))?;
        due = cleanup(policy.after_win, &look.verdict, written);
    }
    if let Cleanup::Cancel(waiting) = &due {
        // The run that is cancelled is our own, so nothing may be said any more after it.
        let names = inert(&waiting.join(", ")).into_owned();
        context.output.log(&format!(
            "cancelling run {}, which waits for a review of {names}; the verdict stays",
            run.id
        ));
        client.cancel(run.id).await.map_err(|error| failed(&error))?;
    }
    tell(context, &due, &run)?;
    Ok(Exit::Done)
}

/// Whether the check says that this attempt won: by its status, or as a job.
async fn written(client: &mut Client, policy: &Policy, run: &Run) -> Result<bool, ApiError> {
    let ours = AttemptId { run: run.id, attempt: run.attempt };
    if is_written(ours, &client.statuses(&run.head_sha, &policy.check).await?) {
        return Ok(true);
    }
    Ok(client.conclusion_of(run.id, &policy.check).await?.as_deref() == Some("success"))
}

fn tell(context: &Context, due: &Cleanup, run: &Run) -> Result<(), Failure> {
    let names = |names: &[String]| inert(&names.join(", ")).into_owned();
    let (word, named, text) = match due {
        Cleanup::NotWon => ("not-won", &[][..], "the race is not won: nothing is touched".to_owned()),
        Cleanup::Clean => ("clean", &[][..], "the race is won, and nothing waits any more".to_owned()),
        Cleanup::Leave(waiting) => (
            "left",
            &waiting[..],
            format!(
                "the race is won; left waiting: {}. GitHub ends that after 30 days. To end it now, reject it or \
                 cancel the run: {}",
                names(waiting),
                run.url
            ),
        ),
        Cleanup::AtWork(at_work) => (
            "at-work",
            &at_work[..],
            format!("not cancelled: {} is at work, and would be cut off", names(at_work)),
        ),
        Cleanup::NotWritten => (
            "not-written",
            &[][..],
            "not cancelled: the check does not say yet that the race is won".to_owned(),
        ),
        Cleanup::Cancel(waiting) => (
            "cancelled",
            &waiting[..],
            format!("cancelled the run, which waited for a review of {}; the verdict stays", names(waiting)),
        ),
    };
    let written = match context.shared.format {
        Format::Human => context.output.result(&text),
        Format::Json => {
            let json = json!({"schema": "race.cleanup/1", "run": run.id, "did": word, "branches": named, "text": text});
            context.output.json(&json.to_string())
        }
    };
    written.map_err(|error| Failure::caused(Exit::Internal, "cannot write the result", &error))
}
