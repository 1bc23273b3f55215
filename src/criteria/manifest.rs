//! `Cargo.toml` by meaning: what it says of each crate, told in one form however it is
//! written.
//!
//! Source: <https://doc.rust-lang.org/cargo/reference/manifest.html>.

use std::collections::BTreeMap;

use toml::{Table, Value};

/// Keys of `[package]` that are about people and registries, not about what is built.
const ABOUT: [&str; 14] = [
    "authors",
    "description",
    "documentation",
    "readme",
    "homepage",
    "repository",
    "license",
    "license-file",
    "keywords",
    "categories",
    "publish",
    "metadata",
    "include",
    "exclude",
];

/// Tables of dependencies, with the words that older versions of Cargo take as well.
const DEPENDENCIES: [(&str, &str); 5] = [
    ("dependencies", "dependencies"),
    ("dev-dependencies", "dev-dependencies"),
    ("dev_dependencies", "dev-dependencies"),
    ("build-dependencies", "build-dependencies"),
    ("build_dependencies", "build-dependencies"),
];

/// A manifest.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Document {
    /// All of it.
    table: Table,
    /// The directory that it stands in, without a slash at the end.
    directory: String,
}

/// Where in a manifest a crate is spoken of: the table, and the crate's name there.
pub(super) type Place = (String, String);

/// What a manifest says of a crate.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Declaration {
    /// The crate's own name, also where it is renamed.
    pub(super) package: String,
    /// All that is said, in one form.
    fields: Table,
}

impl Document {
    /// Reads the manifest at `path`.
    pub(super) fn read(path: &str, text: &str) -> Result<Self, String> {
        let table: Table = toml::from_str(text).map_err(|error| error.message().replace('\n', " "))?;
        let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory).to_owned();
        Ok(Self { table, directory })
    }

    /// The directory that it stands in.
    pub(super) fn directory(&self) -> &str {
        &self.directory
    }

    /// Both say the same, whatever their layout.
    pub(super) fn means_the_same(&self, other: &Self) -> bool {
        self.table == other.table
    }

    /// It is the root of a workspace.
    pub(super) fn is_workspace(&self) -> bool {
        self.table.contains_key("workspace")
    }

    /// The name of its package, where it has one.
    pub(super) fn package(&self) -> Option<&str> {
        self.table.get("package")?.get("name")?.as_str()
    }

    /// What members of the workspace may take over.
    pub(super) fn inheritable(&self) -> BTreeMap<String, Declaration> {
        let table = self.table.get("workspace").and_then(|table| table.get("dependencies"));
        self.declarations(table)
    }

    /// Everything that it says of crates; what is taken over from `root` is what it
    /// stands for.
    pub(super) fn dependencies(&self, root: Option<&Self>) -> BTreeMap<Place, Declaration> {
        let inheritable = root.map(Self::inheritable).unwrap_or_default();
        let mut all = BTreeMap::new();
        let mut add = |prefix: &str, table: &Table| {
            for (key, word) in DEPENDENCIES {
                for (name, declared) in self.declarations(table.get(key)) {
                    let declared = declared.inherited(inheritable.get(&name));
                    all.insert((format!("{prefix}{word}"), name), declared);
                }
            }
        };
        add("", &self.table);
        for (target, table) in self.table.get("target").and_then(Value::as_table).into_iter().flatten() {
            let Some(table) = table.as_table() else { continue };
            let target: String = target.split_whitespace().collect();
            add(&format!("target.{target}."), table);
        }
        for (source, table) in self.table.get("patch").and_then(Value::as_table).into_iter().flatten() {
            for (name, declared) in self.declarations(Some(table)) {
                all.insert((format!("patch.{source}"), name), declared);
            }
        }
        for (name, declared) in self.declarations(self.table.get("replace")) {
            // `name:version`, or a whole identifier of a package.
            let crate_name = name.rsplit_once('#').map_or(&*name, |(_, name)| name);
            let crate_name = crate_name.split([':', '@']).next().unwrap_or_default().to_owned();
            all.insert(("replace".to_owned(), name), Declaration { package: crate_name, ..declared });
        }
        self.add_features(&mut all);
        all
    }

    /// What `[features]` turns on in other crates: `NAME/FEATURE`, `NAME?/FEATURE`,
    /// `dep:NAME`.
    fn add_features(&self, all: &mut BTreeMap<Place, Declaration>) {
        let names: BTreeMap<String, String> =
            all.iter().map(|((_, name), declared)| (name.clone(), declared.package.clone())).collect();
        for (feature, list) in self.table.get("features").and_then(Value::as_table).into_iter().flatten() {
            for entry in list.as_array().into_iter().flatten().filter_map(Value::as_str) {
                let name = match (entry.strip_prefix("dep:"), entry.split_once('/')) {
                    (Some(name), _) => name,
                    (None, Some((name, _))) => name.trim_end_matches('?'),
                    (None, None) => continue,
                };
                let package = names.get(name).map_or(name, String::as_str).to_owned();
                let place = (format!("features.{feature}"), name.to_owned());
                let declared =
                    all.entry(place).or_insert_with(|| Declaration { package, fields: Table::new() });
                declared.fields.insert(entry.to_owned(), Value::Boolean(true));
            }
        }
    }

    /// What is built in another way for every crate where it differs.
    pub(super) fn of_every_crate(&self) -> BTreeMap<&'static str, Value> {
        let at = |path: &[&str]| {
            let (first, rest) = path.split_first()?;
            rest.iter().try_fold(self.table.get(*first)?, |value, key| value.get(*key)).cloned()
        };
        [
            ("cargo-features", at(&["cargo-features"])),
            ("profile", at(&["profile"])),
            ("package.resolver", at(&["package", "resolver"])),
            ("workspace.resolver", at(&["workspace", "resolver"])),
            ("workspace.package.edition", at(&["workspace", "package", "edition"])),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
        .collect()
    }

    /// What makes its package, dependencies left out.
    pub(super) fn own(&self) -> Table {
        let mut own = self.table.clone();
        for key in ["target", "patch", "replace", "workspace", "profile", "badges", "lints", "cargo-features"]
            .into_iter()
            .chain(DEPENDENCIES.map(|(key, _)| key))
            .chain(["test", "bench", "example"])
        {
            own.remove(key);
        }
        for key in ["package", "project"] {
            if let Some(Value::Table(package)) = own.get_mut(key) {
                package.retain(|key, _| !ABOUT.contains(&key));
                package.remove("resolver");
            }
        }
        own
    }

    fn declarations(&self, table: Option<&Value>) -> BTreeMap<String, Declaration> {
        let table = table.and_then(Value::as_table);
        let read = |(name, value): (&String, &Value)| (name.clone(), self.declaration(name, value));
        table.into_iter().flatten().map(read).collect()
    }

    /// One declaration in the form that all of its kind share.
    fn declaration(&self, name: &str, value: &Value) -> Declaration {
        let mut fields = match value {
            Value::Table(table) => table.clone(),
            other => Table::from_iter([("version".to_owned(), other.clone())]),
        };
        if let Some(default) = fields.remove("default_features") {
            fields.entry("default-features").or_insert(default);
        }
        let package = match fields.remove("package") {
            Some(Value::String(package)) => package,
            _ => name.to_owned(),
        };
        let inherits = fields.get("workspace") == Some(&Value::Boolean(true));
        if fields.get("optional") == Some(&Value::Boolean(false)) {
            fields.remove("optional");
        }
        // To say it beside `workspace = true` may turn on what the workspace turned off.
        if !inherits && fields.get("default-features") == Some(&Value::Boolean(true)) {
            fields.remove("default-features");
        }
        if let Some(Value::String(version)) = fields.get_mut("version") {
            let plain: String = version.split_whitespace().collect();
            *version = plain.trim_start_matches('^').to_owned();
        }
        if let Some(Value::String(git)) = fields.get_mut("git") {
            *git = git.trim_end_matches('/').trim_end_matches(".git").to_owned();
        }
        if let Some(Value::String(path)) = fields.get_mut("path") {
            *path = from_root(&self.directory, path);
        }
        if let Some(Value::Array(features)) = fields.get_mut("features") {
            sort(features);
            if features.is_empty() {
                fields.remove("features");
            }
        }
        Declaration { package, fields }
    }
}

