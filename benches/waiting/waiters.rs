//! The programs that are compared, and how each is made to wait for a run of the
//! stand-in.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use testnet_deployer::rehearsal::github::Options;

use super::awaited::{Awaited, Launch, REPOSITORY, TOKEN};
use super::forward::forward;

/// The release of watchgha that is compared.
const WATCHGHA: &str = "watchgha==2.7.0";

/// A program that waits for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiter {
    /// `race wait`.
    Race,
    /// `gh run watch --exit-status`.
    Gh,
    /// `watchgha`.
    Watchgha,
}

/// Where the programs are.
pub(crate) struct Waiters {
    /// `race` as it is released.
    pub(crate) race: PathBuf,
    gh: Option<PathBuf>,
    watchgha: Option<PathBuf>,
}

impl Waiter {
    /// How it is called in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Race => "`race wait`",
            Self::Gh => "`gh run watch`",
            Self::Watchgha => "`watchgha`",
        }
    }

    /// A run for it to wait for. No peer sees a rate limit, because none obeys one.
    pub(crate) fn awaited(self) -> Awaited {
        let mut options = Options::default();
        if self != Self::Race {
            options.hourly_limit = 1_000_000;
        }
        if self == Self::Gh {
            // It follows the addresses in answers, and to no other host.
            options.shown_as = Some(("https://api.github.com", "https://github.com"));
        }
        Awaited::new(options).unwrap()
    }
}

impl Waiters {
    /// Builds `race`, finds gh, installs watchgha below cargo's target directory.
    /// What cannot be had is left out, and said.
    pub(crate) fn prepare() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        // Ours, not that of the release: their features differ.
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap_or(root);
        let gh = runs(Command::new("gh").arg("--version")).then(|| PathBuf::from("gh"));
        if gh.is_none() {
            println!("`gh` is left out: it is not installed");
        }
        Self {
            race: crate::release::build(root, &target.join("released")),
            gh,
            watchgha: watchgha(&target.join("watchgha")),
        }
    }

    /// Those that are there, ours first.
    pub(crate) fn all(&self) -> Vec<Waiter> {
        let peers = [(Waiter::Gh, self.gh.is_some()), (Waiter::Watchgha, self.watchgha.is_some())];
        let there = peers.into_iter().filter(|(_, there)| *there).map(|(peer, _)| peer);
        std::iter::once(Waiter::Race).chain(there).collect()
    }

    /// The versions, and the machine.
    pub(crate) fn described(&self) -> String {
        let said = |program: &Path| {
            let output = Command::new(program).arg("--version").output().ok()?;
            String::from_utf8(output.stdout).ok()?.lines().next().map(str::to_owned)
        };
        let mut lines: Vec<String> = [Some(&self.race), self.gh.as_ref()]
            .into_iter()
            .flatten()
            .filter_map(|program| said(program))
            .collect();
        lines.extend(self.watchgha.as_ref().map(|_| WATCHGHA.to_owned()));
        let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        lines.push(format!("{cores} cores, {}", model.map_or("of unknown make", |(_, name)| name)));
        lines.join("\n")
    }

    /// How a waiter is started, for this run.
    pub(crate) fn launch(&self, waiter: Waiter, awaited: &Awaited) -> Launch {
        let home = ("HOME", awaited.path("").display().to_string());
        match waiter {
            Waiter::Race => awaited.race(&self.race),
            Waiter::Gh => {
                let socket = awaited.path("gh.sock");
                forward(&socket, awaited.github.address()).unwrap();
                let settings = format!("http_unix_socket: {}\n", socket.display());
                fs::write(awaited.path("config.yml"), settings).unwrap();
                let run = awaited.run.to_string();
                Launch {
                    program: self.gh.clone().unwrap(),
                    arguments: ["run", "watch", &run, "--exit-status", "--repo", REPOSITORY]
                        .map(str::to_owned)
                        .into(),
                    variables: vec![
                        home,
                        ("GH_CONFIG_DIR", awaited.path("").display().to_string()),
                        ("GH_TOKEN", TOKEN.to_owned()),
                        ("GH_NO_UPDATE_NOTIFIER", "1".to_owned()),
                        ("PATH", std::env::var("PATH").unwrap_or_default()),
                    ],
                }
            }
            Waiter::Watchgha => Launch {
                program: self.watchgha.clone().unwrap(),
                arguments: vec![
                    format!("{}/{REPOSITORY}.git", awaited.github.server_url()),
                    head_ref(awaited),
                ],
                variables: vec![
                    home,
                    ("GITHUB_API_URL", awaited.github.api_url().to_owned()),
                    ("GITHUB_SERVER_URL", awaited.github.server_url().to_owned()),
                    ("GITHUB_TOKEN", TOKEN.to_owned()),
                ],
            },
        }
    }
}

/// The git branch that the run is for.
fn head_ref(awaited: &Awaited) -> String {
    awaited.github.read(|world| world.run(awaited.run).and_then(|run| run.head_ref.clone())).unwrap()
}

/// Installs watchgha into a virtual environment, once.
fn watchgha(environment: &Path) -> Option<PathBuf> {
    let program = environment.join("bin/watchgha");
    let there = program.exists()
        || runs(Command::new("python3").args(["-m", "venv"]).arg(environment))
            && runs(Command::new(environment.join("bin/pip")).args(["install", "--quiet", WATCHGHA]));
    if !there {
        println!("`watchgha` is left out: it cannot be installed");
    }
    there.then_some(program)
}

fn runs(command: &mut Command) -> bool {
    command.stdout(std::process::Stdio::null()).status().is_ok_and(|status| status.success())
}
