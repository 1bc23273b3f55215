//! The layers themselves: figment puts them together and remembers whose value
//! each one is; serde reads the result, one problem at a time, until none is left.

use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde::Deserialize;

use super::locate::{line_at, line_of};
use super::problems::{Diagnostic, Invalid, nearest};
use super::runner::Runner;
use crate::policy::{self, FILES, Policy, Severity};

/// A policy file that was read, from a disk or by the API.
#[derive(Clone, Debug)]
pub struct PolicyFile {
    /// Its name among the policy files, for example `race.toml`.
    pub name: &'static str,
    /// Where it was read, as messages name it.
    pub place: String,
    /// Its text.
    pub text: String,
}

/// A setting given by a flag.
#[derive(Clone, Debug)]
pub struct Flag {
    /// The flag, for example `--deadline`.
    pub flag: &'static str,
    /// The key it sets, for example `polling.deadline`.
    pub key: &'static str,
    /// The value.
    pub value: String,
}

/// Everything that settings are made from.
pub struct Layers<'l> {
    /// The policy files.
    pub files: &'l [PolicyFile],
    /// The environment.
    pub runner: &'l Runner,
    /// The flags.
    pub flags: &'l [Flag],
}

/// Settings that can be used.
#[derive(Debug)]
pub struct Settings {
    /// The policy.
    pub policy: Policy,
    /// What could be better about it.
    pub warnings: Vec<Diagnostic>,
    /// Every value and where it came from, in the order of the keys.
    pub origins: Vec<Origin>,
}

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Origin {
    /// The key, for example `polling.interval`.
    pub key: String,
    /// The value, as JSON writes it.
    pub value: String,
    /// File and line, variable, flag, or `built-in default`.
    pub place: String,
}

const BUILT_IN: &str = "built-in default";

/// One flat setting with a name of its own: a variable or a flag.
struct Named<'n> {
    place: String,
    key: &'n str,
    value: Value,
}

impl Provider for Named<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.place.clone())
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        let mut keys: Vec<&str> = self.key.split('.').collect();
        let Some(last) = keys.pop() else { return Ok(Map::new()) };
        let mut dict = Dict::from([(last.to_owned(), self.value.clone())]);
        for key in keys.into_iter().rev() {
            dict = Dict::from([(key.to_owned(), Value::from(dict))]);
        }
        Ok(Profile::Default.collect(dict))
    }
}

/// A policy file as a layer of its own, named by its place.
struct File<'f>(&'f PolicyFile);

impl Provider for File<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.0.place.clone())
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Toml::string(&self.0.text).data()
    }
}

