//! What the nodes must run, worked out for one commit, and how a node differs.

use std::fmt;

use serde::Serialize;

use super::{Hash, Identity};
use crate::policy::Expect;

/// A commit's hash as Substrate prints it in `system_version` has this length.
const SHORT_SHA: usize = 11;

/// What is soaked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The commit that was approved.
    pub sha: Option<String>,
    /// The merge commit that GitHub made for the pull request (`GITHUB_SHA`): a node
    /// that was built from it was built from the wrong commit.
    pub merge_sha: Option<String>,
    /// BLAKE2b-256 of the file that `runtime_wasm` names.
    pub code_hash: Option<Hash>,
}

/// A policy that expects what cannot be known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotExpected {
    /// The version holds a placeholder, and there is no commit to fill it in.
    #[error("`{0}` cannot be filled in: it is not known which commit is soaked")]
    NoCommit(String),
    /// The code's hash is none.
    #[error("`{0}` is no BLAKE2b-256")]
    CodeHash(String),
    /// The file's hash and the one in the policy differ.
    #[error("`runtime_wasm` has the hash {file}, and `runtime_code_hash` is {policy}")]
    TwoHashes {
        /// The file's.
        file: Hash,
        /// The policy's.
        policy: Hash,
    },
    /// The policy names a file that nobody has read.
    #[error("`{0}` was not read")]
    NoCode(String),
}

/// What the nodes must run. What is `None` may be anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Expected {
    /// What `system_version` contains.
    pub version: Option<String>,
    /// What it would contain for the merge commit: told, where that is found instead.
    #[serde(skip)]
    pub merge_version: Option<String>,
    /// BLAKE2b-256 of the runtime's code.
    pub code_hash: Option<Hash>,
    /// `specName`.
    pub spec_name: Option<String>,
    /// `specVersion`.
    pub spec_version: Option<u32>,
}

impl Expected {
    /// What `expect` means for `subject`.
    ///
    /// # Errors
    ///
    /// When something is expected that cannot be known: nothing is waved through.
    pub fn of(expect: &Expect, subject: &Subject) -> Result<Self, NotExpected> {
        let fill = |template: &str, sha: &str| {
            let short: String = sha.chars().take(SHORT_SHA).collect();
            template.replace("{short_sha}", &short).replace("{sha}", sha)
        };
        let template = expect.system_version_contains.as_deref();
        let version = match (template, subject.sha.as_deref()) {
            (Some(template), Some(sha)) => Some(fill(template, sha)),
            (Some(template), None) if template.contains('{') => {
                return Err(NotExpected::NoCommit(template.to_owned()));
            }
            (template, _) => template.map(str::to_owned),
        };
        let merge_version = template
            .zip(subject.merge_sha.as_deref())
            .map(|(template, sha)| fill(template, sha))
            .filter(|merge| version.as_ref() != Some(merge));
        let written = expect.runtime_code_hash.as_deref();
        let written = written
            .map(|text| text.parse::<Hash>().map_err(|_| NotExpected::CodeHash(text.to_owned())))
            .transpose()?;
        let code_hash = match (written, subject.code_hash, &expect.runtime_wasm) {
            (Some(policy), Some(file), _) if policy != file => {
                return Err(NotExpected::TwoHashes { file, policy });
            }
            (_, None, Some(path)) => return Err(NotExpected::NoCode(path.clone())),
            (written, file, _) => written.or(file),
        };
        let (spec_name, spec_version) = (expect.spec_name.clone(), expect.spec_version);
        Ok(Self { version, merge_version, code_hash, spec_name, spec_version })
    }

    /// Whether any node would do.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self { merge_version: self.merge_version.clone(), ..Self::default() }
    }

    /// How `found` differs from what is expected, the client first.
    #[must_use]
    pub fn differs(&self, found: &Identity) -> Option<Difference> {
        let differs = |what, expected: &dyn fmt::Display, found: String, merge| {
            Some(Difference { what, expected: expected.to_string(), found, merge })
        };
        if let Some(version) = self.version.as_ref().filter(|version| !found.version.contains(*version)) {
            let merge = self.merge_version.as_ref().is_some_and(|merge| found.version.contains(merge));
            return differs(What::Version, version, found.version.clone(), merge);
        }
        if let Some(name) = self.spec_name.as_ref().filter(|name| **name != found.spec_name) {
            return differs(What::SpecName, name, found.spec_name.clone(), false);
        }
        if let Some(version) = self.spec_version.filter(|version| *version != found.spec_version) {
            return differs(What::SpecVersion, &version, found.spec_version.to_string(), false);
        }
        let code = self.code_hash.filter(|code| Some(*code) != found.code_hash)?;
        let found = found.code_hash.map_or_else(|| "not told".to_owned(), |hash| hash.to_string());
        differs(What::Code, &code, found, false)
    }
}

