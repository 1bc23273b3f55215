//! In which crates two states of Cargo's files differ.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::change::{Manifest, Text};
use super::lock::{Identity, Lock};
use super::manifest::{Declaration, Document};

/// A crate of which Cargo's files say something else than before.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct CrateChange {
    /// The crate, by its own name; `*` where it is about every crate.
    pub name: String,
    /// The file that says so.
    pub file: String,
    /// The table in it, where it is a manifest.
    pub table: Option<String>,
    /// What was said, where anything was.
    pub before: Option<String>,
    /// What is said, where anything is.
    pub after: Option<String>,
}

impl fmt::Display for CrateChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, file, table, before, after } = self;
        match name.as_str() {
            EVERY => f.write_str("every crate")?,
            name => f.write_str(name)?,
        }
        match (before, after) {
            (Some(before), Some(after)) if before == after => write!(f, " {after}")?,
            (Some(before), Some(after)) => write!(f, " {before} -> {after}")?,
            (None, Some(after)) => write!(f, " {after}, new")?,
            (Some(before), None) => write!(f, " {before}, gone")?,
            (None, None) => {}
        }
        match table {
            Some(table) => write!(f, " in {file} [{table}]"),
            None => write!(f, " in {file}"),
        }
    }
}

/// What stands for every crate.
pub(super) const EVERY: &str = "*";

/// One of Cargo's files, read on both sides.
enum Sides {
    Manifest { before: Option<Document>, after: Option<Document> },
    Lock { before: Option<Lock>, after: Option<Lock> },
}

/// Cargo's files of a change, read.
pub(super) struct Cargo<'c> {
    files: Vec<(&'c Manifest, Sides)>,
    /// Those that cannot be read: path and why.
    pub(super) unreadable: Vec<(String, String)>,
}

/// Whether a path is that of one of Cargo's files.
pub(super) fn is_cargos(path: &str) -> bool {
    matches!(path.rsplit('/').next(), Some("Cargo.toml" | "Cargo.lock"))
}

fn is_lock(path: &str) -> bool {
    path.ends_with("Cargo.lock")
}

impl<'c> Cargo<'c> {
    /// Reads what there is.
    pub(super) fn read(manifests: &'c [Manifest]) -> Self {
        let mut cargo = Self { files: Vec::new(), unreadable: Vec::new() };
        for manifest in manifests {
            let sides = if is_lock(&manifest.path) || is_lock(manifest.path_before()) {
                side(&manifest.before, Lock::read)
                    .and_then(|before| Ok(Sides::Lock { before, after: side(&manifest.after, Lock::read)? }))
            } else {
                let read = |path| move |text: &str| Document::read(path, text);
                side(&manifest.before, read(manifest.path_before())).and_then(|before| {
                    Ok(Sides::Manifest { before, after: side(&manifest.after, read(&manifest.path))? })
                })
            };
            match sides {
                Ok(sides) => cargo.files.push((manifest, sides)),
                Err(why) => cargo.unreadable.push((manifest.path.clone(), why)),
            }
        }
        cargo.unreadable.sort();
        cargo
    }

    /// The files at `path` that say the same as before, whatever their layout.
    pub(super) fn means_the_same(&self, path: &str) -> bool {
        self.files.iter().any(|(manifest, sides)| {
            manifest.path == path
                && match sides {
                    Sides::Manifest { before: Some(before), after: Some(after) } => {
                        before.means_the_same(after)
                    }
                    Sides::Lock { before: Some(before), after: Some(after) } => before == after,
                    _ => false,
                }
        })
    }

    /// Every crate of which something else is said than before.
    pub(super) fn changes(&self) -> Vec<CrateChange> {
        let mut changes = Vec::new();
        for (manifest, sides) in &self.files {
            match sides {
                Sides::Manifest { before, after } => self.of_manifest(manifest, before, after, &mut changes),
                Sides::Lock { before, after } => {
                    let (was, is) = (before.as_ref(), after.as_ref());
                    locked(&manifest.path, was.map(Lock::identities), is.map(Lock::identities), &mut changes);
                }
            }
        }
        changes.sort();
        changes
    }

    /// Every crate that such packages depend on and that is another by a lock file.
    pub(super) fn changes_below(&self, is_root: &dyn Fn(&str) -> bool) -> Vec<CrateChange> {
        let mut changes = Vec::new();
        for (manifest, sides) in &self.files {
            if let Sides::Lock { before, after } = sides {
                let was = before.as_ref().map(|lock| lock.closure(is_root));
                let is = after.as_ref().map(|lock| lock.closure(is_root));
                locked(&manifest.path, was, is, &mut changes);
            }
        }
        changes.sort();
        changes
    }

