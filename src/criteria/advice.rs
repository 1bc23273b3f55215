//! What the criteria say of a change, and why.

use std::fmt;

use serde::Serialize;

use super::crates::CrateChange;
use crate::policy::{Association, Need};

/// How many names a line for people holds of one kind.
const NAMED: usize = 3;

/// What the criteria say of a change, the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Advice {
    /// It needs no testnet.
    NotNeeded,
    /// A testnet is recommended.
    Recommended,
    /// It cannot be told: counts as required.
    Unknown,
    /// A testnet is required.
    Required,
}

impl Advice {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NotNeeded => "not-needed",
            Self::Recommended => "recommended",
            Self::Unknown => "unknown",
            Self::Required => "required",
        }
    }

    /// Whether the change is to run on the testnet unless a person decides otherwise:
    /// whatever is not known to need none.
    #[must_use]
    pub const fn needs_testnet(self) -> bool {
        !matches!(self, Self::NotNeeded)
    }
}

impl From<Need> for Advice {
    fn from(need: Need) -> Self {
        match need {
            Need::NotNeeded => Self::NotNeeded,
            Need::Recommended => Self::Recommended,
            Need::Required => Self::Required,
        }
    }
}

/// The advice on a change, with all that led to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advised {
    /// The advice.
    pub advice: Advice,
    /// What fired, the strongest first.
    pub findings: Vec<Finding>,
    /// How many files differ, as far as they are listed.
    pub files: usize,
    /// It changes the policy or the workflow, which are the base's all the same.
    pub changes_policy: bool,
}

impl fmt::Display for Advised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.findings.as_slice() {
            [] => {
                let files = counted(self.files, "changed file");
                write!(f, "no rule of the criteria fires on {files}")
            }
            [first] => write!(f, "{first}"),
            [first, rest @ ..] => write!(f, "{first}; and {}", counted(rest.len(), "more finding")),
        }
    }
}

/// A rule that fired, or a finding of our own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule's name.
    pub rule: String,
    /// What a change needs by it.
    pub advice: Need,
    /// Every condition is known to hold; else some could not be looked at.
    pub certain: bool,
    /// Why the rule is there.
    pub reason: String,
    /// What it fired on.
    #[serde(flatten)]
    pub evidence: Evidence,
}

impl Finding {
    /// What it says of the change by itself.
    #[must_use]
    pub fn says(&self) -> Advice {
        match self.advice {
            Need::Required if !self.certain => Advice::Unknown,
            need => need.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.rule)?;
        let evidence = self.evidence.to_string();
        if !evidence.is_empty() {
            write!(f, ": {evidence}")?;
        }
        if !self.reason.is_empty() {
            write!(f, " ({})", self.reason)?;
        }
        Ok(())
    }
}

/// What a rule fired on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The files.
    pub files: Vec<FileName>,
    /// The crates.
    pub crates: Vec<CrateChange>,
    /// The labels.
    pub labels: Vec<String>,
    /// What the author is to the repository.
    pub author: Option<Association>,
    /// How many lines, where too many.
    pub lines: Option<u64>,
    /// How many files, where too many.
    pub count: Option<u64>,
    /// What could not be looked at.
    pub unknown: Vec<String>,
}

/// The names of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct FileName {
    /// Its path.
    pub path: String,
    /// Its path before it was renamed.
    pub previous: Option<String>,
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.previous {
            Some(previous) => write!(f, "{previous} -> {}", self.path),
            None => f.write_str(&self.path),
        }
    }
}

impl Evidence {
    /// One line for each thing that it fired on.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.files.iter().map(ToString::to_string).collect();
        lines.extend(self.crates.iter().map(ToString::to_string));
        lines.extend(self.labels.iter().map(|label| format!("label {label}")));
        lines.extend(self.author.map(|author| format!("author: {}", author.word())));
        lines.extend(self.lines.map(|lines| format!("{lines} lines")));
        lines.extend(self.count.map(|count| format!("{count} files")));
        lines.extend(self.unknown.iter().map(|unknown| format!("not known: {unknown}")));
        lines
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.lines();
        let (named, rest) = lines.split_at(lines.len().min(NAMED));
        f.write_str(&named.join(", "))?;
        if rest.is_empty() { Ok(()) } else { write!(f, " and {} more", rest.len()) }
    }
}

fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
