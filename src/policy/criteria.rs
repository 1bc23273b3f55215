//! The shapes of `policies/criteria.toml`: which changes need a testnet.

use serde::{Deserialize, Serialize};

/// How much a change needs a testnet, the least first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// Not at all.
    NotNeeded,
    /// It is advised.
    #[default]
    Recommended,
    /// It must have one.
    Required,
}

impl Need {
    /// The word for it, as the policy has it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NotNeeded => "not-needed",
            Self::Recommended => "recommended",
            Self::Required => "required",
        }
    }
}

/// Which changes need a testnet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Criteria {
    /// Paths that by themselves never need a testnet. A rule that names one wins.
    pub harmless: Vec<String>,
    /// What a change to something needs that is neither harmless nor in a rule that fires.
    pub unmatched: Need,
    /// The rules. The one that asks for most decides.
    #[serde(rename = "rule")]
    pub rules: Vec<CriteriaRule>,
}

impl Criteria {
    pub(super) fn example() -> Self {
        Self {
            harmless: vec!["docs/**".to_owned(), "**/*.md".to_owned()],
            unmatched: Need::Recommended,
            rules: vec![CriteriaRule::example()],
        }
    }
}

/// One rule: it fires where every condition in it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CriteriaRule {
    /// How it is called where it fires.
    pub name: String,
    /// What a change needs where it fires. `not-needed` is nothing that a rule can say.
    pub advice: Need,
    /// Why, in a few words for people.
    #[serde(default)]
    pub reason: String,
    /// Condition: a changed file has such a path, or had it before it was renamed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Paths that `paths` and `contents` of this rule do not mean.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<String>,
    /// Condition: the content of a file of such a path differs. A new name or mode alone
    /// does not count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contents: Vec<String>,
    /// Condition: by meaning of Cargo's manifests and lock files, a crate of such a name comes
    /// in another version, from another source, with other features, or patched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crates: Vec<String>,
    /// Condition: by `Cargo.lock`, what a package of such a name depends on, however far,
    /// comes in another version or from another source.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies_of: Vec<String>,
    /// Condition: the pull request has one of these labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Condition: the author is one of these to the repository.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub author: Vec<Association>,
    /// Condition: more lines than that are added and deleted, in the files that `paths`
    /// means; without `paths`, in all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines_over: Option<u64>,
    /// Condition: more files than that are changed, counted in the same way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files_over: Option<u64>,
}

impl CriteriaRule {
    /// A rule without a condition, which is none until it has one.
    #[must_use]
    pub fn named(name: &str, advice: Need) -> Self {
        Self {
            name: name.to_owned(),
            advice,
            reason: String::new(),
            paths: Vec::new(),
            except: Vec::new(),
            contents: Vec::new(),
            crates: Vec::new(),
            dependencies_of: Vec::new(),
            labels: Vec::new(),
            author: Vec::new(),
            lines_over: None,
            files_over: None,
        }
    }

    fn example() -> Self {
        let list = |text: &str| vec![text.to_owned()];
        Self {
            reason: "the runtime is the chain's own logic".to_owned(),
            paths: list("runtime/**"),
            except: list("**/benches/**"),
            contents: list("node/res/*.json"),
            crates: list("sp-*"),
            dependencies_of: list("node-runtime"),
            labels: list("testnet"),
            author: vec![Association::FirstTimeContributor],
            lines_over: Some(500),
            files_over: Some(50),
            ..Self::named("runtime", Need::Required)
        }
    }

    /// Whether it looks at manifests and lock files.
    #[must_use]
    pub fn reads_manifests(&self) -> bool {
        !self.crates.is_empty() || !self.dependencies_of.is_empty()
    }

    /// Whether there is any condition in it.
    #[must_use]
    pub fn has_condition(&self) -> bool {
        self.reads_manifests()
            || self.lines_over.is_some()
            || self.files_over.is_some()
            || !(self.paths.is_empty()
                && self.contents.is_empty()
                && self.labels.is_empty()
                && self.author.is_empty())
    }
}

/// What an author is to the repository (`author_association` of a pull request).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Association {
    /// Owns it.
    Owner,
    /// A member of the organisation that owns it.
    Member,
    /// Was invited to work on it.
    Collaborator,
    /// Has committed to it before.
    Contributor,
    /// Has not committed to it before.
    FirstTimeContributor,
    /// Has not committed to any repository of GitHub's before.
    FirstTimer,
    /// A placeholder for somebody without an account.
    Mannequin,
    /// Nothing.
    None,
}

impl Association {
    /// Every association.
    pub const ALL: [Self; 8] = [
        Self::Owner,
        Self::Member,
        Self::Collaborator,
        Self::Contributor,
        Self::FirstTimeContributor,
        Self::FirstTimer,
        Self::Mannequin,
        Self::None,
    ];

    /// The word for it, as the policy has it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Member => "member",
            Self::Collaborator => "collaborator",
            Self::Contributor => "contributor",
            Self::FirstTimeContributor => "first-time-contributor",
            Self::FirstTimer => "first-timer",
            Self::Mannequin => "mannequin",
            Self::None => "none",
        }
    }

    /// The association that GitHub's word stands for.
    #[must_use]
    pub fn of_github(word: &str) -> Option<Self> {
        let word = word.to_ascii_lowercase().replace('_', "-");
        Self::ALL.into_iter().find(|association| association.word() == word)
    }
}
