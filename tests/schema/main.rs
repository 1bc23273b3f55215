//! The JSON Schemas of the policy files, and the tables of the policy's page: both are
//! made of the shapes, and say what the program does.
//!
//! `RACE_WRITE=1 cargo test --test schema` writes them anew.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

mod json;
mod page;
mod shapes;

use std::fs;
use std::path::Path;
use std::process::Command;

use jsonschema::Validator;
use serde::Deserialize as _;
use serde_json::{Value, json};
use testnet_deployer::policy::{Policy, duration};

use crate::json::{File, files};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// Holds the file at `path` to be `text`, or writes it.
#[track_caller]
fn hold(path: &str, text: &str) {
    if std::env::var_os("RACE_WRITE").is_some() {
        fs::write(root().join(path), text).unwrap();
    }
    let there = fs::read_to_string(root().join(path)).unwrap_or_default();
    assert!(there == text, "{path} is not what the shapes say: RACE_WRITE=1 cargo test --test schema");
}

fn validator(file: &File) -> Validator {
    jsonschema::draft7::new(&file.schema()).unwrap()
}

fn of(name: &str) -> File {
    files().into_iter().find(|file| file.name == name).unwrap()
}

/// What a schema has against a text, where it has anything.
fn wrong(file: &File, text: &str) -> Vec<String> {
    let value: Value = toml::from_str(text).unwrap();
    validator(file).iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn the_schemas_are_what_the_shapes_say() {
    for file in files() {
        jsonschema::meta::validate(&file.schema()).unwrap();
        hold(&file.path(), &file.text());
    }
}

#[test]
fn the_page_of_the_policy_has_the_tables_of_the_shapes() {
    let page = "docs/reference/policy.md";
    hold(page, &page::renewed(&read(page), &files()));
}

/// The first line, for editors, and the schema's file that it leads to.
fn named(text: &str) -> (&str, &str) {
    let place = text.lines().next().unwrap().strip_prefix("#:schema ").unwrap();
    (place, place.rsplit_once('/').unwrap().1)
}

#[test]
fn shipped_policies_and_presets_fit_the_schema_that_they_name() {
    let shipped =
        ["race.toml", "testnet.toml", "criteria.toml", "presets/dkg-substrate.toml", "presets/tangle.toml"];
    for name in shipped {
        let path = Path::new("policies").join(name);
        let text = read(&path);
        let (place, schema) = named(&text);
        assert!(root().join(path.parent().unwrap()).join(place).is_file(), "{name}: {place}");
        let file = of(&schema.replace(".schema.json", ".toml"));
        assert_eq!(wrong(&file, &text), [] as [&str; 0], "{name}");
    }
}

#[test]
fn what_init_writes_fits_the_schema_of_the_release_that_it_names() {
    let release = "1234567890123456789012345678901234567890";
    for flags in [
        "--mode poll --runner self-hosted --target deploy@203.0.113.10:2222 --node wss://node.example",
        "--mode relay --target deploy@203.0.113.10 --target root@203.0.113.11 --node ws://127.0.0.1:9944",
        "--mode relay",
    ] {
        let directory = tempfile::tempdir().unwrap();
        let status = Command::new(env!("CARGO_BIN_EXE_race"))
            .args(["init", "--yes", "--session-length", "60s", "--release", release, "--dir"])
            .arg(directory.path())
            .args(flags.split_whitespace())
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "{flags}");
        let mut seen = 0;
        for entry in fs::read_dir(directory.path().join("policies")).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            let name = path.file_name().unwrap().to_str().unwrap();
            let file = of(name);
            let place = format!(
                "https://raw.githubusercontent.com/testnet-deployer/testnet-deployer/{release}/{}",
                file.path()
            );
            assert_eq!(named(&text).0, place, "{name}");
            assert_eq!(wrong(&file, &text), [] as [&str; 0], "{flags}: {name}");
            seen += 1;
        }
        assert!(seen >= 2, "{flags}");
    }
}

#[test]
fn a_misspelt_key_and_a_wrong_type_do_not_fit() {
    for (name, text, place) in [
        ("race.toml", "chek = \"gate\"", "chek"),
        ("race.toml", "selection = \"automatic\"", "automatic"),
        ("race.toml", "[polling]\ninterval = 3", "/polling/interval"),
        ("race.toml", "[polling]\ninterval = \"3 parsecs\"", "/polling/interval"),
        ("race.toml", "[[branch]]\nenvironment = \"testnet\"", "name"),
        ("testnet.toml", "check = \"gate\"", "check"),
        ("testnet.toml", "[monitor]\nsession_length = \"1m\"\nnode = [{ ulr = \"ws://a\" }]", "ulr"),
        (
            "testnet.toml",
            "[monitor]\nsession_length = \"1m\"\nnode = []\nquorum = \"all\"",
            "/monitor/quorum",
        ),
        (
            "testnet.toml",
            "[deploy]\nhost = [{ name = \"a\", address = \"b\", port = 70000 }]\nstep = []",
            "port",
        ),
        ("criteria.toml", "[[criteria.rule]]\nname = \"a\"\nadvice = \"needed\"", "/criteria/rule/0/advice"),
    ] {
        let wrong = wrong(&of(name), text);
        assert!(wrong.iter().any(|told| told.contains(place)), "{text}: {wrong:?}");
    }
}

