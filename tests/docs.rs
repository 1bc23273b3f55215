//! The book and the README say what the code says.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use testnet_deployer::config::{Flag, Layers, PolicyFile, Runner};
use testnet_deployer::criteria::{Advice, Change, ChangedFile, advise};
use testnet_deployer::exit::Exit;
use testnet_deployer::policy::{Monitor, duration};
use testnet_deployer::rehearsal::workflow::{action, expression, keys as workflow_keys};
use testnet_deployer::setup::Code;

fn page(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The cells of a table row. A bar inside of a cell is written with a backslash.
fn cells(line: &str) -> Vec<String> {
    let bar = "\u{0}";
    let line = line.trim_matches('|').replace("\\|", bar);
    line.split('|').map(|cell| cell.trim().replace(bar, "|")).collect()
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
        .map(|(_, line)| cells(line))
        .collect()
}

#[test]
fn the_table_of_exit_codes_is_that_of_the_code() {
    let told = rows(&page("docs/reference/exit-codes.md"));
    let true_ones = Exit::ALL.map(|exit| vec![exit.code().to_string(), exit.meaning().to_owned()]);
    assert_eq!(told, true_ones);
}

#[test]
fn the_table_of_findings_is_that_of_the_code() {
    let page = page("docs/commands/doctor.md");
    let (_, section) = page.split_once("## What it finds").unwrap();
    let codes = Code::ALL.map(|code| {
        let fix = if code.fixable() { "yes" } else { "" };
        [&format!("`{}`", code.word()), code.severity().word(), code.why(), code.mend(), fix]
            .map(str::to_owned)
    });
    assert_eq!(rows(section), codes.map(Vec::from));
}

#[test]
fn the_page_on_security_names_findings_that_there_are() {
    let page = page("docs/security-model.md");
    let named = page.split("*doctor*: `").skip(1).filter_map(|rest| rest.split(')').next());
    let words: Vec<&str> =
        named.flat_map(|words| words.split(", ")).map(|word| word.trim_matches('`')).collect();
    assert!(words.len() > 8, "{words:?}");
    for word in words {
        assert!(Code::ALL.iter().any(|code| code.word() == word), "`{word}` is no finding");
    }
}

#[test]
fn what_the_rehearsals_runner_knows_is_what_the_page_lists() {
    let told = rows(&page("docs/reference/rehearsal-runner.md"));
    let mut known: Vec<(&str, &[&str])> = vec![
        ("events", &workflow_keys::EVENTS),
        ("keys of an input of `workflow_dispatch`", &workflow_keys::INPUT),
        ("keys of the workflow", &workflow_keys::WORKFLOW),
        ("keys of `concurrency`", &workflow_keys::CONCURRENCY),
        ("keys of a job", &workflow_keys::JOB),
        ("keys of a step", &workflow_keys::STEP),
        ("besides, with `uses`", &workflow_keys::USES),
        ("contexts", &expression::CONTEXTS),
        ("functions", &expression::FUNCTIONS),
        ("operators", &expression::OPERATORS),
    ];
    let actions = action::KNOWN.map(|(name, inputs)| (format!("`{name}`"), inputs));
    known.extend(actions.iter().map(|(name, inputs)| (name.as_str(), *inputs)));
    for (what, words) in known {
        let row = told.iter().find(|row| row[0] == what);
        let row = row.unwrap_or_else(|| panic!("the page has no row `{what}`: {told:?}"));
        let listed: Vec<&str> = row[1].split_whitespace().map(|word| word.trim_matches('`')).collect();
        assert_eq!(listed, words, "{what}");
    }
}

#[test]
fn the_presets_are_sound_policies() {
    for name in ["dkg-substrate", "tangle"] {
        let place = format!("policies/presets/{name}.toml");
        let files = [PolicyFile { name: "testnet.toml", text: page(&place), place }];
        let runner = Runner::default();
        let no_flags: [Flag; 0] = [];
        let settings = Layers { files: &files, runner: &runner, flags: &no_flags }.settle().unwrap();
        assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
        assert!(settings.policy.monitor.is_some(), "{name}");
    }
}

#[test]
fn the_shipped_criteria_are_sound_and_know_the_two_cases() {
    let text = page("policies/criteria.toml");
    let files = [PolicyFile { name: "criteria.toml", text, place: "criteria.toml".to_owned() }];
    let no_flags: [Flag; 0] = [];
    let settings = Layers { files: &files, runner: &Runner::default(), flags: &no_flags }.settle().unwrap();
    assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
    let advice = |paths: &[&str]| {
        let files = paths.iter().map(|path| ChangedFile::modified(path, 1)).collect();
        advise(settings.policy.criteria.as_ref(), &Change { files, ..Change::default() }).advice
    };
    for paths in [&["docs/guide.md", "README.md"][..], &["ci/lint.sh", ".gitlab-ci.yml", "LICENSE-MIT"]] {
        assert_eq!(advice(paths), Advice::NotNeeded, "{paths:?}");
    }
    for path in ["runtime/src/lib.rs", "pallets/dkg/src/lib.rs", "consensus/a.rs", "node/build.rs"] {
        assert_eq!(advice(&["docs/guide.md", path]), Advice::Required, "{path}");
    }
    assert_eq!(advice(&["tools/main.rs"]), Advice::Recommended);
}

#[test]
fn the_page_tells_how_long_a_session_may_take() {
    let monitor: Monitor = serde_json::from_value(json!({"session_length": "1m", "node": []})).unwrap();
    assert_eq!(duration::format(monitor.no_session()), "17m");
    assert!(page("docs/reference/policy.md").contains("twice `session_length` plus 15 min"));
}

/// The arithmetic of the page, done anew.
#[test]
fn the_page_about_modes_has_the_numbers_of_the_code() {
    use testnet_deployer::setup::mode::{DEPLOYMENT, fit, told};
    use testnet_deployer::setup::{Mode, RunsOn, Soak};
    let rows = rows(&page("docs/choose-a-mode.md"));
    let soaks: Vec<_> = rows.iter().filter(|row| row[0].contains(" sessions of ")).collect();
    assert_eq!(soaks.len(), 6);
    for row in soaks {
        let (sessions, length) = row[0].split_once(" sessions of ").unwrap();
        let soak = Soak {
            session_length: duration::parse(length).unwrap(),
            sessions: sessions.parse().unwrap(),
            ready_within: Duration::from_mins(30),
            deployment: DEPLOYMENT,
        };
        let words = |duration: Duration| told(duration).replace(' ', "");
        let plain = |cell: &str| cell.replace(" min", "m").replace([' ', '0'], "");
        assert!(words(soak.whole()).replace('0', "").starts_with(&plain(&row[1])), "{row:?}");
        for (cell, runs_on) in [(&row[2], RunsOn::Hosted), (&row[4], RunsOn::SelfHosted)] {
            let fits = fit(Mode::Poll, &soak, runs_on).ok();
            assert_eq!(fits.is_some(), cell.starts_with("fits"), "{row:?}");
            if let (Some(room), Some((_, review))) = (fits, cell.split_once(", ")) {
                let review = plain(review.split(" for ").next().unwrap());
                assert_eq!(words(room.review).replace('0', ""), review, "{row:?}");
            }
        }
        for (cell, runs_on) in [(&row[3], RunsOn::Hosted), (&row[5], RunsOn::SelfHosted)] {
            let fits = fit(Mode::Relay, &soak, runs_on).is_ok();
            assert_eq!(fits, !cell.starts_with("no"), "{row:?}");
            if let Some(legs) = cell.split_whitespace().find_map(|word| word.parse::<u32>().ok()) {
                assert_eq!(soak.legs(runs_on), legs, "{row:?}");
            }
        }
    }
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
    let manifest = page("Cargo.toml");
    let version =
        manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
    assert!(page("README.md").contains(&format!("Rust ({version} or later)")));
    assert!(page(".github/workflows/ci.yml").contains(&format!("RUST: \"{version}.0\"")));
}

/// Every text in the program's source, with what is filled in as a gap, without quotes.
fn texts_of_the_program() -> Vec<String> {
    fn collect(directory: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            // The stand-ins and the tests print nothing that a user sees.
            if path.is_dir() && !["rehearsal", "tests"].contains(&name) {
                collect(&path, found);
            } else if name.ends_with(".rs") && name != "tests.rs" {
                let source = fs::read_to_string(&path).unwrap();
                let product = source.split("#[cfg(test)]\nmod tests").next().unwrap();
                literals(product.parse().unwrap(), found);
            }
        }
    }
    fn literals(tokens: proc_macro2::TokenStream, found: &mut Vec<String>) {
        for token in tokens {
            match token {
                proc_macro2::TokenTree::Group(group) => literals(group.stream(), found),
                proc_macro2::TokenTree::Literal(literal) => {
                    found.extend(
                        syn::parse_str::<syn::LitStr>(&literal.to_string()).ok().map(|text| text.value()),
                    );
                }
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    let gap = regex::Regex::new(r"\{\{|\}\}|\{[^{}]*\}|\$\{?\w+\}?").unwrap();
    found.extend(page(".github/actions/setup-race/setup").lines().map(str::to_owned));
    found.iter().map(|text| gap.replace_all(text, "\0").replace('`', "")).collect()
}

/// Finds a message in a text: its parts one behind the other, and only what is filled in
/// between them.
fn finder(message: &str) -> regex::Regex {
    let parts: Vec<String> = message.split("...").map(regex::escape).collect();
    regex::Regex::new(&parts.join("[^\0]*\0.*?")).unwrap()
}

#[test]
fn every_message_of_the_page_on_trouble_is_one_of_the_program() {
    let texts = texts_of_the_program();
    let gaps = finder("the run ... was, ...");
    assert!(gaps.is_match("the run \0 was, \0") && !gaps.is_match("the run was, \0"));
    let messages: Vec<String> = rows(&page("docs/troubleshooting.md"))
        .into_iter()
        .map(|row| row[0].trim_matches('`').to_owned())
        .filter(|message| message != "message")
        .collect();
    assert!(messages.len() > 50, "{}", messages.len());
    let says_enough = |message: &str| message.replace("...", "").trim().len() > 8;
    let is_printed = |message: &str| {
        let message_in = finder(message);
        texts.iter().any(|text| message_in.is_match(text))
    };
    let others: Vec<&String> =
        messages.iter().filter(|message| !says_enough(message) || !is_printed(message)).collect();
    assert!(others.is_empty(), "no messages of the program: {others:#?}");
}