impl Declaration {
    /// The declaration with what it takes over from the workspace's.
    fn inherited(self, from: Option<&Self>) -> Self {
        let (Some(Value::Boolean(true)), Some(from)) = (self.fields.get("workspace"), from) else {
            return self;
        };
        let mut merged = from.clone();
        for (key, value) in self.fields {
            match (key.as_str(), value) {
                ("workspace", _) => {}
                ("features", Value::Array(mut features)) => {
                    if let Some(Value::Array(theirs)) = merged.fields.remove("features") {
                        features.extend(theirs);
                    }
                    sort(&mut features);
                    merged.fields.insert(key, Value::Array(features));
                }
                // A member may turn the default features on, not off.
                ("default-features", Value::Boolean(true)) => {
                    merged.fields.remove("default-features");
                }
                ("default-features", _) => {}
                (_, value) => {
                    merged.fields.insert(key, value);
                }
            }
        }
        merged
    }

    /// What is said, as a person would tell it.
    pub(super) fn told(&self) -> String {
        let mut keys: Vec<(&String, &Value)> = self.fields.iter().collect();
        keys.sort_by_key(|(key, _)| (*key != "version", key.as_str()));
        let told: Vec<String> = keys
            .into_iter()
            .map(|(key, value)| match (key.as_str(), value) {
                ("version", Value::String(version)) => version.clone(),
                ("default-features", Value::Boolean(false)) => "no default features".to_owned(),
                (key, Value::Boolean(true)) => key.to_owned(),
                (key, Value::String(text)) => format!("{key} {text}"),
                (key, Value::Array(list)) => {
                    let words: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
                    format!("{key} {}", words.join("+"))
                }
                (key, value) => format!("{key} {value}"),
            })
            .collect();
        told.join(", ")
    }
}

/// Sorts a list of texts, each once.
fn sort(list: &mut Vec<Value>) {
    list.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
    list.dedup();
}

/// The path that `path` is from the root of the repository, said in `directory`.
fn from_root(directory: &str, path: &str) -> String {
    let mut parts: Vec<&str> = directory.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}
