//! The files that `race init` writes, as texts.

use sha2::{Digest as _, Sha256};

use crate::policy::{Selection, duration};

use super::answers::{Answers, Target};
use super::by_criteria::by_criteria;
use super::mode::{EVERY, told};
use super::workflow::{self, filled_in, samples, template};
use super::{Mode, RunsOn};

/// The shipped policies, which are written with the answers in their places.
const RACE: &str = include_str!("../../policies/race.toml");
const TESTNET: &str = include_str!("../../policies/testnet.toml");
const CRITERIA: &str = include_str!("../../policies/criteria.toml");

/// Where the schemas are that the policies name for editors. The commit is the one that the
/// workflow is pinned to: nobody can move it, and the editor knows the keys that the gate does.
const SCHEMAS: &str = "https://raw.githubusercontent.com/testnet-deployer/testnet-deployer";

/// How the line begins that tells whether a file was edited since.
pub(super) const STAMP: &str = "# race init ";

/// A file of the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path from the repository's root.
    pub path: &'static str,
    /// What stands in it.
    pub text: String,
    /// Whether it is a program.
    pub executable: bool,
}

/// Everything that a repository needs. CODEOWNERS is not among it: see
/// [`code_owners()`].
#[must_use]
pub fn files(answers: &Answers) -> Vec<File> {
    let schemas = format!("#:schema {SCHEMAS}/{}/policies/schema/", answers.release.commit());
    let file = |path, text: String, executable| {
        let text = stamped(&text.replacen("#:schema schema/", &schemas, 1));
        File { path, text, executable }
    };
    let samples = (answers.mode == Mode::Sampled).then(|| {
        file(workflow::SAMPLES_PATH, named(samples(answers.runs_on, &answers.release), answers), false)
    });
    let mut files = vec![
        file(workflow::PATH, workflow_text(answers), false),
        file("policies/race.toml", race(answers), false),
        file("policies/testnet.toml", testnet(answers), false),
        file("policies/criteria.toml", CRITERIA.to_owned(), false),
        file(".ci/build", build(answers), true),
    ];
    files.extend(samples);
    files
}

/// The lines of CODEOWNERS that keep a pull request from deciding about itself.
#[must_use]
pub fn code_owners(answers: &Answers) -> Vec<String> {
    let owners: Vec<String> = answers.reviewers.iter().map(ToString::to_string).collect();
    let owners = if owners.is_empty() { "@OWNER".to_owned() } else { owners.join(" ") };
    ["/.github/", "/policies/", "/.ci/"].map(|path| format!("{path} {owners}")).into()
}

/// The text with the line by which an edit is noticed.
fn stamped(text: &str) -> String {
    let stamp = format!("{STAMP}{}: this file was not edited while that number fits\n", digest(text));
    match text.split_once('\n') {
        // What runs a script, or tells an editor the schema, must stay in the first line.
        Some((first, rest)) if first.starts_with("#!") || first.starts_with("#:") => {
            format!("{first}\n{stamp}{rest}")
        }
        _ => format!("{stamp}{text}"),
    }
}

/// The beginning of the text's SHA-256, hexadecimal.
pub(super) fn digest(text: &str) -> String {
    Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn workflow_text(answers: &Answers) -> String {
    let legs = answers.soak().legs(answers.runs_on);
    // By criteria before the release is filled in, which the job that asks them has, too.
    let text = template(answers.mode, legs);
    let text = if answers.selection == Selection::Auto { by_criteria(&text) } else { text };
    named(filled_in(text, answers.mode, answers.runs_on, &answers.release), answers)
}

/// The workflow with the names of the environments.
fn named(text: String, answers: &Answers) -> String {
    let names = &answers.environments;
    [("testnet", &names.testnet), ("\"null\"", &names.null), ("testnet-soak", &names.soak)]
        .into_iter()
        .filter(|(shipped, name)| *shipped.trim_matches('"') != name.to_string())
        .fold(text, |text, (shipped, name)| {
            text.replace(&format!("    environment: {shipped}\n"), &format!("    environment: \"{name}\"\n"))
        })
}

/// The line of the shipped policy that says who chooses.
const MANUAL: &str = "selection = \"manual\"             # manual: the reviewer chooses\n";

/// The same for each selection.
const fn selection(selection: Selection) -> &'static str {
    match selection {
        Selection::Manual => MANUAL,
        Selection::Guarded => {
            "selection = \"guarded\"            # nothing spares a testnet that is required\n"
        }
        Selection::Auto => "selection = \"auto\"               # the criteria choose\n",
    }
}

fn race(answers: &Answers) -> String {
    let job = match answers.mode {
        Mode::Poll | Mode::Sampled => "testnet",
        Mode::Relay => "soaked",
    };
    let names = &answers.environments;
    let text = RACE
        .replace("job = \"testnet\"  ", &format!("job = \"{job}\"  "))
        .replace(MANUAL, selection(answers.selection))
        .replace("environment = \"testnet\"", &format!("environment = \"{}\"", names.testnet))
        .replace("environment = \"null\"", &format!("environment = \"{}\"", names.null));
    match (answers.mode, answers.runs_on) {
        (Mode::Sampled, _) => text.replacen(
            "\n\n[[branch]]\nname = \"null\"",
            "\nproof = \"soak\"                   # its success only means that the soak goes on\n\n[[branch]]\nname = \"null\"",
            1,
        ),
        (Mode::Poll, RunsOn::SelfHosted) => {
            let deadline = duration::format(answers.runs_on.check());
            text.replace(
                "# deadline = \"5h40m\"             # left out: by the kind of runner",
                &format!("deadline = \"{deadline}\"              # GITHUB_TOKEN ends after a day"),
            )
        }
        _ => text,
    }
}

