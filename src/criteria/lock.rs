//! `Cargo.lock` by meaning: which package in which version from where, and what it
//! depends on.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// The newest version of the format that we know.
const NEWEST: u64 = 4;

/// A lock file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lock {
    packages: Vec<Package>,
}

/// One package in a lock file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) struct Package {
    pub(super) name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

#[derive(Deserialize)]
struct File {
    version: Option<u64>,
    #[serde(default)]
    package: Vec<Package>,
    root: Option<Package>,
    /// Checksums, as the oldest format has them.
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

/// What makes a package this one and no other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Identity<'l> {
    pub(super) name: &'l str,
    version: &'l str,
    source: Option<&'l str>,
    checksum: Option<&'l str>,
}

impl Identity<'_> {
    /// Version and source, as a person would tell them.
    pub(super) fn told(&self) -> String {
        match self.source {
            Some(source) if !source.starts_with("registry+https://github.com/rust-lang/crates.io-index") => {
                format!("{} ({source})", self.version)
            }
            _ => self.version.to_owned(),
        }
    }
}

impl Lock {
    /// Reads a lock file.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| error.message().replace('\n', " "))?;
        if let Some(version) = file.version.filter(|version| *version > NEWEST) {
            return Err(format!("version {version} of the format is not known"));
        }
        let mut packages = file.package;
        packages.extend(file.root);
        for package in &mut packages {
            let Package { name, version, source, checksum, .. } = package;
            let key = format!("checksum {name} {version} ({})", source.as_deref().unwrap_or_default());
            if checksum.is_none() {
                *checksum = file.metadata.get(&key).filter(|sum| *sum != "<none>").cloned();
            }
            package.dependencies.sort();
        }
        packages.sort();
        Ok(Self { packages })
    }

    /// Every package.
    pub(super) fn identities(&self) -> BTreeSet<Identity<'_>> {
        self.packages.iter().map(Package::identity).collect()
    }

    /// What the packages of such names depend on, however far, themselves left out
    /// where nothing of them depends on them.
    pub(super) fn closure(&self, is_root: &dyn Fn(&str) -> bool) -> BTreeSet<Identity<'_>> {
        let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (position, package) in self.packages.iter().enumerate() {
            by_name.entry(&package.name).or_default().push(position);
        }
        let mut waiting: Vec<usize> =
            (0..self.packages.len()).filter(|position| is_root(&self.packages[*position].name)).collect();
        let mut seen = vec![false; self.packages.len()];
        while let Some(position) = waiting.pop() {
            for dependency in &self.packages[position].dependencies {
                // `name`, `name version` or `name version (source)`: as much as tells it apart.
                let mut parts = dependency.splitn(3, ' ');
                let name = parts.next().unwrap_or_default();
                let version = parts.next();
                let source = parts.next().map(|source| source.trim_matches(['(', ')']));
                for &found in by_name.get(name).into_iter().flatten() {
                    let package = &self.packages[found];
                    let is_it = version.is_none_or(|version| package.version == version)
                        && source.is_none_or(|source| {
                            package.source.as_deref().is_none_or(|whole| whole.starts_with(source))
                        });
                    if is_it && !std::mem::replace(&mut seen[found], true) {
                        waiting.push(found);
                    }
                }
            }
        }
        self.packages
            .iter()
            .zip(seen)
            .filter(|(_, seen)| *seen)
            .map(|(package, _)| package.identity())
            .collect()
    }
}

impl Package {
    fn identity(&self) -> Identity<'_> {
        Identity {
            name: &self.name,
            version: &self.version,
            source: self.source.as_deref(),
            checksum: self.checksum.as_deref(),
        }
    }
}
