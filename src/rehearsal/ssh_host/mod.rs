//! An SSH host in this process: a real SSH server on loopback that the real `ssh`
//! client logs in to. Commands run with `sh -c` in a directory of their own.

mod connection;
mod process;

use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use russh::keys::PrivateKey;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::server::Config;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval};

use connection::Connection;

/// How often a host looks whether it is cut off.
const LOOK: Duration = Duration::from_millis(20);

/// In what a host differs from a new one.
#[derive(Clone, Debug, Default)]
pub struct SshHostOptions {
    /// The directory in which commands run; a temporary one where none is given.
    pub directory: Option<PathBuf>,
    /// The client's private key, in OpenSSH's format; a new one where none is given.
    pub client_key: Option<String>,
    /// While a file of this name is in its directory the host is cut off: connections
    /// are cut, and new ones get no answer.
    pub cut_off_while: Option<&'static str>,
    /// A directory in which commands look for programs first.
    pub first_path: Option<PathBuf>,
}

/// A running SSH host. When this value is dropped it stops, and the streams of what
/// runs there end: as on any host, what does not heed that goes on.
#[derive(Debug)]
pub struct SshHost {
    port: u16,
    host_key: String,
    client_key: String,
    directory: PathBuf,
    /// Takes the directory away in the end, where it is ours.
    _temporary: Option<TempDir>,
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
        Self::start_with(SshHostOptions::default()).await
    }

    /// Starts a host with these options, on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// When keys, a directory or a port cannot be had.
    pub async fn start_with(options: SshHostOptions) -> io::Result<Self> {
        let host_key = new_key()?;
        let client_key = match &options.client_key {
            Some(text) => PrivateKey::from_openssh(text).map_err(io::Error::other)?,
            None => new_key()?,
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (directory, temporary) = match options.directory {
            Some(directory) => (directory, None),
            None => {
                let temporary = tempfile::Builder::new().prefix("ssh-host-").tempdir()?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        let mut path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
        if let Some(mut first) = options.first_path.map(PathBuf::into_os_string) {
            first.push(":");
            first.push(path);
            path = first;
        }
        let connection = Connection::new(client_key.public_key().clone(), Arc::from(&*directory), path);
        Ok(Self {
            port: listener.local_addr()?.port(),
            host_key: host_key.public_key().to_openssh().map_err(io::Error::other)?,
            client_key: client_key.to_openssh(LineEnding::LF).map_err(io::Error::other)?.to_string(),
            task: tokio::spawn(serve(
                listener,
                Arc::new(Config {
                    keys: vec![host_key],
                    auth_rejection_time: Duration::from_millis(10),
                    nodelay: true,
                    ..Config::default()
                }),
                connection,
                options.cut_off_while.map(|name| directory.join(name)),
            )),
            directory,
            _temporary: temporary,
        })
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
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for SshHost {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn new_key() -> io::Result<PrivateKey> {
    let mut seed = [0; 32];
    io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut seed)?;
    Ok(PrivateKey::from(Ed25519Keypair::from_seed(&seed)))
}

/// Serves clients until it is aborted; none while that file is there.
async fn serve(
    listener: TcpListener,
    config: Arc<Config>,
    template: Connection,
    cut_off_while: Option<PathBuf>,
) {
    let is_cut_off = || cut_off_while.as_ref().is_some_and(|path| path.exists());
    let mut clients = JoinSet::new();
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = look.tick(), if cut_off_while.is_some() => {
                if is_cut_off() {
                    clients.abort_all();
                }
            }
            Ok((mut stream, _)) = listener.accept() => {
                if is_cut_off() {
                    continue;
                }
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
