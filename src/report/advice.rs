//! The advice of the criteria, for people and programs.

use std::fmt::Write as _;

use serde::Serialize;

use super::actions::markdown;
use super::{Paint, inert};
use crate::criteria::{Advice, Advised, Finding};

/// What the comment on a pull request begins with: by it we know it again.
pub const MARK: &str = "<!-- testnet-deployer: advice -->";
/// How many lines a finding has at most, on a terminal and in Markdown.
const LINES: usize = 20;
/// The longest comment, in bytes: GitHub takes 65,536 characters.
const LONGEST: usize = 60_000;

/// What the advice is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The commit that the change is a change of.
    pub base_sha: String,
    /// The commit that was looked at.
    pub head_sha: String,
    /// The pull request, where there is one.
    pub pull_request: Option<u64>,
}

/// An advice and what it is about.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The advice.
    pub advised: &'a Advised,
    /// What it is about.
    pub about: &'a About,
}

#[derive(Serialize)]
struct File<'a> {
    schema: &'static str,
    advice: Advice,
    testnet_needed: bool,
    reason: String,
    base_sha: &'a str,
    head_sha: &'a str,
    pull_request: Option<u64>,
    changed_files: usize,
    changes_policy: bool,
    rules: &'a [Finding],
}

/// An advice as a part of `race.verdict/1`.
#[derive(Serialize)]
pub(super) struct AdviceFile<'a> {
    advice: Advice,
    testnet_needed: bool,
    reason: String,
    changed_files: usize,
    changes_policy: bool,
    rules: &'a [Finding],
}

impl<'a> From<&'a Advised> for AdviceFile<'a> {
    fn from(advised: &'a Advised) -> Self {
        Self {
            advice: advised.advice,
            testnet_needed: advised.advice.needs_testnet(),
            reason: advised.to_string(),
            changed_files: advised.files,
            changes_policy: advised.changes_policy,
            rules: &advised.findings,
        }
    }
}

/// An advice beside a verdict, for a terminal: a headline, and a line for each rule.
pub(super) fn in_short(advised: &Advised, color: bool) -> String {
    let word = paint_of(advised.advice).on(color, advised.advice.word());
    let mut text = match advised.findings.is_empty() {
        true => format!("by the criteria testnet {word}: {}\n", inert(&advised.to_string())),
        false => format!("by the criteria testnet {word}:\n"),
    };
    for finding in advised.findings.iter().take(LINES) {
        let said = finding.says().word();
        let _ = writeln!(text, "    {said}: {}", inert(&finding.to_string()));
    }
    text
}

