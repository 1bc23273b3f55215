//! A soak that outlives every machine: cut into legs by `--max-runtime`, each in a
//! process of its own on a machine of its own, with nobody watching in between.

mod machine;
mod told;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Child;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

pub(super) use self::told::compared;

use self::machine::{CHECKPOINT, Machine, leave};
use super::dev_chain::Course;
use super::scenario::Scenario;
use super::show::Show;
use super::stage::Stage;
use crate::commands::{Signal, Signals};
use crate::exit::Exit;
use crate::policy::duration::{format, rounded};
use crate::report::{Output, Paint};
use crate::soak::Checkpoint;

/// How long a session takes that is played in less.
const PLAYED: Duration = Duration::from_mins(1);

/// So much of the way to the next leg a leg may run: in the rest nobody watches.
const WATCHED: (u32, u32) = (3, 4);

/// So many blocks of the chain keep their state, where it is thrown away.
const KEPT_STATE: u32 = 16;

/// Where somebody asked us to leave, or it took far too long, there is an exit code
/// instead of what was waited for.
type Cut<T> = Result<T, u8>;

/// Plays a soak in `count` legs and returns 0 where it came to exactly its target.
///
/// # Errors
///
/// When the rehearsal itself cannot be played.
pub(super) async fn play(
    scenario: &Scenario,
    count: u32,
    keep: Option<&Path>,
    output: Output,
) -> io::Result<u8> {
    let stage = Stage::raise(scenario, keep).await?;
    let mut legs = Legs {
        scenario,
        count,
        stage: &stage,
        show: Show::new(output, scenario.sessions),
        signals: Signals::listen()?,
        sessions: stage.chain.sessions(),
        limit: Instant::now() + scenario.deadline,
        baseline: None,
    };
    let ended = legs.play().await;
    legs.show.finish();
    Ok(match ended? {
        Ok(exit) => exit.code(),
        Err(code) => code,
    })
}

/// Legs that are being played.
struct Legs<'a> {
    scenario: &'a Scenario,
    count: u32,
    stage: &'a Stage,
    show: Show,
    signals: Signals,
    /// The chain's session.
    sessions: watch::Receiver<u32>,
    limit: Instant,
    baseline: Option<u32>,
}

