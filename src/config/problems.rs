//! Problems of settings, each with its place and what to do.

use std::fmt;

use serde::Serialize;

use crate::policy::Severity;

/// Something wrong with a setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How much it matters: `warning` or `error`.
    #[serde(serialize_with = "word")]
    pub severity: Severity,
    /// File and line, variable or flag.
    pub place: String,
    /// The key, for example `polling.interval`; empty where the whole file is meant.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
fn word<S: serde::Serializer>(severity: &Severity, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match severity {
        Severity::Warning => "warning",
        Severity::Error => "error",
    })
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{}: {severity}: ", self.place)?;
        if !self.key.is_empty() {
            write!(f, "`{}`: ", self.key)?;
        }
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

/// Settings that cannot be used, with every problem there is.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.text())]
pub struct Invalid(pub Vec<Diagnostic>);

impl Invalid {
    fn text(&self) -> String {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        format!("the policy cannot be used:\n{}", lines.join("\n"))
    }
}

impl Diagnostic {
    /// The file and the line, so that problems can be told in the order of reading.
    pub(super) fn position(&self) -> (&str, usize) {
        match self.place.rsplit_once(':') {
            Some((file, line)) => (file, line.parse().unwrap_or(0)),
            None => (&self.place, 0),
        }
    }
}

/// The known key that `written` was probably meant to be.
pub(super) fn nearest<'k>(written: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    known
        .into_iter()
        .map(|key| (strsim::jaro_winkler(written, key), key))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, key)| key)
}
