//! The clients of a Substrate node that others write such checks with: npm's and
//! PyPI's, each with a short script, on the same chain.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::chain::Chain;
use super::figures::table;
use super::monitor::{self, BLOCKS, SESSIONS};
use super::watching::watch;

/// The releases that are compared.
pub(crate) const NPM: [&str; 2] = ["@polkadot/api@16.5.6", "@polkadot/types-support@16.5.6"];
pub(crate) const PYPI: &str = "substrate-interface==1.8.1";

/// The scripts.
const SCRIPTS: [(&str, &str); 3] = [
    ("counting.mjs", include_str!("peers/counting.mjs")),
    ("with_api.mjs", include_str!("peers/with_api.mjs")),
    ("with_provider.mjs", include_str!("peers/with_provider.mjs")),
];
const PYTHON: &str = include_str!("peers/with_substrate_interface.py");

/// Where another program is that is called with the quorum and the nodes' URLs, and
/// prints a session's index on a line of its own: measured beside the others.
const ANOTHER: &str = "SOAKING_PEER";

/// A client, and how it is called.
struct Peer {
    name: String,
    program: PathBuf,
    script: Option<PathBuf>,
}

/// Measures ours and the peers with so many nodes.
pub(crate) fn measure(race: &Path, target: &Path, counts: &[usize]) {
    let peers = prepare(target);
    for count in counts {
        let mut rows = vec![row("`race monitor`", &monitor::minute(race, &chain(*count)).cells())];
        for Peer { name, program, script } in &peers {
            let chain = chain(*count);
            let mut command = Command::new(program);
            command.args(script).arg((count / 2 + 1).to_string()).args(&chain.urls);
            let told = usize::try_from(SESSIONS).unwrap();
            let taken = watch(&chain, command, told, None, |line| line.parse().ok());
            rows.push(row(name, &taken.cells()));
        }
        println!("{count} nodes:\n");
        table(
            &[
                "client",
                "CPU to start, s",
                "CPU a minute, s",
                "peak memory, MB",
                "told, ms: p50 / p99",
                "saved, ms: p50 / p99",
                "load",
            ],
            &rows,
        );
        println!();
    }
}

fn chain(nodes: usize) -> Chain {
    Chain::start(nodes, Duration::from_secs(1), BLOCKS)
}

fn row(name: &str, cells: &[String]) -> Vec<String> {
    std::iter::once(name.to_owned()).chain(cells.iter().cloned()).collect()
}

/// Installs the peers below cargo's target directory, once. What cannot be had is left
/// out, and said.
fn prepare(target: &Path) -> Vec<Peer> {
    let mut peers = Vec::new();
    let node = target.join("soaking-npm");
    std::fs::create_dir_all(&node).unwrap();
    for (name, text) in SCRIPTS {
        std::fs::write(node.join(name), text).unwrap();
    }
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]).arg(&node).args(NPM);
    if runs(&mut npm) {
        for (name, script) in [("`@polkadot/api`", "with_api.mjs"), ("its `WsProvider`", "with_provider.mjs")]
        {
            peers.push(Peer {
                name: name.to_owned(),
                program: "node".into(),
                script: Some(node.join(script)),
            });
        }
    } else {
        println!("npm's clients are not measured: they cannot be installed");
    }
    let python = target.join("soaking-pypi");
    let script = python.join("with_substrate_interface.py");
    if runs(Command::new("python3").args(["-m", "venv"]).arg(&python))
        && runs(Command::new(python.join("bin/pip")).args(["install", "--quiet", PYPI]))
    {
        std::fs::write(&script, PYTHON).unwrap();
        let name = "substrate-interface".to_owned();
        peers.push(Peer { name, program: python.join("bin/python"), script: Some(script) });
    } else {
        println!("substrate-interface is not measured: it cannot be installed");
    }
    if let Some(program) = std::env::var_os(ANOTHER) {
        let program = PathBuf::from(program);
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        peers.push(Peer { name, program, script: None });
    }
    peers
}

fn runs(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}
