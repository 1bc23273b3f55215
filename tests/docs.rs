//! The book and the README say what the code says.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use testnet_deployer::config::{Flag, Layers, PolicyFile, Runner};
use testnet_deployer::criteria::{Advice, Change, ChangedFile, advise};
use testnet_deployer::exit::Exit;
use testnet_deployer::policy::{
    AfterUndo, Branch, Collect, Criteria, CriteriaRule, Deploy, Host, Jump, Learn, Monitor, Policy, Ready,
    Rules, Stall, Step, Upload, Watch, WatchRule, duration,
};
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

/// The keys of `value` and, as TOML writes them, their values; what has none is `none`.
fn fields(value: &impl serde::Serialize) -> BTreeSet<(String, String)> {
    let Value::Object(fields) = serde_json::to_value(value).unwrap() else { panic!("not a table") };
    let told = |value: Value| if value.is_null() { "none".to_owned() } else { value.to_string() };
    fields.into_iter().map(|(key, value)| (key, told(value))).collect()
}

/// Checks the defaults that the page gives, those of `told`, which it tells in
/// words, left out.
fn assert_told(section: &str, value: &impl serde::Serialize, told: &[&str]) {
    let without = |mut set: BTreeSet<(String, String)>| {
        set.retain(|(key, _)| !told.contains(&key.as_str()));
        set
    };
    assert_eq!(without(keys(section)), without(fields(value)), "section `{section}`");
}

/// A shape of the policy of which only the keys without a default are given.
fn least<T: serde::de::DeserializeOwned>(keys: Value) -> T {
    serde_json::from_value(keys).unwrap()
}

/// Every table of the policy with the names of its keys, as the page heads them.
fn tables(name: &str, value: &Value, found: &mut Vec<(String, BTreeSet<String>)>) {
    let Value::Object(fields) = value else { panic!("{name} is not a table") };
    let mut own = BTreeSet::new();
    for (key, value) in fields {
        let inner = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
        match value {
            // Its keys are whatever the policy's author calls the variables.
            Value::Object(_) if key == "env" => {
                own.insert(key.clone());
            }
            Value::Object(_) => {
                // The table that holds it tells of it where it may be left out.
                if key == "upload" {
                    own.insert(key.clone());
                }
                tables(&inner, value, found);
            }
            Value::Array(rows) if rows.first().is_some_and(Value::is_object) => {
                let at = found.len();
                tables(&inner, &rows[0], found);
                let heading = format!("[[{inner}]]");
                if let Some((name, _)) =
                    found[at..].iter_mut().find(|(name, _)| *name == format!("[{inner}]"))
                {
                    *name = heading;
                }
            }
            _ => {
                own.insert(key.clone());
            }
        }
    }
    found.push((if name.is_empty() { "race.toml".to_owned() } else { format!("[{name}]") }, own));
}

#[test]
fn the_policy_page_has_every_table_and_names_every_key() {
    let mut found = Vec::new();
    tables("", &serde_json::to_value(Policy::example()).unwrap(), &mut found);
    assert!(found.len() >= 9, "{found:?}");
    for (section, own) in found {
        let rules = if section == "[[monitor.watch]]" { rules_of_watches() } else { Vec::new() };
        let told = keys(&section).into_iter().map(|(key, _)| key);
        let told: BTreeSet<String> = told.filter(|key| !rules.contains(key)).collect();
        assert_eq!(told, own, "section `{section}`");
    }
}

#[test]
fn the_policy_page_tells_the_defaults() {
    let mut top = fields(&Policy::default());
    top.retain(|(key, _)| ["check", "selection", "after_win", "carry"].contains(&key.as_str()));
    assert_eq!(keys("race.toml"), top);

    let branch: Branch = least(json!({"name": "a"}));
    assert_told("[[branch]]", &branch, &["name", "environment", "gate", "job"]);
    assert_told("[rules]", &Rules::default(), &[]);
    assert_told("[polling]", &Policy::example().polling, &["deadline"]);

    let deploy: Deploy = least(json!({"host": [], "step": []}));
    let tables = ["host", "jump", "step", "after_undo", "ready", "collect"];
    assert_told("[deploy]", &deploy, &tables);
    let host: Host = least(json!({"name": "a", "address": "b"}));
    assert_told("[[deploy.host]]", &host, &["name", "address"]);
    let jump: Jump = least(json!({"name": "a", "address": "b"}));
    assert_told("[[deploy.jump]]", &jump, &["name", "address"]);
    let step: Step = least(json!({"name": "a"}));
    assert_told("[[deploy.step]]", &step, &["name"]);
    let upload: Upload = least(json!({"from": "a", "to": "b"}));
    assert_told("[deploy.step.upload]", &upload, &["from", "to"]);
    let after_undo: AfterUndo = least(json!({"name": "a"}));
    assert_told("[[deploy.after_undo]]", &after_undo, &["name"]);
    let ready: Ready = least(json!({"name": "a"}));
    assert_told("[[deploy.ready]]", &ready, &["name"]);
    let collect: Collect = least(json!({"name": "a"}));
    assert_told("[[deploy.collect]]", &collect, &["name"]);
    let monitor: Monitor = least(json!({"session_length": "1m", "node": []}));
    let optional = ["unmeasured_total", "max_runtime"];
    let mut told = vec!["session_length", "node", "stall", "expect"];
    told.extend(optional);
    assert_told("[monitor]", &monitor, &told);
    assert_told("[monitor.stall]", &Stall::default(), &["no_session"]);
    assert_told("[monitor.stall.learn]", &Learn::default(), &[]);
    let watch: Watch = least(json!({"rule": "never-changes"}));
    let optional = ["name", "pallet", "item", "key", "rule", "grows_at_most", "total"];
    let mut ruled = rules_of_watches();
    ruled.extend(optional.map(str::to_owned));
    let told: Vec<&str> = ruled.iter().map(String::as_str).collect();
    assert_told("[[monitor.watch]]", &watch, &told);
    assert_told("[criteria]", &Criteria::default(), &["rule"]);
    let rule: CriteriaRule = least(json!({"name": "a", "advice": "required"}));
    let Value::Object(all) = serde_json::to_value(&Policy::example().criteria.unwrap().rules[0]).unwrap()
    else {
        panic!("not a table")
    };
    let optional: Vec<&str> = all.keys().map(String::as_str).filter(|key| *key != "reason").collect();
    assert_told("[[criteria.rule]]", &rule, &optional);
}

/// The rules that the page lists below the keys of a watch.
fn rules_of_watches() -> Vec<String> {
    let is_rule = |name: &String| serde_json::from_value::<WatchRule>(json!(name)).is_ok();
    let named = keys("[[monitor.watch]]").into_iter().map(|(key, _)| key);
    named.filter(is_rule).collect()
}

#[test]
fn the_page_lists_every_rule_for_watched_items() {
    let rules = [
        WatchRule::ChangesEverySession,
        WatchRule::NeverChanges,
        WatchRule::StaysEmpty,
        WatchRule::GrowsAtMost,
        WatchRule::EqualOnAllNodes,
        WatchRule::FollowsSession,
        WatchRule::ArrivesEverySession,
    ];
    let named: BTreeSet<String> = rules.map(|rule| rule.word().to_owned()).into();
    assert_eq!(rules_of_watches().into_iter().collect::<BTreeSet<_>>(), named);
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
    let monitor: Monitor = least(json!({"session_length": "1m", "node": []}));
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
