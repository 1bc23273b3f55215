//! A soak made known: checkpoint, stdout, outputs and summary of the step, a notice
//! with its figures, and where it did not pass an annotation that says why.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use tokio::task::JoinHandle;

use crate::cli::Format;
use crate::exit::Exit;
use crate::report::actions::{Level, markdown, write_outputs, write_summary};
use crate::report::{inert, inert_json};
use crate::soak::{Checkpoint, Figures, Run, State, Terms, Verdict};

use super::announce::write_whole;
use super::{Context, Failure};

/// The file of `--checkpoint`. At most one write is on its way at a time, so that
/// sessions may come faster than a disk can take them.
pub(super) struct CheckpointFile {
    path: Option<PathBuf>,
    writing: Option<JoinHandle<io::Result<()>>>,
    outdated: bool,
}

impl CheckpointFile {
    /// Takes the file, and what an earlier leg has left in it.
    pub(super) fn take(path: Option<&Path>) -> Result<(Self, Option<Checkpoint>), Failure> {
        let file = Self { path: path.map(Path::to_owned), writing: None, outdated: false };
        let Some(path) = path else { return Ok((file, None)) };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((file, None)),
            Err(error) => {
                let text = format!("cannot read {}", path.display());
                return Err(Failure::caused(Exit::Invalid, &text, &error));
            }
        };
        if text.is_empty() {
            return Ok((file, None));
        }
        let checkpoint = Checkpoint::read(&text).map_err(|why| {
            Failure::new(Exit::Invalid, why.to_string())
                .help("the file was left as it is; move it away, or name another one, to begin anew")
        })?;
        Ok((file, Some(checkpoint)))
    }

    /// Has the file written, now or as soon as the write before is done.
    pub(super) fn save(&mut self, checkpoint: impl FnOnce() -> Checkpoint) {
        let Some(path) = self.path.clone() else { return };
        if self.writing.is_some() {
            self.outdated = true;
            return;
        }
        self.outdated = false;
        let checkpoint = checkpoint();
        self.writing = Some(tokio::task::spawn_blocking(move || write(&path, &checkpoint)));
    }

    /// Waits for the write that is on its way, for ever where there is none. Says
    /// whether another one is due.
    pub(super) async fn written(&mut self) -> io::Result<bool> {
        let written = match &mut self.writing {
            Some(writing) => writing.await,
            None => std::future::pending().await,
        };
        self.writing = None;
        written.map_err(io::Error::other)?.map(|()| self.outdated)
    }

    /// Writes the file now, after the write that is on its way.
    pub(super) async fn finish(&mut self, checkpoint: &Checkpoint) -> Result<(), Failure> {
        if let Some(writing) = self.writing.take() {
            let _ = writing.await;
        }
        let Some(path) = &self.path else { return Ok(()) };
        write(path, checkpoint).map_err(|error| {
            Failure::caused(Exit::Internal, &format!("cannot write {}", path.display()), &error)
        })
    }
}

fn write(path: &Path, checkpoint: &Checkpoint) -> io::Result<()> {
    write_whole(path, &inert_json(&serde_json::to_string_pretty(checkpoint)?))
}

/// Makes the soak's end known.
pub(super) fn announce(
    context: &Context,
    run: &Run,
    terms: &Terms,
    state: &State,
    exit: Exit,
) -> Result<(), Failure> {
    let output = &context.output;
    let verdict = state.verdict();
    let reason = state.reason(terms).to_string();
    let shown = match context.shared.format {
        Format::Human => output.result(&inert(&format!("{}: {reason}", verdict.word()))),
        Format::Json => {
            let json = serde_json::to_string_pretty(&Checkpoint::of(run, terms, state))
                .map_err(|error| Failure::caused(Exit::Internal, "cannot write JSON", &error))?;
            output.json(&json)
        }
    };
    if let Some(path) = context.runner.path("GITHUB_OUTPUT") {
        let code = exit.code().to_string();
        let outputs =
            [("verdict", verdict.word()), ("winner", ""), ("reason", &*inert(&reason)), ("exit_code", &code)];
        write_outputs(&path, &outputs)
            .map_err(|error| Failure::caused(Exit::Internal, "cannot write the step's outputs", &error))?;
    }
    if let Some(path) = context.runner.path("GITHUB_STEP_SUMMARY")
        && let Err(error) = write_summary(&path, &summary(terms, state))
    {
        output.log(&format!("cannot write the step's summary: {error}"));
    }
    let (counted, target) = (state.counted(terms), terms.monitor.target_sessions);
    match verdict {
        Verdict::Passed => {}
        Verdict::Unfinished => {
            let title = format!("soak unfinished, {counted} of {target} sessions");
            output.annotate(Level::Warning, &title, &reason);
        }
        _ => output.annotate(Level::Error, &format!("soak {}", verdict.word()), &reason),
    }
    if let Some(figures) = Figures::of(terms, state) {
        output.annotate(Level::Notice, Figures::TITLE, &figures.to_string());
    }
    shown.map_err(|error| Failure::caused(Exit::Internal, "cannot write the result", &error))
}

fn summary(terms: &Terms, state: &State) -> String {
    let mut text = format!("### Soak {}\n\n", state.verdict().word());
    let _ = writeln!(text, "{}\n", markdown(&state.reason(terms).to_string()));
    let _ = writeln!(text, "- sessions: {} of {}", state.counted(terms), terms.monitor.target_sessions);
    if let Some(baseline) = state.baseline() {
        let _ = writeln!(text, "- counted from session {}, block {}", baseline.session, baseline.block);
    }
    for warning in state.warnings(terms) {
        let _ = writeln!(text, "- warning: {}", markdown(&warning));
    }
    text
}
