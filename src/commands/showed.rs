//! What the soaks of a run's branches showed, as their jobs noted it. It is told beside
//! the verdict, and decides nothing: a job can note what it likes.

use std::collections::BTreeMap;

use crate::github::{Client, Notice};
use crate::policy::{Branch, Policy, Proof};
use crate::race::{Conclusion, Job, Verdict};
use crate::soak::Figures;

/// The figures of each branch, by its name, where a job of it noted some. One request
/// for each job that ran and came to an end; what cannot be read is left out.
pub(super) async fn figures_of(
    client: &mut Client,
    policy: &Policy,
    verdict: &Verdict,
) -> BTreeMap<String, Figures> {
    let mut found = BTreeMap::new();
    for branch in &verdict.branches {
        // What its job saw of a soak that outlives it is only how that began.
        let is_watched = |one: &Branch| !one.spares_testnet && one.proof == Proof::Job;
        if !policy.branches.iter().any(|one| one.name == branch.name && is_watched(one)) {
            continue;
        }
        let mut newest: Option<Figures> = None;
        for job in branch.jobs.iter().filter(|job| has_worked(job)) {
            let notices = match client.notices_of(job.id).await {
                Ok(notices) => notices,
                Err(error) => {
                    tracing::debug!(job = job.id, %error, "what the job noted cannot be read");
                    continue;
                }
            };
            let told = notices.iter().filter_map(figures_in);
            newest = newest.into_iter().chain(told).max_by_key(|figures| figures.to);
        }
        found.extend(newest.map(|figures| (branch.name.clone(), figures)));
    }
    found
}

fn has_worked(job: &Job) -> bool {
    job.ran() && matches!(job.conclusion, Some(Conclusion::Success | Conclusion::Failure))
}

fn figures_in(notice: &Notice) -> Option<Figures> {
    (notice.title == Figures::TITLE).then(|| Figures::read(&notice.message)).flatten()
}