impl Told<'_> {
    /// `race.advice/1`.
    ///
    /// # Errors
    ///
    /// Never for these shapes; passes on the serializer's.
    pub fn json(&self) -> serde_json::Result<String> {
        let Self { advised, about } = self;
        serde_json::to_string_pretty(&File {
            schema: "race.advice/1",
            advice: advised.advice,
            testnet_needed: advised.advice.needs_testnet(),
            reason: advised.to_string(),
            base_sha: &about.base_sha,
            head_sha: &about.head_sha,
            pull_request: about.pull_request,
            changed_files: advised.files,
            changes_policy: advised.changes_policy,
            rules: &advised.findings,
        })
    }

    /// The advice for a terminal: a headline, and each rule with what it fired on.
    #[must_use]
    pub fn text(&self, color: bool) -> String {
        let Self { advised, .. } = self;
        let word = paint_of(advised.advice).on(color, advised.advice.word());
        let mut text = format!("{word}: {}\n", inert(&self.headline()));
        for finding in &advised.findings {
            let Finding { rule, reason, .. } = finding;
            let name = Paint::Bold.on(color, &inert(rule));
            let word = paint_of(finding.says()).on(color, finding.says().word());
            let _ = write!(text, "\n{name}  {word}");
            if !reason.is_empty() {
                let _ = write!(text, "  {}", inert(reason));
            }
            text.push('\n');
            for line in lines_of(finding) {
                let _ = writeln!(text, "    {}", inert(&line));
            }
        }
        let _ = writeln!(text, "\n{}", inert(&self.what()));
        text
    }

    /// The advice in Markdown, for the step's summary.
    #[must_use]
    pub fn summary(&self) -> String {
        let Self { advised, .. } = self;
        let mut text = format!("### Testnet: {}\n\n{}\n", advised.advice.word(), markdown(&self.headline()));
        if advised.changes_policy {
            text.push_str(
                "\n> **This changes the policy or the workflow**; the base's policy is in force.\n",
            );
        }
        for finding in &advised.findings {
            let _ = write!(text, "\n**{}** ({})", markdown(&finding.rule), finding.says().word());
            if !finding.reason.is_empty() {
                let _ = write!(text, ": {}", markdown(&finding.reason));
            }
            text.push_str("\n\n");
            for line in lines_of(finding) {
                let _ = writeln!(text, "- {}", markdown(&line));
            }
        }
        let _ = write!(text, "\n{}\n", markdown(&self.what()));
        text
    }

    /// The comment on the pull request.
    #[must_use]
    pub fn comment(&self) -> String {
        let mut text = format!("{MARK}\n{}", self.summary());
        if text.len() > LONGEST {
            let mut end = LONGEST;
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text.truncate(end);
            text.push_str("\n\n(cut)\n");
        }
        text
    }

    fn headline(&self) -> String {
        let Self { advised, .. } = self;
        match advised.findings.len() {
            0 => advised.to_string(),
            1 => "a rule fires".to_owned(),
            rules => format!("{rules} rules fire"),
        }
    }

    /// One line on what was looked at.
    fn what(&self) -> String {
        let Self { advised, about } = self;
        let short = crate::race::short_sha;
        let pull = about.pull_request.map(|number| format!("#{number}, ")).unwrap_or_default();
        let files = if advised.files == 1 { "1 file".to_owned() } else { format!("{} files", advised.files) };
        let (base, head) = (short(&about.base_sha), short(&about.head_sha));
        format!("{pull}{files} between {base} and {head}, by the criteria of the base")
    }
}

fn lines_of(finding: &Finding) -> Vec<String> {
    let mut lines = finding.evidence.lines();
    let more = lines.len().saturating_sub(LINES);
    lines.truncate(LINES);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
}

const fn paint_of(advice: Advice) -> Paint {
    match advice {
        Advice::NotNeeded => Paint::Green,
        Advice::Recommended => Paint::Yellow,
        Advice::Unknown | Advice::Required => Paint::Red,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::criteria::{Change, ChangedFile, advise};

    #[test]
    fn what_is_not_ours_stays_text() {
        let path = "src/<img src=x>\n::error::@team `x`\u{202e}.rs";
        let files = vec![ChangedFile::modified(path, 1), ChangedFile::modified("policies/a", 1)];
        let advised = advise(None, &Change { files, ..Change::default() });
        let about = About { base_sha: "a".repeat(40), head_sha: "b".repeat(40), pull_request: Some(7) };
        let criteria = crate::policy::Criteria::default();
        let files = vec![ChangedFile::modified(path, 1)];
        let hostile = advise(Some(&criteria), &Change { files, ..Change::default() });
        for advised in [&advised, &hostile] {
            let told = Told { advised, about: &about };
            let comment = told.comment();
            assert!(comment.starts_with(MARK), "{comment}");
            for text in [&comment, &told.summary()] {
                assert!(
                    !text.contains("<img") && !text.contains("@team") && !text.contains('\u{202e}'),
                    "{text}"
                );
            }
            assert!(!told.text(false).lines().any(|line| line.trim_start().starts_with("::")));
            let json: serde_json::Value = serde_json::from_str(&told.json().unwrap()).unwrap();
            assert_eq!(json["schema"], "race.advice/1");
        }
        assert!(
            Told { advised: &advised, about: &about }.summary().contains("the base's policy is in force")
        );
    }

    #[test]
    fn a_long_comment_is_cut_before_it_is_refused() {
        let files =
            (0..3000).map(|n| ChangedFile::modified(&format!("{n}/{}", "é".repeat(2000)), 1)).collect();
        let criteria = crate::policy::Criteria::default();
        let advised = advise(Some(&criteria), &Change { files, ..Change::default() });
        let about = About { base_sha: String::new(), head_sha: String::new(), pull_request: None };
        let comment = Told { advised: &advised, about: &about }.comment();
        assert!(comment.len() < 65_000 && comment.ends_with("(cut)\n"), "{}", comment.len());
    }
}