impl Layers<'_> {
    /// Puts the layers together.
    ///
    /// # Errors
    ///
    /// Every problem at once, each with its place and what to do.
    pub fn settle(&self) -> Result<Settings, Invalid> {
        let mut problems: Vec<Diagnostic> = self.files.iter().flat_map(unreadable).collect();
        if !problems.is_empty() {
            return Err(Invalid(problems));
        }
        problems.extend(self.files.iter().flat_map(misplaced));

        let figment = self.figment();
        let mut value: serde_json::Value = match figment.extract() {
            Ok(value) => value,
            Err(error) => {
                problems.push(self.diagnostic(&figment, &[], error.to_string(), None));
                return Err(Invalid(problems));
            }
        };
        let known = serde_json::to_value(Policy::example()).unwrap_or_default();
        let mut reported: Vec<String> = problems.iter().map(|problem| problem.key.clone()).collect();
        let mut taken = Vec::new();
        let policy = loop {
            let (read, unknown) = read(&value);
            for path in unknown {
                if !reported.contains(&path.join(".")) {
                    reported.push(path.join("."));
                    problems.push(self.unknown(&figment, &known, &path));
                }
            }
            match read {
                Ok(policy) => break policy,
                Err((path, message)) => {
                    // A value that was taken out because it is wrong is not missing as well.
                    let again = path.iter().chain([&missing(&message)]).eq(&taken);
                    if !again {
                        problems.push(self.diagnostic(&figment, &path, message, None));
                    }
                    taken.clone_from(&path);
                    if !cut(&mut value, &path) {
                        return Err(Invalid(problems));
                    }
                }
            }
        };
        let found = policy::check(&policy);
        problems.extend(found.into_iter().map(|problem| {
            let path: Vec<String> = problem.key.split('.').map(str::to_owned).collect();
            Diagnostic {
                severity: problem.severity,
                ..self.diagnostic(&figment, &path, problem.message, Some(problem.help))
            }
        }));
        problems.sort_by(|a, b| a.position().cmp(&b.position()));
        if problems.iter().any(|problem| problem.severity == Severity::Error) {
            return Err(Invalid(problems));
        }
        let origins = self.origins(&figment, &policy);
        Ok(Settings { policy, warnings: problems, origins })
    }

    fn figment(&self) -> Figment {
        let mut figment = Figment::from(Serialized::defaults(Policy::default()));
        for file in self.files {
            figment = figment.merge(File(file));
        }
        for (name, value) in self.runner.all() {
            let Some(key) = key_of_variable(name) else { continue };
            // The value is read as TOML where it can be, so that numbers are numbers.
            let value = value.parse().unwrap_or_else(|never: std::convert::Infallible| match never {});
            figment = figment.merge(Named { place: format!("variable {name}"), key: &key, value });
        }
        for flag in self.flags {
            let value = Value::from(flag.value.clone());
            figment = figment.merge(Named { place: format!("flag {}", flag.flag), key: flag.key, value });
        }
        figment
    }

    fn unknown(&self, figment: &Figment, known: &serde_json::Value, path: &[String]) -> Diagnostic {
        let (key, parents) = path.split_last().map_or(("", path), |(key, parents)| (key.as_str(), parents));
        let siblings: Vec<&str> = parents
            .iter()
            .try_fold(
                known,
                |value, key| if key.parse::<usize>().is_ok() { value.get(0) } else { value.get(key) },
            )
            .and_then(serde_json::Value::as_object)
            .map(|object| object.keys().map(String::as_str).collect())
            .unwrap_or_default();
        let help = match nearest(key, siblings.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known here: {}", siblings.join(", ")),
        };
        self.diagnostic(figment, path, "unknown key".to_owned(), Some(help))
    }

    fn diagnostic(
        &self,
        figment: &Figment,
        path: &[String],
        message: String,
        help: Option<String>,
    ) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            place: self.place(figment, path),
            key: path.join("."),
            message,
            help,
        }
    }

    /// Where the value of a key, or of the nearest of its parents, came from.
    fn place(&self, figment: &Figment, path: &[String]) -> String {
        for length in (1..=path.len()).rev() {
            let Some(tag) = figment.find_value("").ok().and_then(|root| find(&root, &path[..length])) else {
                continue;
            };
            let Some(metadata) = figment.get_metadata(tag) else { return BUILT_IN.to_owned() };
            return match self.files.iter().find(|file| file.place == metadata.name) {
                Some(file) => match line_of(&file.text, path) {
                    Some(line) => format!("{}:{line}", file.place),
                    None => file.place.clone(),
                },
                None if metadata.name.starts_with("variable ") || metadata.name.starts_with("flag ") => {
                    metadata.name.clone().into_owned()
                }
                None => BUILT_IN.to_owned(),
            };
        }
        self.files.first().map_or_else(|| BUILT_IN.to_owned(), |file| file.place.clone())
    }

    fn origins(&self, figment: &Figment, policy: &Policy) -> Vec<Origin> {
        let value = serde_json::to_value(policy).unwrap_or_default();
        let mut leaves = Vec::new();
        collect_leaves(&value, &mut Vec::new(), &mut leaves);
        leaves
            .into_iter()
            .map(|(path, value)| {
                let written = figment.find_value("").ok().and_then(|root| find(&root, &path)).is_some();
                let place = if written { self.place(figment, &path) } else { BUILT_IN.to_owned() };
                Origin { key: path.join("."), value, place }
            })
            .collect()
    }
}

/// The key that a variable `RACE_<SECTION>__<KEY>` sets, or one at the top.
fn key_of_variable(name: &str) -> Option<String> {
    let rest = name.strip_prefix("RACE_")?.to_ascii_lowercase();
    let at_top = ["check", "selection", "after_win", "carry"].contains(&rest.as_str());
    (at_top || rest.contains("__")).then(|| rest.replace("__", "."))
}

