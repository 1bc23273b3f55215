//! GitHub's OpenAPI description as a judge over recorded requests and answers.
//!
//! A test that has driven something against the stand-in ends with
//! `Description::load().assert_holds(&github.exchanges())`.

#![expect(clippy::expect_used, clippy::panic, reason = "a judge may fail loudly")]

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

use serde_json::{Value, json};
use testnet_deployer::rehearsal::github::Exchange;

/// Answers that GitHub may give anywhere, described or not: its usual errors.
const USUAL: [u16; 9] = [401, 403, 404, 422, 429, 500, 502, 503, 504];

/// Path parameters that may hold slashes.
const WITH_SLASHES: [&str; 3] = ["path", "ref", "branch"];

/// The description, ready to judge.
pub(crate) struct Description {
    document: Value,
    validators: Mutex<HashMap<String, jsonschema::Validator>>,
}

impl Description {
    /// Reads the extract beside the contract tests.
    pub(crate) fn load() -> Self {
        let text = include_str!("../contract/github-openapi.json");
        let mut document: Value = serde_json::from_str(text).expect("the extract is JSON");
        spell_out_nullable(&mut document);
        Self { document, validators: Mutex::default() }
    }

    /// Everything in which these exchanges differ from the description.
    pub(crate) fn deviations(&self, exchanges: &[Exchange]) -> Vec<String> {
        let judged = exchanges.iter().flat_map(|exchange| {
            let Exchange { method, path, status, .. } = exchange;
            let problems = self.problems(exchange).into_iter();
            problems.map(move |problem| format!("{method} {path} -> {status}: {problem}"))
        });
        judged.collect()
    }

    /// Fails the test that calls it where an exchange differs from the description.
    /// Returns the operations that were used, each once.
    #[track_caller]
    pub(crate) fn assert_holds(&self, exchanges: &[Exchange]) -> BTreeSet<String> {
        assert!(!exchanges.is_empty(), "there is no exchange to judge");
        let deviations = self.deviations(exchanges);
        assert!(deviations.is_empty(), "not as GitHub describes it: {deviations:#?}");
        let found = exchanges.iter().filter_map(|exchange| self.find(&exchange.method, &exchange.path));
        found.map(|found| found.pointer).collect()
    }

    fn problems(&self, exchange: &Exchange) -> Vec<String> {
        let Some(found) = self.find(&exchange.method, &exchange.path) else {
            return vec!["no such path and method".to_owned()];
        };
        let mut problems = self.request_problems(&found, exchange);
        problems.extend(self.response_problems(&found, exchange));
        problems
    }

