//! What a soak says while it goes on: lines in a log, and on a terminal a bar with the
//! nodes below it.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use super::super::Context;
use crate::report::inert;
use crate::soak::{Checkpoint, State, Terms};

/// Where a soak is told of.
pub(super) struct Voice<'c> {
    context: &'c Context,
    bar: Option<ProgressBar>,
    spoken: Instant,
}

impl<'c> Voice<'c> {
    pub(super) fn new(context: &'c Context, target: u32) -> Self {
        let in_actions = context.runner.get("GITHUB_ACTIONS").is_some();
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} sessions, {elapsed}{msg}");
        let shown = std::io::stderr().is_terminal() && !in_actions;
        let bar = style
            .ok()
            .filter(|_| shown)
            .map(|style| ProgressBar::new(u64::from(target)).with_style(style.progress_chars("=> ")));
        Self { context, bar, spoken: Instant::now() }
    }

    /// Says a line.
    pub(super) fn say(&mut self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.context.output.log(line)),
            None => self.context.output.log(line),
        }
        self.spoken = Instant::now();
    }

    /// How long nothing was said.
    pub(super) fn silent_for(&self) -> Duration {
        self.spoken.elapsed()
    }

    /// Brings the bar up to date.
    pub(super) fn show(&self, terms: &Terms, state: &State, checkpoint: impl FnOnce() -> Checkpoint) {
        let Some(bar) = &self.bar else { return };
        bar.set_position(u64::from(state.counted(terms)));
        let checkpoint = checkpoint();
        let mut message = String::new();
        if let Some(each) = length(&checkpoint) {
            let left = terms.monitor.target_sessions.saturating_sub(checkpoint.counted);
            let (each, eta) = (each.as_secs_f64(), each.saturating_mul(left));
            let _ = write!(message, ", {each:.1} s each, {} to go", crate::policy::duration::rounded(eta));
        }
        for (index, node) in checkpoint.nodes.iter().enumerate() {
            let height =
                |height: Option<u64>| height.map_or_else(|| "?".to_owned(), |height| height.to_string());
            let (best, finalized) = (height(node.best), height(node.finalized));
            let _ = write!(message, "\n  {}: best {best}, finalized {finalized}", terms.node(index));
            if let Some(runs) = &node.runs {
                let _ = write!(message, ", {} peers, {}", runs.peers, runs.version);
            }
            if let Some(trouble) = &node.trouble {
                let _ = write!(message, ", {trouble}");
            }
        }
        // What nodes say must not move the cursor.
        let lines: Vec<_> = message.lines().map(inert).collect();
        bar.set_message(lines.join("\n"));
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// How long the sessions have taken, on average.
fn length(checkpoint: &Checkpoint) -> Option<Duration> {
    let taken: Vec<f64> = checkpoint.sessions.iter().filter_map(|session| session.duration_s).collect();
    let count = u32::try_from(taken.len()).ok().filter(|count| *count > 0)?;
    Duration::try_from_secs_f64(taken.iter().sum::<f64>() / f64::from(count)).ok()
}
