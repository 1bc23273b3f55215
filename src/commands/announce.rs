//! A verdict made known: file, stdout, outputs and summary of the step, at most
//! one annotation.

use std::io::Write as _;
use std::path::Path;

use jiff::Timestamp;

use crate::cli::Format;
use crate::exit::Exit;
use crate::race::Outcome;
use crate::report::actions::{Level, write_outputs, write_summary};
use crate::report::verdict::Decided;
use crate::report::{inert, inert_json};

use super::{Context, Failure};

/// A verdict and where to make it known.
pub(super) struct Announcement<'a> {
    pub(super) context: &'a Context,
    pub(super) decided: Decided<'a>,
    /// The name of the check.
    pub(super) check: &'a str,
    /// The file of `--verdict`.
    pub(super) file: Option<&'a Path>,
    /// Whether an ending that is no win annotates the step.
    pub(super) annotated: bool,
    pub(super) now: Timestamp,
}

/// Makes a verdict known. The file comes first: whatever fails later, it is there.
pub(super) fn announce(announcement: &Announcement<'_>) -> Result<(), Failure> {
    let Announcement { context, decided, check, file, annotated, now } = announcement;
    let verdict = decided.verdict;
    let json = decided
        .json()
        .map_err(|error| Failure::caused(Exit::Internal, "cannot write the verdict as JSON", &error))?;
    let json = inert_json(&json);
    if let Some(path) = file {
        write_whole(path, &json).map_err(|error| {
            Failure::caused(Exit::Internal, &format!("cannot write {}", path.display()), &error)
        })?;
    }
    let output = &context.output;
    let shown = match context.shared.format {
        Format::Json => output.json(&json),
        Format::Human => output.result(&decided.table(*now, output.style.color_out)),
    };
    if let Some(path) = context.runner.path("GITHUB_OUTPUT") {
        let reason = verdict.reason.to_string();
        let code = verdict.exit().code().to_string();
        let outputs = [
            ("verdict", verdict.outcome().word()),
            ("winner", verdict.reason.winner().unwrap_or_default()),
            ("reason", &*inert(&reason)),
            ("exit_code", &code),
        ];
        write_outputs(&path, &outputs)
            .map_err(|error| Failure::caused(Exit::Internal, "cannot write the step's outputs", &error))?;
    }
    if let Some(path) = context.runner.path("GITHUB_STEP_SUMMARY")
        && let Err(error) = write_summary(&path, &decided.summary(check, *now))
    {
        output.log(&format!("cannot write the step's summary: {error}"));
    }
    if *annotated && verdict.outcome() != Outcome::Won {
        let mut message = verdict.reason.to_string();
        if let Some(help) = verdict.reason.help() {
            message = format!("{message}. To do: {help}");
        }
        output.annotate(Level::Error, &format!("{check}: {}", verdict.outcome().word()), &message);
    }
    shown.map_err(|error| Failure::caused(Exit::Internal, "cannot write the verdict", &error))
}

/// Writes a file that is either whole or as it was, and stays so when the machine goes
/// down: the file is synced before it gets its name, and its directory after.
pub(super) fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    std::fs::File::open(directory)?.sync_all()
}
