//! The criteria applied to a change.

use crate::policy::globs::Globs;
use crate::policy::{Criteria, CriteriaRule, Need};

use super::advice::{Advice, Advised, Evidence, FileName, Finding};
use super::change::{Change, ChangedFile, Content, Kind};
use super::crates::{Cargo, CrateChange, EVERY, is_cargos};

/// What holds the gate itself: whoever changes this changes what decides. GitHub reads
/// code owners in three places.
const GATE: [&str; 4] = [".github/**", "policies/**", "CODEOWNERS", "docs/CODEOWNERS"];

/// Which of Cargo's files are to be read for these criteria: for each changed one its
/// path before the change and after it, where it is there.
#[must_use]
pub fn wanted(criteria: &Criteria, files: &[ChangedFile]) -> Vec<(Option<String>, Option<String>)> {
    if !criteria.rules.iter().any(CriteriaRule::reads_manifests) {
        return Vec::new();
    }
    let sides = files.iter().map(|file| {
        let before = file.previous.as_ref().unwrap_or(&file.path);
        let before = (file.kind != Kind::Added && is_cargos(before)).then(|| before.clone());
        let after = (file.kind != Kind::Removed && is_cargos(&file.path)).then(|| file.path.clone());
        (before, after)
    });
    sides.filter(|(before, after)| before.is_some() || after.is_some()).collect()
}

/// The changed files of which it matters whether their content is another, and of which
/// nobody has looked.
pub fn contents_wanted<'f>(
    criteria: &Criteria,
    files: impl IntoIterator<Item = &'f mut ChangedFile>,
) -> Vec<&'f mut ChangedFile> {
    let patterns: Vec<Patterns> = criteria
        .rules
        .iter()
        .filter(|rule| !rule.contents.is_empty())
        .map(|rule| Patterns::new(&rule.contents))
        .collect();
    let wanted = |file: &&mut ChangedFile| {
        file.content == Content::Unknown && patterns.iter().any(|patterns| patterns.name_any(file))
    };
    files.into_iter().filter(wanted).collect()
}

/// Whether any rule looks at what only GitHub knows of a pull request.
#[must_use]
pub fn asks_for_people(criteria: &Criteria) -> bool {
    criteria.rules.iter().any(|rule| !rule.labels.is_empty() || !rule.author.is_empty())
}

/// Whether any of these files holds the gate itself: the policy, the workflow, or who owns
/// them.
#[must_use]
pub fn touches_gate(files: &[ChangedFile]) -> bool {
    let gate = Patterns::new(&GATE.map(str::to_owned));
    files.iter().any(|file| gate.name_any(file))
}

/// What the criteria say of a change. Without criteria nobody knows.
#[must_use]
pub fn advise(criteria: Option<&Criteria>, change: &Change) -> Advised {
    let gate = Patterns::new(&GATE.map(str::to_owned));
    let mut findings = Vec::new();
    let gated: Vec<&ChangedFile> = change.files.iter().filter(|file| gate.name_any(file)).collect();
    let changes_policy = !gated.is_empty();
    if changes_policy {
        let evidence =
            Evidence { files: gated.iter().map(|file| name_of(file)).collect(), ..Evidence::default() };
        findings.push(own(
            "policy-or-workflow",
            "this changes the policy or the workflow; the base's is in force",
            evidence,
        ));
    }
    if let Some(why) = &change.cut {
        let evidence = Evidence { unknown: vec![why.clone()], ..Evidence::default() };
        findings.push(own("files-not-listed", "what is not listed cannot be judged", evidence));
    }
    match criteria {
        Some(criteria) => judge(criteria, change, &gate, &mut findings),
        None => {
            let unknown = vec!["the base has no policies/criteria.toml".to_owned()];
            let evidence = Evidence { unknown, ..Evidence::default() };
            let reason = "nothing says which changes need a testnet";
            findings.push(Finding { certain: false, ..own("no-criteria", reason, evidence) });
        }
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.says()));
    for finding in &mut findings {
        finding.evidence.files.sort();
        finding.evidence.files.dedup();
    }
    let advice = findings.iter().map(Finding::says).max().unwrap_or(Advice::NotNeeded);
    Advised { advice, findings, files: change.files.len(), changes_policy }
}

