//! What the race came to.

use crate::exit::Exit;

use super::contender::Contender;
use super::reason::Reason;
use super::warning::Warning;

/// What the race came to, in the words of `verdict.json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A branch won.
    Won,
    /// No branch can win.
    Lost,
    /// A branch succeeded without the protection it must have.
    Void,
    /// The run, or every branch of it, was cancelled.
    Cancelled,
    /// Nothing is decided.
    Undecided,
}

impl Outcome {
    /// The word for it in `verdict.json`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Void => "void",
            Self::Cancelled => "cancelled",
            Self::Undecided => "undecided",
        }
    }
}

/// A verdict, why it is so, and what it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Why: code, and the numbers and names in it. The outcome follows from it.
    pub reason: Reason,
    /// What a reader should know beside it.
    pub warnings: Vec<Warning>,
    /// The branches, in the order of the policy.
    pub branches: Vec<Contender>,
}

impl Verdict {
    /// What the race came to.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        self.reason.outcome()
    }

    /// The exit code that stands for it.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        self.reason.exit()
    }

    /// The branch that won.
    #[must_use]
    pub fn winner(&self) -> Option<&Contender> {
        let name = self.reason.winner()?;
        self.branches.iter().find(|branch| branch.name == name)
    }

    /// The verdict of a race that nothing is known of.
    #[must_use]
    pub const fn unknown(reason: Reason) -> Self {
        Self { reason, warnings: Vec::new(), branches: Vec::new() }
    }
}
