//! The `ssh` process that holds the connection to a host, and its directory: known
//! hosts, configuration, control socket.
//!
//! The process is our child, and its own remote command reads from a pipe of ours.
//! So it ends with us in every way that we can end, and takes the connection along.

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::SshError;
use crate::policy::Host;

/// What the host says once we are logged in, whatever its shell said before.
const READY: &str = "race-is-logged-in";

/// A socket's path may have 107 bytes, and `ssh` adds some while it makes one.
const LONGEST_DIRECTORY: usize = 70;

/// How long a master may take to end by itself.
const LEAVE: Duration = Duration::from_secs(2);

/// The `ssh` process that holds a connection. Dropping it ends it at once.
pub(super) struct Master {
    child: Child,
    /// As long as it is open, the master stays.
    lifeline: Option<ChildStdin>,
    stderr: JoinHandle<String>,
    directory: TempDir,
}

impl Master {
    /// Logs in.
    pub(super) async fn start(
        host: &Host,
        private_key: Option<&str>,
        limit: Duration,
    ) -> Result<Self, SshError> {
        let local = |what| move |source| SshError::Local { host: host.name.clone(), what, source };
        let directory = directory().map_err(local("cannot make a directory for ssh"))?;
        let key = private_key.map(|text| write_key(directory.path(), text)).transpose();
        let key = key.map_err(local("cannot write the private key for ssh"))?;
        let known_hosts = known_hosts(host)?;
        write(&directory.path().join("known_hosts"), &known_hosts)
            .and_then(|()| {
                write(&directory.path().join("config"), &config(host, directory.path(), key.is_some()))
            })
            .map_err(local("cannot write the configuration of ssh"))?;

        let mut command = Command::new("ssh");
        command
            .arg("-F")
            .arg(directory.path().join("config"))
            .args(["-T", "--", &host.name])
            .arg(format!("sh -c 'echo {READY}; exec cat >/dev/null'"))
            // The causes of errors are told apart by their text.
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C is for us; what happens to the master is our decision.
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(local("cannot run ssh"))?;
        let stdout = child.stdout.take();
        let stderr = child.stderr.take();
        let mut master = Self {
            lifeline: child.stdin.take(),
            child,
            stderr: tokio::spawn(async move { head_of(stderr).await }),
            directory,
        };
        let ready = timeout(limit, is_ready(stdout)).await;
        // The master has read the key by now, or will never need it.
        if let Some(key) = key {
            std::fs::remove_file(key).map_err(local("cannot remove the private key"))?;
        }
        match ready {
            Ok(true) => Ok(master),
            Ok(false) => {
                let _ = timeout(LEAVE, master.child.wait()).await;
                let stderr = timeout(LEAVE, &mut master.stderr).await;
                Err(SshError::from_stderr(&host.name, &stderr.ok().and_then(Result::ok).unwrap_or_default()))
            }
            Err(_) => Err(SshError::TimedOut { host: host.name.clone(), what: "logging in", limit }),
        }
    }

    /// The control socket, over which commands are started.
    pub(super) fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    /// Ends the connection in good order.
    pub(super) async fn leave(mut self) {
        drop(self.lifeline.take());
        let _ = timeout(LEAVE, self.child.wait()).await;
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        self.stderr.abort();
    }
}

/// A short directory that only we may enter.
fn directory() -> io::Result<TempDir> {
    let mut parent = std::env::temp_dir();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-".contains(byte);
    // In a configuration of `ssh` spaces and `%` would mean something.
    if parent.as_os_str().len() > LONGEST_DIRECTORY || !parent.as_os_str().as_bytes().iter().all(plain) {
        parent = PathBuf::from("/tmp");
    }
    tempfile::Builder::new().prefix("race-").permissions(Permissions::from_mode(0o700)).tempdir_in(parent)
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

/// Writes the private key as `ssh` wants it: Unix line breaks, and one at the end.
fn write_key(directory: &Path, text: &str) -> io::Result<PathBuf> {
    let path = directory.join("key");
    write(&path, &format!("{}\n", text.trim().replace("\r\n", "\n")))?;
    Ok(path)
}

/// The pinned keys, as a file of known hosts has them.
fn known_hosts(host: &Host) -> Result<String, SshError> {
    let lines = host.host_keys.iter().map(|key| {
        let mut words = key.split_ascii_whitespace();
        let kind = words
            .next()
            .filter(|kind| kind.bytes().all(|b| b.is_ascii_alphanumeric() || b"-@.".contains(&b)));
        let data = words
            .next()
            .filter(|data| data.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b)));
        match (kind, data) {
            // A mark such as `@cert-authority` would widen what is trusted.
            (Some(kind), Some(data)) if !kind.starts_with('@') => {
                Ok(format!("{} {kind} {data}\n", host.name))
            }
            _ => {
                Err(SshError::HostKeyInvalid { host: host.name.clone(), key: key.chars().take(60).collect() })
            }
        }
    });
    lines.collect()
}

