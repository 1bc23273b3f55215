//! Questions on a terminal: a line each, and the answer held to what it must be.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use crate::exit::Exit;

use super::super::Failure;

/// Whether there is somebody to ask.
pub(super) fn is_answered() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks until the answer can be used. An empty one is the default, where there is one.
pub(super) fn ask<T>(
    question: &str,
    default: Option<&str>,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<T, Failure> {
    let unheard = |error: &dyn std::error::Error| Failure::caused(Exit::Internal, "cannot ask", error);
    let mut stderr = io::stderr().lock();
    loop {
        let shown = default.filter(|text| !text.is_empty()).map(|text| format!(" [{text}]"));
        write!(stderr, "{question}{}: ", shown.unwrap_or_default()).map_err(|error| unheard(&error))?;
        stderr.flush().map_err(|error| unheard(&error))?;
        let mut line = String::new();
        if io::stdin().lock().read_line(&mut line).map_err(|error| unheard(&error))? == 0 {
            return Err(Failure::new(Exit::Invalid, "nobody answered").help("pass the answers as flags"));
        }
        let answer = match (line.trim(), default) {
            ("", Some(default)) => default,
            (answer, _) => answer,
        };
        match read(answer) {
            Ok(answer) => return Ok(answer),
            Err(wrong) => writeln!(stderr, "  {wrong}").map_err(|error| unheard(&error))?,
        }
    }
}
