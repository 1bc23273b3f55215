//! The commands of a host: each in a process group of its own, with its streams on a
//! channel.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use russh::server::Msg;
use russh::{Channel, ChannelMsg};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;

/// The process groups of the commands that run.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups(Arc<Mutex<Vec<Pid>>>);

impl Groups {
    /// Notes the group of a new command.
    pub(super) fn add(&self, child: &Child) -> Option<Pid> {
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(pid);
        Some(pid)
    }

    fn kill(&self, group: Pid) {
        let mut groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A group is killed once: later its number may be another's.
        if let Some(index) = groups.iter().position(|pid| *pid == group) {
            groups.swap_remove(index);
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    /// Forgets a group whose command has ended, unless it left something running.
    fn ended(&self, group: Pid) {
        if test_kill_process_group(group).is_err() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|pid| *pid != group);
        }
    }

    /// Kills every command that runs.
    pub(super) fn kill_all(&self) {
        for group in self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Kills a command's process group on every way out but its own end. What a
/// command leaves running stays, as on any host, until the host stops.
pub(super) struct Guard {
    groups: Groups,
    group: Pid,
    ended: bool,
}

impl Guard {
    /// Guards a command whose group was noted.
    pub(super) fn of(group: Pid, groups: Groups) -> Self {
        Self { groups, group, ended: false }
    }

    /// Carries the command's streams until it has ended or the channel closes.
    pub(super) async fn relay(mut self, channel: Channel<Msg>, child: Child) {
        self.ended = matches!(relay(channel, child).await, Ok(true));
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.ended {
            self.groups.ended(self.group);
        } else {
            self.groups.kill(self.group);
        }
    }
}

/// Carries the streams of `child` over `channel` until it has ended and said all,
/// or until the channel closes. Says whether the command has ended.
async fn relay(channel: Channel<Msg>, mut child: Child) -> io::Result<bool> {
    let (mut incoming, outgoing) = channel.split();
    let mut stdin = child.stdin.take();
    let stdout = copy(child.stdout.take(), outgoing.make_writer());
    let stderr = copy(child.stderr.take(), outgoing.make_writer_ext(Some(1)));
    let ended = async { tokio::join!(stdout, stderr, child.wait()).2 };
    tokio::pin!(ended);
    let status = loop {
        tokio::select! {
            status = &mut ended => break status?,
            message = incoming.wait() => match message {
                Some(ChannelMsg::Data { data }) => {
                    if let Some(pipe) = &mut stdin && pipe.write_all(&data).await.is_err() {
                        stdin = None;
                    }
                }
                Some(ChannelMsg::Eof) => stdin = None,
                Some(ChannelMsg::Close) | None => return Ok(false),
                Some(_) => {}
            }
        }
    };
    use std::os::unix::process::ExitStatusExt;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    let _ = outgoing.exit_status(code.and_then(|code| u32::try_from(code).ok()).unwrap_or(255)).await;
    let _ = outgoing.eof().await;
    let _ = outgoing.close().await;
    Ok(true)
}

async fn copy(from: Option<impl tokio::io::AsyncRead + Unpin>, to: impl tokio::io::AsyncWrite) {
    let Some(mut from) = from else { return };
    tokio::pin!(to);
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let written = buffer.get(..count).unwrap_or_default();
        if to.write_all(written).await.is_err() || to.flush().await.is_err() {
            return;
        }
    }
}
