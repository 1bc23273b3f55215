//! Hosts that cannot be logged in to: why is told apart, and nothing is begun anywhere.

use std::net::TcpListener;

use crate::scene::{Scene, ended, script};
use crate::sshd::Sshd;

#[test]
fn what_keeps_us_out_is_told_apart_and_nothing_is_begun() {
    let mut seen = Vec::new();
    let mut refused = |code, change: &dyn Fn(&Scene), text: &str| {
        let scene = Scene::new(2, &script("touch", "touch it", "rm it"));
        scene.change_policy("lock_wait", "connect_timeout = \"2s\"\nlock_wait");
        change(&scene);
        let ended = scene.deploy(&["--report", "deploy.json"], code);
        ended.says(&["validator-2: ", text, "no host was touched"]);
        for host in &scene.hosts {
            assert_eq!(host.names(), Vec::<String>::new());
            assert!(host.deployments().is_empty() && host.read(".race/lease").is_none());
        }
        assert_eq!(scene.report()["exit_code"], code);
        scene.nothing_is_left_here();
        seen.push(text.to_owned());
    };
    let key = |scene: &Scene, number: usize| scene.host(number).sshd.host_key.trim().to_owned();
    refused(
        3,
        &|scene| scene.change_policy(&key(scene, 2), &key(scene, 1)),
        "its host key is not the pinned one",
    );
    let rsa = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDAyMzM";
    refused(
        3,
        &|scene| scene.change_policy(&key(scene, 2), rsa),
        "its host key is not among the pinned ones",
    );
    refused(3, &|scene| scene.host(2).admit(&scene.host(2).public_key()), "it refuses our key");
    let port = |scene: &Scene| format!("port = {}", scene.host(2).sshd.port);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("port = {}", silent.local_addr().unwrap().port());
    refused(30, &|scene| scene.change_policy(&port(scene), &at), "logging in took longer than 2s");
    drop(silent);
    refused(30, &|scene| scene.change_policy(&port(scene), &at), "connection refused");
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 5);
}

#[test]
fn a_private_key_that_is_none_is_told() {
    let scene = Scene::new(1, &script("touch", "touch it", "rm it"));
    let mut command = scene.race(&[]);
    command.env("TESTNET_SSH_KEY", "-----BEGIN NONSENSE-----");
    ended(command, 3).says(&["validator-1: the private key cannot be used"]);
    let mut command = scene.race(&[]);
    command.env("TESTNET_SSH_KEY", &Sshd::start().client_key);
    ended(command, 3).says(&["validator-1: it refuses our key", "authorized_keys"]);
    let mut command = scene.race(&[]);
    command.env_remove("TESTNET_SSH_KEY");
    ended(command, 3).says(&["give the private key in the variable TESTNET_SSH_KEY"]);
    assert_eq!(scene.host(1).names(), Vec::<String>::new());
}
