//! What is done on one host: arm, the steps in order, the checks that it is ready.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, interval_at, timeout};

use crate::deploy::remote::{self, Look, Sent, answer_of};
use crate::deploy::{Change, Command, HostState, Kind, PlannedStep, StepRecord, Upload, quoted};
use crate::policy::duration::rounded;
use crate::ssh::{Ended, SshError};

use super::host::{Call, Host};
use super::source::Source;
use super::trouble::Trouble;

/// The longest time without a word, while a step runs.
const HEARTBEAT: Duration = Duration::from_mins(1);

/// A transfer that stands still for so long has ended.
const STANDSTILL: Duration = Duration::from_secs(30);

/// What a step came to.
#[derive(Default)]
struct Done {
    status: Option<i32>,
    changed: Option<bool>,
}

impl Host<'_> {
    /// Brings the host to the new version: armed, changed, ready, not confirmed.
    pub(super) async fn bring(&self) -> Result<(), Trouble> {
        self.arm().await?;
        for (number, step) in (1..).zip(&self.plan.steps) {
            self.one_step(number, step).await?;
        }
        let checks = (!self.plan.ready.is_empty()).then_some("ready");
        if let Some(name) = checks {
            self.recorded(name, Kind::Ready, async { self.ready().await.map(|()| Done::default()) }).await?;
        }
        self.log.say("ready");
        Ok(())
    }

    /// Puts the undo onto the host before anything is changed there.
    async fn arm(&self) -> Result<(), Trouble> {
        // From here on it may be armed, whether we hear of it or not.
        self.become_(HostState::Armed);
        let list = self.plan.undo_list();
        let argv = self.remote.arm(self.id, self.undo_after, &self.lease.id, &list);
        let call = Call { argv, stdin: list.as_bytes() };
        self.ask("arming the undo", call, remote::armed).await?;
        self.is_known.set(true);
        let after = rounded(self.undo_after);
        self.log.say(&format!("armed: it undoes itself {after} after the last word from us"));
        Ok(())
    }

    async fn one_step(&self, number: usize, step: &PlannedStep) -> Result<(), Trouble> {
        match &step.change {
            Change::Command(command) => {
                self.recorded(&step.name, Kind::Command, self.command(number, command)).await
            }
            Change::Upload(upload) => {
                self.recorded(&step.name, Kind::Upload, self.upload(number, &step.name, upload)).await
            }
        }
    }

    /// Does it, and writes down when and how it ended.
    async fn recorded(
        &self,
        name: &str,
        kind: Kind,
        work: impl Future<Output = Result<Done, Trouble>>,
    ) -> Result<(), Trouble> {
        let index = self.steps.borrow().len();
        self.steps.borrow_mut().push(StepRecord {
            name: name.to_owned(),
            kind,
            started_at: Timestamp::now(),
            ended_at: None,
            exit_code: None,
            changed: None,
            error: None,
        });
        let ended = work.await.map_err(|trouble| self.during(name, trouble));
        if let Some(record) = self.steps.borrow_mut().get_mut(index) {
            record.ended_at = Some(Timestamp::now());
            match &ended {
                Ok(done) => (record.exit_code, record.changed) = (done.status, done.changed),
                Err(trouble) => {
                    record.exit_code = trouble.status();
                    record.error = Some(trouble.to_string());
                }
            }
        }
        ended.map(drop)
    }

    /// What went wrong, with the step that it happened in.
    fn during(&self, step: &str, trouble: Trouble) -> Trouble {
        let what = match trouble {
            Trouble::Ssh(SshError::Lost { .. }) => "was cut short: the connection was lost".to_owned(),
            Trouble::Ssh(SshError::TimedOut { what, limit, .. }) => {
                format!("was cut short: {what} took longer than {}", rounded(limit))
            }
            trouble => return trouble,
        };
        Trouble::Step { host: self.name().to_owned(), step: step.to_owned(), what, status: None }
    }

    async fn command(&self, number: usize, command: &Command) -> Result<Done, Trouble> {
        let Command { name, argv, time_limit, secrets, .. } = command;
        let stdin = self.prepared.secrets_of(secrets);
        let call = self.remote.step(self.id, number, stdin.len(), argv);
        let mut shown = self.log.command(&quoted(argv));
        let running =
            self.watch("beginning a step", Call { argv: call, stdin: &stdin }, *time_limit, |_, line| {
                shown.line(line);
            });
        let mut running = Box::pin(running);
        let started = Instant::now();
        let mut heartbeat = interval_at(started + HEARTBEAT, HEARTBEAT);
        let ended = loop {
            tokio::select! {
                ended = &mut running => break ended,
                _ = heartbeat.tick() => {
                    let so_far = rounded(started.elapsed());
                    let most = rounded(*time_limit);
                    self.log.say(&format!("step `{name}` has been running for {so_far} of {most}"));
                }
            }
        };
        drop(running);
        shown.end();
        let ended = ended?;
        let (what, status) = match ended {
            Ended::Exit(0) => return Ok(Done { status: Some(0), changed: None }),
            Ended::Exit(127) => ("ended with status 127: there is no such program".to_owned(), Some(127)),
            Ended::Exit(status) => (format!("ended with status {status}"), Some(status)),
            Ended::TimedOut => (format!("took longer than {} and was ended", rounded(*time_limit)), None),
        };
        Err(Trouble::Step { host: self.name().to_owned(), step: name.clone(), what, status })
    }

    async fn upload(&self, number: usize, step: &str, upload: &Upload) -> Result<Done, Trouble> {
        let Some(source) = self.prepared.sources.get(&upload.from) else {
            return Err(Trouble::Local(format!("{} was not looked at", upload.from)));
        };
        let looking = self.remote.look(&[(upload.user.as_deref(), &upload.to)]);
        let found =
            self.ask("looking at what is there", looking.into(), |lines| remote::looked(lines, 1)).await?;
        let wrong = |what: String| Trouble::Step {
            host: self.name().to_owned(),
            step: step.to_owned(),
            what,
            status: None,
        };
        let mode = upload.mode.or((!source.is_directory).then_some(source.mode));
        if found.first().is_some_and(|found| is_the_same(found, source, mode, upload.owner.as_deref())) {
            self.log.say(&format!("`{step}`: {} is there already", upload.to));
            return Ok(Done { status: None, changed: Some(false) });
        }
        self.log.say(&format!("`{step}`: sending {} ({} bytes) to {}", upload.from, source.size, upload.to));
        let mut reading =
            source.read().map_err(|error| Trouble::Local(format!("cannot read {}: {error}", upload.from)))?;
        let call = self.remote.receive(
            self.id,
            number,
            &Sent {
                directory: source.is_directory,
                size: source.size,
                sha256: &source.sha256,
                to: &upload.to,
                mode,
                owner: upload.owner.as_deref(),
                user: upload.user.as_deref(),
            },
        );
        let connection = self.connection().await?;
        let mut told = Instant::now();
        let progress = |sent: u64| {
            if told.elapsed() >= HEARTBEAT {
                told = Instant::now();
                self.log.say(&format!("`{step}`: sent {sent} of {} bytes", source.size));
            }
        };
        let sending = connection.send(&call, &mut reading.bytes, STANDSTILL, progress);
        let answer = timeout(upload.time_limit, sending)
            .await
            .map_err(|_| wrong(format!("took longer than {} and was ended", rounded(upload.time_limit))))??;
        let lines = answer_of(&answer.stdout, &answer.stderr);
        lines
            .and_then(|lines| remote::received(&lines))
            .map_err(|error| wrong(format!("failed: {error}")))?;
        Ok(Done { status: None, changed: Some(true) })
    }
}

/// Whether what is at a path is what would be sent there.
fn is_the_same(found: &Look, source: &Source, mode: Option<u32>, owner: Option<&str>) -> bool {
    match found {
        Look::Content { directory, sha256, mode: found_mode, owner: found_owner } => {
            // `chown` reads an owner without a group as leaving the group alone.
            let user_of = |owner: &str| owner.split(':').next().unwrap_or_default().to_owned();
            *directory == source.is_directory
                && *sha256 == source.sha256
                && mode.is_none_or(|mode| mode == *found_mode || source.is_directory)
                && owner.is_none_or(|owner| owner == found_owner || owner == user_of(found_owner))
        }
        Look::Absent | Look::Directory | Look::Unreadable | Look::Other => false,
    }
}
