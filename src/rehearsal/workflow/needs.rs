//! What a job needs, and what that says of whether it is run.

use serde_json::{Map, Value, json};

use super::Job;
use super::expression::Scope;
use crate::rehearsal::world::Conclusion;

/// The places in `jobs` of all that the one at `index` needs, and of what that needs in
/// its turn.
fn behind(jobs: &[&Job], index: usize) -> Vec<usize> {
    let mut places: Vec<usize> = Vec::new();
    let mut next = Some(index);
    let mut at = 0;
    while let Some(place) = next {
        for (other, job) in jobs.iter().enumerate() {
            if jobs[place].needs.contains(&job.id) && !places.contains(&other) {
                places.push(other);
            }
        }
        next = places.get(at).copied();
        at += 1;
    }
    places
}

/// A job that is run, and what came of it.
pub(super) trait Needed {
    fn job(&self) -> &Job;
    /// How it ended.
    fn conclusion(&self) -> Option<&Conclusion>;
    fn outputs(&self) -> &Map<String, Value>;
}

/// How all that a job needs has ended, and what that needed in its turn.
pub(super) fn before(executions: &[impl Needed], index: usize) -> Vec<Conclusion> {
    let jobs: Vec<_> = executions.iter().map(Needed::job).collect();
    let behind = behind(&jobs, index).into_iter();
    behind.filter_map(|place| executions[place].conclusion().cloned()).collect()
}

/// The context `needs` of a job; none until all of them have ended.
pub(super) fn needs(executions: &[impl Needed], index: usize) -> Option<Value> {
    let mut needs = Map::new();
    for need in &executions[index].job().needs {
        let execution = executions.iter().find(|execution| execution.job().id == *need)?;
        let result = execution.conclusion()?.as_str();
        needs.insert(need.clone(), json!({"result": result, "outputs": execution.outputs()}));
    }
    Some(Value::Object(needs))
}

impl Scope {
    /// As a job's condition sees it, after all that is behind it ended so. As on GitHub,
    /// what its needs needed counts too: where that was skipped, so is a job that asks
    /// for no status.
    pub(super) fn after(self, before: &[Conclusion], cancelled: bool) -> Self {
        Self {
            cancelled,
            failure: before.contains(&Conclusion::Failure),
            success: !cancelled && before.iter().all(|one| *one == Conclusion::Success),
            ..self
        }
    }
}
