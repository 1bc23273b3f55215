//! Ways to a node: credentials, a path, and a tunnel through SSH that breaks.

use std::time::Duration;

use testnet_deployer::rehearsal::dev_chain::{DevChain, DevChainOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::sshd::Sshd;
use crate::support::{PATIENCE, after_session, assert_exact, code, ended, race, soak_json};

/// Passes connections on to that port, until it is told to cut them all.
async fn passage(port: u16) -> (u16, watch::Sender<u32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = listener.local_addr().unwrap().port();
    let (cut, told) = watch::channel(0);
    tokio::spawn(async move {
        loop {
            let (mut from, _) = listener.accept().await.unwrap();
            let mut told = told.clone();
            told.mark_unchanged();
            tokio::spawn(async move {
                let mut to = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                tokio::select! {
                    _ = copy_bidirectional(&mut from, &mut to) => {}
                    _ = told.changed() => {}
                }
            });
        }
    });
    (here, cut)
}

#[tokio::test]
async fn a_tunnel_through_ssh_is_made_anew_when_it_breaks() {
    let directory = tempfile::tempdir().unwrap();
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    let sshd = Sshd::start();
    let (port, cut) = passage(sshd.port).await;
    let mut command = race(directory.path(), &[&chain], "target_sessions = 300\n");
    let file = directory.path().join("policies/testnet.toml");
    let policy = std::fs::read_to_string(&file).unwrap();
    let host = format!(
        "via_ssh = \"validator-1\"\n[[deploy.host]]\nname = \"validator-1\"\naddress = \"127.0.0.1\"\n\
         port = {port}\nuser = \"{}\"\nhost_keys = [\"{}\"]\n[[deploy.step]]\nname = \"none\"\nrun = [\"true\"]\n",
        sshd.user,
        sshd.host_key.trim()
    );
    std::fs::write(&file, format!("{policy}{host}")).unwrap();
    command.env("PATH", std::env::var_os("PATH").unwrap()).env("TESTNET_SSH_KEY", &sshd.client_key);
    let race = ended(command);
    let fate = async {
        after_session(&chain, 60).await;
        cut.send_modify(|times| *times += 1);
    };
    let (output, ()) = tokio::join!(race, fate);
    let text = code(&output, 0);
    assert!(text.contains("answers again"), "{text}");
    assert_exact(&soak_json(directory.path()), 300);
}

#[tokio::test]
async fn credentials_go_to_the_node_and_nowhere_else() {
    let directory = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    let mut command = race(directory.path(), &[&chain], "unmeasured_after = \"1s\"\n");
    let file = directory.path().join("policies/testnet.toml");
    let policy = std::fs::read_to_string(&file).unwrap();
    let (before, _) = policy.split_once("[[monitor.node]]").unwrap();
    let node = format!(
        "[[monitor.node]]\nurl = \"ws://user:p%40ss@127.0.0.1:{port}/ws/v1\"\nheader_env = \"RPC_HEADER\"\n"
    );
    std::fs::write(&file, format!("{before}{node}")).unwrap();
    command.env("RPC_HEADER", "X-Api-Key: Bearer hidden-token").env("GITHUB_ACTIONS", "true");
    let node = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = vec![0; 4096];
        let length = timeout(PATIENCE, stream.read(&mut head)).await.unwrap().unwrap();
        stream.write_all(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        drop((stream, listener));
        String::from_utf8_lossy(&head[..length]).to_lowercase()
    };
    let (output, head) = tokio::join!(ended(command), node);
    let text = code(&output, 21);
    assert!(head.starts_with("get /ws/v1 http/1.1\r\n"), "{head}");
    // Base64 of `user:p@ss`.
    assert!(head.contains("authorization: basic dxnlcjpwqhnz\r\n"), "{head}");
    assert!(head.contains("x-api-key: bearer hidden-token\r\n"), "{head}");
    let soak = soak_json(directory.path()).to_string();
    let (masks, rest): (Vec<&str>, Vec<&str>) =
        text.lines().partition(|line| line.starts_with("::add-mask::"));
    assert_eq!(
        masks,
        ["p@ss", "Bearer hidden-token", "hidden-token"].map(|mask| format!("::add-mask::{mask}"))
    );
    for place in [&rest.join("\n"), &soak] {
        assert!(!place.contains("p%40ss") && !place.contains("p@ss") && !place.contains("hidden"), "{place}");
    }
}

#[tokio::test]
async fn a_header_that_is_missing_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    let command = race(directory.path(), &[&chain], "");
    let file = directory.path().join("policies/testnet.toml");
    let policy = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{policy}header_env = \"RPC_HEADER\"\n")).unwrap();
    let text = code(&timeout(Duration::from_secs(10), ended(command)).await.unwrap(), 3);
    assert!(text.contains("RPC_HEADER"), "{text}");
}
