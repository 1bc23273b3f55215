//! The shapes as the tables of docs/reference/policy.md. The prose between them is
//! written by hand.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::json::{File, default, described, inner};
use crate::shapes::{Key, Kind, Table};

/// The page with every table made anew.
pub(crate) fn renewed(page: &str, files: &[File]) -> String {
    let mut made = Vec::new();
    for file in files {
        collect(file.name, "", &file.table, Some(&file.defaults), &mut made);
    }
    let mut left: BTreeSet<&str> = made.iter().map(|(mark, _)| mark.as_str()).collect();
    let mut text = String::new();
    let mut rest = page;
    while let Some((before, from)) = rest.split_once(BEGIN) {
        let (mark, inside) = from.split_once(" -->\n").unwrap_or_else(|| panic!("a mark without an end"));
        let (_, after) = inside.split_once(END).unwrap_or_else(|| panic!("no end of `{mark}`"));
        let (_, table) = made
            .iter()
            .find(|(made, _)| made == mark)
            .unwrap_or_else(|| panic!("the page has a place for `{mark}`, of which there is nothing"));
        assert!(left.remove(mark), "`{mark}` stands twice in the page");
        text.push_str(&format!("{before}{BEGIN}{mark} -->\n\n{table}\n{END}"));
        rest = after;
    }
    assert!(left.is_empty(), "the page has no place for {left:?}");
    text + rest
}

const BEGIN: &str = "<!-- made of the shapes: ";
const END: &str = "<!-- until here -->";

/// Every table by the name of its place.
fn collect(
    name: &str,
    path: &str,
    table: &Table,
    defaults: Option<&Value>,
    made: &mut Vec<(String, String)>,
) {
    // Tables of files other than race.toml have no keys of their own at the top.
    if !path.is_empty() || table.keys.iter().any(|key| below(key).is_none()) {
        made.push((name.to_owned(), keys(path, table, defaults)));
    }
    for key in &table.keys {
        let path = match path {
            "" => key.name.clone(),
            path => format!("{path}.{}", key.name),
        };
        if let Some(inner_table) = below(key) {
            collect(&path, &path, inner_table, inner(key, defaults), made);
        }
        if let Some(words) = words(&key.kind).filter(|words| words.len() > 4) {
            made.push((path, values(&key.name, words)));
        }
    }
}

fn below(key: &Key) -> Option<&Table> {
    match &key.kind {
        Kind::Table(table) | Kind::Tables(table) => Some(table),
        _ => None,
    }
}

fn words(kind: &Kind) -> Option<&[(String, String)]> {
    match kind {
        Kind::Word(words) | Kind::WordOr(words, _) => Some(words),
        Kind::List(item) => words(item),
        _ => None,
    }
}

fn keys(path: &str, table: &Table, defaults: Option<&Value>) -> String {
    let mut text = "| key | value | default | meaning |\n| --- | --- | --- | --- |\n".to_owned();
    for key in &table.keys {
        let default = match default(key, defaults) {
            Some(value) => format!("`{value}`"),
            None if key.required => "required".to_owned(),
            None if below(key).is_some() => "optional".to_owned(),
            None => "none".to_owned(),
        };
        let row = [format!("`{}`", key.name), told(path, key), default, described(key)];
        text.push_str(&format!("| {} |\n", row.map(|cell| cell.replace('|', "\\|")).join(" | ")));
    }
    text
}

/// What the value is, in TOML's words.
fn told(path: &str, key: &Key) -> String {
    fn plain(kind: &Kind) -> String {
        match kind {
            Kind::Text => "string".to_owned(),
            Kind::Flag => "boolean".to_owned(),
            Kind::Duration => "duration".to_owned(),
            Kind::Whole(_) => "integer".to_owned(),
            Kind::Number => "float".to_owned(),
            Kind::Texts => "table of strings".to_owned(),
            Kind::Word(words) if words.len() <= 4 => {
                words.iter().map(|(word, _)| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", ")
            }
            Kind::Word(_) => "a word, [see below](#WORDS)".to_owned(),
            Kind::WordOr(words, other) => {
                format!("{} or {}", plain(&Kind::Word(words.clone())), plain(other))
            }
            Kind::List(item) => format!(
                "array of {}",
                match &**item {
                    Kind::Text => "strings".to_owned(),
                    other => plain(other).replace("a word", "words"),
                }
            ),
            Kind::Table(_) => "table".to_owned(),
            Kind::Tables(_) => "tables".to_owned(),
        }
    }
    let inside = if path.is_empty() { key.name.clone() } else { format!("{path}.{}", key.name) };
    let anchor = inside.replace('.', "");
    match &key.kind {
        Kind::Table(_) => format!("[`[{inside}]`](#{anchor})"),
        Kind::Tables(_) => format!("[`[[{inside}]]`](#{anchor})"),
        kind => plain(kind).replace("WORDS", &anchor),
    }
}

fn values(key: &str, words: &[(String, String)]) -> String {
    let rows = words.iter().map(|(word, told)| format!("| `{word}` | {} |\n", told.replace('|', "\\|")));
    format!("| `{key}` | meaning |\n| --- | --- |\n{}", rows.collect::<String>())
}
