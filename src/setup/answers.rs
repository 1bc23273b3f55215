//! What `race init` must be told, each held to what may stand in a file of ours.

use std::fmt;
use std::time::Duration;

use toml_edit::ImDocument;

use super::mode::{DEPLOYMENT, RunsOn, Soak};
use super::{Mode, Release};
use crate::policy::Selection;

/// How long nodes have until they run what was deployed: the policy's own default.
const READY_WITHIN: Duration = Duration::from_mins(30);

/// Everything that the files are made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// The way to wait.
    pub mode: Mode,
    /// Who chooses among the branches.
    pub selection: Selection,
    /// Where the long jobs run.
    pub runs_on: RunsOn,
    /// The release that the workflow installs.
    pub release: Release,
    /// The environments.
    pub environments: Environments,
    /// Who reviews: logins.
    pub reviewers: Vec<Login>,
    /// The hosts of the testnet.
    pub targets: Vec<Target>,
    /// Where the nodes answer: `ws://` or `wss://`.
    pub nodes: Vec<NodeUrl>,
    /// How long a session takes, and how many must pass.
    pub session_length: Duration,
    /// The target.
    pub target_sessions: u32,
    /// The program that is built and deployed, where it is known.
    pub binary: Option<Binary>,
}

impl Answers {
    /// The soak that they ask for.
    #[must_use]
    pub const fn soak(&self) -> Soak {
        Soak {
            session_length: self.session_length,
            sessions: self.target_sessions,
            ready_within: READY_WITHIN,
            deployment: DEPLOYMENT,
        }
    }
}

/// The selection that a `race.toml` names, where it can be read.
#[must_use]
pub fn selection_in(text: &str) -> Option<Selection> {
    match ImDocument::parse(text).ok()?.get("selection")?.as_str()? {
        "manual" => Some(Selection::Manual),
        "guarded" => Some(Selection::Guarded),
        "auto" => Some(Selection::Auto),
        _ => None,
    }
}

/// The names of the environments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environments {
    /// Holds the branch that deploys.
    pub testnet: Word,
    /// Holds the branch that spares the testnet.
    pub null: Word,
    /// Of the later legs of a soak; nobody reviews it.
    pub soak: Word,
}

impl Default for Environments {
    fn default() -> Self {
        let word = |text: &str| Word(text.to_owned());
        Self { testnet: word("testnet"), null: word("null"), soak: word("testnet-soak") }
    }
}

/// A word that is safe wherever it stands: letters, digits, `-`, `_` and `.`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word(String);

impl Word {
    /// Reads one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        let fine = text.starts_with(|first: char| first.is_ascii_alphanumeric())
            && text.len() <= 100
            && text.chars().all(plain);
        fine.then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A person, as CODEOWNERS names one without the `@`; or a team, `ORGANISATION/SLUG`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login(String);

impl Login {
    /// Reads `LOGIN`, `@LOGIN` or `ORGANISATION/SLUG`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_start_matches('@');
        let parts: Vec<&str> = text.split('/').collect();
        let fine = parts.len() <= 2 && parts.iter().all(|part| Word::parse(part).is_some());
        fine.then(|| Self(text.to_owned()))
    }

    /// As `race doctor --fix --reviewer` takes it.
    #[must_use]
    pub fn reviewer(&self) -> String {
        match self.0.split_once('/') {
            Some((_, slug)) => format!("team:{slug}"),
            None => self.0.clone(),
        }
    }
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}", self.0)
    }
}

/// A host that is reached over SSH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Who logs in.
    pub user: Word,
    /// Its address or name.
    pub address: String,
    /// Its port.
    pub port: u16,
}

impl Target {
    /// Reads `USER@ADDRESS` or `USER@ADDRESS:PORT`; an IPv6 address stands in brackets.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (user, rest) = text.split_once('@')?;
        let (address, port) = match rest.strip_prefix('[') {
            Some(rest) => {
                let (address, after) = rest.split_once(']')?;
                (address, after.strip_prefix(':').unwrap_or("22"))
            }
            None => rest.split_once(':').unwrap_or((rest, "22")),
        };
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-.:".contains(letter);
        let fine = address.starts_with(|first: char| first.is_ascii_alphanumeric() || first == ':')
            && address.chars().all(plain);
        let port = port.parse().ok().filter(|port| *port != 0)?;
        fine.then_some(Self { user: Word::parse(user)?, address: address.to_owned(), port })
    }
}

/// Where a node answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeUrl(String);

impl NodeUrl {
    /// Reads a URL of the scheme `ws` or `wss`. A password has no place in a policy.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-._~:/[]?&=%".contains(letter);
        let fine = ["ws", "wss"].contains(&scheme) && !rest.is_empty() && rest.chars().all(plain);
        fine.then(|| Self(text.to_owned()))
    }

    /// Whether it is a host's own loopback address, which only that host reaches.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let (_, rest) = self.0.split_once("://").unwrap_or_default();
        ["127.0.0.1", "localhost", "[::1]"].iter().any(|host| rest.starts_with(host))
    }
}

impl fmt::Display for NodeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A program of the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary {
    /// The package that it belongs to.
    pub package: Word,
    /// Its name.
    pub name: Word,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_safe_in_a_file_is_taken() {
        for text in ["deploy@203.0.113.10", "root@host.example:2222", "a@[2001:db8::1]:22", "a@[::1]"] {
            assert!(Target::parse(text).is_some(), "{text}");
        }
        for text in ["host", "@host", "a b@host", "a@-oProxyCommand=x", "a@host:0", "a@h\"\n", "a@"] {
            assert_eq!(Target::parse(text), None, "{text}");
        }
        for text in ["ws://127.0.0.1:9944", "wss://rpc.example/ws?x=1"] {
            assert!(NodeUrl::parse(text).is_some(), "{text}");
        }
        for text in ["http://a", "ws://", "ws://user:pass@host", "ws://a\"b", "ws://a b"] {
            assert_eq!(NodeUrl::parse(text), None, "{text}");
        }
        for text in ["", "-x", "a b", "a\nb", "a#b", "${{ x }}"] {
            assert_eq!(Word::parse(text), None, "{text}");
        }
        assert_eq!(Login::parse("@alice").unwrap().to_string(), "@alice");
        assert_eq!(Login::parse("org/core").unwrap().reviewer(), "team:core");
        assert_eq!(Login::parse("a/b/c"), None);
    }
}
