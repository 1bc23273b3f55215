//! A connection to a host, and the commands that run over it.

use std::time::Duration;

use openssh::{ChildStderr, ChildStdout, Error, Session, Stdio};
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use super::SshError;
use super::lines::Lines;
use super::master::Master;
use crate::policy::Host;

/// Runs its arguments as a command, and ends it and all of its process group when
/// stdin ends: first asked to, 5 s later made to. So nothing goes on when nobody
/// waits for it any more, though neither SSH nor a dropped connection would end it.
const WATCHDOG: &str = r#"exec 3<&0 </dev/null
"$@" 3<&- & command=$!
trap '' TERM
{ cat; kill -TERM 0; sleep 5; kill -KILL 0; } <&3 >/dev/null 2>&1 & watch=$!
exec 3<&- 2>/dev/null
wait "$command"; status=$?
kill -KILL "$watch"
exit "$status""#;

/// How long a command may take to end after it was told to.
const LEAVE: Duration = Duration::from_millis(6_500);

/// How long the small questions to the local `ssh` may take.
const LOCAL: Duration = Duration::from_secs(5);

/// Which stream a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With this exit status. 127: there is no such program; above 128: by a signal.
    Exit(i32),
    /// It took longer than it may, and was ended.
    TimedOut,
}

/// A connection to a host. Dropping it cuts it, and every command on it ends.
pub struct Connection {
    // Dropped in this order: commands need the master.
    session: Session,
    master: Master,
    host: String,
}

impl Connection {
    /// Logs in to `host`, with this private key, or with the agent's where there is
    /// none, within `limit`.
    ///
    /// # Errors
    ///
    /// When the host shows no pinned key, does not let us in or cannot be reached.
    pub async fn open(host: &Host, private_key: Option<&str>, limit: Duration) -> Result<Self, SshError> {
        let master = Master::start(host, private_key, limit).await?;
        let session = Session::resume_mux(master.socket().into_boxed_path(), None);
        let connection = Self { session, master, host: host.name.clone() };
        match timeout(LOCAL, connection.session.check()).await {
            Ok(Ok(())) => Ok(connection),
            Ok(Err(error)) => Err(connection.error(&error)),
            Err(_) => Err(connection.timed_out("asking the local ssh", LOCAL)),
        }
    }

    /// Runs a program with its arguments, no shell reading them, for at most
    /// `limit`. Every line it writes goes to `line`, cut to 4 KiB, as text.
    ///
    /// When the returned future is dropped, the command is ended.
    ///
    /// # Errors
    ///
    /// When the connection is lost. How the command itself ended is no error.
    pub async fn run(
        &self,
        argv: &[String],
        limit: Duration,
        mut line: impl FnMut(Stream, &str),
    ) -> Result<Ended, SshError> {
        let mut command = self.session.command("sh");
        command.args(["-c", WATCHDOG, "race"]).args(argv);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let spawned = timeout(LOCAL, command.spawn()).await;
        let mut child = match spawned {
            Ok(spawned) => spawned.map_err(|error| self.error(&error))?,
            Err(_) => return Err(self.timed_out("starting a command", LOCAL)),
        };
        let lifeline = child.stdin().take();
        let (stdout, stderr) = (child.stdout().take(), child.stderr().take());
        let mut ended = std::pin::pin!(async move {
            relay(stdout, stderr, &mut line).await;
            child.wait().await
        });
        let status = match timeout(limit, &mut ended).await {
            Ok(status) => status,
            Err(_) => {
                drop(lifeline);
                let _ = timeout(LEAVE, ended).await;
                return Ok(Ended::TimedOut);
            }
        };
        match status {
            Ok(status) => Ok(Ended::Exit(status.code().unwrap_or(255))),
            // This is how openssh reports the status 127.
            Err(Error::Remote(_)) => Ok(Ended::Exit(127)),
            Err(error) => Err(self.error(&error)),
        }
    }

    /// Ends the connection in good order.
    pub async fn close(self) {
        self.master.leave().await;
    }

    fn error(&self, error: &Error) -> SshError {
        let host = self.host.clone();
        match error {
            // Without a status the remote side is gone: the watchdog always has one.
            Error::Disconnected | Error::RemoteProcessTerminated => SshError::Lost { host },
            error => SshError::Other { host, text: chain(error) },
        }
    }

    fn timed_out(&self, what: &'static str, limit: Duration) -> SshError {
        SshError::TimedOut { host: self.host.clone(), what, limit }
    }
}

/// Passes on what a command writes, until it closes both streams.
async fn relay(
    mut stdout: Option<ChildStdout>,
    mut stderr: Option<ChildStderr>,
    line: &mut impl FnMut(Stream, &str),
) {
    let (mut out, mut err) = (Lines::default(), Lines::default());
    let (mut out_buffer, mut err_buffer) = ([0; 8192], [0; 8192]);
    while stdout.is_some() || stderr.is_some() {
        tokio::select! {
            read = read(&mut stdout, &mut out_buffer), if stdout.is_some() => match read {
                0 => stdout = None,
                count => out.push(out_buffer.get(..count).unwrap_or_default(), |text| line(Stream::Stdout, text)),
            },
            read = read(&mut stderr, &mut err_buffer), if stderr.is_some() => match read {
                0 => stderr = None,
                count => err.push(err_buffer.get(..count).unwrap_or_default(), |text| line(Stream::Stderr, text)),
            },
        }
    }
    out.end(|text| line(Stream::Stdout, text));
    err.end(|text| line(Stream::Stderr, text));
}

/// Reads some bytes; none at the end, and none from a stream that fails.
async fn read(stream: &mut Option<impl tokio::io::AsyncRead + Unpin>, buffer: &mut [u8]) -> usize {
    match stream {
        Some(stream) => stream.read(buffer).await.unwrap_or_default(),
        None => 0,
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text.chars().take(300).collect()
}
