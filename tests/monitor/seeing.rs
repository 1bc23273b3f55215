//! What people see of a soak: the groups and the notice of a log in Actions, the bar on
//! a terminal, and from when a leg is counted.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::Duration;

use jiff::SignedDuration;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use testnet_deployer::rehearsal::dev_chain::{DevChain, DevChainOptions, Fault};
use testnet_deployer::rehearsal::github::{self, GitHub, Options, Token, Trouble};
use testnet_deployer::rehearsal::world::World;
use testnet_deployer::soak::{Figures, Verdict};
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::time::timeout;

use crate::support::{PATIENCE, after_session, code, ended, race_with};

/// What a node might say to fool who reads the log.
const HOSTILE: &str = "0.1.0\u{1b}[31mred\n::error::pwned ##[error]pwned \u{202e}";

async fn chain(nodes: usize) -> DevChain {
    let version = HOSTILE.to_owned();
    DevChain::start(DevChainOptions { nodes, version, ..DevChainOptions::default() }).await.unwrap()
}

fn in_actions(mut command: Command) -> Command {
    command.env("GITHUB_ACTIONS", "true");
    command
}

/// The groups of a log, each with its lines. None is open within another, all are closed.
fn groups(text: &str) -> Vec<Vec<String>> {
    let mut groups: Vec<Vec<String>> = Vec::new();
    let mut open: Option<Vec<String>> = None;
    for line in text.lines() {
        if line.starts_with("::group::") {
            assert!(open.replace(Vec::new()).is_none(), "a group in a group: {text}");
        } else if line == "::endgroup::" {
            groups.push(open.take().unwrap());
        } else if let Some(lines) = &mut open {
            lines.push(line.to_owned());
        }
    }
    assert!(open.is_none(), "a group stays open: {text}");
    groups
}

fn assert_inert(text: &str) {
    assert!(!text.contains("##["), "{text}");
    assert!(!text.lines().any(|line| line.trim_start().starts_with("::error::pwned")), "{text}");
    assert!(!text.contains("\u{1b}[31m") && !text.contains('\u{202e}'), "{text}");
}

#[tokio::test]
async fn trouble_is_told_in_a_line_and_its_detail_folded_away() {
    let directory = tempfile::tempdir().unwrap();
    let chain = chain(3).await;
    let race = ended(in_actions(race_with(directory.path(), &chain, "target_sessions = 120\n")));
    let fate = async {
        after_session(&chain, 20).await;
        chain.change_node(2, |conduct| conduct.fault = Some(Fault::Refused));
    };
    let (output, ()) = tokio::join!(race, fate);
    let text = code(&output, 0);
    let log = String::from_utf8_lossy(&output.stderr);
    let groups = groups(&log);
    let one = groups.iter().find(|lines| lines.iter().any(|line| line.starts_with("  2: best"))).unwrap();
    assert!(one.iter().any(|line| line.starts_with("no finality: ")), "{one:?}");
    assert!(one.iter().any(|line| line.starts_with("quorum: 2 of 3 nodes; ")), "{one:?}");
    let outside = log.lines().position(|line| line.starts_with("node 2: ")).unwrap();
    let group = log.lines().position(|line| line.starts_with("::group::")).unwrap();
    assert!(outside < group, "{log}");
    assert_inert(&text);
}

#[tokio::test]
async fn a_stall_that_comes_closer_is_told_before_it_ends_the_soak() {
    let directory = tempfile::tempdir().unwrap();
    let chain = chain(1).await;
    let rest = "stall.no_block = \"25s\"\nstall.no_finality = \"4s\"\nstall.no_session = \"25s\"\n";
    let race = ended(in_actions(race_with(directory.path(), &chain, rest)));
    let fate = async {
        after_session(&chain, 5).await;
        chain.change(|course, _| course.finality_stops_at = Some(20));
    };
    let (output, ()) = tokio::join!(race, fate);
    let text = code(&output, 20);
    let log = String::from_utf8_lossy(&output.stderr);
    let told = log.lines().find(|line| line.starts_with("no finality: ")).unwrap();
    assert!(told.contains(" of 4s; failed (no-finality) in "), "{told}");
    assert!(!groups(&log).is_empty());
    let noted = notice(&text);
    assert_eq!((noted.verdict, noted.target, noted.nodes), (Verdict::Failed, 500, 1));
}

/// What the job notes for `race inspect`.
fn notice(text: &str) -> Figures {
    let prefix = format!("::notice title={}::", Figures::TITLE);
    let told: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix(&*prefix)).collect();
    assert_eq!(told.len(), 1, "{text}");
    Figures::read(told[0]).unwrap()
}

#[tokio::test]
async fn the_figures_are_noted_in_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let chain = chain(4).await;
    let rest = "target_sessions = 10\n";
    let figures = notice(&code(&ended(in_actions(race_with(directory.path(), &chain, rest))).await, 0));
    let (first, last) = figures.sessions.unwrap();
    assert_eq!((figures.verdict, figures.counted, figures.target), (Verdict::Passed, 10, 10));
    assert_eq!((last - first, figures.nodes), (10, 4));
    assert_eq!(figures.median, Some(Duration::from_millis(40)));
    // Told again by who comes later.
    let again = notice(&code(&ended(in_actions(race_with(directory.path(), &chain, rest))).await, 0));
    assert_eq!(again, figures);
}

