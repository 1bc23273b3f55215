//! One host of a deployment: the way to it, what is known of it, and the lease there.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Notify};

use crate::deploy::remote::{Opening, Remote, RemoteError, answer_of};
use crate::deploy::{HostPlan, HostRecord, HostState, Lease, StepRecord, UndoRecord};
use crate::ssh::{Connection, Ended, SshError, Stream};

use super::log::HostLog;
use super::target::Way;
use super::trouble::Trouble;
use super::{Prepared, Setting, Subject};

/// How long the program on a host may take for what changes nothing but its state.
pub(super) const ANSWER: Duration = Duration::from_secs(20);

/// What is asked of the program on a host.
pub(super) struct Call<'c> {
    /// The call's arguments.
    pub(super) argv: Vec<String>,
    /// What it reads.
    pub(super) stdin: &'c [u8],
}

impl From<Vec<String>> for Call<'_> {
    fn from(argv: Vec<String>) -> Self {
        Self { argv, stdin: &[] }
    }
}

/// One host of a deployment.
pub(super) struct Host<'d> {
    /// The number of its wave, from 1.
    pub(super) wave: usize,
    pub(super) plan: &'d HostPlan,
    pub(super) prepared: &'d Prepared,
    pub(super) remote: &'d Remote,
    /// The deployment's name on the host.
    pub(super) id: &'d str,
    pub(super) lease: &'d Lease,
    pub(super) undo_after: Duration,
    pub(super) log: HostLog,
    way: Way,
    connection: Mutex<Option<Arc<Connection>>>,
    pub(super) state: Cell<HostState>,
    /// Said when the state changes.
    pub(super) changed: Notify,
    /// We have its lease.
    pub(super) leased: Cell<bool>,
    /// It has said that it is armed.
    pub(super) is_known: Cell<bool>,
    /// It was asked to confirm, and has not heard of an undo since.
    pub(super) may_be_confirmed: Cell<bool>,
    /// An earlier deployment left something on it.
    pub(super) left_something: Cell<bool>,
    pub(super) steps: RefCell<Vec<StepRecord>>,
    pub(super) undo: RefCell<Option<UndoRecord>>,
}