/// Whether the program takes such a policy: no value of a wrong kind, no unknown key.
/// What must hold between the values is no matter of a schema.
fn taken(value: &Value) -> bool {
    let mut unknown = 0;
    let read = Policy::deserialize(serde_ignored::Deserializer::new(value, &mut |_: serde_ignored::Path<
        '_,
    >| unknown += 1));
    read.is_ok() && unknown == 0
}

/// Every place in a value, as JSON pointers.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    for (key, value) in inner {
        let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
        places(value, &at, found);
        found.push(at);
    }
}

/// The value without what has none: TOML has no null.
fn without_null(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let told = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(told.map(|(key, value)| (key, without_null(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_null).collect()),
        value => value,
    }
}

/// Each place of the policy that has every key, with every kind of value in its stead,
/// without it, and under another name: the schema and the program say the same.
#[test]
fn schema_and_program_agree_about_every_key() {
    let whole = without_null(serde_json::to_value(Policy::example()).unwrap());
    let instead = [
        json!(true),
        json!(0),
        json!(-1),
        json!(300),
        json!(70_000),
        json!(5_000_000_000_u64),
        json!(1.5),
        json!("text"),
        json!("5h40m"),
        json!("majority"),
        json!("required"),
        json!([]),
        json!({}),
        json!(["text"]),
        json!([7]),
        json!([{}]),
        json!({"text": "text"}),
    ];
    let mut compared = (0, 0);
    for file in files() {
        let names: Vec<&str> = file.table.keys.iter().map(|key| key.name.as_str()).collect();
        let mut own = whole.clone();
        own.as_object_mut().unwrap().retain(|key, _| names.contains(&key.as_str()));
        let schema = validator(&file);
        let mut agree = |value: &Value, why: &str| {
            let (fits, taken) = (schema.is_valid(value), taken(value));
            assert_eq!(fits, taken, "{}: {why}: fits the schema: {fits}, is taken: {taken}", file.name);
            compared = (compared.0 + usize::from(fits), compared.1 + usize::from(!fits));
        };
        agree(&own, "the example");
        let mut all = Vec::new();
        places(&own, "", &mut all);
        for place in all {
            // serde also takes a table's values as a list, in the order of their keys, which
            // nobody writes and no schema should propose.
            let is_table = own.pointer(&place).unwrap().is_object();
            for value in instead.iter().filter(|value| !(is_table && value.is_array())) {
                let mut other = own.clone();
                *other.pointer_mut(&place).unwrap() = value.clone();
                agree(&other, &format!("{place} is {value}"));
            }
            let (parent, key) = place.rsplit_once('/').unwrap();
            let mut other = own.clone();
            if let Some(fields) = other.pointer_mut(parent).and_then(Value::as_object_mut) {
                let value = fields.remove(key).unwrap();
                agree(&other, &format!("without {place}"));
                other.pointer_mut(parent).unwrap()[format!("{key}x")] = value;
                agree(&other, &format!("{place} is misspelt"));
            }
        }
    }
    assert!(compared.0 > 100 && compared.1 > 1000, "{compared:?}");
}

#[test]
fn the_pattern_of_durations_is_what_is_read() {
    let schema = of("race.toml");
    let pattern = schema.schema()["properties"]["polling"]["properties"]["interval"]["pattern"].clone();
    let pattern = regex::Regex::new(pattern.as_str().unwrap()).unwrap();
    let numbers = ["", "0", "7", "40", "1.5", ".5", "-3", "x"];
    let units = "|s|ms|us|m|min|mins|minutes|h|hr|hours|d|days|w|weeks|M|months|y|years|parsecs|S|D";
    let mut one = Vec::new();
    for number in numbers {
        for unit in units.split('|') {
            one.push(format!("{number}{unit}"));
            one.push(format!("{number} {unit}"));
        }
    }
    // White space between two digits, which is passed over, is nothing to propose.
    let whole = one.iter().filter(|text| !text.trim().ends_with(|c: char| c.is_ascii_digit()));
    let pairs = whole
        .flat_map(|a| ["5h", "40m", "x", "3"].map(|b| [format!("{b}{a}"), format!("{a} {b}")]))
        .flatten();
    let (mut yes, mut no) = (0, 0);
    for text in one.iter().cloned().chain(pairs) {
        let read = duration::parse(&text).is_ok();
        assert_eq!(pattern.is_match(&text), read, "{text:?}");
        *(if read { &mut yes } else { &mut no }) += 1;
    }
    assert!(yes > 200 && no > 200, "{yes} {no}");
}
