//! The testnet of a rehearsal: three hosts that run an old version of a small node,
//! its new version, which may be faulty, and the policy that deploys it.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::arguments::Fault;
use super::dev_chain::DevChain;
use super::scenario::Scenario;
use super::ssh_host::{SshHost, SshHostOptions};
use super::workshop::Host;
use crate::policy::duration;

/// The hosts. The first is the canary, the others are the second wave.
pub(super) const HOSTS: [&str; 3] = ["validator-1", "validator-2", "validator-3"];

/// Where a faulty version shows its fault: in the second wave.
pub(super) const FAULTY_ON: &str = "validator-3";

/// While this file is there a host is cut off.
const CUT_OFF: &str = "cut-off";

/// What is never run for a rehearsal: a host of it is no machine of its own, and
/// leaves the services of this one alone.
const HIDDEN: [&str; 2] = ["sudo", "systemd-run"];

/// Hosts, and what they have run and are to run.
pub(super) struct Testnet {
    hosts: Vec<SshHost>,
    directory: PathBuf,
    old: String,
    new: String,
}

impl Testnet {
    /// Starts the hosts in directories of their names, each with the node of the
    /// commit `old`; `new` is what will be deployed.
    ///
    /// # Errors
    ///
    /// When a port or a file cannot be had.
    pub(super) async fn raise(directory: &Path, old: &str, new: &str) -> io::Result<Self> {
        let (old, new) = (short(old), short(new));
        let hidden = directory.join("hidden");
        fs::create_dir_all(&hidden)?;
        for name in HIDDEN {
            write_program(&hidden.join(name), "#!/bin/sh\nexit 1\n")?;
        }
        let mut hosts: Vec<SshHost> = Vec::new();
        for name in HOSTS {
            let directory = directory.join(name);
            fs::create_dir_all(&directory)?;
            write_program(&directory.join("node"), &node(&old, None))?;
            fs::write(directory.join("running"), format!("{old}\n"))?;
            let options = SshHostOptions {
                directory: Some(directory),
                client_key: hosts.first().map(|host| host.client_key_pem().to_owned()),
                cut_off_while: Some(CUT_OFF),
                first_path: Some(hidden.clone()),
            };
            hosts.push(SshHost::start_with(options).await?);
        }
        Ok(Self { hosts, directory: directory.to_owned(), old, new })
    }

    /// The private key that every host accepts.
    pub(super) fn key(&self) -> &str {
        self.hosts.first().map_or("", SshHost::client_key_pem)
    }

    /// How the commit of the pull request builds its node, with the fault that it has.
    pub(super) fn build(&self, fault: Option<Fault>) -> String {
        format!(
            "#!/bin/sh\nset -eu\nmkdir -p \"$1\"\ncat >\"$1/node\" <<'END'\n{}END\n",
            node(&self.new, fault)
        )
    }

    /// What the first host runs.
    pub(super) fn runs(&self) -> String {
        let first = self.hosts.first().map(|host| host.directory().join("running"));
        let running = first.and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
        running.trim().to_owned()
    }

    /// The hosts, as their own consoles would show them.
    pub(super) fn told(&self) -> Vec<Host> {
        let told = |(name, host): (&'static str, &SshHost)| Host {
            name,
            port: host.port(),
            host_key: host.host_key().to_owned(),
            directory: host.directory().to_owned(),
        };
        HOSTS.into_iter().zip(&self.hosts).map(told).collect()
    }

    /// Each host with the version that it runs, as words.
    pub(super) fn versions(&self) -> Vec<(&'static str, String)> {
        let version = |host: &SshHost| {
            let running = fs::read_to_string(host.directory().join("running")).unwrap_or_default();
            let which = match running.trim() {
                version if version == self.new => "the new version",
                version if version == self.old => "the old version",
                _ => "no version that is known here:",
            };
            let cut_off = if host.directory().join(CUT_OFF).exists() { ", cut off" } else { "" };
            format!("{which} {}{cut_off}", running.trim())
        };
        HOSTS.into_iter().zip(self.hosts.iter().map(version)).collect()
    }

