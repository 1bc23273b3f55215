//! The one table of exit codes, the same for every subcommand.
//!
//! `docs/reference/exit-codes.md` is the same table for people; a test compares
//! the two.

use serde::Serialize;

/// How a process of ours ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "u8")]
#[repr(u8)]
pub enum Exit {
    /// Won, passed or done.
    Done = 0,
    /// An error of our own making.
    Internal = 1,
    /// Usage, configuration or policy invalid.
    Invalid = 2,
    /// Credentials missing or refused; host key unknown or changed.
    Refused = 3,
    /// Run, repository or pull request not found.
    NotFound = 4,
    /// `doctor` or `policy check --strict` found something.
    Findings = 5,
    /// Done in part: the output says what was and what was not.
    Partial = 6,
    /// An approved branch failed.
    BranchFailed = 10,
    /// Every branch was rejected (or skipped).
    AllRejected = 11,
    /// Undecided when the deadline passed, or GitHub could not be read until then.
    Undecided = 12,
    /// The run, or every branch of it, was cancelled.
    Cancelled = 13,
    /// A branch succeeded without the protection it must have.
    Void = 14,
    /// The soak failed.
    SoakFailed = 20,
    /// The soak could not look for longer than allowed.
    SoakUnmeasured = 21,
    /// The soak is to go on from its checkpoint.
    SoakUnfinished = 22,
    /// The deployment failed; every host is as it was, touched or not.
    RolledBack = 30,
    /// The deployment failed and the rollback is not confirmed.
    NotRolledBack = 31,
    /// SIGINT, after an orderly stop.
    Interrupted = 130,
    /// SIGTERM, after an orderly stop.
    Terminated = 143,
}

impl Exit {
    /// Every exit code there is, in the order of the table.
    pub const ALL: [Self; 19] = [
        Self::Done,
        Self::Internal,
        Self::Invalid,
        Self::Refused,
        Self::NotFound,
        Self::Findings,
        Self::Partial,
        Self::BranchFailed,
        Self::AllRejected,
        Self::Undecided,
        Self::Cancelled,
        Self::Void,
        Self::SoakFailed,
        Self::SoakUnmeasured,
        Self::SoakUnfinished,
        Self::RolledBack,
        Self::NotRolledBack,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// The number that the operating system sees.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// What the code means, as the documentation has it.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "won / passed / done",
            Self::Internal => "internal error",
            Self::Invalid => "usage, configuration or policy invalid",
            Self::Refused => "credentials missing or refused; host key unknown or changed",
            Self::NotFound => "not found (run, repository, pull request)",
            Self::Findings => "findings (`doctor`, `policy check` warnings with `--strict`)",
            Self::Partial => "done in part (`choose`, `doctor --fix`): what was and what was not",
            Self::BranchFailed => "lost: an approved branch failed",
            Self::AllRejected => "lost: every branch rejected (or skipped)",
            Self::Undecided => "undecided when the deadline passed (or GitHub could not be read until then)",
            Self::Cancelled => "cancelled",
            Self::Void => "void: a branch succeeded without the protection it must have",
            Self::SoakFailed => "soak failed",
            Self::SoakUnmeasured => "soak unmeasured",
            Self::SoakUnfinished => "soak unfinished: go on from the checkpoint",
            Self::RolledBack => "deployment failed; every host is as it was",
            Self::NotRolledBack => "deployment failed, rollback not confirmed",
            Self::Interrupted => "SIGINT, after an orderly stop",
            Self::Terminated => "SIGTERM, after an orderly stop",
        }
    }
}

impl From<Exit> for u8 {
    fn from(exit: Exit) -> Self {
        exit.code()
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
