//! The shapes as JSON Schemas, draft 7: the one that editors' TOML plugins know. Nothing
//! is referred to, because what stands beside a `$ref` does not count there.

use serde_json::{Map, Value, json};
use testnet_deployer::policy::{FILES, Policy};

use crate::shapes::{Key, Kind, Source, Table};

/// As `policy::duration` reads them.
const DURATION: &str = "^\\s*(0\\s*|([0-9]+(\\.[0-9]+)?\\s*(nanos|nsec|ns|usec|us|µs|millis|msec|ms|seconds|second|secs|sec|s|minutes|minute|mins|min|m|hours|hour|hrs|hr|h|days|day|d|weeks|week|wks|wk|w|months|month|M|years|year|yrs|yr|y)\\s*)+)$";

/// A policy file with its table and its schema.
pub(crate) struct File {
    pub(crate) name: &'static str,
    pub(crate) table: Table,
    pub(crate) defaults: Value,
}

/// The three policy files.
pub(crate) fn files() -> Vec<File> {
    let whole = Source::read().table("Policy");
    let least = least(&whole);
    let policy: Policy = serde_json::from_value(least).unwrap();
    let defaults = serde_json::to_value(policy).unwrap();
    let of = |(name, keys): (&'static str, &[&str])| {
        let own = whole.keys.iter().filter(|key| keys.contains(&&*key.name)).cloned().collect();
        let table = Table { doc: format!("policies/{name} of testnet-deployer"), keys: own };
        assert_eq!(table.keys.len(), keys.len(), "{name}");
        File { name, table, defaults: defaults.clone() }
    };
    FILES.into_iter().map(of).collect()
}

impl File {
    /// The schema's file, beside the policies.
    pub(crate) fn path(&self) -> String {
        format!("policies/schema/{}.schema.json", self.name.trim_end_matches(".toml"))
    }

    /// The schema.
    pub(crate) fn schema(&self) -> Value {
        let mut schema = table(&self.table, Some(&self.defaults));
        let head = schema.as_object_mut().unwrap();
        head.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
        head.insert("title".to_owned(), json!(self.table.doc));
        head.remove("description");
        schema
    }

    /// The schema as it stands in its file.
    pub(crate) fn text(&self) -> String {
        format!("{}\n", serde_json::to_string_pretty(&self.schema()).unwrap())
    }
}

/// The default of a key, where it has one that follows from no other value.
pub(crate) fn default<'d>(key: &Key, table: Option<&'d Value>) -> Option<&'d Value> {
    let value = table?.get(&key.name).filter(|value| !value.is_null())?;
    let is_own = !key.required && !matches!(key.kind, Kind::Table(_) | Kind::Tables(_));
    (is_own && value != SENTINEL).then_some(value)
}

/// The defaults of the table below a key.
pub(crate) fn inner<'d>(key: &Key, table: Option<&'d Value>) -> Option<&'d Value> {
    let value = table?.get(&key.name)?;
    value.as_array().map_or(Some(value), |rows| rows.first())
}

/// What stands for a text that must be given.
const SENTINEL: &str = "given";

/// The least policy in which every table is: what it has beside is by default.
fn least(table: &Table) -> Value {
    let value = |kind: &Kind| match kind {
        Kind::Table(table) => Some(least(table)),
        Kind::Tables(table) => Some(json!([least(table)])),
        _ => None,
    };
    let required = |kind: &Kind| match kind {
        Kind::Text => json!(SENTINEL),
        Kind::Duration => json!("1m"),
        Kind::Word(words) => json!(words[0].0),
        kind => panic!("nothing stands for {kind:?} yet"),
    };
    let given = table.keys.iter().filter_map(|key| {
        let value = value(&key.kind).or_else(|| key.required.then(|| required(&key.kind)));
        Some((key.name.clone(), value?))
    });
    Value::Object(given.collect())
}

fn table(table: &Table, defaults: Option<&Value>) -> Value {
    let mut properties = Map::new();
    for key in &table.keys {
        let below = inner(key, defaults);
        let mut schema = kind(&key.kind, below);
        let object = schema.as_object_mut().unwrap();
        object.insert("description".to_owned(), json!(described(key)));
        if let Some(value) = default(key, defaults) {
            object.insert("default".to_owned(), value.clone());
        }
        properties.insert(key.name.clone(), schema);
    }
    let required: Vec<&str> = table.keys.iter().filter(|key| key.required).map(|key| &*key.name).collect();
    json!({
        "type": "object",
        "description": table.doc,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn kind(of: &Kind, defaults: Option<&Value>) -> Value {
    match of {
        Kind::Text => json!({"type": "string"}),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Duration => json!({"type": "string", "pattern": DURATION}),
        Kind::Whole(None) => json!({"type": "integer", "minimum": 0}),
        Kind::Whole(Some(most)) => json!({"type": "integer", "minimum": 0, "maximum": most}),
        Kind::Number => json!({"type": "number"}),
        Kind::Texts => json!({"type": "object", "additionalProperties": {"type": "string"}}),
        Kind::Word(words) => {
            let told: Vec<&str> = words.iter().map(|(_, told)| told.as_str()).collect();
            let words: Vec<&str> = words.iter().map(|(word, _)| word.as_str()).collect();
            // Taplo shows these beside the words that it proposes.
            json!({"type": "string", "enum": words, "x-taplo": {"docs": {"enumValues": told}}})
        }
        Kind::WordOr(words, other) => {
            json!({"anyOf": [kind(&Kind::Word(words.clone()), None), kind(other, None)]})
        }
        Kind::List(item) => json!({"type": "array", "items": kind(item, None)}),
        Kind::Table(inner) => table(inner, defaults),
        Kind::Tables(inner) => json!({"type": "array", "items": table(inner, defaults)}),
    }
}

/// What is said of a key, with its words.
pub(crate) fn described(key: &Key) -> String {
    match &key.kind {
        Kind::Word(words) | Kind::WordOr(words, _) if words.len() <= 4 => {
            let told = words.iter().map(|(word, told)| format!("`{word}`: {}", lowered(told)));
            std::iter::once(key.doc.clone()).chain(told).collect::<Vec<_>>().join(" ")
        }
        _ => key.doc.clone(),
    }
}

/// What follows a colon begins small, where it begins with a plain word.
fn lowered(text: &str) -> String {
    let mut rest = text.chars();
    match rest.next() {
        Some(first) if !text.chars().nth(1).is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(rest).collect()
        }
        _ => text.to_owned(),
    }
}