fn judge(criteria: &Criteria, change: &Change, gate: &Patterns, findings: &mut Vec<Finding>) {
    let reads_manifests = criteria.rules.iter().any(CriteriaRule::reads_manifests);
    let mut cargo = Cargo::read(if reads_manifests { &change.manifests } else { &[] });
    if reads_manifests {
        for file in change.files.iter().filter(|file| file.names().any(is_cargos)) {
            if !change.manifests.iter().any(|manifest| file.names().any(|name| name == manifest.path)) {
                cargo.unreadable.push((file.path.clone(), "it was not read".to_owned()));
            }
        }
    }
    if !cargo.unreadable.is_empty() {
        let unknown = cargo.unreadable.iter().map(|(path, why)| format!("{path}: {why}")).collect();
        let evidence = Evidence { unknown, ..Evidence::default() };
        findings.push(own("manifest-unreadable", "which crates differ cannot be told", evidence));
    }
    // Nothing has changed in a manifest that says the same in another layout.
    let files: Vec<&ChangedFile> = change
        .files
        .iter()
        .filter(|file| file.previous.is_some() || !cargo.means_the_same(&file.path))
        .collect();
    let crates = cargo.changes();
    let seen = |rule| Seen { rule, files: &files, crates: &crates, cargo: &cargo, change };
    let fired: Vec<(&CriteriaRule, Finding)> =
        criteria.rules.iter().filter_map(|rule| Some((rule, seen(rule).finding()?))).collect();
    let harmless = Patterns::new(&criteria.harmless);
    // Of such files only the content matters.
    let watched: Vec<String> = criteria.rules.iter().flat_map(|rule| rule.contents.clone()).collect();
    let watched = Patterns::new(&watched);
    let left = files.iter().filter(|file| {
        let named = |(rule, finding): &(&CriteriaRule, Finding)| {
            finding.certain
                && (finding.advice >= criteria.unmatched || looks_at_one_file(rule))
                && (finding.evidence.files.iter().any(|name| name.path == file.path)
                    || finding
                        .evidence
                        .crates
                        .iter()
                        .any(|change| file.names().any(|name| name == change.file)))
        };
        let unreadable = || cargo.unreadable.iter().any(|(path, _)| file.names().any(|name| name == path));
        let content_is_the_same = || {
            file.content == Content::Same
                && file.names().all(|name| harmless.surely_matches(name) || watched.surely_matches(name))
        };
        !(gate.name_any(file)
            || harmless.name_all(file)
            || fired.iter().any(named)
            || unreadable()
            || content_is_the_same())
    });
    let left: Vec<FileName> = left.map(|file| name_of(file)).collect();
    findings.extend(fired.into_iter().map(|(_, finding)| finding));
    if !left.is_empty() && criteria.unmatched != Need::NotNeeded {
        let evidence = Evidence { files: left, ..Evidence::default() };
        let reason = "neither harmless nor in a rule that fires";
        findings.push(Finding { advice: criteria.unmatched, ..own("unmatched", reason, evidence) });
    }
}

/// Whether a rule fires on a file whatever else is changed, in it or beside it. Only such
/// a rule may ask for less than `unmatched` does: with any other one, a further change
/// could weaken the advice.
fn looks_at_one_file(rule: &CriteriaRule) -> bool {
    rule.paths.is_empty() != rule.contents.is_empty()
        && !rule.reads_manifests()
        && rule.lines_over.is_none()
        && rule.files_over.is_none()
}

/// A finding of our own.
fn own(rule: &str, reason: &str, evidence: Evidence) -> Finding {
    let (rule, reason) = (rule.to_owned(), reason.to_owned());
    Finding { rule, advice: Need::Required, certain: true, reason, evidence }
}

fn name_of(file: &ChangedFile) -> FileName {
    FileName { path: file.path.clone(), previous: file.previous.clone() }
}

/// Patterns that were checked before. What is none after all is never a reason to be
/// content: of what asks for a testnet it matches everything, of what is harmless nothing.
struct Patterns {
    globs: Option<Globs>,
}

