//! What must hold between the values of a policy.

use super::Policy;

/// How much a problem matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The policy can be used, but probably not as meant.
    Warning,
    /// The policy cannot be used.
    Error,
}

/// Something wrong with the values of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How much it matters.
    pub severity: Severity,
    /// The key that it is about, for example `branch.0.name`.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

/// Every problem between the values of `policy`.
#[must_use]
pub fn check(_policy: &Policy) -> Vec<Problem> {
    Vec::new()
}
