//! Where in a TOML file a key stands.

use std::ops::Range;

use toml_edit::{ImDocument, Item, Table};

/// The line, from 1, on which the key of `path` stands in `text`, or on which the
/// nearest of its parents does. A number in the path is a position in an array.
pub(super) fn line_of(text: &str, path: &[String]) -> Option<usize> {
    let document = ImDocument::parse(text).ok()?;
    let span = span_in_table(document.as_table(), path)?;
    Some(line_at(text, span.start))
}

/// The line, from 1, of a position in bytes.
pub(super) fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn span_in_table(table: &Table, path: &[String]) -> Option<Range<usize>> {
    let (key, rest) = path.split_first()?;
    let (key, item) = table.get_key_value(key)?;
    span_in_item(item, rest).or_else(|| key.span()).or_else(|| item.span())
}

fn span_in_item(item: &Item, path: &[String]) -> Option<Range<usize>> {
    let (key, rest) = path.split_first()?;
    match item {
        Item::Table(table) => span_in_table(table, path),
        Item::ArrayOfTables(tables) => {
            let table = tables.get(key.parse().ok()?)?;
            span_in_table(table, rest).or_else(|| table.span())
        }
        Item::Value(toml_edit::Value::InlineTable(table)) => {
            let (key, _) = table.get_key_value(key)?;
            key.span()
        }
        Item::Value(toml_edit::Value::Array(array)) => array.get(key.parse().ok()?)?.span(),
        Item::Value(_) | Item::None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_line_of_a_key_or_of_its_nearest_parent() {
        let text = "check = \"c\"\n\n[[branch]]\nname = \"a\"\n\n[[branch]]\nname = \"b\"\n\n[rules]\nx = { y = 1 }\n";
        let line = |path: &str| line_of(text, &path.split('.').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(line("check"), Some(1));
        assert_eq!(line("branch.0.name"), Some(4));
        assert_eq!(line("branch.1.name"), Some(7));
        assert_eq!(line("branch.1.missing"), Some(6));
        assert_eq!(line("rules.x.y"), Some(10));
        assert_eq!(line("absent"), None);
    }
}