impl Patterns {
    fn new(patterns: &[String]) -> Self {
        Self { globs: Globs::new(patterns).ok() }
    }

    fn matches(&self, text: &str) -> bool {
        self.globs.as_ref().is_none_or(|globs| globs.matches(text))
    }

    fn surely_matches(&self, text: &str) -> bool {
        self.globs.as_ref().is_some_and(|globs| globs.matches(text))
    }

    fn name_any(&self, file: &ChangedFile) -> bool {
        file.names().any(|name| self.matches(name))
    }

    fn name_all(&self, file: &ChangedFile) -> bool {
        file.names().all(|name| self.surely_matches(name))
    }
}

/// One rule and what it looks at.
struct Seen<'s> {
    rule: &'s CriteriaRule,
    files: &'s [&'s ChangedFile],
    crates: &'s [CrateChange],
    cargo: &'s Cargo<'s>,
    change: &'s Change,
}

impl Seen<'_> {
    /// What the rule says; nothing where one of its conditions does not hold.
    fn finding(&self) -> Option<Finding> {
        let rule = self.rule;
        let mut evidence = Evidence::default();
        let except = Patterns::new(&rule.except);
        let named = |patterns: &[String], wanted: fn(&ChangedFile) -> bool| -> Vec<&ChangedFile> {
            let patterns = Patterns::new(patterns);
            let meant = |name: &str| patterns.matches(name) && !except.surely_matches(name);
            self.files.iter().copied().filter(|file| wanted(file) && file.names().any(meant)).collect()
        };
        let mut sized = self.files.to_vec();
        if !rule.paths.is_empty() {
            sized = named(&rule.paths, |_| true);
            evidence.files.extend(some(sized.iter().map(|file| name_of(file)).collect())?);
        }
        if !rule.contents.is_empty() {
            let other = named(&rule.contents, |file| file.content != Content::Same);
            evidence.files.extend(some(other.into_iter().map(name_of).collect())?);
        }
        if !rule.crates.is_empty() {
            let patterns = Patterns::new(&rule.crates);
            let meant = |change: &&CrateChange| change.name == EVERY || patterns.matches(&change.name);
            evidence.crates.extend(some(self.crates.iter().filter(meant).cloned().collect())?);
        }
        if !rule.dependencies_of.is_empty() {
            let patterns = Patterns::new(&rule.dependencies_of);
            evidence.crates.extend(some(self.cargo.changes_below(&|name| patterns.matches(name)))?);
        }
        if let Some(limit) = rule.lines_over {
            let lines = sized.iter().fold(0_u64, |sum, file| sum.saturating_add(file.lines));
            evidence.lines = Some(Some(lines).filter(|lines| *lines > limit)?);
        }
        if let Some(limit) = rule.files_over {
            let count = u64::try_from(sized.len()).unwrap_or(u64::MAX);
            evidence.count = Some(Some(count).filter(|count| *count > limit)?);
        }
        self.about_people(&mut evidence)?;
        evidence.crates.sort();
        evidence.crates.dedup();
        Some(Finding {
            rule: rule.name.clone(),
            advice: rule.advice,
            certain: evidence.unknown.is_empty(),
            reason: rule.reason.clone(),
            evidence,
        })
    }

    /// Labels and author, which only GitHub knows.
    fn about_people(&self, evidence: &mut Evidence) -> Option<()> {
        let Self { rule, change, .. } = self;
        if !rule.labels.is_empty() {
            match &change.labels {
                Some(labels) => {
                    // GitHub tells labels apart without regard to case.
                    let same = |label: &&String| {
                        labels.iter().any(|other| other.to_lowercase() == label.to_lowercase())
                    };
                    evidence.labels = some(rule.labels.iter().filter(same).cloned().collect())?;
                }
                None => evidence.unknown.push("the pull request's labels".to_owned()),
            }
        }
        if !rule.author.is_empty() {
            match change.author {
                Some(author) if rule.author.contains(&author) => evidence.author = Some(author),
                Some(_) => return None,
                None => evidence.unknown.push("what the author is to the repository".to_owned()),
            }
        }
        Some(())
    }
}

/// A list that is not empty.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}
