//! The variables that GitHub's runner sets, as values.
//!
//! Source: <https://docs.github.com/actions/reference/workflows-and-actions/variables>.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Secret;

/// The environment that we were started in.
#[derive(Clone, Default)]
pub struct Runner {
    variables: BTreeMap<String, String>,
}

impl Runner {
    /// The environment of this process. Variables that are no Unicode are left out.
    #[must_use]
    pub fn of_this_process() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self { variables }
    }

    /// An environment of these variables alone.
    #[must_use]
    pub fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { variables: variables.into_iter().collect() }
    }

    /// A variable that is set and not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A variable that names a file.
    #[must_use]
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }

    /// A secret by the name of its variable.
    #[must_use]
    pub fn secret(&self, name: &str) -> Option<Secret> {
        self.get(name).and_then(Secret::new)
    }

    /// We run as a step of GitHub Actions.
    #[must_use]
    pub fn in_actions(&self) -> bool {
        self.get("GITHUB_ACTIONS") == Some("true")
    }

    /// The runner is one of GitHub's own (`RUNNER_ENVIRONMENT`), whose jobs end
    /// after six hours. What is unknown counts as hosted, the shorter limit.
    #[must_use]
    pub fn is_hosted(&self) -> bool {
        self.get("RUNNER_ENVIRONMENT") != Some("self-hosted")
    }

    /// The token for GitHub's API: `GITHUB_TOKEN`, else `GH_TOKEN`.
    #[must_use]
    pub fn token(&self) -> Option<Secret> {
        self.secret("GITHUB_TOKEN").or_else(|| self.secret("GH_TOKEN"))
    }

    /// All variables, for the layer of settings that comes from them.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}