    /// How the testnet is deployed and watched, with the addresses of the stand-ins.
    pub(super) fn policy(&self, scenario: &Scenario, chain: &DevChain) -> String {
        let cut_off = scenario.fault == Some(Fault::DeployCutOff);
        let undo_after = if cut_off { UNDO_AFTER } else { UNDO_AFTER_A_HICCUP };
        let mut text = format!("{DEPLOY}undo_after = \"{undo_after}\"\n");
        for (index, (name, host)) in HOSTS.into_iter().zip(&self.hosts).enumerate() {
            let groups = if index == 0 { r#""validators", "rpc""# } else { r#""validators""# };
            let (port, key) = (host.port(), host.host_key());
            text.push_str(&format!(
                "\n[[deploy.host]]\nname = \"{name}\"\naddress = \"127.0.0.1\"\nport = {port}\nuser = \"deploy\"\n\
                 host_keys = [\"{key}\"]\ngroups = [{groups}]\n"
            ));
        }
        let to = format!("{}/{{host}}/node", self.directory.display());
        text.push_str(&STEPS.replace("DESTINATION", &to).replace("RPC_PORT", &chain.port().to_string()));
        let session = duration::format(scenario.session_every);
        let no_session = duration::format(super::stage::NO_SESSION + scenario.session_every * 10);
        let leg = scenario.max_runtime.map(|leg| format!("max_runtime = \"{}\"\n", duration::format(leg)));
        let leg = leg.unwrap_or_default();
        let (target, url) = (scenario.sessions, chain.url());
        text.push_str(&format!(
            r#"
[monitor]
session_length = "{session}"
target_sessions = {target}
unmeasured_after = "10s"
{leg}
[[monitor.node]]
url = "{url}"

[monitor.stall]
no_session = "{no_session}"
"#
        ));
        text
    }
}

/// After so long without a word a host undoes by itself, where it will be cut off: the
/// least that a policy may say.
pub(super) const UNDO_AFTER: &str = "10s";

/// The same where it is not: a machine that is busy must not look like a silence.
const UNDO_AFTER_A_HICCUP: &str = "30s";

/// The limits that suit a rehearsal.
const DEPLOY: &str = r#"[deploy]
connect_timeout = "15s"
canary = 1
max_parallel = 2
lease = "5m"
lock_wait = "10s"
"#;

/// What is done on every host, and how it is taken back.
const STEPS: &str = r#"
[[deploy.step]]
name = "snapshot"
run = ["cp", "running", "snapshot"]
undo = ["rm", "-f", "snapshot"]

[[deploy.step]]
name = "binary"
upload = { from = "artifact/node", to = "DESTINATION", mode = "0755" }

[[deploy.step]]
name = "restart"
run = ["./node", "start"]
undo = []

[[deploy.after_undo]]
name = "restart what came back"
run = ["./node", "start"]

[[deploy.ready]]
name = "version"
run = ["./node", "runs", "{short_sha}"]
every = "200ms"
within = "20s"

[[deploy.ready]]
name = "rpc"
only = ["rpc"]
rpc_port = RPC_PORT
version_contains = "{short_sha}"
every = "200ms"
within = "20s"
"#;

/// The program that stands in for a node: what it runs is noted in `running`.
fn node(version: &str, fault: Option<Fault>) -> String {
    let on = |what: &str| format!("case $PWD in */{FAULTY_ON}) {what} ;; esac");
    let start = match fault {
        Some(Fault::DeployStep) => on("echo 'no space left for the database' >&2; exit 4"),
        Some(Fault::DeployCutOff) => on(&format!(": >{CUT_OFF}; sleep 2")),
        _ => format!("rm -f {CUT_OFF}"),
    };
    format!(
        r#"#!/bin/sh
version={version}
case ${{1-}} in
  start)
    echo "$version" >running.new
    mv running.new running
    {start}
    echo "node $version runs"
    ;;
  runs)
    read -r running <running
    echo "it runs $running"
    [ "$running" = "$2" ]
    ;;
  *) exit 2 ;;
esac
"#
    )
}

fn short(sha: &str) -> String {
    sha.chars().take(11).collect()
}

fn write_program(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}
