//! Debian's own `sshd` on a loopback port, without privileges of its own: one
//! process per connection, as inetd starts it.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

/// So many lines of its log are shown where a test fails.
const LAST: usize = 20;

/// A listening `sshd`. It stops when this value is dropped.
pub struct Sshd {
    pub directory: TempDir,
    pub port: u16,
    pub user: String,
    pub host_key: String,
    pub client_key: String,
    /// One for each connection that there has been.
    pub children: Arc<Mutex<Vec<Child>>>,
    /// Whether it answers; if not, connections are closed at once.
    pub answers: Arc<AtomicBool>,
}

impl Sshd {
    pub fn start() -> Self {
        Self::with(|_| String::new())
    }

    /// With these lines of configuration, for its directory. What they leave out is as
    /// Debian has it, `MaxSessions` and `MaxStartups` too.
    pub fn with(lines: impl FnOnce(&Path) -> String) -> Self {
        let sshd = "/usr/sbin/sshd";
        assert!(Path::new(sshd).exists(), "{sshd} is missing: apt-get install openssh-server");
        let directory = tempfile::Builder::new().prefix("sshd-").tempdir().unwrap();
        let at = |name: &str| directory.path().join(name).display().to_string();
        for key in ["host", "client"] {
            let made =
                Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &at(key)]).status();
            assert!(made.unwrap().success());
        }
        fs::copy(at("client.pub"), at("authorized_keys")).unwrap();
        let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
        let user = user.trim().to_owned();
        if user == "root" {
            // Its service would have made this directory.
            fs::create_dir_all("/run/sshd").unwrap();
        }
        // Tests log in hundreds of times, and OpenSSH's first choice takes a while.
        let config = format!(
            "KexAlgorithms curve25519-sha256\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n\
             PasswordAuthentication no\nPrintMotd no\nPidFile none\nLogLevel VERBOSE\n{}\n",
            at("host"),
            at("authorized_keys"),
            lines(directory.path())
        );
        fs::write(at("config"), config).unwrap();

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let children = Arc::new(Mutex::new(Vec::new()));
        let answers = Arc::new(AtomicBool::new(true));
        let (config, log, started) = (at("config"), at("log"), Arc::clone(&children));
        let open = Arc::clone(&answers);
        // The thread ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = OwnedFd::from(stream.unwrap());
                if !open.load(Ordering::Relaxed) {
                    continue;
                }
                let child = Command::new(sshd)
                    .args(["-i", "-e", "-f", &config])
                    .stdin(Stdio::from(stream.try_clone().unwrap()))
                    .stdout(Stdio::from(stream))
                    .stderr(File::options().create(true).append(true).open(&log).unwrap())
                    .spawn();
                started.lock().unwrap().push(child.unwrap());
            }
        });
        let read = |name| fs::read_to_string(at(name)).unwrap();
        let (host_key, client_key) = (read("host.pub"), read("client"));
        Self { port, user, host_key, client_key, directory, children, answers }
    }

    /// Kills every session's process, as a crash or a dead network would end it.
    pub fn kill_sessions(&self) {
        for child in self.children.lock().unwrap().iter_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// What `sshd` has logged so far, for the message of a test that fails.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.answers.store(false, Ordering::Relaxed);
        self.kill_sessions();
        if std::thread::panicking() {
            // What the test itself said is not to be lost in hundreds of logins.
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines.iter().skip(lines.len().saturating_sub(LAST));
            let last: String =
                last.map(|line| line.chars().take(120).chain(['\n']).collect::<String>()).collect();
            eprintln!("the last of {} lines of sshd's log:\n{last}", lines.len());
        }
    }
}
