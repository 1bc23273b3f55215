//! The change that a run is about: what event and runner tell, and for a dispatched
//! run whether its pull request still has the commit that was looked at.

use crate::config::Runner;
use crate::exit::Exit;
use crate::github::{Event, PullRequest};
use crate::race::{Run, WithoutSecrets, short_sha};

use super::Failure;

/// The run that we are a job of, as the runner's variables tell it.
pub(super) fn this_run(runner: &Runner, event: &Event) -> Result<Run, Failure> {
    let number = |name: &str| {
        let text = runner.get(name).ok_or_else(|| {
            Failure::new(Exit::Invalid, format!("{name} is not set")).help(
                "this command is a step of a workflow; to look at a run from elsewhere use `race inspect`",
            )
        })?;
        text.parse::<u64>()
            .map_err(|_| Failure::new(Exit::Invalid, format!("{name} is `{text}`, which is no number")))
    };
    let id = number("GITHUB_RUN_ID")?;
    let attempt = if runner.get("GITHUB_RUN_ATTEMPT").is_some() { number("GITHUB_RUN_ATTEMPT")? } else { 1 };
    let server = runner.get("GITHUB_SERVER_URL").unwrap_or("https://github.com");
    let repository = runner.get("GITHUB_REPOSITORY").unwrap_or_default();
    let sha = event.head_sha.as_deref().or_else(|| runner.get("GITHUB_SHA"));
    Ok(Run {
        id,
        attempt,
        url: format!("{server}/{repository}/actions/runs/{id}"),
        event: event.name.clone(),
        head_sha: sha.unwrap_or_default().to_owned(),
        pull_request: event.pull_request,
        started_at: None,
        cancelled: false,
        without_secrets: event.from_fork.then_some(WithoutSecrets::Fork),
    })
}

/// The event that started the run. One that was dispatched for a pull request must
/// name the commit as well: the head may move between looking and approving.
pub(super) fn event_of(runner: &Runner) -> Result<Event, Failure> {
    let event = event_as_it_is(runner)?;
    if dispatched_for(&event).is_some() && event.head_sha.is_none() {
        return Err(Failure::new(Exit::Invalid, "which commit of the pull request is meant is not known")
            .help("dispatch again with the input `sha`: the whole SHA of the head that was looked at"));
    }
    Ok(event)
}

/// The same, where the caller knows the commit.
pub(super) fn event_as_it_is(runner: &Runner) -> Result<Event, Failure> {
    let (Some(name), Some(path)) = (runner.get("GITHUB_EVENT_NAME"), runner.path("GITHUB_EVENT_PATH")) else {
        return Ok(Event::default());
    };
    let payload = std::fs::read_to_string(&path).map_err(|error| {
        Failure::caused(Exit::Invalid, &format!("cannot read {}", path.display()), &error)
    })?;
    Event::parse(name, &payload).map_err(|error| Failure::new(Exit::Invalid, error.to_string()))
}

/// The pull request that the run was dispatched for.
pub(super) fn dispatched_for(event: &Event) -> Option<u64> {
    event.pull_request.filter(|_| event.name == "workflow_dispatch")
}

/// Holds a dispatched run to the pull request as it is now.
pub(super) fn head_is(pull: &PullRequest, sha: &str) -> Result<(), Failure> {
    let PullRequest { number, head_sha, open, .. } = pull;
    if !open {
        return Err(Failure::new(Exit::Invalid, format!("#{number} is not open any more"))
            .help("there is nothing to be merged; where it was reopened, dispatch again"));
    }
    if head_sha != sha {
        let short = short_sha(sha);
        return Err(Failure::new(Exit::Invalid, format!("the head of #{number} is {head_sha}, not {short}"))
            .help("look at that commit, and dispatch again with its whole SHA"));
    }
    Ok(())
}

/// The pull request that a merge group is about.
pub(super) fn group_of(event: &Event) -> Result<u64, Failure> {
    event.pull_request.ok_or_else(|| {
        Failure::new(Exit::Invalid, "the merge group's ref names no pull request").help(
            "in a merge queue the pull request's verdict is mirrored; its number is read from `.../pr-NUMBER-SHA`",
        )
    })
}