/// The whole configuration: nothing of this machine's or this user's counts.
fn config(host: &Host, directory: &Path, has_key: bool) -> String {
    let directory = directory.display();
    // `ssh` expands `%`, which stands in the zone of an IPv6 address.
    let address = host.address.trim_matches(['[', ']']).replace('%', "%%");
    let identity = if has_key {
        format!("IdentityFile {directory}/key\nIdentitiesOnly yes\nIdentityAgent none\n")
    } else {
        "IdentityFile none\n".to_owned()
    };
    format!(
        "HostName {address}\n\
         Port {port}\n\
         User {user}\n\
         HostKeyAlias {name}\n\
         StrictHostKeyChecking yes\n\
         UserKnownHostsFile {directory}/known_hosts\n\
         GlobalKnownHostsFile /dev/null\n\
         UpdateHostKeys no\n\
         CheckHostIP no\n\
         {identity}\
         BatchMode yes\n\
         PreferredAuthentications publickey\n\
         ControlMaster yes\n\
         ControlPath {directory}/socket\n\
         ControlPersist no\n\
         ServerAliveInterval 5\n\
         ServerAliveCountMax 3\n\
         ForwardAgent no\n\
         ForwardX11 no\n\
         LogLevel INFO\n",
        port = host.port,
        user = host.user,
        name = host.name,
    )
}

/// Reads until the host says that we are logged in; `false` when `ssh` ends before.
async fn is_ready(stdout: Option<impl tokio::io::AsyncRead + Unpin>) -> bool {
    let Some(stdout) = stdout else { return false };
    // What a login shell may say before is bounded.
    let mut lines = BufReader::new(stdout.take(1024 * 1024)).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if line.ends_with(READY) {
            return true;
        }
    }
    false
}

/// The first kilobytes of a stream. The rest is read and dropped, so that nobody
/// waits for us.
async fn head_of(stream: Option<impl tokio::io::AsyncRead + Unpin>) -> String {
    let Some(mut stream) = stream else { return String::new() };
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        if head.len() < 16 * 1024 {
            head.extend(buffer.iter().take(count));
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(host_keys: &[&str]) -> Host {
        Host {
            name: "validator-1".to_owned(),
            address: "[fe80::1%eth0]".to_owned(),
            port: 2222,
            user: "deploy".to_owned(),
            host_keys: host_keys.iter().map(|key| (*key).to_owned()).collect(),
            jump: Vec::new(),
            proxy_command: Vec::new(),
            groups: Vec::new(),
        }
    }

    #[test]
    fn pinned_keys_are_written_under_the_hosts_name() {
        let text = known_hosts(&host(&["ssh-ed25519 AAAA+/= root@host", "ssh-rsa BBBB"])).unwrap();
        assert_eq!(text, "validator-1 ssh-ed25519 AAAA+/=\nvalidator-1 ssh-rsa BBBB\n");
        for key in ["", "ssh-ed25519", "* ssh-ed25519 AAAA", "@cert-authority * ssh-ed25519 AAAA", "a b;c"] {
            assert!(matches!(known_hosts(&host(&[key])), Err(SshError::HostKeyInvalid { .. })), "{key}");
        }
    }

    #[test]
    fn the_address_is_as_ssh_reads_it() {
        let text = config(&host(&[]), Path::new("/run/race-x"), true);
        assert!(text.starts_with("HostName fe80::1%%eth0\nPort 2222\nUser deploy\n"), "{text}");
    }

    #[test]
    fn a_key_that_was_pasted_is_mended() {
        let directory = directory().unwrap();
        let path = write_key(directory.path(), "  -----BEGIN\r\nx\r\n-----END  ").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "-----BEGIN\nx\n-----END\n");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(directory.path()).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
