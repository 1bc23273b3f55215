//! A connection to a host, and the commands that run over it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use openssh::{Child, Error, ForwardType, Session, Socket, Stdio};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::master::Master;
use super::stream::{Ended, Stream, head_of, relay};
use super::{SshError, Target};

/// Runs its arguments as a command, and ends it and all of its process group when
/// stdin ends: first asked to, 5 s later made to. So nothing goes on when nobody
/// waits for it any more, though neither SSH nor a dropped connection would end it.
const WATCHDOG: &str = r#"exec 3<&0 </dev/null
"$@" 3<&- & command=$!
trap '' TERM
{ cat; kill -TERM 0; sleep 5; kill -KILL 0; } <&3 >/dev/null 2>&1 & watch=$!
exec 3<&- 4>&2 2>/dev/null
wait "$command"; status=$?
kill -KILL "$watch"
printf '\nrace-ended\n'; printf '\nrace-ended\n' >&4
exit "$status""#;

/// How long a command may take to end after it was told to.
const LEAVE: Duration = Duration::from_millis(6_500);

/// How long the small questions to the local `ssh` may take.
const LOCAL: Duration = Duration::from_secs(5);

/// The most that is kept of an answer's streams, in bytes.
const ANSWER: usize = 64 * 1024;

/// What a call answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The exit status.
    pub status: i32,
    /// The first 64 KiB of standard output, as text.
    pub stdout: String,
    /// The first 64 KiB of standard error, as text.
    pub stderr: String,
}

/// A connection to a host. Dropping it cuts it, and every command on it ends.
pub struct Connection {
    // Dropped in this order: commands need the master.
    session: Session,
    master: Master,
    host: String,
    forwards: AtomicU32,
}

impl Connection {
    /// Logs in to the target, with this private key, or with the agent's where there
    /// is none, within `limit`.
    ///
    /// # Errors
    ///
    /// When the host shows no pinned key, does not let us in or cannot be reached.
    pub async fn open(target: &Target, private_key: Option<&str>, limit: Duration) -> Result<Self, SshError> {
        let master = Master::start(target, private_key, limit).await?;
        let session = Session::resume_mux(master.socket().into_boxed_path(), None);
        Ok(Self { session, master, host: target.host.name.clone(), forwards: AtomicU32::new(0) })
    }