#[tokio::test]
async fn a_terminal_shows_a_bar_with_every_node_below() {
    let directory = tempfile::tempdir().unwrap();
    let chain = chain(2).await;
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap();
    let size = Winsize { ws_row: 40, ws_col: 150, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&controller, size).unwrap();
    let terminal = std::fs::OpenOptions::new().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    let mut command = race_with(directory.path(), &chain, "target_sessions = 80\n");
    command.env("TERM", "xterm").stderr(Stdio::from(OwnedFd::from(terminal)));
    let shown = tokio::task::spawn_blocking(move || {
        let (mut terminal, mut shown, mut part) = (std::fs::File::from(controller), Vec::new(), [0; 4096]);
        // The last writer's end is an error on this side.
        while let Ok(read @ 1..) = terminal.read(&mut part) {
            shown.extend_from_slice(&part[..read]);
        }
        String::from_utf8_lossy(&shown).into_owned()
    });
    let race = command.spawn().unwrap();
    drop(command);
    let output = timeout(PATIENCE, race.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let shown = shown.await.unwrap();
    for part in ["/80 sessions, ", "0.0 s each, ", " to go", "  0: best ", ", finalized ", "  1: best "] {
        assert!(shown.contains(part), "no {part:?} in {shown:?}");
    }
    assert!(shown.contains("0.1.0\\u{1b}[31mred\\n::error::pwned"), "{shown:?}");
    assert_inert(&shown);
    // The bar is gone in the end, and the line of the result is alone on stdout.
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("passed: "), "{output:?}");
}

/// A stand-in of GitHub whose only job began an hour ago.
fn github() -> (GitHub, u64, u64) {
    let now = jiff::Timestamp::now();
    let mut world = World::new("octo-org/chain", now);
    let run = world.start_run("push", "", "carol", now);
    let job = world.submit_job(run, "soak", None, now);
    world.begin(job, now);
    world.job_mut(job).unwrap().started_at = now - SignedDuration::from_hours(1);
    let github = GitHub::start(world, Options::default()).unwrap();
    github.admit(Token::of_workflow("ghs_workflow", &["actions"]));
    (github, run, job)
}

fn step(mut command: Command, github: &GitHub, run: u64) -> Command {
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_API_URL", github.api_url());
    command.env("GITHUB_REPOSITORY", "octo-org/chain").env("GITHUB_RUN_ID", run.to_string());
    command.env("GITHUB_RUN_ATTEMPT", "1").env("GITHUB_JOB", "the-key-in-the-file");
    command.env("RUNNER_NAME", "rehearsal-runner").env("GITHUB_TOKEN", "ghs_workflow");
    command.args(["--max-runtime", "1h"]);
    command
}

#[tokio::test]
async fn a_leg_counts_from_the_start_of_its_job() {
    let directory = tempfile::tempdir().unwrap();
    let chain = chain(1).await;
    let (github, run, _) = github();
    let text = code(&ended(step(race_with(directory.path(), &chain, ""), &github, run)).await, 22);
    assert!(text.contains("this leg ends in 0ms, counted from the start of this job, by GitHub"), "{text}");
    assert_eq!(github.exchanges().len(), 1, "one request is enough");
}

#[tokio::test]
async fn where_the_start_of_the_job_is_not_known_a_leg_counts_from_now_on() {
    let chain = chain(1).await;
    for (what, why) in [
        ("token", "no token"),
        ("runner", "not exactly one job"),
        ("two", "not exactly one job"),
        ("run", "GITHUB_RUN_ID is no number"),
        ("dropped", "cannot be reached"),
        ("forbidden", "(403)"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let (github, run, _) = github();
        let mut command = step(race_with(directory.path(), &chain, "target_sessions = 2\n"), &github, run);
        match what {
            "token" => drop(command.env_remove("GITHUB_TOKEN")),
            "runner" => drop(command.env("RUNNER_NAME", "another")),
            "run" => drop(command.env("GITHUB_RUN_ID", "x")),
            "dropped" => github.trouble(Trouble::new(github::Fault::Dropped)),
            "forbidden" => github.trouble(Trouble::new(github::Fault::MissingPermission)),
            _ => github.change(|world, now| {
                let other = world.submit_job(run, "other", None, now);
                world.begin(other, now);
            }),
        }
        let text = code(&ended(command).await, 0);
        let told = text.lines().find(|line| line.starts_with("this leg ends in ")).unwrap();
        assert!(told.contains("counted from now on: when this job began is not known"), "{what}: {told}");
        assert!(told.contains(why), "{what}: {told}");
    }
    // Without a limit nobody is asked.
    let directory = tempfile::tempdir().unwrap();
    let (github, ..) = github();
    let mut command = in_actions(race_with(directory.path(), &chain, "target_sessions = 2\n"));
    command.env("GITHUB_API_URL", github.api_url()).env("GITHUB_TOKEN", "ghs_workflow");
    code(&ended(command).await, 0);
    assert!(github.exchanges().is_empty());
}

#[tokio::test]
async fn a_signal_in_the_midst_of_trouble_leaves_no_group_open() {
    let directory = tempfile::tempdir().unwrap();
    let chain = chain(3).await;
    let mut command = in_actions(race_with(directory.path(), &chain, ""));
    let mut race = command.spawn().unwrap();
    let mut log = race.stderr.take().unwrap();
    after_session(&chain, 10).await;
    chain.change_node(2, |conduct| conduct.fault = Some(Fault::Refused));
    let (mut text, mut part) = (String::new(), [0; 4096]);
    let reading = async {
        while let Ok(read @ 1..) = log.read(&mut part).await {
            let in_trouble = text.contains("::group::");
            text.push_str(&String::from_utf8_lossy(&part[..read]));
            if !in_trouble && text.contains("::group::") {
                kill_process(Pid::from_raw(race.id().unwrap().cast_signed()).unwrap(), Signal::INT).unwrap();
            }
        }
    };
    timeout(PATIENCE, reading).await.unwrap();
    assert_eq!(race.wait().await.unwrap().code(), Some(130));
    assert!(!groups(&text).is_empty(), "{text}");
}
