//! Ways to a host: jump hosts, proxy commands, forwarded ports.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Instant;

use testnet_deployer::ssh::{Connection, Hop, SshError, Target};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::host::{LIMIT, alive, open, target, until};
use crate::sshd::Sshd;

/// Lets the client of another server in, too.
fn trust(server: &Sshd, other: &Sshd) {
    let keys =
        [server, other].map(|server| std::fs::read(server.directory.path().join("client.pub")).unwrap());
    std::fs::write(server.directory.path().join("authorized_keys"), keys.concat()).unwrap();
}

fn behind(host: &Sshd, jump: &Sshd) -> Target {
    let jump = Hop { name: "bastion".to_owned(), ..target(jump).host };
    Target { jumps: vec![jump], ..target(host) }
}

async fn says(target: &Target, key: &str) -> Result<String, SshError> {
    let connection = Connection::open(target, Some(key), LIMIT).await?;
    let answer = connection.call(&["echo".to_owned(), "here".to_owned()], b"", LIMIT).await?;
    connection.close().await;
    Ok(answer.stdout)
}

#[tokio::test]
async fn a_jump_host_is_passed_and_its_key_is_pinned_too() {
    let (host, jump) = (Sshd::start(), Sshd::start());
    trust(&jump, &host);
    let mut target = behind(&host, &jump);
    assert_eq!(says(&target, &host.client_key).await.unwrap(), "here\n");
    assert!(jump.log().contains("Accepted publickey"), "{}", jump.log());

    // Ours wins over any configuration that comes after.
    target.jumps[0].host_keys = vec![host.host_key.clone()];
    target.ssh_config = "StrictHostKeyChecking no\nHost *\n StrictHostKeyChecking no\n".to_owned();
    let error = says(&target, &host.client_key).await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, SshError::HostKeyChanged { .. }), "{error:?}");
    assert!(text.starts_with("bastion (the jump host to validator-1): "), "{text}");
    assert!(text.contains("(it shows SHA256:"), "{text}");

    target.jumps[0].host_keys.clear();
    let error = says(&target, &host.client_key).await.unwrap_err();
    assert!(matches!(error, SshError::HostKeyUnknown { .. }), "{error:?}");
    assert!(error.to_string().contains("(it shows SHA256:"), "{error}");

    target.known_hosts = format!("[127.0.0.1]:{} {}", jump.port, jump.host_key);
    assert_eq!(says(&target, &host.client_key).await.unwrap(), "here\n");
    target.host.port = 1;
    let error = says(&target, &host.client_key).await.unwrap_err();
    assert!(matches!(&error, SshError::Refused { host } if host == "validator-1"), "{error:?}");
}

#[tokio::test]
async fn a_proxy_command_is_the_way() {
    let host = Sshd::start();
    let mut target = Target { ..target(&host) };
    let script = "exec 3<>\"/dev/tcp/127.0.0.1/$0\"; cat <&3 & exec cat >&3";
    target.host.address = "i-0abc".to_owned();
    target.proxy_command = ["bash", "-c", script, &host.port.to_string()].map(str::to_owned).to_vec();
    assert_eq!(says(&target, &host.client_key).await.unwrap(), "here\n");
    target.proxy_command = vec!["no-such-program".to_owned()];
    let error = says(&target, &host.client_key).await.unwrap_err();
    assert!(matches!(error, SshError::ProxyCommand { .. }), "{error:?}");
    assert!(error.to_string().contains("not found"), "{error}");
    target.proxy_command.clear();
    target.ssh_config = "NoSuchOption yes\n".to_owned();
    let error = says(&target, &host.client_key).await.unwrap_err();
    assert!(matches!(error, SshError::Config { .. }), "{error:?}");
}

#[tokio::test]
async fn a_port_of_the_host_is_a_socket_here() {
    let host = Sshd::start();
    let connection = open(&host).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let path = connection.forward(listener.local_addr().unwrap().port()).await.unwrap();
    let mut ours = tokio::net::UnixStream::connect(&path).await.unwrap();
    let (mut theirs, _) = listener.accept().await.unwrap();
    ours.write_all(b"ping").await.unwrap();
    let mut read = [0; 4];
    theirs.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"ping");
    drop((ours, theirs));
    connection.close().await;
    assert!(!path.parent().unwrap().exists());
}

