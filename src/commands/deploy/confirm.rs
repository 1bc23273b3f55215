//! The end of a deployment on one host: confirmed over a new connection, or undone.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep, timeout};

use crate::deploy::remote::{self, Status};
use crate::deploy::{HostState, UndoRecord};
use crate::ssh::Connection;

use super::host::Host;
use super::trouble::Trouble;

/// How often a host that undoes is asked whether it has ended.
const EVERY: Duration = Duration::from_millis(300);

/// How often a host that cannot be reached is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// What an undo may take beside its commands: files that come back, and a connection.
const BESIDE: Duration = Duration::from_secs(60);

impl Host<'_> {
    /// Confirms over this connection, which was made after the host was ready.
    pub(super) async fn confirm(&self, connection: Connection) -> Result<(), Trouble> {
        self.may_be_confirmed.set(true);
        let call = self.remote.confirm(self.id, &self.lease.sha).into();
        let confirmed = self.ask_over(&connection, "confirming", &call, remote::status).await;
        connection.close().await;
        match confirmed? {
            Status::Confirmed => {
                self.become_(HostState::Confirmed);
                self.log.say("confirmed");
                Ok(())
            }
            _ => Err(Trouble::UndidItself {
                host: self.name().to_owned(),
                why: "before it could be confirmed".to_owned(),
            }),
        }
    }

    /// Asks the host to undo, without waiting for it.
    pub(super) async fn ask_to_undo(&self) -> Result<Status, Trouble> {
        self.undo.borrow_mut().get_or_insert_with(|| UndoRecord {
            asked_at: Some(Timestamp::now()),
            ended_at: None,
            failed: Vec::new(),
            error: None,
        });
        if self.state.get() == HostState::Confirmed {
            // Whether it hears us or not: from here on it is not known to be confirmed.
            self.become_(HostState::NotKnownToBeUndone);
        }
        let status =
            self.ask("asking for the undo", self.remote.undo(self.id).into(), remote::status).await?;
        if self.may_be_confirmed.replace(false) {
            self.become_(HostState::Armed);
        }
        Ok(status)
    }

    /// Asks how an undo stands that has been asked for. To ask for it once more would
    /// begin anew what has failed.
    pub(super) async fn undo_status(&self, id: &str) -> Result<Status, Trouble> {
        let status = self.ask("asking for the undo", self.remote.status(id).into(), remote::status).await?;
        match status {
            Status::Undoing { keeper: true } | Status::Undone(_) => Ok(status),
            // Nobody does it.
            _ => self.ask("asking for the undo", self.remote.undo(id).into(), remote::status).await,
        }
    }

    /// Has the host undo, and waits until it says how that ended. A host that cannot
    /// be reached is tried until its own timer must have run out, and its undo with it.
    pub(super) async fn undo(&self) {
        self.log.say("undoing");
        let limit = self.undo_after + self.plan.undo_limit() + BESIDE;
        let until = Instant::now() + limit;
        let mut last = String::new();
        let mut asked = false;
        let ended = timeout(limit, async {
            loop {
                let status = if asked { self.undo_status(self.id).await } else { self.ask_to_undo().await };
                asked |= status.is_ok();
                let pause = match status {
                    Ok(Status::Undone(failed)) => return failed.into_iter().map(|one| one.name).collect(),
                    Ok(_) => EVERY,
                    // It was never armed there: what asked for it did not arrive.
                    Err(Trouble::Unknown { .. }) if !self.is_known.get() => return Vec::new(),
                    Err(Trouble::Unknown { .. }) => return vec!["its list is gone from the host".to_owned()],
                    Err(trouble) => {
                        // The log says itself which host it is about.
                        let text = trouble.to_string();
                        let text = text.trim_start_matches(&format!("{}: ", self.name())).to_owned();
                        if text != last {
                            self.log.say(&format!("not undone yet: {text}"));
                            last = text;
                        }
                        AGAIN
                    }
                };
                sleep(pause.min(until.saturating_duration_since(Instant::now()))).await;
            }
        });
        let mut record = UndoRecord { asked_at: None, ended_at: None, failed: Vec::new(), error: None };
        if let Some(begun) = self.undo.borrow().as_ref() {
            record.asked_at = begun.asked_at;
        }
        match ended.await {
            Ok(failed) if failed.is_empty() => {
                record.ended_at = Some(Timestamp::now());
                self.become_(HostState::Undone);
                self.log.say("undone");
            }
            Ok(failed) => {
                record.ended_at = Some(Timestamp::now());
                self.become_(HostState::NotKnownToBeUndone);
                self.log.say(&format!("the undo failed: {}", failed.join(", ")));
                record.failed = failed;
            }
            Err(_) => {
                self.become_(HostState::NotKnownToBeUndone);
                self.log.say("it did not say that it has undone");
                record.error = Some(if last.is_empty() { "it took too long".to_owned() } else { last });
            }
        }
        self.undo.replace(Some(record));
    }
}
