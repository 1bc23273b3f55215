//! What a soak says while it goes on: lines in a log, and on a terminal a bar with the
//! nodes below it.

use std::fmt::Write as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use super::super::Context;
use crate::report::inert;
use crate::soak::{Checkpoint, NodeReport, State, Terms};

/// Where a soak is told of.
pub(super) struct Voice<'c> {
    context: &'c Context,
    bar: Option<ProgressBar>,
    spoken: Instant,
}

impl<'c> Voice<'c> {
    pub(super) fn new(context: &'c Context, target: u32) -> Self {
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} sessions, {elapsed}{msg}");
        let bar = style
            .ok()
            .filter(|_| context.output.style.live)
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
        let mut lines = vec![message];
        lines.extend(nodes(terms, &checkpoint));
        // What nodes say must not move the cursor, nor break a line.
        let lines: Vec<_> = lines.iter().map(|line| inert(line)).collect();
        bar.set_message(lines.join("\n"));
    }

    /// Whether there is something to fold details away in.
    pub(super) fn folds(&self) -> bool {
        self.context.output.style.actions
    }

    /// Shows a text, and the nodes, as a group of lines that is folded away.
    pub(super) fn fold(&mut self, title: &str, text: &str, terms: &Terms, checkpoint: &Checkpoint) {
        let lines = text.lines().map(str::to_owned).chain(nodes(terms, checkpoint));
        self.context.output.folded(title, &lines.collect::<Vec<_>>());
        self.spoken = Instant::now();
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A line for each node.
fn nodes(terms: &Terms, checkpoint: &Checkpoint) -> Vec<String> {
    let line = |(index, node): (usize, &NodeReport)| {
        let height = |height: Option<u64>| height.map_or_else(|| "?".to_owned(), |height| height.to_string());
        let (best, finalized) = (height(node.best), height(node.finalized));
        let mut line = format!("  {}: best {best}, finalized {finalized}", terms.node(index));
        if let Some(runs) = &node.runs {
            let _ = write!(line, ", {} peers, {}", runs.peers, runs.version);
        }
        if let Some(trouble) = &node.trouble {
            let _ = write!(line, ", {trouble}");
        }
        line
    };
    checkpoint.nodes.iter().enumerate().map(line).collect()
}

/// How long the sessions have taken, on average.
fn length(checkpoint: &Checkpoint) -> Option<Duration> {
    let taken: Vec<f64> = checkpoint.sessions.iter().filter_map(|session| session.duration_s).collect();
    let count = u32::try_from(taken.len()).ok().filter(|count| *count > 0)?;
    Duration::try_from_secs_f64(taken.iter().sum::<f64>() / f64::from(count)).ok()
}
