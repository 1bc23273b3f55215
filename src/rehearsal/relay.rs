//! The relay, where no job waits for the verdict: when a rehearsal of it is over, and
//! what the check came to.

use super::arguments::{Fault, Mode, Selection};
use super::samples::soaks;
use super::scenario::Scenario;
use super::stage::{CHECK, Stage};
use super::workflow::Runner;

/// The leg in which a run is cancelled, where somebody cancels it.
const CANCELLED_IN: &str = "soak-2";

/// The job that opens the race: what comes after it, may be reviewed.
const OPEN: &str = "open";

/// The job that asks the criteria: what comes after it, may be reviewed.
const ADVISE: &str = "advise";

/// The state of the check's status on the head.
pub(super) fn status(stage: &Stage) -> Option<String> {
    stage.github.read(|world| {
        let head = &world.pull_request(stage.pull_request)?.head_sha;
        let latest = world.latest_statuses(head);
        latest.into_iter().find(|status| status.context == CHECK).map(|status| status.state.clone())
    })
}

/// Whether nothing of the run will move by itself any more, and nobody will review.
/// Where a person reviews on the page, that is once the check is decided.
pub(super) fn is_over(scenario: &Scenario, stage: &Stage, runner: &Runner<'_>, reviewed: bool) -> bool {
    if scenario.mode == Mode::Poll || runner.is_busy() || runner.ending_of(OPEN).is_none() {
        return false;
    }
    if scenario.mode == Mode::Sampled && soaks(stage, runner) {
        return false;
    }
    if scenario.by_hand { status(stage).is_some_and(|state| state != "pending") } else { reviewed }
}

/// Whether somebody may review now: the check says that the race goes on.
pub(super) fn is_begun(scenario: &Scenario, stage: &Stage, runner: &Runner<'_>) -> bool {
    if scenario.selection == Selection::Auto && runner.ending_of(ADVISE).is_none() {
        return false;
    }
    match scenario.mode {
        Mode::Poll => stage.github.was_asked(&format!("/runs/{}/jobs", runner.staged().id)),
        Mode::Relay | Mode::Sampled => runner.ending_of(OPEN).is_some(),
    }
}

/// Whether what goes wrong may do so now: a run is cancelled in a later leg.
pub(super) fn may_go_wrong(scenario: &Scenario, runner: &Runner<'_>) -> bool {
    scenario.fault != Some(Fault::RunCancelled) || runner.is_at_work(CANCELLED_IN)
}
