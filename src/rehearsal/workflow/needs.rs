//! What a job needs, and what that says of whether it is run.

use super::Job;
use super::expression::Scope;
use crate::rehearsal::world::Conclusion;

/// The places in `jobs` of all that the one at `index` needs, and of what that needs in
/// its turn.
pub(super) fn behind(jobs: &[&Job], index: usize) -> Vec<usize> {
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
