//! The SSH adapter: the real `ssh` client against the rehearsal's host, and against
//! Debian's own `sshd`, by the same tests.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test may fail loudly")]
#![expect(unreachable_pub, reason = "nobody links against a test")]

mod sshd;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use sshd::Sshd;
use testnet_deployer::policy::Host;
use testnet_deployer::rehearsal::ssh_host::SshHost;
use testnet_deployer::ssh::{Connection, Ended, SshError, Stream};

const LIMIT: Duration = Duration::from_secs(20);

/// Something to log in to, stopped when dropped.
struct Target {
    host: Host,
    key: String,
    _server: Box<dyn std::any::Any>,
}

impl Target {
    async fn rehearsal() -> Self {
        let server = SshHost::start().await.unwrap();
        let host = host(server.port(), "deploy", server.host_key());
        Self { host, key: server.client_key_pem().to_owned(), _server: Box::new(server) }
    }

    fn debian() -> Self {
        let server = Sshd::start();
        let host = host(server.port, &server.user, &server.host_key);
        Self { host, key: server.client_key.clone(), _server: Box::new(server) }
    }

    async fn open(&self) -> Result<Connection, SshError> {
        Connection::open(&(&self.host).into(), Some(&self.key), LIMIT).await
    }
}

fn host(port: u16, user: &str, key: &str) -> Host {
    Host {
        name: "validator-1".to_owned(),
        address: "127.0.0.1".to_owned(),
        port,
        user: user.to_owned(),
        host_keys: vec![key.to_owned()],
        jump: Vec::new(),
        proxy_command: Vec::new(),
        groups: Vec::new(),
    }
}

fn argv(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|argument| (*argument).to_owned()).collect()
}

async fn run(connection: &Connection, arguments: &[&str]) -> (Ended, Vec<(Stream, String)>) {
    let mut lines = Vec::new();
    let collect = |stream, line: &str| lines.push((stream, line.to_owned()));
    let ended = connection.run(&argv(arguments), LIMIT, collect).await.unwrap();
    (ended, lines)
}

/// The `ssh` processes that this test has started, with their directories.
fn masters() -> Vec<PathBuf> {
    let me = std::process::id().to_string();
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(|entry| Some(entry.ok()?.path()));
    let mine = entries.filter(|path| {
        let stat = std::fs::read_to_string(path.join("stat")).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(_, rest)| rest.split_whitespace().nth(1) == Some(&me))
    });
    mine.filter_map(|path| {
        let command = std::fs::read_to_string(path.join("cmdline")).ok()?;
        let config = command.strip_prefix("ssh\0-F\0")?.split('\0').next()?;
        PathBuf::from(config).parent().map(PathBuf::from)
    })
    .collect()
}

