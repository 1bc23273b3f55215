//! What `race init` must know: from its flags, from the workspace, and from whoever
//! sits at the terminal.

use std::path::Path;

use crate::cli::{self, Init};
use crate::exit::Exit;
use crate::policy::{Selection, duration};
use crate::setup::answers::{Answers, Binary, Environments, Login, NodeUrl, Target, Word, selection_in};
use crate::setup::mode::{advised, fit};
use crate::setup::workspace::{Manifest, binaries, members, node};
use crate::setup::{Mode, Release, RunsOn};

use super::super::Failure;
use super::ask::ask;

/// The commit that this `race` was built from, where its release was told.
const OWN_COMMIT: Option<&str> = option_env!("RACE_COMMIT");

/// The release that bears our version.
const VERSION: &str = concat!("v", env!("CARGO_PKG_VERSION"));

/// The most manifests that are read.
const MOST_MANIFESTS: usize = 2_000;

/// Takes every answer, asking for what is missing where `asks` says that somebody is there.
pub(super) fn answers(arguments: &Init, asks: bool) -> Result<Answers, Failure> {
    let runs_on = match arguments.runner {
        cli::RunnerKind::Hosted => RunsOn::Hosted,
        cli::RunnerKind::SelfHosted => RunsOn::SelfHosted,
    };
    let session_length = match arguments.session_length {
        Some(length) => length,
        None if asks => {
            ask("how long a session of your chain takes, for example 60s", None, duration::parse)?
        }
        None => {
            return Err(Failure::new(Exit::Invalid, "how long a session takes is not said")
                .help("pass --session-length, for example 60s: which mode fits follows from it"));
        }
    };
    let mut answers = Answers {
        mode: Mode::Poll,
        selection: selection(arguments),
        runs_on,
        release: release(arguments.release.as_deref(), asks)?,
        environments: environments(&arguments.environment)?,
        reviewers: list(&arguments.reviewer, "reviewer", "LOGIN or ORGANISATION/TEAM", Login::parse)?,
        targets: list(&arguments.target, "target", "USER@HOST or USER@HOST:PORT", Target::parse)?,
        nodes: list(&arguments.node, "node", "a URL like ws://127.0.0.1:9944", NodeUrl::parse)?,
        session_length,
        target_sessions: arguments.target_sessions,
        binary: binary(arguments)?,
    };
    if asks {
        let several = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        if answers.targets.is_empty() {
            let question =
                "the testnet's hosts, as USER@HOST, with spaces between; none: an example is written";
            let form = "USER@HOST or USER@HOST:PORT";
            answers.targets = ask(question, Some(""), |text| {
                list(&several(text), "target", form, Target::parse).map_err(|failure| failure.message)
            })?;
        }
        if answers.nodes.is_empty() {
            answers.nodes = ask("where a node answers", Some("ws://127.0.0.1:9944"), |text| {
                list(&several(text), "node", "a URL like ws://127.0.0.1:9944", NodeUrl::parse)
                    .map_err(|failure| failure.message)
            })?;
        }
        if answers.reviewers.is_empty() {
            answers.reviewers = ask("who reviews: logins, with spaces between", Some(""), |text| {
                list(&several(text), "reviewer", "LOGIN or ORGANISATION/TEAM", Login::parse)
                    .map_err(|failure| failure.message)
            })?;
        }
    }
    answers.mode = mode(arguments, &answers)?;
    Ok(answers)
}

/// The selection that was asked for, else the one that the repository has.
fn selection(arguments: &Init) -> Selection {
    match arguments.selection {
        Some(cli::Selection::Manual) => Selection::Manual,
        Some(cli::Selection::Guarded) => Selection::Guarded,
        Some(cli::Selection::Auto) => Selection::Auto,
        None => std::fs::read_to_string(arguments.dir.join("policies/race.toml"))
            .ok()
            .and_then(|text| selection_in(&text))
            .unwrap_or_default(),
    }
}

/// The mode that was asked for, where it fits, else the one that is advised.
fn mode(arguments: &Init, answers: &Answers) -> Result<Mode, Failure> {
    let (soak, runs_on) = (answers.soak(), answers.runs_on);
    let asked = arguments.mode.map(|mode| match mode {
        cli::Mode::Poll => Mode::Poll,
        cli::Mode::Relay => Mode::Relay,
        cli::Mode::Sampled => Mode::Sampled,
    });
    let advised = advised(&soak, runs_on);
    if let Some(mode) = asked.or(advised)
        && fit(mode, &soak, runs_on).is_ok()
    {
        return Ok(mode);
    }
    let modes = asked.map_or(Mode::ALL.to_vec(), |mode| vec![mode]);
    let reasons: Vec<String> = modes
        .into_iter()
        .filter_map(|mode| Some((mode, fit(mode, &soak, runs_on).err()?)))
        .map(|(mode, why)| format!("{}: {why}", mode.word()))
        .collect();
    let help = match (advised, runs_on) {
        (Some(mode), _) => format!("--mode {} fits", mode.word()),
        (None, RunsOn::Hosted) if self::advised_on_own(&soak) => {
            "--runner self-hosted fits: its jobs live longer".to_owned()
        }
        (None, _) => "fewer sessions, or a testnet with shorter ones".to_owned(),
    };
    Err(Failure::new(Exit::Invalid, format!("{soak}. {}", reasons.join(". "))).help(help))
}

