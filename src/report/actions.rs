//! GitHub Actions: workflow commands, outputs, step summary.
//!
//! Source: <https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands>.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

/// The largest step summary that the runner takes; a larger one is refused whole.
const SUMMARY_LIMIT: usize = 1024 * 1024;

/// How much an annotation matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// `::notice`.
    Notice,
    /// `::warning`.
    Warning,
    /// `::error`.
    Error,
}

/// A workflow command that annotates the step. Title and message may be untrusted.
#[must_use]
pub fn annotation(level: Level, title: &str, message: &str) -> String {
    let word = match level {
        Level::Notice => "notice",
        Level::Warning => "warning",
        Level::Error => "error",
    };
    let title = data(title).replace(':', "%3A").replace(',', "%2C");
    format!("::{word} title={title}::{}", data(message))
}

/// A workflow command that opens a group of lines.
#[must_use]
pub fn group(title: &str) -> String {
    format!("::group::{}", data(title))
}

/// The workflow command that closes a group.
pub const END_GROUP: &str = "::endgroup::";

/// A workflow command that masks a value in all that follows.
#[must_use]
pub fn mask(value: &str) -> String {
    format!("::add-mask::{}", data(value))
}

/// The escapes of a command's data.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Appends outputs of the step to the file `GITHUB_OUTPUT`.
///
/// # Errors
///
/// When the file cannot be written.
pub fn write_outputs(file: &Path, outputs: &[(&str, &str)]) -> io::Result<()> {
    let mut text = String::new();
    for (name, value) in outputs {
        // A random delimiter, so that no value can end itself and set another.
        let delimiter = format!("race-{:032x}", fastrand::u128(..));
        text.push_str(&format!("{name}<<{delimiter}\n{value}\n{delimiter}\n"));
    }
    append(file, &text)
}

/// Appends to the step summary, GitHub-flavoured Markdown, cut where the runner
/// would refuse it.
///
/// # Errors
///
/// When the file cannot be written.
pub fn write_summary(file: &Path, markdown: &str) -> io::Result<()> {
    let mut end = markdown.len().min(SUMMARY_LIMIT - 64);
    while !markdown.is_char_boundary(end) {
        end -= 1;
    }
    let cut = if end < markdown.len() { "\n\n(cut)\n" } else { "\n" };
    append(file, &format!("{}{cut}", &markdown[..end]))
}

fn append(file: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new().create(true).append(true).open(file)?.write_all(text.as_bytes())
}

/// Untrusted text in a cell of a Markdown table or in a line of Markdown.
#[must_use]
pub fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in super::inert(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '@' => out.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '!' | '|' | '~' | '$' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_escape_their_data() {
        assert_eq!(
            annotation(Level::Error, "a: b, c", "100%\n::set-output::"),
            "::error title=a%3A b%2C c::100%25%0A::set-output::"
        );
        assert_eq!(group("a\r\nb"), "::group::a%0D%0Ab");
    }

    #[test]
    fn an_output_cannot_set_another() {
        let file = tempfile::NamedTempFile::new().unwrap();
        write_outputs(file.path(), &[("reason", "a\nwinner=testnet\nEOF\nwinner<<EOF\ntestnet")]).unwrap();
        let text = std::fs::read_to_string(file.path()).unwrap();
        let delimiter = text.lines().next().unwrap().strip_prefix("reason<<").unwrap();
        assert_eq!(text.lines().filter(|line| *line == delimiter).count(), 1);
        assert!(text.ends_with(&format!("{delimiter}\n")));
    }

    #[test]
    fn a_summary_is_cut_before_it_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        write_summary(file.path(), &"é".repeat(SUMMARY_LIMIT)).unwrap();
        let length = std::fs::metadata(file.path()).unwrap().len();
        assert!(length <= SUMMARY_LIMIT as u64 && length > 1_000_000, "{length}");
    }

    #[test]
    fn markdown_shows_untrusted_text_as_it_is() {
        assert_eq!(markdown("<img> [x](y) @team |"), "&lt;img&gt; \\[x\\]\\(y\\) &#64;team \\|");
    }
}
