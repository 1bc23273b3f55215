//! A deployment in which every key has a value in one of its tables.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{AfterUndo, Collect, Deploy, Host, Jump, Ready, Step, Upload};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5q2Xw0m0Xn7lJX1c8aS5o6m0p8h3Zk9r1t2u4v6wYz";

impl Deploy {
    /// A deployment in which every key has a value.
    pub(in crate::policy) fn example() -> Self {
        Self {
            hosts: hosts(),
            jumps: vec![Jump {
                name: "bastion".to_owned(),
                address: "bastion.example".to_owned(),
                port: 22,
                user: "deploy".to_owned(),
                host_keys: words(&[KEY]),
            }],
            steps: vec![upload(), restart(), new_chain()],
            after_undo: after_undo(),
            ready: ready(),
            collect: collect(),
            connect_timeout: super::connect_timeout(),
            private_key_env: super::private_key_env(),
            known_hosts_env: Some("TESTNET_KNOWN_HOSTS".to_owned()),
            ssh_config: Some("ssh_config".to_owned()),
            state_directory: super::state_directory(),
            canary: super::canary(),
            max_parallel: super::max_parallel(),
            undo_after: super::undo_after(),
            lease: super::lease(),
            lock_wait: super::lock_wait(),
        }
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn environment(name: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(name.to_owned(), value.to_owned())])
}

fn hosts() -> Vec<Host> {
    let host = |name: &str, address: &str| Host {
        name: name.to_owned(),
        address: address.to_owned(),
        port: 22,
        user: "deploy".to_owned(),
        host_keys: words(&[KEY]),
        jump: words(&["bastion"]),
        proxy_command: Vec::new(),
        groups: words(&["validators"]),
    };
    let session = ["aws", "ssm", "start-session", "--target", "i-0123456789abcdef0"];
    vec![
        host("validator-1", "203.0.113.10"),
        Host {
            jump: Vec::new(),
            proxy_command: words(&session),
            ..host("validator-2", "i-0123456789abcdef0")
        },
    ]
}

/// A step that does nothing yet.
fn step(name: &str) -> Step {
    Step {
        name: name.to_owned(),
        only: words(&["validators"]),
        upload: None,
        run: None,
        script: None,
        args: Vec::new(),
        user: Some("root".to_owned()),
        directory: None,
        env: BTreeMap::new(),
        secrets: Vec::new(),
        time_limit: super::step::time_limit(),
        undo: None,
        undo_script: None,
    }
}

fn upload() -> Step {
    let upload = Upload {
        from: "artifact/node".to_owned(),
        to: "/usr/local/bin/node".to_owned(),
        mode: Some("0755".to_owned()),
        owner: Some("root:root".to_owned()),
    };
    Step { upload: Some(upload), ..step("binary") }
}

fn restart() -> Step {
    Step {
        run: Some(words(&["systemctl", "restart", "node"])),
        directory: Some("/srv/node".to_owned()),
        env: environment("RUST_LOG", "info"),
        undo: Some(words(&["systemctl", "stop", "node"])),
        ..step("restart")
    }
}

fn new_chain() -> Step {
    Step {
        script: Some("read -r suri\nnew-chain \"$1\" <<<\"$suri\"\n".to_owned()),
        args: words(&["{sha}", "{host}"]),
        secrets: words(&["SURI"]),
        undo_script: Some("old-chain \"$1\"\n".to_owned()),
        ..step("new chain")
    }
}

fn after_undo() -> Vec<AfterUndo> {
    let one = |name: &str| AfterUndo {
        name: name.to_owned(),
        only: words(&["validators"]),
        run: None,
        script: None,
        args: Vec::new(),
        user: Some("root".to_owned()),
        directory: Some("/srv/node".to_owned()),
        env: environment("RUST_LOG", "info"),
        time_limit: super::step::time_limit(),
    };
    vec![
        AfterUndo { run: Some(words(&["systemctl", "restart", "node"])), ..one("restart what came back") },
        AfterUndo { script: Some("logger \"$1\"\n".to_owned()), args: words(&["{host}"]), ..one("say so") },
    ]
}

fn ready() -> Vec<Ready> {
    let check = |name: &str| Ready {
        name: name.to_owned(),
        only: words(&["validators"]),
        run: None,
        user: None,
        tcp_port: None,
        rpc_port: None,
        version_contains: None,
        min_peers: 0,
        time_limit: Duration::from_secs(10),
        every: Duration::from_secs(2),
        within: Duration::from_mins(2),
    };
    vec![
        Ready {
            rpc_port: Some(9944),
            version_contains: Some("{short_sha}".to_owned()),
            min_peers: 1,
            ..check("rpc")
        },
        Ready { tcp_port: Some(30333), ..check("p2p") },
        Ready {
            run: Some(words(&["systemctl", "is-active", "node"])),
            user: Some("root".to_owned()),
            ..check("service")
        },
    ]
}

fn collect() -> Vec<Collect> {
    let one = |name: &str| Collect {
        name: name.to_owned(),
        only: words(&["validators"]),
        run: None,
        file: None,
        user: Some("root".to_owned()),
        time_limit: Duration::from_mins(1),
    };
    vec![
        Collect { run: Some(words(&["journalctl", "-u", "node", "-n", "5000"])), ..one("journal.txt") },
        Collect { file: Some("/var/log/node.log".to_owned()), ..one("node.log") },
    ]
}
