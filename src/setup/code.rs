//! Everything that can be wrong with a repository: one code each, which stays.

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The gate is open, or nobody can pass it.
    Red,
    /// The gate holds, as far as could be seen; it could be better.
    Yellow,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Yellow => "yellow",
        }
    }
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// No policy on the default branch.
    PoliciesMissing,
    /// A host without a pinned key.
    HostKeysUnpinned,
    /// A workflow's file that cannot be read.
    WorkflowInvalid,
    /// No job for a branch's gate.
    GateMissing,
    /// The gate's job names another environment, or none.
    GateUnguarded,
    /// Nobody looks at a soak that is the proof.
    SamplesMissing,
    /// An environment that is not there.
    EnvironmentMissing,
    /// A gate's environment without reviewers.
    ReviewersMissing,
    /// The policy takes wins without a review.
    ReviewWaived,
    /// A plan that may have no reviewers.
    PlanUnverified,
    /// Who started a run may approve it.
    SelfReviewAllowed,
    /// Administrators may pass the gate.
    AdminsBypass,
    /// An environment for what follows the approval, with reviewers of its own.
    EnvironmentAsksAgain,
    /// Runs of pull requests may not deploy.
    RefRefused,
    /// Runs of the merge queue may not deploy.
    QueueRefRefused,
    /// Dispatched runs may not deploy.
    DispatchRefRefused,
    /// A secret that is not there.
    SecretMissing,
    /// A variable that is not there.
    VariableMissing,
    /// Nothing reports the check.
    CheckNeverReports,
    /// Something else bears the check's name.
    CheckClash,
    /// The check's workflow does not run for every pull request.
    CheckFiltered,
    /// The check's job can be skipped, which GitHub takes for passed.
    CheckSkippable,
    /// The check is not required.
    CheckNotRequired,
    /// Anyone may report the check.
    CheckUnpinned,
    /// Another app must report the check.
    CheckPinnedElsewhere,
    /// The workflow does not run in the merge queue.
    MergeGroupMissing,
    /// A job may not do what it does.
    PermissionMissing,
    /// A job's permissions are the repository's default.
    PermissionsUnset,
    /// A job may do everything.
    PermissionsExcessive,
    /// Workflow or policies have no owner.
    CodeownersMissing,
    /// GitHub finds mistakes in the file of the code owners.
    CodeownersInvalid,
    /// Code owners need not approve.
    CodeOwnerReviewOptional,
    /// An action that may change.
    ActionUnpinned,
    /// An action of the pull request's own.
    ActionLocal,
    /// Another version of `race`.
    RaceVersionDiffers,
    /// Something could not be seen.
    NotChecked,
}

impl Code {
    /// Every code, in the order in which findings are told.
    pub const ALL: [Self; 36] = [
        Self::PoliciesMissing,
        Self::HostKeysUnpinned,
        Self::WorkflowInvalid,
        Self::GateMissing,
        Self::GateUnguarded,
        Self::SamplesMissing,
        Self::EnvironmentMissing,
        Self::ReviewersMissing,
        Self::ReviewWaived,
        Self::PlanUnverified,
        Self::SelfReviewAllowed,
        Self::AdminsBypass,
        Self::EnvironmentAsksAgain,
        Self::RefRefused,
        Self::QueueRefRefused,
        Self::DispatchRefRefused,
        Self::SecretMissing,
        Self::VariableMissing,
        Self::CheckNeverReports,
        Self::CheckClash,
        Self::CheckFiltered,
        Self::CheckSkippable,
        Self::CheckNotRequired,
        Self::CheckUnpinned,
        Self::CheckPinnedElsewhere,
        Self::MergeGroupMissing,
        Self::PermissionMissing,
        Self::PermissionsUnset,
        Self::PermissionsExcessive,
        Self::CodeownersMissing,
        Self::CodeownersInvalid,
        Self::CodeOwnerReviewOptional,
        Self::ActionUnpinned,
        Self::ActionLocal,
        Self::RaceVersionDiffers,
        Self::NotChecked,
    ];

    /// The code as it is written.
    #[must_use]
    pub const fn word(self) -> &'static str {
        self.told().0
    }

    /// How bad it is.
    #[must_use]
    pub const fn severity(self) -> Severity {
        self.told().1
    }

    /// Why it matters.
    #[must_use]
    pub const fn why(self) -> &'static str {
        self.told().2
    }

    /// How to mend it.
    #[must_use]
    pub const fn mend(self) -> &'static str {
        self.told().3
    }

    /// Whether `--fix` mends it.
    #[must_use]
    pub const fn fixable(self) -> bool {
        self.told().4
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind of thing.
    pub code: Code,
    /// What it is about: an environment, a job, a file, the check.
    pub subject: String,
    /// What of that: a secret's name, a pattern, a permission. Empty where all.
    pub item: String,
    /// What is wrong, in a line. It may hold untrusted names.
    pub what: String,
}

impl Finding {
    /// A finding about a whole thing.
    pub fn new(code: Code, subject: impl Into<String>, what: impl Into<String>) -> Self {
        Self { code, subject: subject.into(), item: String::new(), what: what.into() }
    }

    /// The same about a part of it.
    #[must_use]
    pub fn of(mut self, item: impl Into<String>) -> Self {
        self.item = item.into();
        self
    }
}
