//! An SSH host in this process: a real SSH server on loopback that the real `ssh`
//! client logs in to. Commands run with `sh -c` in a directory of their own.

use std::collections::HashMap;
use std::io;
use std::net::Ipv4Addr;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{PrivateKey, PublicKey};
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey,
};
use russh::{Channel, ChannelId, ChannelMsg};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::task::{JoinHandle, JoinSet};

/// A running SSH host. It stops when this value is dropped, and takes every process
/// it started with it.
#[derive(Debug)]
pub struct SshHost {
    port: u16,
    host_key: String,
    client_key: String,
    directory: TempDir,
    groups: Groups,
    task: JoinHandle<()>,
}

impl SshHost {
    /// Starts a host on a free port of 127.0.0.1, with a new host key and a new key
    /// for its one client.
    ///
    /// # Errors
    ///
    /// When keys, a directory or a port cannot be had.
    pub async fn start() -> io::Result<Self> {
        let host_key = new_key()?;
        let client_key = new_key()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let directory = tempfile::Builder::new().prefix("ssh-host-").tempdir()?;
        let groups = Groups::default();
        let host = Self {
            port: listener.local_addr()?.port(),
            host_key: host_key.public_key().to_openssh().map_err(io::Error::other)?,
            client_key: client_key.to_openssh(LineEnding::LF).map_err(io::Error::other)?.to_string(),
            groups: groups.clone(),
            task: tokio::spawn(serve(
                listener,
                Arc::new(Config {
                    keys: vec![host_key],
                    auth_rejection_time: Duration::from_millis(10),
                    nodelay: true,
                    ..Config::default()
                }),
                Connection {
                    client: client_key.public_key().clone(),
                    directory: Arc::from(directory.path()),
                    groups,
                    channels: HashMap::new(),
                    commands: JoinSet::new(),
                },
            )),
            directory,
        };
        Ok(host)
    }

    /// The TCP port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The host's public key, `ssh-ed25519 AAAA...`.
    #[must_use]
    pub fn host_key(&self) -> &str {
        &self.host_key
    }

    /// The private key that the host accepts, in OpenSSH's format. Any user name
    /// goes with it.
    #[must_use]
    pub fn client_key_pem(&self) -> &str {
        &self.client_key
    }

    /// The directory in which commands run.
    #[must_use]
    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }
}

impl Drop for SshHost {
    fn drop(&mut self) {
        self.task.abort();
        self.groups.kill_all();
    }
}

/// The process groups of the commands that run.
#[derive(Clone, Debug, Default)]
struct Groups(Arc<Mutex<Vec<Pid>>>);

impl Groups {
    fn add(&self, child: &Child) -> Option<Pid> {
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

    fn kill_all(&self) {
        for group in self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

fn new_key() -> io::Result<PrivateKey> {
    let mut seed = [0; 32];
    io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut seed)?;
    Ok(PrivateKey::from(Ed25519Keypair::from_seed(&seed)))
}

/// Serves clients until it is aborted.
async fn serve(listener: TcpListener, config: Arc<Config>, template: Connection) {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            Ok((mut stream, _)) = listener.accept() => {
                let _ = stream.set_nodelay(true);
                let (config, connection) = (Arc::clone(&config), template.another());
                // A session runs in a task of russh's own, which ends with its stream.
                // So the stream is ours to cut.
                let (mut ours, theirs) = tokio::io::duplex(64 * 1024);
                clients.spawn(async move {
                    let session = russh::server::run_stream(config, theirs, connection);
                    let carry = tokio::io::copy_bidirectional(&mut stream, &mut ours);
                    let _ = tokio::join!(session, carry);
                });
            }
            Some(_) = clients.join_next() => {}
        }
    }
}

/// One client's connection.
struct Connection {
    client: PublicKey,
    directory: Arc<std::path::Path>,
    groups: Groups,
    channels: HashMap<ChannelId, Channel<Msg>>,
    /// Dropped with the connection, and the commands with it.
    commands: JoinSet<()>,
}

impl Connection {
    fn another(&self) -> Self {
        Self {
            client: self.client.clone(),
            directory: Arc::clone(&self.directory),
            groups: self.groups.clone(),
            channels: HashMap::new(),
            commands: JoinSet::new(),
        }
    }

    fn spawn(&self, command: &[u8]) -> io::Result<Child> {
        let command = std::str::from_utf8(command).map_err(io::Error::other)?;
        Command::new("sh")
            .args(["-c", command])
            .current_dir(&self.directory)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()))
            .env("HOME", &*self.directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
    }
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_publickey_offered(
        &mut self,
        _user: &str,
        key: PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(self.judge(key.public_key))
    }

    async fn auth_publickey(&mut self, _user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        Ok(self.judge(key.public_key))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channels.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let Some(channel) = self.channels.remove(&id) else { return session.channel_failure(id) };
        let Ok(child) = self.spawn(command) else { return session.channel_failure(id) };
        let Some(group) = self.groups.add(&child) else { return session.channel_failure(id) };
        session.channel_success(id)?;
        let guard = Guard { groups: self.groups.clone(), group, ended: false };
        self.commands.spawn(guard.relay(channel, child));
        Ok(())
    }
}

impl Connection {
    fn judge(&self, key: &PublicKey) -> Auth {
        if key.key_data() == self.client.key_data() { Auth::Accept } else { Auth::reject() }
    }
}

/// Kills a command's process group on every way out but its own end. What a
/// command leaves running stays, as on any host, until the host stops.
struct Guard {
    groups: Groups,
    group: Pid,
    ended: bool,
}

impl Guard {
    async fn relay(mut self, channel: Channel<Msg>, child: Child) {
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
