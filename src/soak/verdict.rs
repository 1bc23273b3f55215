//! What a soak came to.

use serde::{Deserialize, Serialize};

use crate::exit::Exit;

/// What the soak came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It goes on.
    #[default]
    Running,
    /// The target was reached on the finalized chain, on a quorum of nodes.
    Passed,
    /// The testnet did not hold.
    Failed,
    /// It could not be looked at for too long. Neither passed nor failed.
    Unmeasured,
    /// It was stopped before it came to anything.
    Unfinished,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 5] =
        [Self::Running, Self::Passed, Self::Failed, Self::Unmeasured, Self::Unfinished];

    /// The verdict that this word stands for.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.word() == word)
    }

    /// The exit code that says the same.
    #[must_use]
    pub fn exit(self) -> Exit {
        match self {
            Self::Passed => Exit::Done,
            Self::Failed => Exit::SoakFailed,
            Self::Unmeasured => Exit::SoakUnmeasured,
            Self::Running | Self::Unfinished => Exit::SoakUnfinished,
        }
    }

    /// The word for it, as `soak.json` has it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Unmeasured => "unmeasured",
            Self::Unfinished => "unfinished",
        }
    }
}
