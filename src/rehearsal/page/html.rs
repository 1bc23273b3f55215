//! HTML that untrusted text cannot break: markup is what stands in our source,
//! everything else is escaped.

use std::fmt::{self, Display, Write as _};

/// A piece of HTML that grows.
#[derive(Default)]
pub(super) struct Html(String);

impl Html {
    /// Adds markup. It must stand in our source, so nothing else can become markup.
    pub(super) fn markup(&mut self, markup: &'static str) {
        self.0.push_str(markup);
    }

    /// Adds text or the value of a quoted attribute, escaped.
    pub(super) fn text(&mut self, text: impl Display) {
        // Writing to a string cannot fail.
        let _ = write!(Escaped(&mut self.0), "{text}");
    }

    /// Adds a piece that was built in the same way.
    pub(super) fn piece(&mut self, piece: &Self) {
        self.0.push_str(&piece.0);
    }

    /// What was built.
    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// Writes through to a string, without the characters that mean something in HTML.
struct Escaped<'a>(&'a mut String);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                other => self.0.push(other),
            }
        }
        Ok(())
    }
}

/// `html!(page, "<b>" (name) "</b>")`: literals are markup, what stands in
/// parentheses is escaped.
macro_rules! html {
    ($page:expr $(,)?) => {};
    ($page:expr, $markup:literal $($rest:tt)*) => {
        $page.markup($markup);
        html!($page, $($rest)*);
    };
    ($page:expr, ($text:expr) $($rest:tt)*) => {
        $page.text($text);
        html!($page, $($rest)*);
    };
}
pub(super) use html;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        let mut page = Html::default();
        html!(page, "<p title=\"" ("a\" onclick='x'") "\">" ("<b>&amp;</b>") "</p>");
        assert_eq!(
            page.into_string(),
            "<p title=\"a&quot; onclick=&#39;x&#39;\">&lt;b&gt;&amp;amp;&lt;/b&gt;</p>"
        );
    }
}
