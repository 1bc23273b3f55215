//! The `ssh` process that holds the connection to a host, and its directory: known
//! hosts, configuration, control socket.
//!
//! The process is our child, and its own remote command reads from a pipe of ours.
//! So it ends with us in every way that we can end, and takes the connection along;
//! and a shell beside it, which waits for the same, removes the directory. Where it
//! only forwards there is no remote command, and that shell ends it.
//!
//! The directory is made by the process that removes it: at no moment can we be killed
//! so that the directory stays, and the private key in it.

use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines,
};
use tokio::process::{Child, ChildStdin, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::config::config;
use super::stream::head_of;
use super::{SshError, Target};

/// What the host says once we are logged in, whatever its shell said before.
const READY: &str = "race-is-logged-in";

/// Becomes `ssh`, once it is told that the directory is filled; its child removes the
/// directory when nobody holds our stdin open any more: also after we were killed. It
/// signals `ssh` as long as that is its parent, and so never another with that number.
/// Nobody may read any more what the shell says: that must not end it.
const LAUNCH: &str = r#"directory=$1; shift
mkdir -m 700 -- "$directory" || exit 1
trap '' PIPE
echo race-has-a-directory
trap - PIPE
read -r _ || { rm -rf -- "$directory"; exit 1; }
lives() { [ ! -e /proc/self/stat ] || { read -r _ _ _ parent _ </proc/self/stat && [ "$parent" = $$ ]; }; }
end() {
  ! lives || kill $$
  tries=0
  while lives && [ "$tries" -lt 20 ]; do sleep 0.1; tries=$((tries + 1)); done
  ! lives || kill -s KILL $$
  rm -rf -- "$directory"
}
exec 3<&0
{ read -r _; end; } <&3 >/dev/null 2>&1 3<&- &
exec ssh "$@" 3<&-"#;

/// What [`LAUNCH`] says when there is a directory.
const MADE: &str = "race-has-a-directory";

/// A socket's path may have 107 bytes, and `ssh` adds some while it makes one.
const LONGEST_DIRECTORY: usize = 66;

/// How long a master may take to end by itself.
const LEAVE: Duration = Duration::from_secs(2);

/// The `ssh` process that holds a connection. Dropping it ends it at once.
pub(super) struct Master {
    /// As long as it is open, the master stays.
    lifeline: Option<ChildStdin>,
    child: Child,
    stderr: JoinHandle<String>,
    directory: Directory,
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
        let known_hosts = target.pinned()?;
        let directory = Directory::choose();
        let config = config(target, &directory.0, private_key.is_some())?;

        let mut command = Command::new("sh");
        command
            .args(["-c", LAUNCH, "race"])
            .arg(&directory.0)
            .arg("-F")
            .arg(directory.0.join("config"))
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
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let mut master = Self {
            lifeline: child.stdin.take(),
            child,
            stderr: tokio::spawn(async move { head_of(stderr, 16 * 1024).await }),
            directory,
        };
        // What a login shell may say is bounded.
        let mut lines = stdout.map(|stdout| BufReader::new(stdout.take(1024 * 1024)).lines());
        if !matches!(timeout(limit, says(&mut lines, MADE)).await, Ok(true)) {
            let _ = timeout(LEAVE, master.child.wait()).await;
            let source = io::Error::other(master.said().await);
            return Err(local("cannot make a directory for ssh")(source));
        }
        let at = |name| master.directory.0.join(name);
        write(&at("known_hosts"), &known_hosts)
            .and_then(|()| write(&at("config"), &config))
            .map_err(local("cannot write the configuration of ssh"))?;
        let key = private_key.map(|text| write_key(&master.directory.0, text)).transpose();
        let key = key.map_err(local("cannot write the private key for ssh"))?;
        if let Some(lifeline) = &mut master.lifeline {
            lifeline.write_all(b"\n").await.map_err(local("cannot run ssh"))?;
        }
        let ready = timeout(limit, says(&mut lines, READY)).await;
        // The master has read the key by now, or will never need it.
        if let Some(key) = key {
            std::fs::remove_file(key).map_err(local("cannot remove the private key"))?;
        }
        for read in ["config", "known_hosts"] {
            let _ = std::fs::remove_file(master.directory.0.join(read));
        }
        match ready {
            Ok(true) => Ok(master),
            Ok(false) => {
                let _ = timeout(LEAVE, master.child.wait()).await;
                Err(SshError::from_stderr(target, &master.said().await))
            }
            Err(_) => Err(SshError::TimedOut { host: host.name.clone(), what: "logging in", limit }),
        }
    }

    /// The control socket, over which commands are started.
    pub(super) fn socket(&self) -> PathBuf {
        self.directory.0.join("socket")
    }

    /// A path for a socket that is removed with the connection.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.0.join(name)
    }

    /// What it wrote to stderr; to be asked when it has ended.
    async fn said(&mut self) -> String {
        timeout(LEAVE, &mut self.stderr).await.ok().and_then(Result::ok).unwrap_or_default()
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

/// A short path, of a directory that only we may enter. What is there is removed when
/// this is dropped.
struct Directory(PathBuf);

impl Directory {
    /// Chooses a path. Nothing is made there yet, and to make it fails where something is.
    fn choose() -> Self {
        let mut parent = std::env::temp_dir();
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-".contains(byte);
        // In a configuration of `ssh` spaces and `%` would mean something.
        if parent.as_os_str().len() > LONGEST_DIRECTORY || !parent.as_os_str().as_bytes().iter().all(plain) {
            parent = PathBuf::from("/tmp");
        }
        Self(parent.join(format!("race-{:010x}", fastrand::u64(..1 << 40))))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
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

/// Reads until a line ends with `word`; `false` when there are no more.
async fn says(lines: &mut Option<Lines<impl AsyncBufRead + Unpin>>, word: &str) -> bool {
    let Some(lines) = lines else { return false };
    while let Ok(Some(line)) = lines.next_line().await {
        if line.ends_with(word) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_that_was_pasted_is_mended() {
        let directory = tempfile::tempdir().unwrap();
        let path = write_key(directory.path(), "  -----BEGIN\r\nx\r\n-----END  ").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "-----BEGIN\nx\n-----END\n");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
