//! What must hold between the values of `criteria.toml`.

use super::{Problem, error, warning};
use crate::policy::globs::Globs;
use crate::policy::words::is_title;
use crate::policy::{Criteria, CriteriaRule, Need};

/// Names of findings of our own, which a rule must not bear.
pub const OWN_RULES: [&str; 5] =
    ["policy-or-workflow", "files-not-listed", "manifest-unreadable", "unmatched", "no-criteria"];

/// Every problem of the criteria.
pub(super) fn criteria(criteria: &Criteria, problems: &mut Vec<Problem>) {
    patterns("criteria.harmless", &criteria.harmless, true, problems);
    for (position, rule) in criteria.rules.iter().enumerate() {
        let key = |name: &str| format!("criteria.rule.{position}.{name}");
        names(&criteria.rules[..position], rule, &key, problems);
        conditions(rule, &key, problems);
        for (name, list, paths) in [
            ("paths", &rule.paths, true),
            ("except", &rule.except, true),
            ("contents", &rule.contents, true),
            ("crates", &rule.crates, false),
            ("dependencies_of", &rule.dependencies_of, false),
        ] {
            patterns(&key(name), list, paths, problems);
        }
    }
    if criteria.rules.is_empty() && criteria.unmatched == Need::NotNeeded {
        problems.push(warning(
            "criteria.unmatched",
            "there is no rule, so no change ever needs a testnet",
            "add a [[criteria.rule]], or write `recommended`",
        ));
    }
}

fn names(
    earlier: &[CriteriaRule],
    rule: &CriteriaRule,
    key: &dyn Fn(&str) -> String,
    problems: &mut Vec<Problem>,
) {
    if !is_title(&rule.name) {
        problems.push(error(key("name"), "this is no name of one line", "write a word or two"));
    }
    if OWN_RULES.contains(&rule.name.as_str()) {
        problems.push(error(
            key("name"),
            format!("`{}` is what a finding of our own is called", rule.name),
            "give the rule another name",
        ));
    }
    if earlier.iter().any(|other| other.name == rule.name) {
        problems.push(error(
            key("name"),
            format!("two rules are called `{}`", rule.name),
            "give each a name of its own, so that people know which one fired",
        ));
    }
    if !rule.reason.is_empty() && !is_title(&rule.reason) {
        problems.push(error(key("reason"), "this is no text of one line", "say why in a few words"));
    }
}

fn conditions(rule: &CriteriaRule, key: &dyn Fn(&str) -> String, problems: &mut Vec<Problem>) {
    if rule.advice == Need::NotNeeded {
        problems.push(error(
            key("advice"),
            "a rule can only ask for a testnet, never take that back",
            "write `recommended` or `required`; what never needs one is `harmless`",
        ));
    }
    if !rule.has_condition() {
        problems.push(error(
            key("name"),
            "this rule has no condition, so it would always fire",
            "add `paths`, `crates`, `contents`, `labels`, `author`, `lines_over` or `files_over`",
        ));
    }
    if !rule.except.is_empty() && rule.paths.is_empty() && rule.contents.is_empty() {
        problems.push(error(
            key("except"),
            "there are no `paths` or `contents` that this could be taken from",
            "add `paths = [\"**\"]` to mean every other file",
        ));
    }
    if rule.labels.iter().any(|label| label.trim().is_empty()) {
        problems.push(error(key("labels"), "a label is empty", "name it, or leave it out"));
    }
}

fn patterns(key: &str, patterns: &[String], paths: bool, problems: &mut Vec<Problem>) {
    for (position, pattern) in patterns.iter().enumerate() {
        let key = format!("{key}.{position}");
        let (message, help) = if pattern.trim().is_empty() {
            ("this is empty".to_owned(), "leave it out")
        } else if pattern.starts_with('!') {
            ("a pattern does not take others back".to_owned(), "name what is not meant in `except`")
        } else if paths && (pattern.starts_with('/') || pattern.starts_with("./")) {
            ("paths begin at the root of the repository".to_owned(), "leave the `/` or `./` at the front out")
        } else if paths && pattern.split('/').any(|part| part == "..") {
            ("no path of a repository has `..` in it".to_owned(), "write the path from the root")
        } else {
            match Globs::new(std::slice::from_ref(pattern)) {
                Ok(_) => continue,
                Err((_, message)) => {
                    (format!("this is no pattern: {message}"), "`*` is any name, `**` any directories")
                }
            }
        };
        problems.push(error(key, message, help));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_finds_what_it_is_for() {
        type Break = fn(&mut Criteria);
        let cases: [(Break, &str); 14] = [
            (|c| c.harmless.push("/docs/**".into()), "criteria.harmless.2"),
            (|c| c.harmless.push(String::new()), "criteria.harmless.2"),
            (|c| c.rules[0].paths.push("./a".into()), "criteria.rule.0.paths.1"),
            (|c| c.rules[0].paths.push("!a".into()), "criteria.rule.0.paths.1"),
            (|c| c.rules[0].contents.push("a/../b".into()), "criteria.rule.0.contents.1"),
            (|c| c.rules[0].crates.push("sp-[".into()), "criteria.rule.0.crates.1"),
            (|c| c.rules[0].advice = Need::NotNeeded, "criteria.rule.0.advice"),
            (|c| c.rules[0].name = "unmatched".into(), "criteria.rule.0.name"),
            (|c| c.rules[0].name = "a\nb".into(), "criteria.rule.0.name"),
            (|c| c.rules[0].reason = "a\nb".into(), "criteria.rule.0.reason"),
            (|c| c.rules[0].labels.push(" ".into()), "criteria.rule.0.labels"),
            (|c| c.rules.push(c.rules[0].clone()), "criteria.rule.1.name"),
            (|c| c.rules.push(CriteriaRule::named("empty", Need::Required)), "criteria.rule.1.name"),
            (
                |c| {
                    c.rules[0].paths.clear();
                    c.rules[0].contents.clear();
                },
                "criteria.rule.0.except",
            ),
        ];
        for (break_it, key) in cases {
            let mut broken = Criteria::example();
            break_it(&mut broken);
            let mut problems = Vec::new();
            criteria(&broken, &mut problems);
            let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
            assert_eq!(keys, [key], "{problems:?}");
        }
    }

    #[test]
    fn criteria_that_never_ask_for_anything_are_told() {
        let mut problems = Vec::new();
        criteria(&Criteria { unmatched: Need::NotNeeded, ..Criteria::default() }, &mut problems);
        assert_eq!(problems[0].key, "criteria.unmatched");
    }
}
