//! What a step wrote to the file that `GITHUB_OUTPUT` names, and the commands in its log.

use serde_json::{Map, Value};

use crate::rehearsal::world::Annotation;

/// GitHub keeps so many annotations of a kind from one step.
const KEPT: usize = 10;

/// The annotations that a step's log asks for: `::notice title=TITLE::MESSAGE` and the
/// like, at the start of a line.
pub(super) fn annotations(log: &str) -> Vec<Annotation> {
    let read = |line: &str| {
        let (command, message) = line.trim_start().strip_prefix("::")?.split_once("::")?;
        let (word, properties) = command.split_once(' ').unwrap_or((command, ""));
        let level = match word {
            "notice" => "notice",
            "warning" => "warning",
            "error" => "failure",
            _ => return None,
        };
        let title = properties.split(',').find_map(|one| one.trim().strip_prefix("title=")).unwrap_or("");
        let title = title.replace("%3A", ":").replace("%2C", ",");
        Some(Annotation { level, title: unescaped(&title), message: unescaped(message) })
    };
    let mut found: Vec<Annotation> = Vec::new();
    for annotation in log.lines().filter_map(read) {
        if found.iter().filter(|other| other.level == annotation.level).count() < KEPT {
            found.push(annotation);
        }
    }
    found
}

fn unescaped(text: &str) -> String {
    text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")
}

/// The outputs: `name=value`, or `name<<WORD`, the lines of the value, `WORD`.
pub(super) fn outputs(text: &str) -> Result<Map<String, Value>, String> {
    let mut outputs = Map::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let equals = line.find('=').unwrap_or(usize::MAX);
        let heredoc = line.find("<<").unwrap_or(usize::MAX);
        let (name, value) = if heredoc < equals {
            let (name, word) = line.split_at(heredoc);
            let word = &word[2..];
            let mut value = Vec::new();
            loop {
                match lines.next() {
                    Some(line) if line == word => break,
                    Some(line) => value.push(line),
                    None => return Err(format!("the output `{name}` is not ended by `{word}`")),
                }
            }
            (name, value.join("\n"))
        } else {
            let (name, value) =
                line.split_once('=').ok_or_else(|| format!("`{line}` is no output of a step"))?;
            (name, value.to_owned())
        };
        outputs.insert(name.to_owned(), Value::String(value));
    }
    Ok(outputs)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn commands_in_a_log_are_annotations() {
        let log = "a ::notice::no\n::notice title=a%3A b%2C c::100%25\n  ::error::x%0Ay\n::group::z\n";
        let found: Vec<_> =
            annotations(log).into_iter().map(|one| (one.level, one.title, one.message)).collect();
        let expected = [("notice", "a: b, c", "100%"), ("failure", "", "x\ny")];
        assert_eq!(found, expected.map(|(level, title, text)| (level, title.to_owned(), text.to_owned())));
        assert_eq!(annotations(&"::warning::w\n".repeat(20)).len(), KEPT);
    }

    #[test]
    fn outputs_are_read_as_the_runner_reads_them() {
        let text = "a=1=2\nb<<EOF\nx=y\n\nEOF\nc=\n";
        assert_eq!(Value::Object(outputs(text).unwrap()), json!({"a": "1=2", "b": "x=y\n", "c": ""}));
        assert!(outputs("a<<EOF\nb\n").is_err());
        assert!(outputs("nothing").is_err());
    }
}
