//! The testnet is ours as long as it is watched: the lease is taken while a soak goes
//! on, given back with its verdict, and a soak that loses it shows nothing any more.

use std::path::Path;

use testnet_deployer::rehearsal::dev_chain::{DevChain, DevChainOptions};
use testnet_deployer::rehearsal::ssh_host::SshHost;
use tokio::process::Command;

use crate::support::{RUN_7, after_session, code, ended, race, soak_json};

/// `race monitor` of run 7, whose deployment is on this host.
fn of_run_7(directory: &Path, chain: &DevChain, host: &SshHost) -> Command {
    let mut command = race(directory, &[chain], "target_sessions = 60\n");
    let file = directory.join("policies/testnet.toml");
    let policy = std::fs::read_to_string(&file).unwrap();
    let deploy = format!(
        "[deploy]\nlease = \"15m\"\n[[deploy.host]]\nname = \"validator-1\"\naddress = \"127.0.0.1\"\n\
         port = {}\nhost_keys = [\"{}\"]\n[[deploy.step]]\nname = \"none\"\nrun = [\"true\"]\nundo = []\n",
        host.port(),
        host.host_key()
    );
    std::fs::write(&file, format!("{policy}{deploy}")).unwrap();
    command
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("TESTNET_SSH_KEY", host.client_key_pem())
        .envs(RUN_7);
    command
}

fn lease(host: &SshHost) -> Option<String> {
    std::fs::read_to_string(host.directory().join(".race/lease")).ok()
}

#[tokio::test]
async fn it_is_held_while_watched_and_given_back_with_the_verdict() {
    let directory = tempfile::tempdir().unwrap();
    let host = SshHost::start().await.unwrap();
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    let held = async {
        after_session(&chain, 50).await;
        lease(&host)
    };
    let (output, held) = tokio::join!(ended(of_run_7(directory.path(), &chain, &host)), held);
    let text = code(&output, 0);
    assert!(held.is_some_and(|held| held.contains(" 7-1 ") && held.contains("\"alice\"")));
    assert_eq!(lease(&host), None);
    assert!(text.contains("the testnet is free again on 1 of 1 hosts"), "{text}");
}

#[tokio::test]
async fn when_another_has_it_the_soak_shows_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let host = SshHost::start().await.unwrap();
    let chain = DevChain::start(DevChainOptions::default()).await.unwrap();
    std::fs::create_dir_all(host.directory().join(".race/deployments")).unwrap();
    let other = "4102444800 8-1 {}\n";
    std::fs::write(host.directory().join(".race/lease"), other).unwrap();
    let text = code(&ended(of_run_7(directory.path(), &chain, &host)).await, 21);
    assert!(text.contains("validator-1: the testnet is not ours any more: 8-1 has it"), "{text}");
    assert!(text.contains("stopped by another deployment, which has the testnet now"), "{text}");
    assert_eq!(soak_json(directory.path())["verdict"], "unmeasured");
    assert_eq!(lease(&host).as_deref(), Some(other), "another's lease stays");
}
