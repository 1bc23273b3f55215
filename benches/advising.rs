//! What `race advise` costs beyond GitHub's own time: a change of 3,000 files with a
//! `Cargo.lock` of 1,500 packages, judged by the shipped criteria.
//!
//! `cargo bench --bench advising` runs for some seconds and prints a table.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a measurement may fail loudly, and prints")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use testnet_deployer::config::{Layers, PolicyFile, Runner};
use testnet_deployer::criteria::{Advice, Change, ChangedFile, Manifest, Text, advise};
use testnet_deployer::policy::{Criteria, CriteriaRule, Need};

/// How often each is measured; the slowest is told as well.
const TIMES: usize = 20;

/// The criteria as they are shipped, and a rule that follows dependencies.
fn criteria() -> Criteria {
    let text = include_str!("../policies/criteria.toml").to_owned();
    let files = [PolicyFile { name: "criteria.toml", place: "criteria.toml".to_owned(), text }];
    let runner = Runner::of([]);
    let settings = Layers { files: &files, runner: &runner, flags: &[] }.settle().expect("they are sound");
    let mut criteria = settings.policy.criteria.expect("they are there");
    let below = vec!["crate-0".to_owned()];
    criteria
        .rules
        .push(CriteriaRule { dependencies_of: below, ..CriteriaRule::named("below", Need::Required) });
    criteria
}

/// A lock file in which each package depends on some others.
fn lock(packages: usize, newest: usize) -> String {
    let mut text = "version = 4\n".to_owned();
    for number in 0..packages {
        let patch = usize::from(number < newest);
        let source = "registry+https://github.com/rust-lang/crates.io-index";
        let _ = write!(
            text,
            "\n[[package]]\nname = \"crate-{number}\"\nversion = \"1.0.{patch}\"\nsource = \"{source}\"\n\
             checksum = \"{number:064x}\"\ndependencies = [\n"
        );
        for other in [number + 1, number + 7, number + 31, number * 2, number * 3] {
            let _ = writeln!(text, " \"crate-{}\",", other % packages);
        }
        text.push_str("]\n");
    }
    text
}

fn change(files: usize, packages: usize) -> Change {
    let paths = ["docs/page", "runtime/src/part", "node/src/part", "tools/src/part"];
    let mut changed: Vec<ChangedFile> = (0..files - 1)
        .map(|number| ChangedFile::modified(&format!("{}-{number}.rs", paths[number % paths.len()]), 10))
        .collect();
    changed.push(ChangedFile::modified("Cargo.lock", 10));
    let manifest = Manifest {
        path: "Cargo.lock".to_owned(),
        previous: None,
        before: Text::Is(lock(packages, 0)),
        after: Text::Is(lock(packages, 300)),
    };
    Change { files: changed, manifests: vec![manifest], ..Change::default() }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn main() {
    println!("| files | packages | ms | slowest |");
    println!("| --- | --- | --- | --- |");
    let criteria = criteria();
    for (files, packages) in [(30, 1_500), (3_000, 150), (3_000, 1_500), (3_000, 5_000)] {
        let change = change(files, packages);
        let mut took: Vec<f64> = (0..TIMES)
            .map(|_| {
                let began = Instant::now();
                let advised = black_box(advise(Some(&criteria), black_box(&change)));
                assert_eq!(advised.advice, Advice::Required);
                began.elapsed().as_micros() as f64 / 1e3
            })
            .collect();
        took.sort_by(f64::total_cmp);
        println!("| {files} | {packages} | {:.1} | {:.1} |", took[TIMES / 2], took[TIMES - 1]);
    }
}
