//! Which program of a Rust workspace goes to the testnet, told from its manifests.

use toml_edit::{ImDocument, Item};

use super::answers::{Binary, Word};

/// A manifest, with what lies beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Its text.
    pub text: String,
    /// Whether there is a `src/main.rs`.
    pub has_main: bool,
}

/// The members that a workspace's manifest names, as it names them.
#[must_use]
pub fn members(manifest: &str) -> Vec<String> {
    let Ok(document) = ImDocument::parse(manifest) else { return Vec::new() };
    let listed = document.get("workspace").and_then(|workspace| workspace.get("members"));
    let listed = listed.and_then(Item::as_array).into_iter().flatten();
    listed.filter_map(|member| member.as_str().map(str::to_owned)).collect()
}

/// Every program that the packages of these manifests build.
#[must_use]
pub fn binaries(manifests: &[Manifest]) -> Vec<Binary> {
    let mut found = Vec::new();
    for manifest in manifests {
        let Ok(document) = ImDocument::parse(&*manifest.text) else { continue };
        let name = document.get("package").and_then(|package| package.get("name")).and_then(Item::as_str);
        let Some(package) = name.and_then(Word::parse) else { continue };
        let named = document.get("bin").and_then(Item::as_array_of_tables).into_iter().flatten();
        let mut names: Vec<Word> = named
            .filter_map(|binary| binary.get("name").and_then(Item::as_str).and_then(Word::parse))
            .collect();
        if names.is_empty() && manifest.has_main {
            names.push(package.clone());
        }
        found.extend(names.into_iter().map(|name| Binary { package: package.clone(), name }));
    }
    found
}

/// The one that is a node, where that can be told: the only program, or the only one
/// that is called so.
#[must_use]
pub fn node(binaries: &[Binary]) -> Option<&Binary> {
    if let [only] = binaries {
        return Some(only);
    }
    let is_node = |binary: &&Binary| {
        let name = binary.name.to_string();
        name == "node" || name.ends_with("-node") || name.ends_with("_node")
    };
    let mut nodes = binaries.iter().filter(is_node);
    nodes.next().filter(|_| nodes.next().is_none())
}

/// Whether a workflow gives a job this name: beside ours there would be two checks of it.
#[must_use]
pub fn names_the_check(workflow: &str, check: &str) -> bool {
    // What stands at the margin is about the workflow, not about a job.
    workflow.lines().filter(|line| line.starts_with(' ')).any(|line| {
        let line = line.trim();
        let name = line.strip_prefix("name:").map(str::trim).or_else(|| line.strip_suffix(':'));
        name.is_some_and(|name| name.trim_matches(['"', '\'']) == check)
    })
}
