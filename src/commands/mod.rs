//! One file per subcommand: fetch, call a core, report.

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs `race` with `arguments`, the first being the program's name.
pub fn main(_arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    ExitCode::FAILURE
}
