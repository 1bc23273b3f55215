//! What holds for every change.

use proptest::prelude::*;

use super::{crates, list, manifests, paths};
use crate::criteria::{Advice, Change, ChangedFile, Content, Kind, Text, advise};
use crate::policy::{Association, Criteria, CriteriaRule, Need};

fn need() -> impl Strategy<Value = Need> {
    prop_oneof![Just(Need::NotNeeded), Just(Need::Recommended), Just(Need::Required)]
}

fn patterns() -> impl Strategy<Value = Vec<String>> {
    let pattern = prop_oneof![
        Just("a/**"),
        Just("**/b"),
        Just("*"),
        Just("a/b"),
        Just("**/*.md"),
        Just("c/"),
        Just("["),
        Just("{a,b}/*"),
    ];
    proptest::collection::vec(pattern.prop_map(str::to_owned), 0..3)
}

fn rule() -> impl Strategy<Value = CriteriaRule> {
    let sizes = (proptest::option::of(0_u64..40), proptest::option::of(0_u64..4));
    let people = (0..3_usize, 0..3_usize);
    (need(), patterns(), patterns(), patterns(), sizes, people).prop_map(
        |(advice, paths, except, contents, (lines_over, files_over), (labels, author))| CriteriaRule {
            paths,
            except,
            contents,
            lines_over,
            files_over,
            labels: list(&["x", "y"])[..labels].to_vec(),
            author: Association::ALL[..author].to_vec(),
            ..CriteriaRule::named("r", advice)
        },
    )
}

fn criteria() -> impl Strategy<Value = Criteria> {
    (patterns(), need(), proptest::collection::vec(rule(), 0..4))
        .prop_map(|(harmless, unmatched, rules)| Criteria { harmless, unmatched, rules })
}

fn file() -> impl Strategy<Value = ChangedFile> {
    let path = "[abc]{1,2}(/[ab]){0,2}(\\.md)?|\\.github/x|policies";
    let kind = prop_oneof![Just(Kind::Added), Just(Kind::Removed), Just(Kind::Modified)];
    let content = prop_oneof![Just(Content::Same), Just(Content::Differs), Just(Content::Unknown)];
    (path, proptest::option::of(path), kind, 0_u64..30, content).prop_map(
        |(path, previous, kind, lines, content)| ChangedFile { path, previous, kind, lines, content },
    )
}

fn change() -> impl Strategy<Value = Change> {
    let labels = proptest::option::of(proptest::collection::vec("[xyz]", 0..3));
    let author = proptest::option::of(proptest::sample::select(Association::ALL.to_vec()));
    let files = proptest::collection::vec(file(), 0..6);
    (files, labels, author).prop_map(|(files, labels, author)| Change {
        files,
        labels,
        author,
        ..Change::default()
    })
}

/// What is not known counts as required.
fn counts_as(advice: Advice) -> Advice {
    if advice == Advice::Unknown { Advice::Required } else { advice }
}

proptest! {
    #[test]
    fn a_further_file_never_weakens_the_advice(criteria in criteria(), change in change(), more in file()) {
        let before = advise(Some(&criteria), &change).advice;
        let mut wider = change;
        wider.files.push(more);
        prop_assert!(advise(Some(&criteria), &wider).advice >= before);
    }

    #[test]
    fn the_order_of_files_does_not_matter(
        criteria in criteria(),
        (change, shuffled) in change().prop_flat_map(|change| {
            let files = Just(change.files.clone()).prop_shuffle();
            (Just(change), files)
        }),
    ) {
        let one = advise(Some(&criteria), &change);
        let other = advise(Some(&criteria), &Change { files: shuffled, ..change });
        prop_assert_eq!(one, other);
    }

    #[test]
    fn what_is_not_known_never_weakens_the_advice(criteria in criteria(), change in change()) {
        let known = advise(Some(&criteria), &change).advice;
        let unknown = Change { labels: None, author: None, ..change.clone() };
        prop_assert!(counts_as(advise(Some(&criteria), &unknown).advice) >= counts_as(known));
        let cut = Change { cut: Some("more".to_owned()), ..change };
        prop_assert!(advise(Some(&criteria), &cut).advice >= known);
    }

    #[test]
    fn any_text_is_a_manifest_that_is_read_or_is_not(
        name in prop_oneof![Just("Cargo.toml"), Just("Cargo.lock")],
        before in "(\\PC|\n){0,80}",
        after in "(\\[(dependencies|package|patch|features)\\]\n([a-z]{1,3} = ([0-9]|\"[0-9]\"|\\[\\]|\\{\\})\n){0,3}){0,3}",
    ) {
        let criteria = Criteria { rules: vec![crates(&["*"])], ..Criteria::default() };
        let mut change = manifests(&[(name, &before, &after)]);
        let _ = advise(Some(&criteria), &change);
        change.manifests[0].before = Text::Is(after);
        let _ = advise(Some(&criteria), &change);
    }

    #[test]
    fn a_rule_on_everything_fires_on_anything(change in change()) {
        let all = Criteria { rules: vec![paths("all", Need::Required, &["**"])], ..Criteria::default() };
        let advised = advise(Some(&all), &change);
        prop_assert_eq!(advised.advice.needs_testnet(), !change.files.is_empty());
    }
}