/// What the next tests kill: a process of its own, told by its environment.
#[tokio::test]
#[ignore = "the next tests start it"]
async fn holds_a_connection() {
    let read = |name| std::env::var(name).unwrap();
    let host = Hop {
        name: "validator-1".to_owned(),
        address: "127.0.0.1".to_owned(),
        port: read("HELD_PORT").parse().unwrap(),
        user: read("HELD_USER"),
        host_keys: vec![read("HELD_HOST_KEY")],
    };
    let target = Target {
        host,
        jumps: Vec::new(),
        proxy_command: Vec::new(),
        known_hosts: String::new(),
        ssh_config: String::new(),
        nothing_secret: false,
        only_forwards: read("HELD_FORWARDS") == "true",
    };
    let connection = Connection::open(&target, Some(&read("HELD_KEY")), LIMIT).await.unwrap();
    if target.only_forwards {
        connection.forward(9).await.unwrap();
        std::fs::write(read("HELD_PIDS"), "\n").unwrap();
        return std::future::pending().await;
    }
    let script = "sleep 600 & echo $! $$ >\"$0\"; wait";
    let argv = ["sh", "-c", script, &read("HELD_PIDS")].map(str::to_owned);
    connection.run(&argv, LIMIT, |_, _| {}).await.unwrap();
}

#[tokio::test]
async fn nothing_stays_when_we_are_killed() {
    killed(false).await;
}

#[tokio::test]
async fn nothing_stays_of_a_connection_that_only_forwards() {
    killed(true).await;
}

/// Between the making of the directory and the start of `ssh` there is a key in it.
#[tokio::test]
async fn nothing_stays_when_we_are_killed_before_we_are_connected() {
    let server = Sshd::start();
    let directory = tempfile::Builder::new().prefix("killed-").tempdir().unwrap();
    for _ in 0..10 {
        let mut process = held(&server, directory.path(), false);
        // A pause between two looks would be longer than what is aimed at.
        let began = Instant::now();
        while directories(directory.path()).is_empty() {
            assert!(began.elapsed() < LIMIT, "there is no directory");
        }
        process.kill().unwrap();
        process.wait().unwrap();
        until("the directory is gone", || directories(directory.path()).is_empty()).await;
    }
}

/// A process with a connection, whose directories of its own are made in this one.
fn held(server: &Sshd, directory: &Path, forwards: bool) -> Child {
    std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "ways::holds_a_connection", "--ignored"])
        .env("TMPDIR", directory)
        .env("HELD_PORT", server.port.to_string())
        .env("HELD_USER", &server.user)
        .env("HELD_HOST_KEY", &server.host_key)
        .env("HELD_KEY", &server.client_key)
        .env("HELD_PIDS", directory.join("pids"))
        .env("HELD_FORWARDS", forwards.to_string())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

fn directories(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir()).collect()
}

async fn killed(forwards: bool) {
    let server = Sshd::start();
    let directory = tempfile::Builder::new().prefix("killed-").tempdir().unwrap();
    let pids = directory.path().join("pids");
    let mut process = held(&server, directory.path(), forwards);
    let written = || std::fs::read_to_string(&pids).unwrap_or_default();
    until("the command runs", || written().ends_with('\n')).await;
    let ours = || directories(directory.path());
    let mode = std::fs::metadata(&ours()[0]).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let socket = ours()[0].join("socket");
    let files = std::fs::read_dir(&ours()[0]).unwrap().count();
    let sockets = if forwards { 2 } else { 1 };
    assert_eq!((ours().len(), files, socket.exists()), (1, sockets, true), "sockets alone, once logged in");
    process.kill().unwrap();
    process.wait().unwrap();
    for pid in written().split_whitespace() {
        until("the remote command has ended", || !alive(pid)).await;
    }
    until("the directory is gone", || ours().is_empty()).await;
    let name = directory.path().to_str().unwrap();
    let masters = || {
        let lines = std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok());
        lines.filter(|line| String::from_utf8_lossy(line).contains(name)).count()
    };
    until("the local ssh has ended", || masters() == 0).await;
}