    /// What a manifest says that it did not say before, and the other way round.
    fn of_manifest(
        &self,
        manifest: &Manifest,
        before: &Option<Document>,
        after: &Option<Document>,
        changes: &mut Vec<CrateChange>,
    ) {
        let dependencies = |document: &Option<Document>, root: Option<&Document>| {
            document.as_ref().map(|document| document.dependencies(root)).unwrap_or_default()
        };
        let was = dependencies(before, before.as_ref().and_then(|before| self.root_of(before, false)));
        let is = dependencies(after, after.as_ref().and_then(|after| self.root_of(after, true)));
        let places: BTreeSet<_> = was.keys().chain(is.keys()).collect();
        for place in places {
            declared(&manifest.path, &place.0, was.get(place), is.get(place), changes);
        }
        // What is new for members to take over, and what is not there for them any more,
        // changes nothing by itself: a member that does has a manifest that differs.
        let inheritable =
            |document: &Option<Document>| document.as_ref().map(Document::inheritable).unwrap_or_default();
        let (was, is) = (inheritable(before), inheritable(after));
        for (name, old) in &was {
            if let Some(new) = is.get(name) {
                declared(&manifest.path, "workspace.dependencies", Some(old), Some(new), changes);
            }
        }
        self.of_packages(manifest, before, after, changes);
    }

    /// What makes the package itself, or every crate.
    fn of_packages(
        &self,
        manifest: &Manifest,
        before: &Option<Document>,
        after: &Option<Document>,
        changes: &mut Vec<CrateChange>,
    ) {
        let every =
            |document: &Option<Document>| document.as_ref().map(Document::of_every_crate).unwrap_or_default();
        let (was, is) = (every(before), every(after));
        let keys: BTreeSet<_> = was.keys().chain(is.keys()).copied().collect();
        for key in keys {
            let (old, new) = (was.get(key), is.get(key));
            if old != new {
                let told = |value: Option<&toml::Value>| value.map(|_| key.to_owned());
                changes.push(CrateChange {
                    name: EVERY.to_owned(),
                    file: manifest.path.clone(),
                    table: Some(key.to_owned()),
                    before: told(old),
                    after: told(new),
                });
            }
        }
        let package = |document: &Option<Document>| document.as_ref()?.package().map(str::to_owned);
        let own = |document: &Option<Document>| document.as_ref().map(Document::own);
        let names: BTreeSet<String> = package(before).into_iter().chain(package(after)).collect();
        if own(before) != own(after) {
            for name in names {
                let told = |document| {
                    package(document)
                        .filter(|package| *package == name)
                        .map(|_| "the package itself".to_owned())
                };
                changes.push(CrateChange {
                    file: manifest.path.clone(),
                    table: Some("package".to_owned()),
                    before: told(before),
                    after: told(after),
                    name,
                });
            }
        }
    }

    /// The manifest, among those that are known, of the workspace that `member` is in.
    fn root_of<'d>(&'d self, member: &'d Document, after: bool) -> Option<&'d Document> {
        if member.is_workspace() {
            return Some(member);
        }
        let roots = self.files.iter().filter_map(|(_, sides)| match sides {
            Sides::Manifest { before, .. } if !after => before.as_ref(),
            Sides::Manifest { after, .. } => after.as_ref(),
            Sides::Lock { .. } => None,
        });
        let above = |root: &&Document| {
            let directory = root.directory();
            root.is_workspace()
                && (directory.is_empty()
                    || member.directory().strip_prefix(directory).is_some_and(|rest| rest.starts_with('/')))
        };
        roots.filter(above).max_by_key(|root| root.directory().len())
    }
}

fn side<T>(text: &Text, read: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, String> {
    match text {
        Text::Absent => Ok(None),
        Text::Is(text) => read(text).map(Some),
        Text::Unreadable(why) => Err(why.clone()),
    }
}

fn declared(
    file: &str,
    table: &str,
    before: Option<&Declaration>,
    after: Option<&Declaration>,
    changes: &mut Vec<CrateChange>,
) {
    if before == after {
        return;
    }
    let names: BTreeSet<&str> =
        before.into_iter().chain(after).map(|declared| declared.package.as_str()).collect();
    for name in names {
        let told = |declared: Option<&Declaration>| {
            declared.filter(|declared| declared.package == name).map(Declaration::told)
        };
        changes.push(CrateChange {
            name: name.to_owned(),
            file: file.to_owned(),
            table: Some(table.to_owned()),
            before: told(before),
            after: told(after),
        });
    }
}

fn locked(
    file: &str,
    before: Option<BTreeSet<Identity<'_>>>,
    after: Option<BTreeSet<Identity<'_>>>,
    changes: &mut Vec<CrateChange>,
) {
    let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
    let mut by_name: BTreeMap<&str, (Vec<String>, Vec<String>)> = BTreeMap::new();
    for gone in before.difference(&after) {
        by_name.entry(gone.name).or_default().0.push(gone.told());
    }
    for new in after.difference(&before) {
        by_name.entry(new.name).or_default().1.push(new.told());
    }
    let told = |list: Vec<String>| (!list.is_empty()).then(|| list.join(" and "));
    changes.extend(by_name.into_iter().map(|(name, (gone, new))| CrateChange {
        name: name.to_owned(),
        file: file.to_owned(),
        table: None,
        before: told(gone),
        after: told(new),
    }));
}
