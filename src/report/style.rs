//! How output looks: decided once, from the flag and the terminal.

use std::io::IsTerminal;

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Human,
    /// For programs.
    Json,
}

/// When colour is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// On a terminal that can, and not with NO_COLOR.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How output looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// How results are written.
    pub format: Format,
    /// Colour on stdout.
    pub color_out: bool,
    /// Colour on stderr.
    pub color_err: bool,
    /// Somebody watches stderr live.
    pub live: bool,
    /// The runner of GitHub Actions reads along.
    pub actions: bool,
}

impl Style {
    /// Decides from the flags and from what the standard streams are.
    #[must_use]
    pub fn new(format: Format, color: Color, actions: bool, no_color: bool, dumb: bool) -> Self {
        let wanted = |terminal: bool| match color {
            Color::Always => true,
            Color::Never => false,
            // GitHub's log shows ANSI colours, though it is no terminal.
            Color::Auto => !no_color && !dumb && terminal,
        };
        Self {
            format,
            color_out: wanted(std::io::stdout().is_terminal()),
            color_err: wanted(std::io::stderr().is_terminal()),
            live: std::io::stderr().is_terminal() && !dumb && !actions,
            actions,
        }
    }
}

/// A colour, or emphasis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// Good.
    Green,
    /// Bad.
    Red,
    /// To be looked at.
    Yellow,
    /// Less important.
    Dim,
    /// More important.
    Bold,
}

impl Paint {
    /// The text in this colour, where colour is on. The text must be inert already.
    #[must_use]
    pub fn on(self, color: bool, text: &str) -> String {
        let code = match self {
            Self::Green => "32",
            Self::Red => "31",
            Self::Yellow => "33",
            Self::Dim => "2",
            Self::Bold => "1",
        };
        if color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
