//! What a step's arguments may hold: placeholders, and the values that fill them.

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

/// A plan that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The commit is no commit's hash.
    #[error("`{0}` is no commit hash of 40 or 64 hexadecimal digits")]
    Sha(String),
    /// A host's name holds more than letters, digits, `.`, `_` and `-`.
    #[error("`{0}` is no name for a host: use letters, digits, `.`, `_` and `-`")]
    Host(String),
    /// A step has a placeholder that does not exist.
    #[error("step `{step}`: there is no placeholder `{{{key}}}`")]
    Unknown {
        /// The step's name.
        step: String,
        /// The placeholder's name.
        key: String,
    },
    /// A step has a placeholder whose value this run does not have.
    #[error("step `{step}`: this run has no value for `{{{key}}}`")]
    Missing {
        /// The step's name.
        step: String,
        /// The placeholder's name.
        key: &'static str,
    },
    /// A step has a brace that opens no placeholder, or is never closed.
    #[error("step `{step}`: a brace stands alone in `{argument}`; write `{{{{` or `}}}}` for a brace itself")]
    Brace {
        /// The step's name.
        step: String,
        /// The argument.
        argument: String,
    },
    /// A step's argument holds a NUL, which no command line can.
    #[error("step `{0}`: an argument holds a NUL character")]
    Nul(String),
    /// A step has no program.
    #[error("step `{0}` has nothing to run")]
    Empty(String),
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
    ) -> Result<Self, TemplateError> {
        let hexadecimal = sha.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !hexadecimal || !matches!(sha.len(), 40 | 64) {
            return Err(TemplateError::Sha(sha.chars().take(80).collect()));
        }
        Ok(Self { sha: sha.to_owned(), run_id, attempt, pull_request })
    }

    /// The value of `key` on `host`.
    fn get(&self, key: &str, host: &str, step: &str) -> Result<String, TemplateError> {
        let missing = |key| TemplateError::Missing { step: step.to_owned(), key };
        match key {
            "sha" => Ok(self.sha.clone()),
            "short_sha" => Ok(self.sha.chars().take(SHORT_SHA).collect()),
            "run_id" => self.run_id.map(|id| id.to_string()).ok_or_else(|| missing("run_id")),
            "attempt" => self.attempt.map(|attempt| attempt.to_string()).ok_or_else(|| missing("attempt")),
            "pull_request" => {
                self.pull_request.map(|number| number.to_string()).ok_or_else(|| missing("pull_request"))
            }
            "host" => Ok(host.to_owned()),
            _ => Err(TemplateError::Unknown { step: step.to_owned(), key: key.to_owned() }),
        }
    }

    /// `argument` with its placeholders filled in. `{{` and `}}` stand for a brace.
    pub(super) fn fill(&self, argument: &str, host: &str, step: &str) -> Result<String, TemplateError> {
        if argument.contains('\0') {
            return Err(TemplateError::Nul(step.to_owned()));
        }
        let alone = || TemplateError::Brace { step: step.to_owned(), argument: argument.to_owned() };
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
                filled.push_str(&self.get(key, host, step)?);
                rest = after;
            }
        }
        filled.push_str(rest);
        Ok(filled)
    }
}
