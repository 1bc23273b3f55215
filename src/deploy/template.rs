//! What a step's arguments may hold: placeholders, and the values that fill them.

use crate::policy::words;

/// A commit's hash as Substrate prints it in `system_version` has this length.
const SHORT_SHA: usize = 11;

/// The values for the placeholders. What is here has been validated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Values {
    sha: String,
    run_id: Option<u64>,
    attempt: Option<u32>,
    pull_request: Option<u64>,
}

/// A plan that cannot be made. `at` is the table it is about, for example
/// ``step `restart` ``.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The commit is no commit's hash.
    #[error("`{0}` is no commit hash of 40 or 64 hexadecimal digits")]
    Sha(String),
    /// A host's name holds more than letters, digits, `.`, `_` and `-`.
    #[error("`{0}` is no name for a host: use letters, digits, `.`, `_` and `-`")]
    Host(String),
    /// There is a placeholder that does not exist.
    #[error("{at}: there is no placeholder `{{{key}}}`")]
    Unknown {
        /// The table.
        at: String,
        /// The placeholder's name.
        key: String,
    },
    /// There is a placeholder whose value this run does not have.
    #[error("{at}: this run has no value for `{{{key}}}`")]
    Missing {
        /// The table.
        at: String,
        /// The placeholder's name.
        key: &'static str,
    },
    /// A brace opens no placeholder, or is never closed.
    #[error("{at}: a brace stands alone in `{argument}`; write `{{{{` or `}}}}` for a brace itself")]
    Brace {
        /// The table.
        at: String,
        /// The argument.
        argument: String,
    },
    /// An argument holds a NUL, which no command line can.
    #[error("{0}: an argument holds a NUL character")]
    Nul(String),
    /// There is nothing to run, or more than one thing.
    #[error("{0}: there is not exactly one thing to do")]
    Unclear(String),
    /// `sudo` and `env` would take the program for an option or a variable.
    #[error("{at}: `{program}` is no program")]
    Program {
        /// The table.
        at: String,
        /// The first of the arguments.
        program: String,
    },
    /// A user, owner, variable, path or mode is not valid.
    #[error("{at}: `{value}` is no {what}")]
    Invalid {
        /// The table.
        at: String,
        /// What it should be.
        what: &'static str,
        /// What it is.
        value: String,
    },
}

impl Values {
    /// The values of a run. `sha` is the commit that was approved.
    ///
    /// # Errors
    ///
    /// When `sha` is no commit's hash.
    pub fn new(
        sha: &str,
        run_id: Option<u64>,
        attempt: Option<u32>,
        pull_request: Option<u64>,
    ) -> Result<Self, PlanError> {
        if !is_sha(sha) {
            return Err(PlanError::Sha(sha.chars().take(80).collect()));
        }
        Ok(Self { sha: sha.to_owned(), run_id, attempt, pull_request })
    }

    /// The commit that was approved.
    #[must_use]
    pub fn sha(&self) -> &str {
        &self.sha
    }

    /// The placeholders' values on `host`, for the table `at`.
    pub(super) const fn on<'v>(&'v self, host: &'v str, at: &'v str) -> Filling<'v> {
        Filling { values: self, host, at }
    }
}

/// Whether `text` is a commit's whole hash, of SHA-1 or SHA-256.
pub(super) fn is_sha(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The first digits of a commit's hash.
pub(super) fn short(sha: &str) -> &str {
    sha.get(..SHORT_SHA).unwrap_or(sha)
}

/// Fills the placeholders of one table for one host.
#[derive(Clone, Copy)]
pub(super) struct Filling<'v> {
    values: &'v Values,
    host: &'v str,
    /// The table, for messages.
    pub(super) at: &'v str,
}

impl Filling<'_> {
    /// The value of a placeholder.
    fn get(&self, key: &str) -> Result<String, PlanError> {
        let missing = |key| PlanError::Missing { at: self.at.to_owned(), key };
        let Values { sha, run_id, attempt, pull_request } = self.values;
        match key {
            "sha" => Ok(sha.clone()),
            "short_sha" => Ok(short(sha).to_owned()),
            "run_id" => run_id.map(|id| id.to_string()).ok_or_else(|| missing("run_id")),
            "attempt" => attempt.map(|attempt| attempt.to_string()).ok_or_else(|| missing("attempt")),
            "pull_request" => {
                pull_request.map(|number| number.to_string()).ok_or_else(|| missing("pull_request"))
            }
            "host" => Ok(self.host.to_owned()),
            _ => Err(PlanError::Unknown { at: self.at.to_owned(), key: key.to_owned() }),
        }
    }

    /// `argument` with its placeholders filled in. `{{` and `}}` stand for a brace.
    pub(super) fn word(&self, argument: &str) -> Result<String, PlanError> {
        if argument.contains('\0') {
            return Err(PlanError::Nul(self.at.to_owned()));
        }
        let alone = || PlanError::Brace { at: self.at.to_owned(), argument: argument.to_owned() };
        let mut filled = String::with_capacity(argument.len());
        let mut rest = argument;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, braces) = rest.split_at(at);
            filled.push_str(before);
            if let Some(after) = braces.strip_prefix("{{") {
                filled.push('{');
                rest = after;
            } else if let Some(after) = braces.strip_prefix("}}") {
                filled.push('}');
                rest = after;
            } else {
                let (key, after) =
                    braces.strip_prefix('{').and_then(|inner| inner.split_once('}')).ok_or_else(alone)?;
                if key.contains('{') {
                    return Err(alone());
                }
                filled.push_str(&self.get(key)?);
                rest = after;
            }
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// Every argument, filled in. As many come out as go in.
    pub(super) fn words(&self, arguments: &[String]) -> Result<Vec<String>, PlanError> {
        arguments.iter().map(|argument| self.word(argument)).collect()
    }

    /// `value`, where `rule` holds for it.
    pub(super) fn valid<'t>(
        &self,
        what: &'static str,
        rule: fn(&str) -> bool,
        value: &'t str,
    ) -> Result<&'t str, PlanError> {
        if rule(value) {
            return Ok(value);
        }
        Err(PlanError::Invalid { at: self.at.to_owned(), what, value: value.to_owned() })
    }

    /// An absolute path, filled in.
    pub(super) fn path(&self, text: &str) -> Result<String, PlanError> {
        let path = self.word(text)?;
        self.valid("absolute path", words::is_absolute, &path)?;
        Ok(path)
    }
}