impl Legs<'_> {
    /// Sessions from the start of one leg to that of the next: the last leg has half as
    /// many, so that it comes to its target well before its time is over.
    fn stride(&self) -> u32 {
        (self.scenario.sessions * 2 / (self.count * 2 - 1)).max(1)
    }

    fn max_runtime(&self) -> Duration {
        self.scenario.session_every * self.stride() * WATCHED.0 / WATCHED.1
    }

    async fn play(&mut self) -> io::Result<Cut<Exit>> {
        self.tell_the_scale();
        let limit = format(self.max_runtime());
        let mut known: Option<Checkpoint> = None;
        for leg in 1.. {
            let machine = Machine::new(self.stage, leg)?;
            if leg == 1 {
                if let Err(code) = self.deploy(&machine).await? {
                    return Ok(Err(code));
                }
            } else {
                fs::copy(self.artifact(leg - 1), machine.file(CHECKPOINT))?;
            }
            let how = if leg == 1 { "begins" } else { "goes on with soak.json" };
            self.show.say(&format!("leg {leg}: machine-{leg} {how}, race monitor --max-runtime {limit}"));
            let child = machine.race(&["monitor", "--checkpoint", CHECKPOINT, "--max-runtime", &limit])?;
            let code = match self.until_it_ends(child).await? {
                Ok(code) => code,
                Err(code) => return Ok(Err(code)),
            };
            machine.hand_over(&self.artifact(leg))?;
            let text = fs::read_to_string(self.artifact(leg))?;
            let checkpoint = Checkpoint::read(&text).map_err(io::Error::other)?;
            self.baseline = checkpoint.baseline.map(|baseline| baseline.session);
            if let Some(cut) = known.as_ref().and_then(|known| told::cut(known, &checkpoint, way(leg - 1))) {
                self.show.say(&format!("leg {leg}: {cut}"));
            }
            let counted = told::counted(known.as_ref(), &checkpoint);
            let exit = Exit::ALL.into_iter().find(|exit| exit.code() == code).unwrap_or(Exit::Internal);
            self.show.say(&format!("leg {leg}: exit {code}, {}: {counted}", exit.meaning()));
            if exit != Exit::SoakUnfinished {
                return Ok(Ok(self.tell_the_end(&checkpoint, exit, leg)));
            }
            known = Some(checkpoint);
            if let Err(code) = self.leave_alone(leg).await? {
                return Ok(Err(code));
            }
        }
        Ok(Ok(Exit::Internal))
    }

    fn tell_the_scale(&self) {
        let (every, sessions) = (self.scenario.session_every, self.scenario.sessions);
        let scaled = |sessions: u32| (rounded(PLAYED * sessions), rounded(every * sessions));
        let (long, short) = scaled(sessions);
        self.show.say(&format!(
            "one session of {} s is played in {}: {sessions} sessions, {long}, in {short}",
            PLAYED.as_secs(),
            rounded(every)
        ));
        let (long, short) = scaled(self.stride() * WATCHED.0 / WATCHED.1);
        self.show.say(&format!("{} legs of {short} at most, which stand for {long}", self.count));
    }

    /// Builds and deploys, as the first job of a run does.
    async fn deploy(&mut self, machine: &Machine) -> io::Result<Cut<()>> {
        let build = machine.script(&self.stage.testnet.build(self.scenario.fault), "artifact")?;
        if let Err(code) = self.expect_success("the build", build).await? {
            return Ok(Err(code));
        }
        let deploy = machine.race(&["deploy", "--report", "deploy.json"])?;
        self.expect_success("race deploy", deploy).await
    }

    async fn expect_success(&mut self, what: &str, child: Child) -> io::Result<Cut<()>> {
        Ok(match self.until_it_ends(child).await? {
            Ok(0) => {
                self.show.say(&format!("machine-1: {what} is done"));
                Ok(())
            }
            Ok(code) => {
                self.show.say(&format!("machine-1: {what} ended with {code}"));
                Err(code)
            }
            Err(code) => Err(code),
        })
    }

    /// Between two legs nobody watches, and the chain goes on.
    async fn leave_alone(&mut self, leg: u32) -> io::Result<Cut<()>> {
        let way = way(leg);
        self.stage.chain.change(|course, _| {
            let pruned = prunes(leg);
            *course =
                Course { keep_state: pruned.then_some(KEPT_STATE), rotation_logs: pruned, ..course.clone() };
        });
        let now = *self.sessions.borrow();
        let start = self.baseline.map_or(0, |baseline| baseline + self.stride() * leg);
        let until = start.max(now + (self.stride() / 8).max(1));
        self.show.say(&format!(
            "machine-{leg} is gone; nobody watches until session {until}, which will have to be told by {way}"
        ));
        let reached = async {
            while *self.sessions.borrow_and_update() < until {
                if self.sessions.changed().await.is_err() {
                    break;
                }
            }
        };
        tokio::select! {
            () = reached => {}
            signal = self.signals.next() => return Ok(Err(asked(&self.show, signal))),
            () = sleep_until(self.limit) => return Ok(Err(too_long(&self.show))),
        }
        self.show_sessions();
        Ok(Ok(()))
    }

    /// Waits for a process, and shows how the chain goes on.
    async fn until_it_ends(&mut self, mut child: Child) -> io::Result<Cut<u8>> {
        // Held open: its end tells the process that we are gone.
        let _stdin = child.stdin.take();
        loop {
            let cut = tokio::select! {
                status = child.wait() => {
                    let code = status?.code().and_then(|code| u8::try_from(code).ok());
                    return Ok(Ok(code.unwrap_or(Exit::Internal.code())));
                }
                moved = self.sessions.changed() => {
                    moved.map_err(io::Error::other)?;
                    self.show_sessions();
                    continue;
                }
                signal = self.signals.next() => asked(&self.show, signal),
                () = sleep_until(self.limit) => too_long(&self.show),
            };
            leave(&mut child).await;
            return Ok(Err(cut));
        }
    }

    fn show_sessions(&mut self) {
        let session = *self.sessions.borrow();
        if let Some(baseline) = self.baseline {
            self.show.sessions(session.saturating_sub(baseline));
        }
    }

    fn artifact(&self, leg: u32) -> PathBuf {
        self.stage.path("artifacts").join(format!("soak-{leg}")).join(CHECKPOINT)
    }

    fn tell_the_end(&self, soak: &Checkpoint, exit: Exit, legs: u32) -> Exit {
        self.show.finish();
        let (counted, target) = (soak.counted, soak.target);
        self.show.say(&format!("{counted} of {target} sessions in {legs} legs on {legs} machines"));
        for (host, version) in self.stage.testnet.versions() {
            self.show.say(&format!("  {host} has {version}"));
        }
        match told::compared(soak, &self.stage.chain) {
            Ok(same) => self.show.say(&same),
            Err(difference) if exit == Exit::Done => {
                let line = format!("the chain's own record says something else: {difference}");
                self.show.output().log_painted(Paint::Red, &line);
                return Exit::Internal;
            }
            Err(_) => {}
        }
        exit
    }
}

/// Whether the chain throws its old state away after this leg: by turns, so that both
/// ways are seen to find sessions again.
fn prunes(leg: u32) -> bool {
    leg.is_multiple_of(2)
}

/// How sessions after this leg are found again.
fn way(leg: u32) -> &'static str {
    if prunes(leg) { "the rotation logs in its headers" } else { "bisecting its state" }
}

fn asked(show: &Show, signal: Signal) -> u8 {
    show.say(&format!("{}: the rehearsal ends", signal.name()));
    signal.exit().code()
}

fn too_long(show: &Show) -> u8 {
    show.say("the soak went on far beyond its time");
    Exit::Internal.code()
}