/// Reads the policy, with the paths of the keys that nothing asked for.
type Read = (Result<Policy, (Vec<String>, String)>, Vec<Vec<String>>);

fn read(value: &serde_json::Value) -> Read {
    let mut unknown: Vec<Vec<String>> = Vec::new();
    let mut note = |path: serde_ignored::Path<'_>| {
        // `?` stands for a table that may be left out, and is no key.
        let path = path.to_string();
        unknown.push(path.split('.').filter(|key| *key != "?").map(str::to_owned).collect());
    };
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(value, &mut track);
    let read = Policy::deserialize(serde_ignored::Deserializer::new(tracked, &mut note));
    let path = track.path();
    let read = read.map_err(|error| {
        // A position in a list comes in brackets.
        let key = |key: &serde_path_to_error::Segment| key.to_string().trim_matches(['[', ']']).to_owned();
        let path = path.iter().map(key).filter(|key| key != "?").collect();
        (path, error.to_string())
    });
    (read, unknown)
}

/// The field that a message of serde's misses.
fn missing(message: &str) -> String {
    let name = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    name.unwrap_or_default().to_owned()
}

/// Takes the value at `path` out, so that the next problem can be found.
fn cut(value: &mut serde_json::Value, path: &[String]) -> bool {
    let Some((last, parents)) = path.split_last() else { return false };
    let parent = parents.iter().try_fold(value, |value, key| match value {
        serde_json::Value::Array(items) => items.get_mut(key.parse::<usize>().ok()?),
        value => value.get_mut(key),
    });
    match parent {
        Some(serde_json::Value::Object(object)) => object.remove(last).is_some(),
        Some(serde_json::Value::Array(items)) => {
            let position = last.parse().ok().filter(|position| *position < items.len());
            position.map(|position: usize| items.remove(position)).is_some()
        }
        _ => false,
    }
}

/// The tag of the value at `path`: whose it is.
fn find(root: &Value, path: &[String]) -> Option<figment::value::Tag> {
    path.iter()
        .try_fold(root, |value, key| match value {
            Value::Dict(_, dict) => dict.get(key),
            Value::Array(_, items) => items.get(key.parse::<usize>().ok()?),
            _ => None,
        })
        .map(Value::tag)
}

fn collect_leaves(
    value: &serde_json::Value,
    path: &mut Vec<String>,
    leaves: &mut Vec<(Vec<String>, String)>,
) {
    let children: Vec<(String, &serde_json::Value)> = match value {
        serde_json::Value::Object(object) => object.iter().map(|(key, value)| (key.clone(), value)).collect(),
        serde_json::Value::Array(items) if items.iter().any(serde_json::Value::is_object) => {
            items.iter().enumerate().map(|(position, value)| (position.to_string(), value)).collect()
        }
        serde_json::Value::Null => return,
        leaf => return leaves.push((path.clone(), leaf.to_string())),
    };
    for (key, child) in children {
        path.push(key);
        collect_leaves(child, path, leaves);
        path.pop();
    }
}

/// A file that is no TOML.
fn unreadable(file: &PolicyFile) -> Option<Diagnostic> {
    let error = file.text.parse::<toml_edit::DocumentMut>().err()?;
    let line = error.span().map_or(1, |span| line_at(&file.text, span.start));
    Some(Diagnostic {
        severity: Severity::Error,
        place: format!("{}:{line}", file.place),
        key: String::new(),
        message: format!("this is no TOML: {}", error.message().replace('\n', ", ")),
        help: None,
    })
}

/// Top-level keys that belong in another policy file.
fn misplaced(file: &PolicyFile) -> Vec<Diagnostic> {
    let Ok(document) = file.text.parse::<toml_edit::DocumentMut>() else { return Vec::new() };
    document
        .iter()
        .filter_map(|(key, _)| {
            let (home, _) = FILES.iter().find(|(_, keys)| keys.contains(&key))?;
            (*home != file.name).then(|| Diagnostic {
                severity: Severity::Error,
                place: match line_of(&file.text, &[key.to_owned()]) {
                    Some(line) => format!("{}:{line}", file.place),
                    None => file.place.clone(),
                },
                key: key.to_owned(),
                message: format!("this does not belong in {}", file.name),
                help: Some(format!("move it to {home}")),
            })
        })
        .collect()
}
