//! The standard streams, and the only code that writes to them.

use std::io::{self, Write as _};

use super::actions::{self, Level};
use super::style::{Format, Paint, Style};
use super::{inert, inert_json, inert_lines};

/// The standard streams.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// How output looks.
    pub style: Style,
}

impl Output {
    /// Output in this style.
    #[must_use]
    pub const fn new(style: Style) -> Self {
        Self { style }
    }

    /// A result of ours, on stdout. It may be coloured, so its untrusted parts must
    /// be inert already.
    ///
    /// # Errors
    ///
    /// When stdout is closed.
    pub fn result(&self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        if !text.ends_with('\n') {
            out.write_all(b"\n")?;
        }
        out.flush()
    }

    /// A result as JSON, on stdout.
    ///
    /// # Errors
    ///
    /// When stdout is closed.
    pub fn json(&self, json: &str) -> io::Result<()> {
        self.result(&inert_json(json))
    }

    /// A line of the log, on stderr. It may hold untrusted text.
    pub fn log(&self, line: &str) {
        to_stderr(&inert_lines(line));
    }

    /// A line of the log in a colour.
    pub fn log_painted(&self, paint: Paint, line: &str) {
        to_stderr(&paint.on(self.style.color_err, &inert_lines(line)));
    }

    /// Annotates the step in Actions; elsewhere a line of the log.
    pub fn annotate(&self, level: Level, title: &str, message: &str) {
        if self.style.actions {
            self.command(&actions::annotation(level, title, &inert(message)));
        } else {
            let (paint, word) = match level {
                Level::Notice => (Paint::Bold, "note"),
                Level::Warning => (Paint::Yellow, "warning"),
                Level::Error => (Paint::Red, "error"),
            };
            to_stderr(&format!(
                "{} {}",
                paint.on(self.style.color_err, &format!("{word}:")),
                inert_lines(message)
            ));
        }
    }

    /// Has Actions mask a value in all that follows.
    pub fn mask(&self, value: &str) {
        if self.style.actions {
            self.command(&actions::mask(value));
        }
    }

    /// Lines of the log under a title; in Actions a group that is folded away. Lines
    /// may hold untrusted text. It is written at once, so that no other line gets into
    /// the group and nothing can end us within it.
    pub fn folded(&self, title: &str, lines: &[String]) {
        let body: Vec<_> = lines.iter().map(|line| inert(line)).collect();
        let body = body.join("\n");
        if self.style.actions {
            let open = actions::group(&inert(title));
            to_stderr(&format!("{open}\n{body}\n{}", actions::END_GROUP));
        } else {
            to_stderr(&format!("{}\n{body}", Paint::Bold.on(self.style.color_err, &inert(title))));
        }
    }

    /// A workflow command of our own. With JSON on stdout it goes to stderr, where
    /// the runner reads it as well.
    fn command(&self, command: &str) {
        match self.style.format {
            Format::Human => {
                let mut out = io::stdout().lock();
                let _ = writeln!(out, "{command}").and_then(|()| out.flush());
            }
            Format::Json => to_stderr(command),
        }
    }
}

/// A closed stderr is no reason to stop: nobody is there to be told.
fn to_stderr(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