fn testnet(answers: &Answers) -> String {
    let mut text = TESTNET.to_owned();
    let mut put = |from: &str, to: &str| text = text.replacen(from, to, 1);
    let binary = answers.binary.as_ref().map_or("node".to_owned(), |binary| binary.name.to_string());
    put("from = \"artifact/node\"", &format!("from = \"artifact/{binary}\""));
    put("to = \"/usr/local/bin/node\"", &format!("to = \"/usr/local/bin/{binary}\""));
    put(
        "session_length = \"60s\"",
        &format!("session_length = \"{}\"", duration::format(answers.session_length)),
    );
    put("target_sessions = 500", &format!("target_sessions = {}", answers.target_sessions));
    put("no_session = \"17m\"  ", "# no_session = \"17m\"");
    put("# [monitor.expect]\n# system_version", "[monitor.expect]\nsystem_version");
    if answers.mode == Mode::Relay {
        let leg = duration::format(answers.runs_on.leg());
        put("# max_runtime = \"5h\" ", &format!("max_runtime = \"{leg}\""));
    }
    if answers.mode != Mode::Poll {
        // The key of the later legs and of the samples can only forward, so nobody renews
        // the lease.
        let hours = answers.soak().whole().as_secs().div_ceil(3600);
        put(
            "lease = \"1h\"                          # expires so long after it was last renewed",
            &format!(
                "lease = \"{hours}h\"                         # as long as the soak: {} cannot renew it",
                if answers.mode == Mode::Relay { "its later legs" } else { "who samples it" }
            ),
        );
    }
    let hosts: String = answers.targets.iter().enumerate().map(|(at, target)| host(at, target)).collect();
    if !hosts.is_empty() {
        text = between(&text, "[[deploy.host]]\n", "# jump = [", &hosts);
    }
    let via = |loopback: bool| if loopback && !hosts.is_empty() { "via_ssh = \"validator-1\"\n" } else { "" };
    let nodes: Vec<String> = answers
        .nodes
        .iter()
        .map(|node| format!("[[monitor.node]]\nurl = \"{node}\"\n{}", via(node.is_loopback())))
        .collect();
    if !nodes.is_empty() {
        text = between(&text, "[[monitor.node]]\n", "# name = \"alice\"", &nodes.join("\n"));
    }
    text
}

/// The text with what stands from `begin` to before `end` replaced.
fn between(text: &str, begin: &str, end: &str, by: &str) -> String {
    let parts = text
        .split_once(begin)
        .and_then(|(before, rest)| rest.find(end).map(|at| (before, rest.get(at..).unwrap_or_default())));
    match parts {
        Some((before, after)) => format!("{before}{by}{after}"),
        None => text.to_owned(),
    }
}

fn host(at: usize, target: &Target) -> String {
    let Target { user, address, port } = target;
    let number = at + 1;
    let gap = if at == 0 { "" } else { "\n" };
    format!(
        "{gap}[[deploy.host]]\nname = \"validator-{number}\"\naddress = \"{address}\"\nport = {port}\nuser = \"{user}\"\n\
         # The first two words of /etc/ssh/ssh_host_ed25519_key.pub on the host. Nothing is\n\
         # deployed before they stand here.\n\
         host_keys = []\ngroups = [\"validators\"]\n"
    )
}

fn build(answers: &Answers) -> String {
    let head = "#!/bin/sh\n# Builds what goes to the testnet into the directory $1. It runs the pull request's own\n\
                # code, in a job without secrets.\nset -eu\n";
    match &answers.binary {
        Some(binary) => {
            let (package, name) = (&binary.package, &binary.name);
            format!(
                "{head}mkdir -p \"$1\"\ncargo build --locked --release --package {package} --bin {name}\n\
                 cp \"${{CARGO_TARGET_DIR:-target}}/release/{name}\" \"$1/{name}\"\n"
            )
        }
        None => format!(
            "{head}echo \"say in .ci/build how the program is built that goes to the testnet\" >&2\nexit 1\n"
        ),
    }
}

/// What the mode leaves room for, in a line for people.
#[must_use]
pub fn room_told(mode: Mode, room: super::mode::Room) -> String {
    let review = told(room.review);
    match (mode, room.legs) {
        (Mode::Poll, _) => format!("{review} remain for the review, from the push on"),
        (Mode::Relay, 1) => format!("one leg; the review may take {review}"),
        (Mode::Relay, legs) => format!("{legs} legs; the review may take {review}"),
        (Mode::Sampled, _) => format!("a look once in {}; the review may take {review}", told(EVERY)),
    }
}
