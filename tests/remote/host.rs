//! One host with Debian's sshd, and short ways to ask the program on it.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tempfile::TempDir;
use testnet_deployer::deploy::remote::{self, Remote, RemoteError, Sent, Status};
use testnet_deployer::policy::Host as PolicyHost;
use testnet_deployer::ssh::{Connection, Ended, Stream, Target};

use crate::sshd::Sshd;

pub const LIMIT: Duration = Duration::from_secs(20);
pub const LONG: Duration = Duration::from_secs(600);

pub struct Host {
    pub server: Sshd,
    pub directory: TempDir,
    pub connection: Connection,
    pub remote: Remote,
}

impl Host {
    pub async fn start() -> Self {
        let server = Sshd::start();
        let directory = tempfile::Builder::new().prefix("host-").tempdir().unwrap();
        let connection = open(&server).await;
        let remote = Remote::new(directory.path().join("state").to_str().unwrap());
        Self { server, directory, connection, remote }
    }

    /// A host with the lease `L`.
    pub async fn leased() -> Self {
        let host = Self::start().await;
        assert_eq!(host.ask(&host.remote.lease_take("L", LONG, "us", None), "").await.unwrap(), ["taken"]);
        host
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path(name)).ok()
    }

    pub async fn ask(&self, argv: &[String], stdin: &str) -> Result<Vec<String>, RemoteError> {
        let answer = self.connection.call(argv, stdin.as_bytes(), LIMIT).await.unwrap();
        remote::answer_of(&answer.stdout, &answer.stderr)
    }

    pub async fn arm(&self, id: &str, undo_after: Duration, list: &str) {
        let lines = self.ask(&self.remote.arm(id, undo_after, "L", list), list).await.unwrap();
        remote::armed(&lines).unwrap();
    }

    pub async fn status(&self, id: &str) -> Status {
        remote::status(&self.ask(&self.remote.status(id), "").await.unwrap()).unwrap()
    }

    /// Sends a file as step `number`.
    pub async fn send(&self, id: &str, number: usize, name: &str, text: &str) -> Result<(), RemoteError> {
        let (sha256, to) = (sha256(text.as_bytes()), self.text(name));
        let sent = Sent {
            directory: false,
            size: text.len() as u64,
            sha256: &sha256,
            to: &to,
            mode: None,
            owner: None,
            user: None,
        };
        remote::received(&self.ask(&self.remote.receive(id, number, &sent), text).await?)
    }

    /// Runs a step, and returns its end and its own lines.
    pub async fn step(&self, id: &str, number: usize, stdin: &str, argv: &[&str]) -> (Ended, Vec<String>) {
        let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
        let call = self.remote.step(id, number, stdin.len(), &argv);
        let (mut opening, mut lines) = (remote::Opening::default(), Vec::new());
        let take = |stream, line: &str| {
            if stream == Stream::Stderr || opening.takes(line) {
                lines.push(line.to_owned());
            }
        };
        let ended = self.connection.watch(&call, stdin.as_bytes(), LIMIT, take).await.unwrap();
        if let remote::Opening::Not(error) = opening {
            lines.push(error.to_string());
        }
        (ended, lines)
    }

    pub async fn until_undone(&self, id: &str) {
        let deadline = Instant::now() + LIMIT;
        loop {
            match self.status(id).await {
                Status::Undone(failures) => return assert_eq!(failures, []),
                status => assert!(Instant::now() < deadline, "{status:?}"),
            }
        }
    }

    /// The process that keeps the deployment.
    pub fn keeper(&self, id: &str) -> i32 {
        let lock = self.text(&format!("state/deployments/{id}/keeper.lock"));
        let mine = self.text("state");
        let of = |pid: i32| fs::read(format!("/proc/{pid}/cmdline")).ok();
        let mut pids =
            fs::read_dir("/proc").unwrap().filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok());
        pids.find(|pid| {
            let line = String::from_utf8_lossy(&of(*pid).unwrap_or_default()).into_owned();
            let held = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten();
            let holds = held
                .filter_map(|fd| fs::read_link(fd.ok()?.path()).ok())
                .any(|to| to.to_str() == Some(&lock));
            line.contains(&format!("{mine}\0keeper\0{id}\0")) && holds
        })
        .unwrap()
    }
}

pub async fn open(server: &Sshd) -> Connection {
    Connection::open(&target(server), Some(&server.client_key), LIMIT).await.unwrap()
}

pub fn target(server: &Sshd) -> Target {
    Target::from(&PolicyHost {
        name: "validator-1".to_owned(),
        address: "127.0.0.1".to_owned(),
        port: server.port,
        user: server.user.clone(),
        host_keys: vec![server.host_key.clone()],
        jump: Vec::new(),
        proxy_command: Vec::new(),
        groups: Vec::new(),
    })
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn alive(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Waits until `condition` holds; a test that waits too long fails.
pub async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
