//! Which refs an environment admits.
//!
//! Source: <https://docs.github.com/actions/reference/workflows-and-actions/deployments-and-environments>:
//! a pattern is matched like a path, so `*` stays within one part of a ref. A run of
//! a pull request deploys from `refs/pull/N/merge`.

use wildmatch::WildMatch;

/// The pattern that admits the runs of pull requests.
pub const PULL_REQUESTS: &str = "refs/pull/*/merge";
/// The pattern that admits the runs of a merge queue.
pub const QUEUE: &str = "gh-readonly-queue/**";
/// Refs as such runs have them.
pub(super) const A_PULL_REQUEST: &str = "refs/pull/12/merge";
pub(super) const A_GROUP: &str = "gh-readonly-queue/main/pr-12-0123456789abcdef0123456789abcdef01234567";

/// Whether one of the patterns matches this ref. One that this cannot read, with
/// brackets or braces, matches nothing.
#[must_use]
pub fn admits(patterns: &[String], reference: &str) -> bool {
    let parts: Vec<&str> = reference.split('/').collect();
    patterns.iter().any(|pattern| {
        !pattern.contains(['[', '{', '\\']) && parts_match(&pattern.split('/').collect::<Vec<_>>(), &parts)
    })
}

/// Whether a pattern matches a path, both cut at their slashes.
pub(super) fn parts_match(pattern: &[&str], parts: &[&str]) -> bool {
    match (pattern, parts) {
        ([], []) => true,
        // At the end it stands for whatever follows, elsewhere for any folders.
        (["**"], [_, ..]) => true,
        (["**", rest @ ..], _) => (0..=parts.len()).any(|skipped| parts_match(rest, &parts[skipped..])),
        ([one, rest @ ..], [part, others @ ..]) => {
            WildMatch::new(one).matches(part) && parts_match(rest, others)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stays_within_one_part() {
        for (pattern, reference, admitted) in [
            (PULL_REQUESTS, A_PULL_REQUEST, true),
            ("refs/pull/**", A_PULL_REQUEST, true),
            ("refs/**/merge", A_PULL_REQUEST, true),
            ("**", A_PULL_REQUEST, true),
            ("*", A_PULL_REQUEST, false),
            ("refs/pull/*", A_PULL_REQUEST, false),
            ("main", A_PULL_REQUEST, false),
            ("main", "main", true),
            ("rel?ase", "release", true),
            (QUEUE, A_GROUP, true),
            ("gh-readonly-queue/*", A_GROUP, false),
            ("refs/pull/[0-9]*/merge", A_PULL_REQUEST, false),
        ] {
            assert_eq!(admits(&[pattern.to_owned()], reference), admitted, "{pattern} for {reference}");
        }
    }
}
