//! A soak on its way: every event folded, and what is new said.

use std::time::Duration;

use jiff::Timestamp;

use super::super::Context;
use super::super::soaking::CheckpointFile;
use super::voice::Voice;
use crate::policy::duration::{between, rounded};
use crate::soak::{
    Checkpoint, Event, Observation, Run, Seen, State, Step, Terms, Verdict, explain, looming, nodes,
};

/// The longest time without a word.
const HEARTBEAT: Duration = Duration::from_mins(1);
/// About how many lines say how far a soak has come.
const LINES: u32 = 20;

/// A soak on its way.
pub(super) struct Soaking<'c> {
    pub(super) terms: Terms,
    pub(super) run: Run,
    pub(super) state: State,
    pub(super) file: CheckpointFile,
    /// What was last said to be wrong with each node.
    troubles: Vec<Option<String>>,
    /// The clocks that were said to come closer to their end.
    looming: Vec<&'static str>,
    /// Something was said to be wrong, and the detail is still to be shown.
    detail_due: bool,
    voice: Voice<'c>,
}

impl<'c> Soaking<'c> {
    pub(super) fn new(
        context: &'c Context,
        terms: Terms,
        run: Run,
        state: State,
        file: CheckpointFile,
    ) -> Self {
        Self {
            run,
            state,
            file,
            troubles: vec![None; terms.monitor.nodes.len()],
            looming: Vec::new(),
            detail_due: false,
            voice: Voice::new(context, terms.monitor.target_sessions),
            terms,
        }
    }

    pub(super) fn checkpoint(&self) -> Checkpoint {
        Checkpoint::of(&self.run, &self.terms, &self.state)
    }

    /// Says how long the soak takes, against the time that this leg has; `leg` tells
    /// where that is counted from.
    pub(super) fn greet(&mut self, now: Timestamp, leg: Option<&str>) {
        let target = self.terms.monitor.target_sessions;
        let watched = nodes(self.terms.monitor.nodes.len());
        let counted = self.state.counted(&self.terms);
        let left = self.terms.monitor.session_length.saturating_mul(target.saturating_sub(counted));
        let least = rounded(left);
        self.say(&if self.state.baseline().is_some() {
            format!("the soak goes on: {counted} of {target} sessions on {watched}; at least {least} more")
        } else {
            format!("soak of {target} sessions on {watched}; at least {least}")
        });
        if let Some(end) = self.terms.leg_ends {
            let time = between(now, end);
            let from = leg.map_or(String::new(), |leg| format!(", {leg}"));
            let more = if time < left { "; another one must go on from the checkpoint" } else { "" };
            self.say(&format!("this leg ends in {}{from}{more}", rounded(time)));
        }
        for warning in self.state.warnings(&self.terms) {
            self.say(&format!("warning: {warning}"));
        }
    }

    /// Folds an event, and says what is new.
    pub(super) fn take_in(&mut self, event: Event) -> Step {
        if let Event::Observed(observation) = &event {
            self.mention_trouble(observation);
        }
        let (is_tick, event_at) = (matches!(event, Event::Tick(_)), event.at());
        let step = self.state.fold(&self.terms, event);
        match step {
            Step::Nothing | Step::Ended => {}
            Step::Baseline => {
                self.save();
                if let Some(baseline) = self.state.baseline() {
                    let line = format!("baseline: session {}, block {}", baseline.session, baseline.block);
                    self.say(&line);
                }
            }
            Step::Sessions(more) => {
                self.save();
                let (counted, every) = (
                    self.state.counted(&self.terms),
                    self.terms.monitor.target_sessions.div_ceil(LINES).max(1),
                );
                if counted / every > counted.saturating_sub(more) / every {
                    self.say_reason();
                }
            }
        }
        if is_tick {
            self.mention_looming();
            if std::mem::take(&mut self.detail_due) {
                self.detail(event_at);
            }
            self.voice.show(&self.terms, &self.state, || Checkpoint::of(&self.run, &self.terms, &self.state));
        }
        if self.voice.silent_for() >= HEARTBEAT {
            self.say_reason();
        }
        if matches!(self.state.verdict(), Verdict::Failed | Verdict::Unmeasured) {
            self.detail(event_at);
        }
        step
    }

    /// Says when a clock comes closer to its end, and when it runs anew.
    fn mention_looming(&mut self) {
        let now = looming(&self.terms, &self.state);
        for gone in std::mem::take(&mut self.looming) {
            if now.iter().any(|clock| clock.what == gone) {
                self.looming.push(gone);
            } else if self.state.verdict() == Verdict::Running {
                self.say(&format!("{gone}: no longer"));
            }
        }
        for clock in now {
            if !self.looming.contains(&clock.what) {
                self.say(&format!("{}: {}", clock.what, clock.told));
                self.looming.push(clock.what);
                self.detail_due = true;
            }
        }
    }

    /// Shows clocks and nodes as they stand, folded away.
    fn detail(&mut self, now: Timestamp) {
        if self.voice.folds() {
            let text = explain(&self.terms, &self.state, now);
            self.voice.fold("clocks and nodes", &text, &self.terms, &self.checkpoint());
        }
    }

    /// Says when a node gets out of reach, and when it is back.
    fn mention_trouble(&mut self, observation: &Observation) {
        let trouble = match &observation.seen {
            Seen::Unreachable(trouble) => Some(trouble.clone()),
            Seen::Finalized(_) => None,
            _ => return,
        };
        let Some(known) = self.troubles.get_mut(observation.node) else { return };
        if *known != trouble {
            let line = match &trouble {
                Some(trouble) => format!("node {}: {trouble}", self.terms.node(observation.node)),
                None => format!("node {}: answers again", self.terms.node(observation.node)),
            };
            self.detail_due |= trouble.is_some();
            *known = trouble;
            self.say(&line);
        }
    }

    fn save(&mut self) {
        let (run, terms, state) = (&self.run, &self.terms, &self.state);
        self.file.save(|| Checkpoint::of(run, terms, state));
    }

    /// A write that failed is tried again with the next session; the last one counts.
    pub(super) fn after_writing(&mut self, written: std::io::Result<bool>) {
        match written {
            Ok(true) => self.save(),
            Ok(false) => {}
            Err(error) => self.say(&format!("cannot write the checkpoint: {error}")),
        }
    }

    fn say_reason(&mut self) {
        let reason = self.state.reason(&self.terms).to_string();
        self.say(&reason);
    }

    /// Says a line.
    pub(super) fn say(&mut self, line: &str) {
        self.voice.say(line);
    }

    /// Nothing more will be shown.
    pub(super) fn finish(&self) {
        self.voice.finish();
    }
}