/// What it is that differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The client's version.
    Version,
    /// The runtime's name.
    SpecName,
    /// The runtime's version.
    SpecVersion,
    /// The runtime's code.
    Code,
}

/// How a node differs from what is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What differs.
    pub what: What,
    /// What is expected.
    pub expected: String,
    /// What the node says.
    pub found: String,
    /// It looks like the merge commit's.
    pub merge: bool,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, expected, found, merge } = self;
        match what {
            What::Version => write!(f, "runs version {found}, which does not contain {expected}")?,
            What::SpecName => write!(f, "runs the runtime {found}, not {expected}")?,
            What::SpecVersion => write!(f, "runs spec version {found}, not {expected}")?,
            What::Code => write!(f, "runs other code than was built: {found}, not {expected}")?,
        }
        if *merge {
            f.write_str(" (it looks like the merge commit's: build the head of the pull request)")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "0123456789abcdef0123456789abcdef01234567";
    const MERGE: &str = "fedcba9876543210fedcba9876543210fedcba98";

    fn node(version: &str) -> Identity {
        let (spec_name, code_hash) = ("dkg".to_owned(), Some(Hash([7; 32])));
        Identity {
            version: version.to_owned(),
            spec_name,
            spec_version: 3,
            code_hash,
            syncing: false,
            peers: 4,
        }
    }

    fn subject() -> Subject {
        Subject { sha: Some(SHA.to_owned()), merge_sha: Some(MERGE.to_owned()), code_hash: None }
    }

    fn expect(version: &str) -> Expect {
        Expect { system_version_contains: Some(version.to_owned()), ..Expect::default() }
    }

    #[test]
    fn a_commit_is_found_in_the_version() {
        let expected = Expected::of(&expect("{short_sha}"), &subject()).unwrap();
        assert_eq!(expected.differs(&node("1.0.0-0123456789a")), None);
        let wrong = expected.differs(&node("1.0.0-00000000000")).unwrap();
        assert_eq!(wrong.to_string(), "runs version 1.0.0-00000000000, which does not contain 0123456789a");
        let merge = expected.differs(&node("1.0.0-fedcba98765")).unwrap();
        assert!(merge.merge && merge.to_string().contains("the merge commit's"), "{merge}");
    }

    #[test]
    fn every_part_can_differ() {
        let expected = Expected {
            spec_name: Some("dkg".to_owned()),
            spec_version: Some(3),
            code_hash: Some(Hash([7; 32])),
            ..Expected::default()
        };
        assert_eq!(expected.differs(&node("1")), None);
        type Break = fn(&mut Identity);
        let cases: [(Break, What); 4] = [
            (|i| i.spec_name = "other".to_owned(), What::SpecName),
            (|i| i.spec_version = 2, What::SpecVersion),
            (|i| i.code_hash = Some(Hash([8; 32])), What::Code),
            (|i| i.code_hash = None, What::Code),
        ];
        for (break_it, what) in cases {
            let mut identity = node("1");
            break_it(&mut identity);
            assert_eq!(expected.differs(&identity).unwrap().what, what);
        }
    }

    #[test]
    fn what_cannot_be_known_is_not_waved_through() {
        let nobody = Subject::default();
        assert!(matches!(Expected::of(&expect("{sha}"), &nobody), Err(NotExpected::NoCommit(_))));
        assert!(Expected::of(&expect("1.0"), &nobody).is_ok());
        let file = Expect { runtime_wasm: Some("node.wasm".to_owned()), ..Expect::default() };
        assert!(matches!(Expected::of(&file, &nobody), Err(NotExpected::NoCode(_))));
        let both = Expect { runtime_code_hash: Some(Hash([1; 32]).to_string()), ..file };
        let read = Subject { code_hash: Some(Hash([2; 32])), ..Subject::default() };
        assert!(matches!(Expected::of(&both, &read), Err(NotExpected::TwoHashes { .. })));
        assert!(Expected::default().is_nothing());
    }
}
