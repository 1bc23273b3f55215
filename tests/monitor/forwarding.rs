//! A key that can only forward, as later legs of a soak have it, with the line of
//! docs/testnet/keys.md in `authorized_keys` and the real sshd.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use testnet_deployer::rehearsal::dev_chain::{DevChain, DevChainOptions};
use tokio::process::Command;

use crate::sshd::Sshd;
use crate::support::{RUN_7, assert_exact, code, ended, race, soak_json};

/// Lets the key in as the page says, to that port of the host's loopback address.
fn only_forwards(sshd: &Sshd, port: u16) {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/testnet/keys.md")).unwrap();
    let line = page.lines().find(|line| line.contains("command=\"/usr/sbin/nologin\"")).unwrap();
    let (options, _) = line.split_once(" ssh-ed25519 ").unwrap();
    assert!(options.contains("127.0.0.1:9944"), "{line}");
    let options = options.replace("127.0.0.1:9944", &format!("127.0.0.1:{port}"));
    let key = std::fs::read_to_string(sshd.directory.path().join("client.pub")).unwrap();
    std::fs::write(sshd.directory.path().join("authorized_keys"), format!("{options} {key}")).unwrap();
}

/// A leg of run 7 that reaches its node through the host alone.
fn leg(directory: &Path, chain: &DevChain, sshd: &Sshd) -> Command {
    let mut command = race(directory, &[chain], "target_sessions = 60\n");
    let file = directory.join("policies/testnet.toml");
    let policy = std::fs::read_to_string(&file).unwrap();
    let host = format!(
        "via_ssh = \"validator-1\"\n[[deploy.host]]\nname = \"validator-1\"\naddress = \"127.0.0.1\"\n\
         port = {}\nuser = \"{}\"\nhost_keys = [\"{}\"]\n[[deploy.step]]\nname = \"none\"\nrun = [\"true\"]\nundo = []\n",
        sshd.port,
        sshd.user,
        sshd.host_key.trim()
    );
    std::fs::write(&file, format!("{policy}{host}")).unwrap();
    command
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", directory)
        .env("TESTNET_SSH_KEY", &sshd.client_key)
        .envs(RUN_7);
    command
}

#[tokio::test]
async fn a_key_that_can_only_forward_lets_a_leg_watch() {
    let directory = tempfile::tempdir().unwrap();
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    let sshd = Sshd::start();
    only_forwards(&sshd, chain.port());
    let output = ended(leg(directory.path(), &chain, &sshd)).await;
    let text = code(&output, 0);
    assert_exact(&soak_json(directory.path()), 60);
    // The lease takes a command, so it is the one thing that such a leg cannot do.
    for told in ["lease of the testnet cannot be renewed", "free again on 0 of 1 hosts; the others are once"]
    {
        assert!(text.contains(told), "{told}: {text}");
    }
}

/// It runs nothing, neither ours nor anybody's, and reaches nothing else.
#[tokio::test]
async fn it_runs_no_command_and_reaches_no_other_port() {
    let directory = tempfile::tempdir().unwrap();
    let (chain, other) = tokio::join!(
        DevChain::start(DevChainOptions::default()),
        DevChain::start(DevChainOptions::default())
    );
    let (chain, other) = (chain.unwrap(), other.unwrap());
    let sshd = Sshd::start();
    only_forwards(&sshd, chain.port());

    // The node of another port is out of reach, so nothing can be measured there.
    let mut elsewhere = leg(directory.path(), &other, &sshd);
    elsewhere.env("RACE_MONITOR__UNMEASURED_AFTER", "1s");
    let text = code(&ended(elsewhere).await, 21);
    assert!(text.contains("out of reach"), "{text}");
    let refused = sshd.log();
    assert!(
        refused.contains(&format!("to host 127.0.0.1 port {}, but the request was denied", other.port())),
        "{refused}"
    );

    let key = directory.path().join("key");
    std::fs::write(&key, &sshd.client_key).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mark = directory.path().join("was-here");
    let mut by_hand = Command::new("ssh");
    by_hand
        .args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"])
        .args(["-o", "UserKnownHostsFile=/dev/null", "-p", &sshd.port.to_string(), "-i"])
        .arg(&key)
        .arg(format!("{}@127.0.0.1", sshd.user))
        .arg(format!("touch {}", mark.display()));
    let output = ended(by_hand).await;
    assert!(!output.status.success() && !mark.exists(), "{output:?}");

    let mut deploy = Command::new(env!("CARGO_BIN_EXE_race"));
    deploy
        .args(["deploy", "--check", "--policies", "policies"])
        .current_dir(directory.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", directory.path())
        .env("TESTNET_SSH_KEY", &sshd.client_key)
        .env("GITHUB_SHA", "0123456789abcdef0123456789abcdef01234567");
    let text = code(&ended(deploy).await, 5);
    assert!(text.contains("validator-1: it lets us in and runs nothing for us"), "{text}");
}
