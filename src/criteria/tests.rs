//! The criteria on changes of every kind.

mod cargo;
mod properties;
mod rules;

use super::{Advised, Change, ChangedFile, Content, Kind, Manifest, Text, advise};
use crate::policy::{Criteria, CriteriaRule, Need};

fn list(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn paths(name: &str, advice: Need, patterns: &[&str]) -> CriteriaRule {
    CriteriaRule { paths: list(patterns), ..CriteriaRule::named(name, advice) }
}

fn crates(patterns: &[&str]) -> CriteriaRule {
    CriteriaRule { crates: list(patterns), ..CriteriaRule::named("crates", Need::Required) }
}

/// A change of these files: `path`, `+path`, `-path` or `old => new`.
fn change(files: &[&str]) -> Change {
    Change { files: files.iter().map(|text| file(text)).collect(), ..Change::default() }
}

fn file(text: &str) -> ChangedFile {
    let modified = |path: &str| ChangedFile::modified(path, 1);
    if let Some((previous, path)) = text.split_once(" => ") {
        let previous = Some(previous.to_owned());
        return ChangedFile { previous, content: Content::Same, lines: 0, ..modified(path) };
    }
    match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(path), _) => ChangedFile { kind: Kind::Added, ..modified(path) },
        (_, Some(path)) => ChangedFile { kind: Kind::Removed, ..modified(path) },
        (None, None) => modified(text),
    }
}

/// A change of manifests: path, what it said, what it says; nothing where it is absent.
fn manifests(sides: &[(&str, &str, &str)]) -> Change {
    let text = |text: &str| if text.is_empty() { Text::Absent } else { Text::Is(text.to_owned()) };
    let manifests = sides.iter().map(|(path, before, after)| Manifest {
        path: (*path).to_owned(),
        previous: None,
        before: text(before),
        after: text(after),
    });
    let files: Vec<&str> = sides.iter().map(|(path, ..)| *path).collect();
    Change { manifests: manifests.collect(), ..change(&files) }
}

/// What is told of a change, a word or two for each finding.
fn told(criteria: &Criteria, change: &Change) -> String {
    let Advised { advice, findings, .. } = advise(Some(criteria), change);
    let findings = findings.iter().map(|finding| format!("{}: {}", finding.rule, finding.evidence));
    let findings: Vec<String> = findings.collect();
    format!("{} [{}]", advice.word(), findings.join("; "))
}
