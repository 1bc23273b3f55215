//! In a merge queue the group's check mirrors that of the pull request's head:
//! what was soaked there is not soaked again.

use jiff::Timestamp;

use super::reason::Reason;

/// A check run or commit status of the check's name on the head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadCheck {
    /// A check run's conclusion or, while it has none, its status; a status's state.
    pub state: String,
    /// When it was last changed, as far as GitHub tells.
    pub at: Option<Timestamp>,
}

/// What the newest of `checks` means for the merge group. Only `success` wins; what
/// is under way, skipped or unknown is waited for.
#[must_use]
pub fn mirror(checks: &[HeadCheck], pull_request: u64, head_sha: &str) -> Reason {
    let newest = checks.iter().map(|check| check.at).max().flatten();
    // Of two that changed at the same moment the worse one counts.
    let states = || checks.iter().filter(|check| check.at == newest).map(|check| check.state.as_str());
    let head_sha = head_sha.to_owned();
    let failed =
        |state: &&str| ["failure", "error", "timed_out", "cancelled", "action_required"].contains(state);
    if let Some(state) = states().find(failed) {
        return Reason::MirroredFailure { pull_request, head_sha, state: state.to_owned() };
    }
    if states().next().is_some() && states().all(|state| state == "success") {
        return Reason::MirroredSuccess { pull_request, head_sha };
    }
    Reason::AwaitingHead { pull_request, head_sha }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_check_speaks_and_only_success_wins() {
        let at = |second| Some(Timestamp::from_second(second).unwrap());
        type Seen<'s> = &'s [(&'s str, Option<Timestamp>)];
        let cases: [(Seen<'_>, &str); 12] = [
            (&[], "awaiting-head"),
            (&[("success", at(1))], "mirrored-success"),
            (&[("failure", at(1)), ("success", at(2))], "mirrored-success"),
            (&[("success", at(1)), ("failure", at(2))], "mirrored-failure"),
            (&[("success", at(1)), ("pending", at(2))], "awaiting-head"),
            (&[("success", at(1)), ("in_progress", at(2))], "awaiting-head"),
            (&[("success", at(1)), ("error", at(1))], "mirrored-failure"),
            (&[("success", at(1)), ("queued", at(1))], "awaiting-head"),
            (&[("skipped", at(1))], "awaiting-head"),
            (&[("neutral", at(1))], "awaiting-head"),
            (&[("cancelled", at(1))], "mirrored-failure"),
            (&[("new-conclusion", at(1))], "awaiting-head"),
        ];
        for (checks, expected) in cases {
            let checks: Vec<HeadCheck> =
                checks.iter().map(|(state, at)| HeadCheck { state: (*state).to_owned(), at: *at }).collect();
            assert_eq!(mirror(&checks, 12, "abc").code(), expected, "{checks:?}");
        }
    }
}