    /// Runs a program with its arguments, no shell reading them, for at most
    /// `limit`. Every line it writes goes to `line`, cut to 4 KiB, as text; of more
    /// than 16 MiB the rest is dropped.
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
        line: impl FnMut(Stream, &str),
    ) -> Result<Ended, SshError> {
        let watchdog = ["sh", "-c", WATCHDOG, "race"].map(str::to_owned);
        self.watch(&[&watchdog, argv].concat(), &[], limit, line).await
    }

    /// As [`Connection::run`], of a program that ends its command by itself when
    /// stdin ends, as a step on the host does. Stdin begins with these bytes.
    ///
    /// # Errors
    ///
    /// When the connection is lost. How the command itself ended is no error.
    pub async fn watch(
        &self,
        argv: &[String],
        stdin: &[u8],
        limit: Duration,
        mut line: impl FnMut(Stream, &str),
    ) -> Result<Ended, SshError> {
        let mut child = self.spawn(argv).await?;
        let mut lifeline = child.stdin().take();
        let (stdout, stderr) = (child.stdout().take(), child.stderr().take());
        if let Some(lifeline) = &mut lifeline {
            // Who does not read it has ended, and the status says how.
            let _ = timeout(LOCAL, lifeline.write_all(stdin)).await;
        }
        let mut ended = std::pin::pin!(async move {
            relay(stdout, stderr, &mut line).await;
            child.wait().await
        });
        match timeout(limit, &mut ended).await {
            Ok(status) => self.status(status).map(Ended::Exit),
            Err(_) => {
                drop(lifeline);
                let _ = timeout(LEAVE, ended).await;
                Ok(Ended::TimedOut)
            }
        }
    }

    /// Runs a program that ends by itself, with this stdin, and returns its answer.
    ///
    /// # Errors
    ///
    /// When the connection is lost, or `limit` has passed.
    pub async fn call(&self, argv: &[String], stdin: &[u8], limit: Duration) -> Result<Answer, SshError> {
        self.send(argv, stdin, limit, |_| {}).await
    }

    /// Runs a program that ends by itself, and gives it what `reader` has as stdin,
    /// in constant memory. `progress` is told how many bytes have gone so far.
    ///
    /// # Errors
    ///
    /// When the connection is lost, the reader fails, or nothing moves for `idle`:
    /// no byte, or after the last one no answer.
    pub async fn send(
        &self,
        argv: &[String],
        mut reader: impl AsyncRead + Unpin,
        idle: Duration,
        mut progress: impl FnMut(u64),
    ) -> Result<Answer, SshError> {
        let mut child = self.spawn(argv).await?;
        let stdin = child.stdin().take();
        let (stdout, stderr) = (child.stdout().take(), child.stderr().take());
        let sending = async {
            let Some(mut stdin) = stdin else { return Ok(()) };
            let mut buffer = vec![0; 128 * 1024];
            let mut gone = 0;
            loop {
                let read = timeout(idle, reader.read(&mut buffer)).await;
                let read = read.map_err(|_| self.timed_out("reading what is sent", idle))?;
                let read = read.map_err(|source| {
                    let what = "cannot read what is sent";
                    SshError::Local { host: self.host.clone(), what, source }
                })?;
                let bytes = buffer.get(..read).unwrap_or_default();
                // Who does not read it has ended, and the answer says why.
                match timeout(idle, stdin.write_all(bytes)).await {
                    _ if read == 0 => return Ok(()),
                    Ok(Ok(())) => gone += read as u64,
                    Ok(Err(_)) => return Ok(()),
                    Err(_) => return Err(self.timed_out("sending", idle)),
                }
                progress(gone);
            }
        };
        let mut out = std::pin::pin!(head_of(stdout, ANSWER));
        let mut err = std::pin::pin!(head_of(stderr, ANSWER));
        let (mut said_out, mut said_err) = (None, None);
        {
            let mut sending = std::pin::pin!(sending);
            loop {
                tokio::select! {
                    sent = &mut sending => break sent?,
                    text = &mut out, if said_out.is_none() => said_out = Some(text),
                    text = &mut err, if said_err.is_none() => said_err = Some(text),
                }
            }
        }
        let rest = async {
            let stdout = match said_out {
                Some(text) => text,
                None => out.await,
            };
            let stderr = match said_err {
                Some(text) => text,
                None => err.await,
            };
            (child.wait().await, stdout, stderr)
        };
        let rest = timeout(idle, rest).await;
        let (status, stdout, stderr) = rest.map_err(|_| self.timed_out("the answer", idle))?;
        Ok(Answer { status: self.status(status)?, stdout, stderr })
    }

    /// Makes a Unix socket here that leads to this port of the host's 127.0.0.1. It
    /// is there as long as the connection.
    ///
    /// # Errors
    ///
    /// When the connection is lost, or `ssh` cannot make the socket.
    pub async fn forward(&self, port: u16) -> Result<PathBuf, SshError> {
        let path = self.master.path(&format!("forward-{}", self.forwards.fetch_add(1, Ordering::Relaxed)));
        let to = Socket::TcpSocket { host: "127.0.0.1".into(), port };
        let asked = self.session.request_port_forward(ForwardType::Local, path.as_path(), to);
        match timeout(LOCAL, asked).await {
            Ok(Ok(())) => Ok(path),
            Ok(Err(error)) => Err(self.error(&error)),
            Err(_) => Err(self.timed_out("forwarding a port", LOCAL)),
        }
    }

    /// Ends the connection in good order.
    pub async fn close(self) {
        self.master.leave().await;
    }

    async fn spawn(&self, argv: &[String]) -> Result<Child<&Session>, SshError> {
        let mut words = argv.iter();
        let mut command = self.session.command(words.next().map_or("true", String::as_str));
        command.args(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        match timeout(LOCAL, command.spawn()).await {
            Ok(spawned) => spawned.map_err(|error| self.error(&error)),
            Err(_) => Err(self.timed_out("starting a command", LOCAL)),
        }
    }

    fn status(&self, status: Result<std::process::ExitStatus, Error>) -> Result<i32, SshError> {
        match status {
            Ok(status) => Ok(status.code().unwrap_or(255)),
            // This is how openssh reports the status 127.
            Err(Error::Remote(_)) => Ok(127),
            Err(error) => Err(self.error(&error)),
        }
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
