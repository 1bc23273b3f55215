//! The `ssh` process that holds the connection to a host, and its directory: known
//! hosts, configuration, control socket.
//!
//! The process is our child, and its own remote command reads from a pipe of ours.
//! So it ends with us in every way that we can end, and takes the connection along;
//! and a shell beside it, which waits for the same, removes the directory. Where it
//! only forwards there is no remote command, and that shell ends it.

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

use super::config::config;
use super::stream::head_of;
use super::{SshError, Target};

/// What the host says once we are logged in, whatever its shell said before.
const READY: &str = "race-is-logged-in";

/// Becomes `ssh`; its child removes the directory when nobody holds our stdin open
/// any more: also after we were killed.
const LAUNCH: &str = r#"directory=$1; shift
exec 3<&0
{ read -r _; kill $$; rm -rf -- "$directory"; } <&3 >/dev/null 2>&1 3<&- &
exec ssh "$@" 3<&-"#;

/// A socket's path may have 107 bytes, and `ssh` adds some while it makes one.
const LONGEST_DIRECTORY: usize = 70;

/// How long a master may take to end by itself.
const LEAVE: Duration = Duration::from_secs(2);

/// The `ssh` process that holds a connection. Dropping it ends it at once.
pub(super) struct Master {
    /// As long as it is open, the master stays.
    lifeline: Option<ChildStdin>,
    child: Child,
    stderr: JoinHandle<String>,
    directory: TempDir,
}

impl Master {
    /// Logs in.
    pub(super) async fn start(
        target: &Target,
        private_key: Option<&str>,
        limit: Duration,
    ) -> Result<Self, SshError> {
        let host = &target.host;
        let local = |what| move |source| SshError::Local { host: host.name.clone(), what, source };
        let directory = directory().map_err(local("cannot make a directory for ssh"))?;
        let at = |name| directory.path().join(name);
        let known_hosts = target.pinned()?;
        let config = config(target, directory.path(), private_key.is_some())?;
        write(&at("known_hosts"), &known_hosts)
            .and_then(|()| write(&at("config"), &config))
            .map_err(local("cannot write the configuration of ssh"))?;
        let key = private_key.map(|text| write_key(directory.path(), text)).transpose();
        let key = key.map_err(local("cannot write the private key for ssh"))?;

        let mut command = Command::new("sh");
        command
            .args(["-c", LAUNCH, "race"])
            .arg(directory.path())
            .arg("-F")
            .arg(directory.path().join("config"))
            .args(ready(target))
            // The causes of errors are told apart by their text.
            .env("LC_ALL", "C")
            // It would read a proxy command.
            .env("SHELL", "/bin/sh")
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
            stderr: tokio::spawn(async move { head_of(stderr, 16 * 1024).await }),
            directory,
        };
        let ready = timeout(limit, is_ready(stdout)).await;
        // The master has read the key by now, or will never need it.
        if let Some(key) = key {
            std::fs::remove_file(key).map_err(local("cannot remove the private key"))?;
        }
        for read in ["config", "known_hosts"] {
            let _ = std::fs::remove_file(master.directory.path().join(read));
        }
        match ready {
            Ok(true) => Ok(master),
            Ok(false) => {
                let _ = timeout(LEAVE, master.child.wait()).await;
                let stderr = timeout(LEAVE, &mut master.stderr).await;
                Err(SshError::from_stderr(target, &stderr.ok().and_then(Result::ok).unwrap_or_default()))
            }
            Err(_) => Err(SshError::TimedOut { host: host.name.clone(), what: "logging in", limit }),
        }
    }

    /// The control socket, over which commands are started.
    pub(super) fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    /// A path for a socket that is removed with the connection.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
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

/// The arguments by which `ssh` says that we are logged in: by a command on the host
/// or, where that may run none, by one of this machine, which `ssh` runs once it is.
fn ready(target: &Target) -> Vec<String> {
    let name = target.host.name.as_str();
    let there = format!("sh -c 'echo {READY}; exec cat >/dev/null'");
    let here = format!("-oLocalCommand=echo {READY}");
    let words = match target.only_forwards {
        true => vec!["-N", "-oPermitLocalCommand=yes", &here, "--", name],
        false => vec!["-T", "--", name, &there],
    };
    words.into_iter().map(str::to_owned).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_pasted_is_mended() {
        let directory = directory().unwrap();
        let path = write_key(directory.path(), "  -----BEGIN\r\nx\r\n-----END  ").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "-----BEGIN\nx\n-----END\n");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(directory.path()).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