fn advised_on_own(soak: &crate::setup::Soak) -> bool {
    advised(soak, RunsOn::SelfHosted).is_some()
}

fn release(flag: Option<&str>, asks: bool) -> Result<Release, Failure> {
    let read = |text: &str| Release::new(text, VERSION).ok_or_else(|| format!("`{text}` is no whole SHA"));
    match flag.or(OWN_COMMIT) {
        Some(commit) => read(commit).map_err(|wrong| Failure::new(Exit::Invalid, wrong)),
        None if asks => {
            ask(&format!("the commit of the release {VERSION} of race, the whole SHA"), None, read)
        }
        None => Err(Failure::new(Exit::Invalid, format!("which commit is {VERSION} of race is not known"))
            .help(
                "the workflow pins it: pass --release SHA; `git ls-remote \
             https://github.com/testnet-deployer/testnet-deployer` lists the tags",
            )),
    }
}

/// Every value of a flag, or which one is wrong.
fn list<T>(
    texts: &[String],
    what: &str,
    form: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, Failure> {
    let read = |text: &String| {
        read(text).ok_or_else(|| {
            Failure::new(Exit::Invalid, format!("`{text}` is no {what}")).help(format!("write {form}"))
        })
    };
    texts.iter().map(read).collect()
}

fn environments(flags: &[String]) -> Result<Environments, Failure> {
    let mut environments = Environments::default();
    for flag in flags {
        let wrong = || {
            Failure::new(Exit::Invalid, format!("`{flag}` names no environment")).help(
                "write testnet=NAME, null=NAME or testnet-soak=NAME, with letters, digits, `-`, `_` and `.`",
            )
        };
        let (which, name) = flag.split_once('=').ok_or_else(wrong)?;
        let name = Word::parse(name).ok_or_else(wrong)?;
        match which {
            "testnet" => environments.testnet = name,
            "null" => environments.null = name,
            "testnet-soak" => environments.soak = name,
            _ => return Err(wrong()),
        }
    }
    let names = [&environments.testnet, &environments.null, &environments.soak];
    let names = names.map(|name| name.to_string().to_lowercase());
    if names[0] == names[1] || names[1] == names[2] || names[0] == names[2] {
        return Err(Failure::new(Exit::Invalid, "two environments bear one name")
            .help("one approval would let both through: give each a name of its own"));
    }
    Ok(environments)
}

/// The program that goes to the testnet: the one that is named, or the workspace's node.
fn binary(arguments: &Init) -> Result<Option<Binary>, Failure> {
    let found = binaries(&manifests(&arguments.dir));
    let Some(name) = &arguments.binary else { return Ok(node(&found).cloned()) };
    let named = found.iter().find(|binary| binary.name.to_string() == *name);
    named.cloned().map(Some).ok_or_else(|| {
        let names: Vec<String> = found.iter().map(|binary| binary.name.to_string()).collect();
        Failure::new(Exit::Invalid, format!("the workspace has no program `{name}`"))
            .help(format!("it has: {}", if names.is_empty() { "none".to_owned() } else { names.join(", ") }))
    })
}

/// The root's manifest and those of its members; `*` at the end of one is each directory
/// there whose name begins so.
fn manifests(root: &Path) -> Vec<Manifest> {
    let read = |directory: &Path| {
        let text = std::fs::read_to_string(directory.join("Cargo.toml")).ok()?;
        Some(Manifest { text, has_main: directory.join("src/main.rs").is_file() })
    };
    let Some(own) = read(root) else { return Vec::new() };
    let mut directories = Vec::new();
    for member in members(&own.text) {
        match member.strip_suffix('*') {
            Some(start) => {
                let (parent, name) = start.rsplit_once('/').unwrap_or(("", start));
                let entries = std::fs::read_dir(root.join(parent)).into_iter().flatten().flatten();
                let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(name));
                let mut inside: Vec<_> = named.map(|entry| entry.path()).collect();
                inside.sort();
                directories.extend(inside);
            }
            None => directories.push(root.join(member)),
        }
    }
    directories.truncate(MOST_MANIFESTS);
    std::iter::once(own).chain(directories.iter().filter_map(|directory| read(directory))).collect()
}
