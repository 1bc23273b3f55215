//! What is told of every code: how bad it is, why it matters, how to mend it.

use super::code::Code;
use super::code::Severity::{self, Red, Yellow};

/// What is told of a code: word, severity, why it matters, how to mend it, and
/// whether `--fix` does.
type Told = (&'static str, Severity, &'static str, &'static str, bool);

impl Code {
    pub(super) const fn told(self) -> Told {
        match self {
            Self::PoliciesMissing => (
                "policies-missing",
                Red,
                "without it the built-in defaults are in force, and no testnet can be deployed",
                "run `race init` and merge what it writes",
                false,
            ),
            Self::HostKeysUnpinned => (
                "host-keys-unpinned",
                Red,
                "whoever answers at its address would get the deployment",
                "name the host's keys in `host_keys`, as its own console shows them",
                false,
            ),
            Self::WorkflowInvalid => (
                "workflow-invalid",
                Red,
                "GitHub does not run a workflow that it cannot read",
                "correct the file",
                false,
            ),
            Self::GateMissing => (
                "gate-missing",
                Red,
                "a branch whose job never comes cannot be approved, and the race is lost without it",
                "run `race init` and merge the workflow, or name the job in `gate`",
                false,
            ),
            Self::GateUnguarded => (
                "gate-unguarded",
                Red,
                "the job does not wait for a review, so the branch wins or runs unasked; the verdict is void",
                "name the branch's environment in the job",
                false,
            ),
            Self::SamplesMissing => (
                "samples-missing",
                Red,
                "nobody looks at the soak, so the branch stays undecided for ever",
                "run `race init --mode sampled` and merge the workflow that it writes; only one of that path is believed",
                false,
            ),
            Self::EnvironmentMissing => (
                "environment-missing",
                Red,
                "at the first run GitHub makes it without any protection; a gate would be open",
                "Settings, Environments, New environment; or `--fix --reviewer LOGIN`",
                true,
            ),
            Self::ReviewersMissing => (
                "reviewers-missing",
                Red,
                "the job runs without being asked, so nobody chooses; the verdict is void",
                "Settings, Environments: Required reviewers; or `--fix --reviewer LOGIN`",
                true,
            ),
            Self::ReviewWaived => (
                "review-waived",
                Yellow,
                "success alone wins, whoever started the run",
                "set `require_review = true` where the plan has required reviewers",
                false,
            ),
            Self::PlanUnverified => (
                "plan-unverified",
                Yellow,
                "in a private repository required reviewers take GitHub Enterprise; elsewhere GitHub ignores them and \
                 the gate is open",
                "look at the plan of the owner; without Enterprise set `require_review = false`, knowing what that means",
                false,
            ),
            Self::SelfReviewAllowed => (
                "self-review-allowed",
                Yellow,
                "who started a run may approve it alone",
                "Settings, Environments: Prevent self-review; or `--fix`",
                true,
            ),
            Self::AdminsBypass => (
                "admins-bypass",
                Yellow,
                "an administrator can start what waits without a review",
                "Settings, Environments: untick Allow administrators to bypass; GitHub's API has no way to",
                false,
            ),
            Self::EnvironmentAsksAgain => (
                "environment-asks-again",
                Yellow,
                "every job that names it asks for a review again, in the middle of a soak",
                "take its reviewers away, and give it a key that can only forward",
                false,
            ),
            Self::RefRefused => (
                "ref-refused",
                Red,
                "runs of pull requests come from such refs: GitHub fails the job at once, without a review",
                "Settings, Environments, Deployment branches and tags: add the pattern; or `--fix`",
                true,
            ),
            Self::QueueRefRefused => (
                "queue-ref-refused",
                Yellow,
                "a job that names it in a run of the merge queue fails at once",
                "Settings, Environments, Deployment branches and tags: add the pattern; or `--fix`",
                true,
            ),
            Self::DispatchRefRefused => (
                "dispatch-ref-refused",
                Yellow,
                "a run that is dispatched for a pull request of a fork comes from there and fails at once",
                "Settings, Environments, Deployment branches and tags: add the branch; or `--fix`",
                true,
            ),
            Self::SecretMissing => (
                "secret-missing",
                Red,
                "the job finds it empty; and one of the whole repository would reach jobs that nobody approved",
                "Settings, Environments, Environment secrets; or `--fix --value [ENVIRONMENT/]NAME=FILE`",
                true,
            ),
            Self::VariableMissing => (
                "variable-missing",
                Yellow,
                "unless the repository or its organisation has one, the job finds it empty",
                "Settings, Environments, Environment variables; or `--fix --value [ENVIRONMENT/]NAME=FILE`",
                true,
            ),
            Self::CheckNeverReports => (
                "check-never-reports",
                Red,
                "once it is required no pull request can be merged: the check stays expected",
                "run `race init` and merge the workflow, or correct `check`",
                false,
            ),
            Self::CheckClash => (
                "check-clash",
                Red,
                "GitHub takes any check of the name for the check, also one that passes by being skipped",
                "call the job otherwise",
                false,
            ),
            Self::CheckFiltered => (
                "check-filtered",
                Red,
                "for a pull request that the filter leaves out it is never reported, and cannot be merged",
                "take the filter out of `on:`; what needs no testnet is for the criteria to say",
                false,
            ),
            Self::CheckSkippable => (
                "check-skippable",
                Red,
                "GitHub takes a check that was skipped for one that has passed",
                "take `if:` and `needs:` away from the job, or write `if: always()`",
                false,
            ),
            Self::CheckNotRequired => (
                "check-not-required",
                Red,
                "a pull request can be merged whatever the race came to",
                "Settings, Rules: require the check; or `--fix`",
                true,
            ),
            Self::CheckUnpinned => (
                "check-unpinned",
                Red,
                "whoever may write to the repository can report it as passed",
                "in the rule choose GitHub Actions as the source of the check; or `--fix`",
                true,
            ),
            Self::CheckPinnedElsewhere => (
                "check-pinned-elsewhere",
                Red,
                "what GitHub Actions reports does not count, so no pull request can be merged",
                "in the rule choose GitHub Actions as the source of the check",
                false,
            ),
            Self::MergeGroupMissing => (
                "merge-group-missing",
                Red,
                "the check is never reported there, and the queue drops every entry when its time is over",
                "add `merge_group:` to the workflow's `on:`",
                false,
            ),
            Self::PermissionMissing => (
                "permission-missing",
                Red,
                "GitHub refuses what `race` asks, and the job ends with exit 3",
                "add it to the job's `permissions:`",
                false,
            ),
            Self::PermissionsUnset => (
                "permissions-unset",
                Yellow,
                "what the job may do depends on a setting of the repository: too much, or not enough",
                "name the job's `permissions:`, one by one",
                false,
            ),
            Self::PermissionsExcessive => (
                "permissions-excessive",
                Yellow,
                "whatever goes wrong in the job can write everywhere",
                "name the job's `permissions:`, one by one",
                false,
            ),
            Self::CodeownersMissing => (
                "codeowners-missing",
                Red,
                "a pull request could change what judges it, or add a job with the check's name, and nobody in \
                 particular had to look",
                "give `/.github/` and `/policies/` to a team in .github/CODEOWNERS",
                false,
            ),
            Self::CodeownersInvalid => (
                "codeowners-invalid",
                Red,
                "GitHub passes over a line that it cannot use, so what it covers may belong to nobody",
                "correct the line; an owner must exist and may write to the repository",
                false,
            ),
            Self::CodeOwnerReviewOptional => (
                "code-owner-review-optional",
                Red,
                "a pull request could change what judges it without the review of those who own that",
                "Settings, Rules: require review from code owners; or `--fix`",
                true,
            ),
            Self::ActionUnpinned => (
                "action-unpinned",
                Red,
                "whoever moves its tag runs beside the key to the testnet",
                "write the whole SHA of the commit instead: `uses: OWNER/NAME@SHA # vX.Y.Z`",
                false,
            ),
            Self::ActionLocal => (
                "action-local",
                Red,
                "what is checked out decides what runs: with the pull request's commit it would judge itself",
                "use the released action, by the whole SHA of its commit",
                false,
            ),
            Self::RaceVersionDiffers => (
                "race-version-differs",
                Yellow,
                "what this `race` found may not hold for the one that runs there",
                "pin the release of this version, or look with the version that is pinned",
                false,
            ),
            Self::NotChecked => (
                "not-checked",
                Yellow,
                "what was not seen may be wrong",
                "look again with a token that may read it, for example an administrator's in RACE_ADMIN_TOKEN",
                false,
            ),
        }
    }
}
