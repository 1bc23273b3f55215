//! Untrusted text made harmless before it is written out.
//!
//! GitHub's runner obeys `::command::` at the start of a line and `##[command]`
//! anywhere in one, on both streams. Terminals obey control characters, and
//! bidirectional controls make text look like other text.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a terminal or a reader could be misled by this character.
const fn misleads(c: char) -> bool {
    matches!(c,
        '\u{00}'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        // Bidirectional controls, and marks that are not seen.
        | '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
        // Line and paragraph separators.
        | '\u{2028}' | '\u{2029}')
}

/// One line of untrusted text: control characters are shown as escapes, and no
/// workflow command is left in it.
#[must_use]
pub fn inert(text: &str) -> Cow<'_, str> {
    let clean = !text.contains(misleads) && !text.contains("##[") && !text.trim_start().starts_with("::");
    if clean {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push(' '),
            c if misleads(c) => {
                let _ = write!(line, "\\u{{{:x}}}", u32::from(c));
            }
            c => line.push(c),
        }
    }
    let line = line.replace("##[", "# #[");
    let spaces = line.len() - line.trim_start().len();
    match line[spaces..].strip_prefix("::") {
        Some(rest) => Cow::Owned(format!("{}: :{rest}", &line[..spaces])),
        None => Cow::Owned(line),
    }
}

/// Several lines of text of ours that may hold untrusted parts: every line is
/// made inert, the line breaks stay.
#[must_use]
pub fn inert_lines(text: &str) -> String {
    text.split('\n').map(inert).collect::<Vec<_>>().join("\n")
}

/// JSON, with what could mislead escaped as JSON does. Its meaning stays the same.
#[must_use]
pub fn inert_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        // Line breaks and spaces of the layout stand outside of strings.
        if misleads(c) && c != '\n' {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out.replace("##[", "#\\u0023[").replace("::", ":\\u003a")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_stays_as_it_is() {
        for text in ["", "testnet / soak", "std::io::Error", "größer ✓ 测试", "# [x]", "a:b"] {
            assert!(matches!(inert(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    #[test]
    fn commands_and_controls_are_broken() {
        for (text, expected) in [
            ("::error::x", ": :error::x"),
            ("  ::set-output name=a::b", "  : :set-output name=a::b"),
            ("host | ##[error]x", "host | # #[error]x"),
            ("a\nb\r\u{1b}[31mred", "a\\nb\\r\\u{1b}[31mred"),
            ("\u{202e}evil", "\\u{202e}evil"),
            ("\t::warning::x", " : :warning::x"),
        ] {
            assert_eq!(inert(text), expected);
        }
    }

    #[test]
    fn json_keeps_its_meaning() {
        let value = serde_json::json!({"a": "##[error]x\u{202e}\n::stop::", "b": ["\u{7f}é"]});
        let text = inert_json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(!text.contains("##[") && !text.contains('\u{202e}') && !text.contains("::"), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }

    proptest::proptest! {
        #[test]
        fn nothing_that_the_runner_obeys_is_left(text in "(:|#|\\[|[ -~]|\\PC|\n|\r|\t){0,40}") {
            let line = inert(&text);
            proptest::prop_assert!(!line.contains("##["));
            proptest::prop_assert!(!line.trim_start().starts_with("::"));
            proptest::prop_assert!(!line.contains(misleads));
        }

        #[test]
        fn json_of_any_text_reads_back(text in ".{0,40}") {
            let json = inert_json(&serde_json::to_string(&text).unwrap());
            proptest::prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
