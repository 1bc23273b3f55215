//! What a rehearsal shows while it goes on: on a terminal the branches and the
//! sessions as they move, elsewhere a line for whatever happens.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::staged::Staged;
use super::world::{Conclusion, Job, Status, Step};
use crate::report::{Output, Paint, inert};

/// Where there is no terminal, so many lines tell of the sessions.
const SESSION_LINES: u32 = 5;

/// How much of a failed job's log is shown.
const TAIL_LINES: usize = 20;

/// Shows a rehearsal.
pub(super) struct Show {
    output: Output,
    /// What was last shown of each job and host, by its name.
    states: Vec<(String, String)>,
    target: u32,
    shown_sessions: u32,
    live: Option<Live>,
}

/// What is drawn on a terminal.
struct Live {
    bars: MultiProgress,
    states: Vec<ProgressBar>,
    sessions: ProgressBar,
}

impl Show {
    /// Shows on stderr, as the output's style has it.
    pub(super) fn new(output: Output, target: u32) -> Self {
        let live = output.style.live.then(|| {
            let bars = MultiProgress::new();
            let sessions = bars.add(ProgressBar::new(u64::from(target)));
            sessions.set_style(style("{prefix:>27}  {bar:30} {pos}/{len}"));
            sessions.set_prefix("sessions");
            Live { bars, states: Vec::new(), sessions }
        });
        Self { output, states: Vec::new(), target, shown_sessions: 0, live }
    }

    /// The streams that it shows on.
    pub(super) fn output(&self) -> Output {
        self.output
    }

    /// Says one thing.
    pub(super) fn say(&self, line: &str) {
        match &self.live {
            // Where drawing fails the terminal is gone, and nobody misses the line.
            Some(live) if !live.sessions.is_finished() => drop(live.bars.println(inert(line))),
            _ => self.output.log(line),
        }
    }

    /// Jobs as they are now, their names with that before them.
    pub(super) fn jobs(&mut self, jobs: &[Job], prefix: &str) {
        for job in jobs {
            self.state(&format!("{prefix}{}", job.name), &state_of(job));
        }
    }

    /// How a job or a host stands now.
    pub(super) fn state(&mut self, name: &str, state: &str) {
        let known = self.states.iter().position(|(shown, _)| *shown == name);
        let index = known.unwrap_or(self.states.len());
        match self.states.get_mut(index) {
            Some((_, shown)) if *shown == state => return,
            Some((_, shown)) => state.clone_into(shown),
            None => self.states.push((name.to_owned(), state.to_owned())),
        }
        match &mut self.live {
            Some(live) => live.state(index, name, state),
            None => self.output.log(&format!("{name}: {state}")),
        }
    }

    /// So many sessions have passed on the testnet since the monitor began.
    pub(super) fn sessions(&mut self, passed: u32) {
        let passed = passed.min(self.target);
        if let Some(live) = &self.live {
            live.sessions.set_position(u64::from(passed));
        } else {
            let step = (self.target / SESSION_LINES).max(1);
            if passed / step > self.shown_sessions / step {
                self.output.log(&format!("sessions: {passed} of {}", self.target));
            }
        }
        self.shown_sessions = self.shown_sessions.max(passed);
    }

    /// Shows the end of a job's log.
    pub(super) fn tail(&self, run: &Staged, name: &str) {
        let path = run.path(&format!("{name}.log"));
        let bytes = std::fs::read(&path).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        let title = format!("the end of the log of {}{name}:", run.prefix);
        self.output.log_painted(Paint::Bold, &title);
        for line in &lines[lines.len().saturating_sub(TAIL_LINES)..] {
            self.output.log_painted(Paint::Dim, &format!("  | {line}"));
        }
    }

    /// Draws no more; what was drawn stays.
    pub(super) fn finish(&self) {
        if let Some(live) = &self.live {
            for bar in live.states.iter().chain([&live.sessions]) {
                if !bar.is_finished() {
                    bar.abandon();
                }
            }
        }
    }
}

impl Live {
    fn state(&mut self, index: usize, name: &str, state: &str) {
        if index == self.states.len() {
            let bar = self.bars.insert_before(&self.sessions, ProgressBar::new_spinner());
            bar.set_style(style("{prefix:>27}  {msg}"));
            bar.set_prefix(name.to_owned());
            self.states.push(bar);
        }
        self.states[index].set_message(inert(state).into_owned());
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are ours; a wrong one would only look plain.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A job's state in words.
fn state_of(job: &Job) -> String {
    let in_step = |step: &&Step| step.status == Status::InProgress;
    let failed = |step: &&Step| step.conclusion == Some(Conclusion::Failure);
    match (&job.status, &job.conclusion) {
        (Status::Waiting, _) => "waits for a review".to_owned(),
        (Status::InProgress, _) => {
            job.steps.iter().find(in_step).map_or("runs".to_owned(), |step| format!("runs, {}", step.name))
        }
        (Status::Completed, Some(Conclusion::Success)) => "succeeded".to_owned(),
        (Status::Completed, Some(Conclusion::Failure)) if job.steps.is_empty() => "rejected".to_owned(),
        (Status::Completed, Some(Conclusion::Failure)) => job
            .steps
            .iter()
            .find(failed)
            .map_or("failed".to_owned(), |step| format!("failed in {}", step.name)),
        (Status::Completed, Some(conclusion)) => conclusion.to_string(),
        (status, _) => status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::rehearsal::world::World;

    #[test]
    fn a_job_is_told_in_words() {
        let now = Timestamp::UNIX_EPOCH;
        let mut world = World::new("octo-org/chain", now);
        world.protect("testnet", &["alice"], now);
        let run = world.start_run("push", "", "carol", now);
        let job = world.submit_job(run, "testnet", Some("testnet"), now);
        let mut told = Vec::new();
        let mut tell = |world: &World| told.push(state_of(world.job(job).unwrap()));
        tell(&world);
        world.release(job, now);
        tell(&world);
        world.begin(job, now);
        world.begin_step(job, "race deploy", now);
        tell(&world);
        world.end_step(job, Conclusion::Failure, now);
        world.complete(job, Conclusion::Failure, now);
        tell(&world);
        assert_eq!(told, ["waits for a review", "queued", "runs, race deploy", "failed in race deploy"]);
    }
}
