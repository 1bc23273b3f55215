//! The book and the README say what the code says.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use testnet_deployer::exit::Exit;
use testnet_deployer::policy::{
    Branch, Deploy, Host, Monitor, Node, Policy, Polling, Quorum, Rules, Stall, Step, duration,
};

fn page(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The cells of every table row of `text`, headings and rulers left out.
fn rows(text: &str) -> Vec<Vec<String>> {
    let lines: Vec<&str> = text.lines().collect();
    let is_ruler = |line: &&str| line.starts_with("| ---");
    lines
        .iter()
        .enumerate()
        .filter(|(at, line)| {
            line.starts_with('|') && !is_ruler(line) && !lines.get(at + 1).is_some_and(is_ruler)
        })
        .map(|(_, line)| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

#[test]
fn the_table_of_exit_codes_is_that_of_the_code() {
    let told = rows(&page("docs/reference/exit-codes.md"));
    let true_ones = Exit::ALL.map(|exit| vec![exit.code().to_string(), exit.meaning().to_owned()]);
    assert_eq!(told, true_ones);
}

/// What the page says of the keys of one table of the policy: (key, default).
fn keys(section: &str) -> BTreeSet<(String, String)> {
    let page = page("docs/reference/policy.md");
    let heading = |line: &str| line.starts_with('#').then(|| line.trim_matches(['#', ' ', '`']).to_owned());
    let part: Vec<&str> = page
        .lines()
        .skip_while(|line| heading(line).as_deref() != Some(section))
        .skip(1)
        .take_while(|line| heading(line).is_none())
        .collect();
    assert!(!part.is_empty(), "the page has no section `{section}`");
    rows(&part.join("\n"))
        .into_iter()
        .map(|row| (row[0].trim_matches('`').to_owned(), row[1].replace('`', "")))
        .collect()
}

/// The keys of `value` and, as TOML writes them, the scalars.
fn fields(value: &impl serde::Serialize) -> BTreeSet<(String, String)> {
    let Value::Object(fields) = serde_json::to_value(value).unwrap() else { panic!("not a table") };
    fields.into_iter().map(|(key, value)| (key, value.to_string())).collect()
}

/// Checks that the page names the keys of `value` and no others, with the values
/// of all but `told`, whose defaults it tells in words.
fn assert_told(section: &str, value: &impl serde::Serialize, told: &[&str]) {
    let without = |set: BTreeSet<(String, String)>| -> BTreeSet<(String, String)> {
        set.into_iter()
            .map(
                |(key, value)| if told.contains(&key.as_str()) { (key, String::new()) } else { (key, value) },
            )
            .collect()
    };
    assert_eq!(without(keys(section)), without(fields(value)), "section `{section}`");
}

fn from_toml<T: serde::de::DeserializeOwned>(text: &str) -> T {
    toml::from_str(text).unwrap()
}

#[test]
fn the_policy_page_names_every_key_with_its_default() {
    let policy = Policy::default();
    let tables = ["branch", "rules", "polling", "deploy", "monitor"];
    let mut top = fields(&policy);
    top.retain(|(key, _)| !tables.contains(&key.as_str()));
    assert_eq!(keys("race.toml"), top);

    let named = ["name", "environment", "gate", "job"];
    assert_told("[[branch]]", &from_toml::<Branch>("name = \"a\""), &named);
    assert_told("[rules]", &Rules::default(), &[]);
    let deadline = Some(Duration::from_secs(1));
    assert_told("[polling]", &Polling { deadline, ..Polling::default() }, &["deadline"]);

    let mut deploy = fields(&from_toml::<Deploy>("host = []\nstep = []"));
    deploy.retain(|(key, _)| !["host", "step"].contains(&key.as_str()));
    assert_eq!(keys("[deploy]"), deploy);
    let host: Host = from_toml("name = \"a\"\naddress = \"b\"\nhost_keys = []");
    assert_told("[[deploy.host]]", &host, &["name", "address", "host_keys"]);
    assert_told("[[deploy.step]]", &from_toml::<Step>("name = \"a\"\nrun = []"), &["name", "run"]);

    let monitor: Monitor = from_toml("session_length = \"1m\"\nnode = []");
    let mut told = fields(&monitor);
    told.retain(|(key, _)| !["node", "stall", "session_length"].contains(&key.as_str()));
    told.insert(("session_length".to_owned(), "required".to_owned()));
    assert_eq!(keys("[monitor]"), told);
    assert_eq!(monitor.quorum, Quorum::Majority);
    assert_told("[[monitor.node]]", &from_toml::<Node>("url = \"ws://a\""), &["url"]);
    assert_told("[monitor.stall]", &Stall { no_session: deadline }, &["no_session"]);
}

#[test]
fn the_page_tells_how_long_a_session_may_take() {
    let monitor: Monitor = from_toml("session_length = \"1m\"\nnode = []");
    assert_eq!(duration::format(monitor.no_session()), "17m");
    assert!(page("docs/reference/policy.md").contains("twice `session_length` plus 15 min"));
}

/// Links between the pages are checked by the book's build; the README is outside of it.
#[test]
fn the_files_that_the_readme_links_to_exist() {
    let readme = page("README.md");
    let links: Vec<&str> = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() > 5, "{links:?}");
    for link in links {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(link);
        assert!(path.exists(), "README.md links to {link}, which is not there");
    }
}

#[test]
fn the_readme_names_the_version_of_rust_that_the_package_needs() {
    let manifest: toml::Table = from_toml(&page("Cargo.toml"));
    let version = manifest["package"]["rust-version"].as_str().unwrap();
    assert!(page("README.md").contains(&format!("Rust ({version} or later)")));
    assert!(page(".github/workflows/ci.yml").contains(&format!("RUST: \"{version}.0\"")));
}