impl<'d> Host<'d> {
    #[expect(
        clippy::too_many_arguments,
        reason = "it is made in one place, of parts that have no other bond"
    )]
    pub(super) fn new(
        wave: usize,
        plan: &'d HostPlan,
        undo_after: Duration,
        subject: &'d Subject,
        setting: &'d Setting,
        prepared: &'d Prepared,
        way: Way,
        log: HostLog,
    ) -> Self {
        Self {
            wave,
            plan,
            prepared,
            remote: &setting.remote,
            id: &subject.id,
            lease: &subject.lease,
            undo_after,
            log,
            way,
            connection: Mutex::new(None),
            state: Cell::new(HostState::Untouched),
            changed: Notify::new(),
            leased: Cell::new(false),
            is_known: Cell::new(false),
            may_be_confirmed: Cell::new(false),
            left_something: Cell::new(false),
            steps: RefCell::default(),
            undo: RefCell::default(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.plan.host
    }

    /// Whether anything was begun on it that is not taken back.
    pub(super) fn has_begun(&self) -> bool {
        !matches!(self.state.get(), HostState::Untouched | HostState::Undone)
    }

    /// Whether it is as it was before.
    pub(super) fn is_as_it_was(&self) -> bool {
        !self.has_begun()
    }

    /// Whether anything was ever begun on it.
    pub(super) fn was_touched(&self) -> bool {
        self.state.get() != HostState::Untouched
    }

    pub(super) fn become_(&self, state: HostState) {
        self.state.set(state);
        self.changed.notify_waiters();
    }

    /// What happened on it, for `deploy.json`.
    pub(super) fn record(&self) -> HostRecord {
        HostRecord {
            name: self.name().to_owned(),
            wave: self.wave,
            state: self.state.get(),
            steps: self.steps.borrow().clone(),
            undo: self.undo.borrow().clone(),
        }
    }

    /// A new connection, to confirm over it: what is said there is no secret.
    pub(super) async fn connect(&self) -> Result<Connection, Trouble> {
        Ok(self.way.open_to_confirm().await?)
    }

    /// The connection; a new one where the last one was lost.
    pub(super) async fn connection(&self) -> Result<Arc<Connection>, Trouble> {
        let mut connection = self.connection.lock().await;
        if let Some(connection) = connection.as_ref() {
            return Ok(Arc::clone(connection));
        }
        let new = Arc::new(self.way.open().await?);
        *connection = Some(Arc::clone(&new));
        Ok(new)
    }

    /// Forgets the connection, whatever it is.
    pub(super) async fn hang_up(&self) {
        self.connection.lock().await.take();
    }

    /// Forgets a connection that was lost.
    pub(super) async fn forget(&self, lost: &Arc<Connection>) {
        let mut connection = self.connection.lock().await;
        if connection.as_ref().is_some_and(|connection| Arc::ptr_eq(connection, lost)) {
            *connection = None;
        }
    }

    /// Asks the program on the host. A connection that is lost is made anew once: the
    /// program gives the same answer when it is asked again.
    pub(super) async fn ask<A>(
        &self,
        doing: &'static str,
        call: Call<'_>,
        read: impl Fn(&[String]) -> Result<A, RemoteError>,
    ) -> Result<A, Trouble> {
        let mut again = true;
        loop {
            let connection = self.connection().await?;
            match self.ask_over(&connection, doing, &call, &read).await {
                Err(Trouble::Ssh(SshError::Lost { .. } | SshError::TimedOut { .. })) if again => {
                    self.forget(&connection).await;
                    again = false;
                }
                ended => return ended,
            }
        }
    }

    /// Asks the program on the host over this connection.
    pub(super) async fn ask_over<A>(
        &self,
        connection: &Connection,
        doing: &'static str,
        call: &Call<'_>,
        read: impl Fn(&[String]) -> Result<A, RemoteError>,
    ) -> Result<A, Trouble> {
        let answer = connection.call(&call.argv, call.stdin, ANSWER).await?;
        let lines = answer_of(&answer.stdout, &answer.stderr);
        lines.and_then(|lines| read(&lines)).map_err(|error| self.refused(doing, error))
    }

    /// Runs a command that changes nothing, such as a check, for at most `limit`.
    pub(super) async fn run(
        &self,
        argv: &[String],
        limit: Duration,
        line: impl FnMut(Stream, &str),
    ) -> Result<Ended, Trouble> {
        self.watch("running a command", self.remote.run(0, argv).into(), limit, line).await
    }

    /// Has the program on the host run a command, which ends when this is dropped.
    pub(super) async fn watch(
        &self,
        doing: &'static str,
        call: Call<'_>,
        limit: Duration,
        mut line: impl FnMut(Stream, &str),
    ) -> Result<Ended, Trouble> {
        let connection = self.connection().await?;
        let mut opening = Opening::default();
        let said = |stream, text: &str| {
            // Until it has begun the program itself speaks, on stdout alone.
            if stream == Stream::Stderr || opening.takes(text) {
                line(stream, text);
            }
        };
        let ended = connection.watch(&call.argv, call.stdin, limit, said).await?;
        match opening {
            Opening::Begun => Ok(ended),
            Opening::Not(error) => Err(self.refused(doing, error)),
            Opening::Awaited | Opening::Answering => {
                Err(self.refused(doing, RemoteError::Silent("it ended before the command began".to_owned())))
            }
        }
    }

    /// What the program on the host would not do.
    pub(super) fn refused(&self, doing: &'static str, error: RemoteError) -> Trouble {
        let host = self.name().to_owned();
        match error {
            RemoteError::Refused(what) if what == "unknown" => Trouble::Unknown { host },
            error => Trouble::Host { host, doing, text: error.to_string() },
        }
    }
}
