//! What a step wrote to the file that `GITHUB_OUTPUT` names.

use serde_json::{Map, Value};

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
    fn outputs_are_read_as_the_runner_reads_them() {
        let text = "a=1=2\nb<<EOF\nx=y\n\nEOF\nc=\n";
        assert_eq!(Value::Object(outputs(text).unwrap()), json!({"a": "1=2", "b": "x=y\n", "c": ""}));
        assert!(outputs("a<<EOF\nb\n").is_err());
        assert!(outputs("nothing").is_err());
    }
}
