//! `race deploy` against SSH hosts of the rehearsal, as a step of a workflow would
//! run it.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use testnet_deployer::rehearsal::ssh_host::SshHost;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

/// The longest that anything here may take.
const PATIENCE: Duration = Duration::from_secs(30);
const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

/// `race deploy` with these hosts and steps, in a directory of its own.
fn race(directory: &Path, hosts: &[&SshHost], steps: &str) -> Command {
    let host = |(number, host): (usize, &&SshHost)| {
        format!(
            "[[deploy.host]]\nname = \"validator-{}\"\naddress = \"127.0.0.1\"\nport = {}\nhost_keys = [\"{}\"]\n",
            number + 1,
            host.port(),
            host.host_key()
        )
    };
    let hosts_text: String = hosts.iter().enumerate().map(host).collect();
    let policies = directory.join("policies");
    std::fs::create_dir_all(&policies).unwrap();
    std::fs::write(policies.join("testnet.toml"), format!("{hosts_text}{steps}")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_race"));
    command.arg("deploy").current_dir(directory).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap()).env("GITHUB_SHA", SHA).env("GITHUB_RUN_ID", "7");
    // What is left behind is seen there.
    let temporary = directory.join("tmp");
    std::fs::create_dir_all(&temporary).unwrap();
    command.env("TMPDIR", temporary);
    if let Some(host) = hosts.first() {
        command.env("TESTNET_SSH_KEY", host.client_key_pem());
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn ended(mut command: Command, expected: i32) -> (String, String) {
    let output: Output = timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(expected), "{stdout}{stderr}");
    (stdout, stderr)
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whether a process is there and is no zombie.
fn alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Whether an `ssh` process of ours runs: its files are in this test's directory.
fn has_master(directory: &Path) -> bool {
    let start = format!("ssh\0-F\0{}/", directory.display());
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let mut commands =
        processes.filter_map(|entry| std::fs::read_to_string(entry.path().join("cmdline")).ok());
    commands.any(|command| command.starts_with(&start))
}

#[tokio::test]
async fn every_host_gets_every_step_with_its_values() {
    let directory = tempfile::tempdir().unwrap();
    let host = SshHost::start().await.unwrap();
    let steps = r#"
[[deploy.step]]
name = "install"
run = ["sh", "-c", "echo \"$1\" > installed-$2; echo installing; echo careful >&2", "sh", "{sha} {short_sha} {run_id}", "{host}"]
[[deploy.step]]
name = "start"
run = ["cat", "installed-{host}"]
"#;
    let (stdout, stderr) = ended(race(directory.path(), &[&host], steps), 0).await;
    assert_eq!(stdout, format!("deployed {SHA} on validator-1\n"));
    for line in
        ["validator-1 | installing", "validator-1 | careful", &format!("validator-1 | {SHA} 0123456789a 7")]
    {
        assert!(stderr.lines().any(|seen| seen == line), "{line}: {stderr}");
    }
    assert!(!stderr.contains("OPENSSH"), "the key is nowhere in the log: {stderr}");
    let installed = std::fs::read_to_string(host.directory().join("installed-validator-1")).unwrap();
    assert_eq!(installed, format!("{SHA} 0123456789a 7\n"));
    assert!(!has_master(directory.path()), "the local ssh has ended");
    assert_eq!(std::fs::read_dir(directory.path().join("tmp")).unwrap().count(), 0);
}

#[tokio::test]
async fn remote_output_is_no_workflow_command() {
    let directory = tempfile::tempdir().unwrap();
    let host = SshHost::start().await.unwrap();
    let steps = r###"
[[deploy.step]]
name = "evil"
run = ["printf", "%b", "::set-output name=a::b\\n##[error]x\\n\\033[31mred\\r::stop-commands::x\\n"]
"###;
    let mut command = race(directory.path(), &[&host], steps);
    command.env("GITHUB_ACTIONS", "true");
    let (stdout, stderr) = ended(command, 0).await;
    assert!(stderr.contains("validator-1 | ::set-output"), "{stderr}");
    for text in [&stdout, &stderr] {
        let ours = |line: &&str| !line.starts_with("::group::") && *line != "::endgroup::";
        for line in text.lines().filter(ours) {
            assert!(!line.trim_start().starts_with("::") && !line.contains("##["), "{line}");
            assert!(!line.contains('\u{1b}') && !line.contains('\r'), "{line:?}");
        }
    }
}

#[tokio::test]
async fn a_failed_step_ends_it_and_claims_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let host = SshHost::start().await.unwrap();
    let steps = "[[deploy.step]]\nname = \"install\"\nrun = [\"sh\", \"-c\", \"echo no space >&2; exit 3\"]\n\
                 [[deploy.step]]\nname = \"start\"\nrun = [\"touch\", \"started\"]\n";
    let (_, stderr) = ended(race(directory.path(), &[&host, &host], steps), 30).await;
    assert!(
        stderr.contains(
            "validator-1: step `install` ended with status 3; nothing was rolled back: this version does not do \
             that (hosts deployed: none; not touched: validator-2)"
        ),
        "{stderr}"
    );
    assert!(!host.directory().join("started").exists());
    let slow = "[[deploy.step]]\nname = \"sync\"\nrun = [\"sleep\", \"600\"]\ntime_limit = \"200ms\"\n";
    let (_, stderr) = ended(race(directory.path(), &[&host], slow), 30).await;
    assert!(stderr.contains("step `sync` took longer than 200ms and was ended"), "{stderr}");
}

#[tokio::test]
async fn keys_that_do_not_match_end_with_3() {
    let directory = tempfile::tempdir().unwrap();
    let (host, other) = (SshHost::start().await.unwrap(), SshHost::start().await.unwrap());
    let steps = "[[deploy.step]]\nname = \"install\"\nrun = [\"true\"]\n";
    let mut wrong_key = race(directory.path(), &[&host], steps);
    wrong_key.env("TESTNET_SSH_KEY", other.client_key_pem());
    let (_, stderr) = ended(wrong_key, 3).await;
    assert!(stderr.contains("it refuses our key") && stderr.contains("authorized_keys"), "{stderr}");
    let mut no_key = race(directory.path(), &[&host], steps);
    no_key.env_remove("TESTNET_SSH_KEY");
    let (_, stderr) = ended(no_key, 3).await;
    assert!(stderr.contains("give the private key in the variable TESTNET_SSH_KEY"), "{stderr}");
    let changed = race(directory.path(), &[&host], steps);
    let policy = directory.path().join("policies/testnet.toml");
    let text = std::fs::read_to_string(&policy).unwrap().replace(host.host_key(), other.host_key());
    std::fs::write(policy, text).unwrap();
    let (_, stderr) = ended(changed, 3).await;
    assert!(stderr.contains("validator-1: its host key is not the pinned one"), "{stderr}");
}

#[tokio::test]
async fn a_plan_is_printed_and_nothing_run() {
    let directory = tempfile::tempdir().unwrap();
    let host = SshHost::start().await.unwrap();
    let steps = "[[deploy.step]]\nname = \"install\"\nrun = [\"touch\", \"it is {short_sha}\"]\n";
    let mut command = race(directory.path(), &[&host], steps);
    command.arg("--plan");
    let (stdout, _) = ended(command, 0).await;
    assert_eq!(
        stdout,
        "wave 1\n  validator-1\n    1. install (at most 10m): touch 'it is 0123456789a'\n       \
         undo: the policy does not say: what the step did stays\n"
    );
    let mut command = race(directory.path(), &[&host], steps);
    command.args(["--plan", "--format", "json"]);
    let (stdout, stderr) = ended(command, 0).await;
    let plan: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(plan["schema"], "race.plan/1");
    assert_eq!(plan["hosts"][0]["steps"][0]["argv"], serde_json::json!(["touch", "it is 0123456789a"]));
    assert!(stderr.contains("how to undo the step `install`") && stderr.contains("`undo = []`"), "{stderr}");
    assert_eq!(std::fs::read_dir(host.directory()).unwrap().count(), 0);
    let (_, stderr) = ended(race(directory.path(), &[&host], &steps.replace("short_sha", "branch")), 2).await;
    assert!(stderr.contains("step `install`: there is no placeholder `{branch}`"), "{stderr}");
}

#[tokio::test]
async fn nothing_stays_behind_whatever_ends_us() {
    for (signal, exit) in [("TERM", Some(143)), ("INT", Some(130)), ("KILL", None)] {
        let directory = tempfile::tempdir().unwrap();
        let host = SshHost::start().await.unwrap();
        let steps =
            "[[deploy.step]]\nname = \"sync\"\nrun = [\"sh\", \"-c\", \"echo pid $$; exec sleep 600\"]\n";
        let mut child = race(directory.path(), &[&host], steps).spawn().unwrap();
        let race_pid = child.id().unwrap().to_string();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let pid = loop {
            let line = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
            if let Some(pid) = line.strip_prefix("validator-1 | pid ") {
                break pid.to_owned();
            }
        };
        assert!(alive(&pid) && has_master(directory.path()));
        assert!(Command::new("kill").args(["-s", signal, &race_pid]).status().await.unwrap().success());
        let status = timeout(Duration::from_secs(7), child.wait()).await.unwrap().unwrap();
        assert_eq!(status.code(), exit);
        until("the remote command has ended", || !alive(&pid)).await;
        until("the local ssh has ended", || !has_master(directory.path())).await;
        let left: Vec<_> = std::fs::read_dir(directory.path().join("tmp")).unwrap().collect();
        // Nobody can clean up after SIGKILL. The private key was gone long before.
        let keys = || left.iter().filter(|entry| entry.as_ref().unwrap().path().join("key").exists()).count();
        assert!(left.is_empty() || (signal == "KILL" && keys() == 0), "{signal}: {left:?}");
    }
}