/// Waits until `condition` holds; a test that waits too long fails.
async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn alive(pid: &str) -> bool {
    // A process that has ended and was not yet waited for is not alive.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

async fn commands_run_as_they_are_written(target: Target) {
    let connection = target.open().await.unwrap();
    let odd = ["a b\n$HOME `id` \"q\" 'sq' ! \\ é *", "", "--", "x=y", "$(reboot)"];
    let script = "for a; do printf '%s|' \"$a\"; done";
    let (ended, lines) = run(&connection, &[&["sh", "-c", script, "sh"], &odd[..]].concat()).await;
    assert_eq!(ended, Ended::Exit(0));
    let text = lines.iter().map(|(_, line)| line.as_str()).collect::<Vec<_>>().join("\n");
    assert_eq!(text, format!("{}|", odd.join("|")));

    for status in [0, 1, 3, 126, 127, 254, 255] {
        let (ended, _) = run(&connection, &["sh", "-c", &format!("exit {status}")]).await;
        assert_eq!(ended, Ended::Exit(status));
    }
    assert_eq!(run(&connection, &["no-such-program"]).await.0, Ended::Exit(127));
    assert_eq!(run(&connection, &["sh", "-c", "kill -KILL $$"]).await.0, Ended::Exit(137));
    let (_, lines) = run(&connection, &["sh", "-c", "echo out; echo err >&2; cat; printf end"]).await;
    assert!(lines.contains(&(Stream::Stdout, "out".to_owned())), "{lines:?}");
    assert!(lines.contains(&(Stream::Stderr, "err".to_owned())), "{lines:?}");
    assert!(lines.contains(&(Stream::Stdout, "end".to_owned())), "stdin is empty: {lines:?}");
    let (ended, lines) = run(&connection, &["seq", "200000"]).await;
    assert_eq!((ended, lines.len()), (Ended::Exit(0), 200_000));

    assert_eq!(masters().len(), 1);
    let directory = masters().remove(0);
    assert!(!directory.join("key").exists(), "the private key is gone once we are logged in");
    connection.close().await;
    assert_eq!(masters(), Vec::<PathBuf>::new());
    assert!(!directory.exists(), "{directory:?} was left behind");
}

async fn a_command_ends_when_its_time_is_over(target: Target) {
    let connection = target.open().await.unwrap();
    let mut pids = Vec::new();
    // The second process is a child of the first, in the background.
    let script = "sleep 600 & echo $!; echo $$; wait";
    let limit = Duration::from_secs(1);
    let ended = connection.run(&argv(&["sh", "-c", script]), limit, |_, pid| pids.push(pid.to_owned())).await;
    assert_eq!(ended.unwrap(), Ended::TimedOut);
    assert_eq!(pids.len(), 2);
    for pid in &pids {
        until("the remote command has ended", || !alive(pid)).await;
    }
    assert_eq!(run(&connection, &["true"]).await.0, Ended::Exit(0), "the connection is still of use");
}

async fn nothing_goes_on_when_we_go(target: Target) {
    let connection = target.open().await.unwrap();
    let directory = masters().remove(0);
    let (sender, mut pids) = tokio::sync::mpsc::unbounded_channel();
    let script = argv(&["sh", "-c", "sleep 600 & echo $!; echo $$; wait"]);
    let running = tokio::spawn(async move {
        let tell = |_, pid: &str| sender.send(pid.to_owned()).unwrap();
        connection.run(&script, LIMIT, tell).await
    });
    let pids = [pids.recv().await.unwrap(), pids.recv().await.unwrap()];
    assert!(pids.iter().all(|pid| alive(pid)));
    running.abort();
    for pid in &pids {
        until("the remote command has ended", || !alive(pid)).await;
    }
    until("the local ssh has ended", || masters().is_empty()).await;
    assert!(!directory.exists(), "{directory:?} was left behind");
}

async fn hosts_and_keys_that_do_not_match_are_refused(target: Target) {
    let other = SshHost::start().await.unwrap();
    let refused = |host: Host, key: String| async move {
        let error = Connection::open(&(&host).into(), Some(&key), LIMIT).await.err().unwrap();
        assert_eq!(masters(), Vec::<PathBuf>::new(), "{error}");
        error
    };
    let pinned = |key: &str| Host { host_keys: vec![key.to_owned()], ..target.host.clone() };

    let error = refused(pinned(other.host_key()), target.key.clone()).await;
    assert!(matches!(error, SshError::HostKeyChanged { .. }), "{error:?}");
    let rsa = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDAyMzM";
    let error = refused(pinned(rsa), target.key.clone()).await;
    assert!(matches!(error, SshError::HostKeyUnknown { .. }), "{error:?}");
    let error = refused(target.host.clone(), other.client_key_pem().to_owned()).await;
    assert!(matches!(error, SshError::AuthenticationRefused { .. }), "{error:?}");
    let error = refused(target.host.clone(), "-----BEGIN NONSENSE-----".to_owned()).await;
    assert!(matches!(error, SshError::PrivateKeyInvalid { .. }), "{error:?}");
}

#[tokio::test]
async fn rehearsal_commands_run_as_they_are_written() {
    commands_run_as_they_are_written(Target::rehearsal().await).await;
}

#[tokio::test]
async fn rehearsal_a_command_ends_when_its_time_is_over() {
    a_command_ends_when_its_time_is_over(Target::rehearsal().await).await;
}

#[tokio::test]
async fn rehearsal_nothing_goes_on_when_we_go() {
    nothing_goes_on_when_we_go(Target::rehearsal().await).await;
}

#[tokio::test]
async fn rehearsal_hosts_and_keys_that_do_not_match_are_refused() {
    hosts_and_keys_that_do_not_match_are_refused(Target::rehearsal().await).await;
}

#[tokio::test]
async fn debian_commands_run_as_they_are_written() {
    commands_run_as_they_are_written(Target::debian()).await;
}

#[tokio::test]
async fn debian_a_command_ends_when_its_time_is_over() {
    a_command_ends_when_its_time_is_over(Target::debian()).await;
}

#[tokio::test]
async fn debian_nothing_goes_on_when_we_go() {
    nothing_goes_on_when_we_go(Target::debian()).await;
}

#[tokio::test]
async fn debian_hosts_and_keys_that_do_not_match_are_refused() {
    hosts_and_keys_that_do_not_match_are_refused(Target::debian()).await;
}

#[tokio::test]
async fn a_host_out_of_reach_is_told_apart() {
    // A port that was free a moment ago refuses; one that never answers times out.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = host(listener.local_addr().unwrap().port(), "deploy", "ssh-ed25519 AAAA");
    let error =
        Connection::open(&(&silent).into(), Some("key"), Duration::from_millis(300)).await.err().unwrap();
    assert!(matches!(error, SshError::TimedOut { .. }), "{error:?}");
    drop(listener);
    let error = Connection::open(&(&silent).into(), Some("key"), LIMIT).await.err().unwrap();
    assert!(matches!(error, SshError::Refused { .. }), "{error:?}");
    assert_eq!(masters(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_host_that_stops_takes_its_commands_along() {
    let server = SshHost::start().await.unwrap();
    let host = host(server.port(), "deploy", server.host_key());
    let connection = Connection::open(&(&host).into(), Some(server.client_key_pem()), LIMIT).await.unwrap();
    let (sender, mut pids) = tokio::sync::mpsc::unbounded_channel();
    let script = argv(&["sh", "-c", "echo $$; exec sleep 600"]);
    let running = tokio::spawn(async move {
        let tell = |_, pid: &str| sender.send(pid.to_owned()).unwrap();
        connection.run(&script, LIMIT, tell).await
    });
    let pid = pids.recv().await.unwrap();
    drop(server);
    until("the command has ended", || !alive(&pid)).await;
    let error = running.await.unwrap().unwrap_err();
    assert!(matches!(error, SshError::Lost { .. }), "{error:?}");
}