    fn request_problems(&self, found: &Found, exchange: &Exchange) -> Vec<String> {
        let operation = self.at(&found.pointer);
        let parameters: Vec<&Value> = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|parameter| self.resolve(parameter))
            .collect();
        let mut problems = Vec::new();
        for (place, name, value) in found
            .path_values
            .iter()
            .map(|(name, value)| ("path", name, value))
            .chain(exchange.query.iter().map(|(name, value)| ("query", name, value)))
        {
            let known = parameters.iter().find(|known| known["name"] == **name && known["in"] == place);
            match known {
                None => problems.push(format!("{place} parameter `{name}` is not described")),
                Some(known) => {
                    if let Some(wrong) = parameter_problem(self.resolve(&known["schema"]), value) {
                        problems.push(format!("{place} parameter `{name}` is `{value}`: {wrong}"));
                    }
                }
            }
        }
        let body = &operation["requestBody"];
        match (&exchange.request_body, body.is_object()) {
            (Some(_), false) => problems.push("a request body that is not described".to_owned()),
            (None, true) if body["required"] == true => problems.push("no request body".to_owned()),
            (Some(value), true) => {
                let pointer = format!("{}/requestBody/content/application~1json/schema", found.pointer);
                problems.extend(self.schema_problems(&pointer, value));
            }
            (None, _) => {}
        }
        problems
    }

    fn response_problems(&self, found: &Found, exchange: &Exchange) -> Vec<String> {
        let status = exchange.status;
        // The connection was cut, or the caller knows the answer already.
        if status == 0 || status == 304 {
            return Vec::new();
        }
        let described = &self.at(&found.pointer)["responses"][status.to_string()];
        if described.is_null() && !USUAL.contains(&status) {
            return vec![format!("status {status} is not described")];
        }
        let pointer = match described["$ref"].as_str() {
            Some(reference) => reference.trim_start_matches('#').to_owned(),
            None => format!("{}/responses/{status}", found.pointer),
        };
        let schema = format!("{pointer}/content/application~1json/schema");
        let has_schema = self.document.pointer(&schema).is_some();
        match &exchange.response_body {
            Some(body) if has_schema => self.schema_problems(&schema, body),
            Some(body) if USUAL.contains(&status) => {
                self.schema_problems("/components/schemas/basic-error", body)
            }
            Some(_) => vec!["a body that is not described".to_owned()],
            None if has_schema && status < 300 && !exchange.accept.contains("raw") => {
                vec!["no JSON body".to_owned()]
            }
            None => Vec::new(),
        }
    }

    fn schema_problems(&self, pointer: &str, value: &Value) -> Vec<String> {
        let mut validators = self.validators.lock().expect("no test panics while it holds this");
        let validator = validators.entry(pointer.to_owned()).or_insert_with(|| {
            let schema = json!({
                "allOf": [self.at(pointer)],
                "components": self.document["components"],
            });
            jsonschema::options()
                .with_draft(jsonschema::Draft::Draft4)
                .should_validate_formats(true)
                .build(&schema)
                .expect("the description's schemas are valid")
        });
        validator
            .iter_errors(value)
            .map(|error| {
                let text: String = error.to_string().chars().take(300).collect();
                format!("at `{}`: {text}", error.instance_path())
            })
            .collect()
    }

    fn find(&self, method: &str, path: &str) -> Option<Found> {
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let paths = self.document["paths"].as_object().expect("a description has paths");
        paths
            .iter()
            .filter(|(_, operations)| operations.get(method.to_lowercase()).is_some())
            .filter_map(|(template, _)| {
                let parts: Vec<&str> = template.split('/').filter(|part| !part.is_empty()).collect();
                let path_values = match_template(&parts, &segments)?;
                let pointer = format!(
                    "/paths/{}/{}",
                    template.replace('~', "~0").replace('/', "~1"),
                    method.to_lowercase()
                );
                // Of two that fit, the one that says more: a ref may have slashes in it.
                Some((path_values.len(), Reverse(parts.len()), Found { pointer, path_values }))
            })
            .min_by_key(|(values, parts, _)| (*values, *parts))
            .map(|(_, _, found)| found)
    }

    fn at(&self, pointer: &str) -> &Value {
        self.document.pointer(pointer).unwrap_or_else(|| panic!("the description has no {pointer}"))
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => self.resolve(self.at(reference.trim_start_matches('#'))),
            None => value,
        }
    }
}

/// An operation and the values of its path's parameters.
struct Found {
    pointer: String,
    path_values: Vec<(String, String)>,
}

/// The parameters' values, where the segments fit the parts of a template.
fn match_template(parts: &[&str], segments: &[&str]) -> Option<Vec<(String, String)>> {
    let (Some((part, parts)), Some((segment, rest))) = (parts.split_first(), segments.split_first()) else {
        return (parts.is_empty() && segments.is_empty()).then(Vec::new);
    };
    let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else {
        return if part == segment { match_template(parts, rest) } else { None };
    };
    let longest = if WITH_SLASHES.contains(&name) { segments.len() } else { 1 };
    (1..=longest).find_map(|count| {
        let mut values = match_template(parts, &segments[count..])?;
        values.insert(0, (name.to_owned(), segments[..count].join("/")));
        Some(values)
    })
}

/// What is wrong with a parameter's text, where anything is.
fn parameter_problem(schema: &Value, text: &str) -> Option<String> {
    let fits = match schema["type"].as_str() {
        Some("integer") => text.parse::<i64>().is_ok(),
        Some("boolean") => text == "true" || text == "false",
        _ => true,
    };
    if !fits {
        return Some(format!("not of type {}", schema["type"]));
    }
    let words = schema["enum"].as_array()?;
    (!words.iter().any(|word| word == text)).then(|| format!("not one of {}", schema["enum"]))
}

/// OpenAPI 3.0 says `nullable: true` where JSON Schema has a type `null`.
fn spell_out_nullable(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(spell_out_nullable),
        Value::Object(object) => {
            object.values_mut().for_each(spell_out_nullable);
            if object.get("nullable") == Some(&Value::Bool(true)) {
                object.remove("nullable");
                let schema = Value::Object(std::mem::take(object));
                object.insert("anyOf".to_owned(), json!([{"type": "null"}, schema]));
            }
        }
        _ => {}
    }
}
