//! What a host writes: bounded, inert, and without secrets.

use std::fs;
use std::path::Path;

use crate::process::{Running, until};
use crate::scene::{Scene, script};

/// The most memory that `race` may need, in KiB, whatever a host writes.
const MEMORY: u64 = 60 * 1024;

#[test]
fn a_flood_is_bounded() {
    let lines = script("lines", "head -c 50000000 /dev/zero | tr '\\0' x | fold -w 999", "true");
    let one_line =
        script("one line", "head -c 50000000 /dev/zero | tr '\\0' y >&2; echo; echo the end", "true");
    let scene = Scene::new(1, &(lines + &one_line));
    let running = scene.start(&["--logs", "logs"]);
    let mut peak = 0;
    until("it has ended", || {
        let now = running.peak();
        peak = peak.max(now.unwrap_or_default());
        now.is_none()
    });
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{:.3000}", ended.stderr);
    println!("peak memory of race: {peak} KiB, of stderr: {} bytes", ended.stderr.len());
    assert!(peak > 1024 && peak < MEMORY, "{peak} KiB");
    assert!(ended.stderr.len() < 2_000_000);
    ended.says(&["the rest is dropped", "lines are not shown here"]);
    let kept = fs::metadata(scene.path("logs/validator-1.log")).unwrap().len();
    assert!(kept > 15_000_000 && kept < 40_000_000, "{kept}");
}

#[test]
fn remote_output_is_no_workflow_command_and_no_terminal_escape() {
    let evil = "printf '%b' '::set-output name=a::b\\n##[error]x\\n\\033[31mred\\r::stop-commands::x\\n'\n\
                head -c 20000 /dev/urandom\nprintf '%b' '\\n\\033]0;title\\a\\n' >&2";
    let scene = Scene::new(1, &script("evil", evil, "true"));
    let mut command = scene.race(&["--logs", "logs"]);
    command.env("GITHUB_ACTIONS", "true");
    let ended = Running::start(command).end();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended.says(&["validator-1 | ::set-output"]);
    let file = scene.read("logs/validator-1.log");
    for text in [&ended.stdout, &ended.stderr, &file] {
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    }
    let ours = |line: &&str| !line.starts_with("::group::") && *line != "::endgroup::";
    for line in ended.stdout.lines().chain(ended.stderr.lines()).filter(ours) {
        assert!(!line.trim_start().starts_with("::") && !line.contains("##["), "{line}");
    }
}

#[test]
fn secrets_are_read_on_stdin_and_seen_nowhere_else() {
    let uses = "read -r first; read -r second; ! read -r third\n\
                printf '%s %s' \"$first\" \"$second\" >taken\n\
                echo \"got $first and $second\"; echo \"$second\" >&2\n\
                until [ -e go ]; do sleep 0.02; done\necho \"say $first\"; exit 5";
    let step =
        script("set code", uses, "rm taken").replace("args =", "secrets = [\"SURI\", \"TOKEN\"]\nargs =");
    let collect = "[[deploy.collect]]\nname = \"taken.log\"\nrun = [\"echo\", \"//hidden words\"]\n";
    let ready = "[[deploy.ready]]\nname = \"up\"\nrun = [\"true\"]\n";
    let scene = Scene::new(1, &(step + ready + collect));
    let mut command = scene.race(&["--report", "deploy.json", "--logs", "logs"]);
    command.env("SURI", "//hidden words").env("TOKEN", "another 'one' $(x)");
    let running = Running::start(command);
    running.line("got *** and ***");
    let host = scene.host(1);
    assert_eq!(host.read("taken").unwrap(), "//hidden words another 'one' $(x)");
    for entry in fs::read_dir("/proc").unwrap() {
        let line = fs::read(entry.unwrap().path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line);
        assert!(!line.contains("hidden words") && !line.contains("another 'one'"), "{line}");
    }
    host.write("go", "");
    let ended = running.end();
    assert_eq!(ended.code, Some(30), "{}", ended.stderr);
    ended.says(&["say ***"]);
    assert!(!ended.stderr.contains("hidden") && !ended.stderr.contains("another"), "{}", ended.stderr);
    assert_eq!(fs::read_to_string(scene.path("logs/validator-1/taken.log")).unwrap(), "***\n");
    for place in [scene.path("logs"), scene.path("deploy.json"), host.root()] {
        assert_eq!(with_secret(&place), Vec::<String>::new());
    }
    // Without one nothing is begun.
    let mut command = scene.race(&[]);
    command.env("SURI", "//hidden words");
    crate::scene::ended(command, 3).says(&["step `set code`: there is no secret TOKEN"]);
}

/// The files at or below a path that have a secret in them. The keeper's pipe, which
/// may still be there, holds nothing and would be waited for.
fn with_secret(path: &Path) -> Vec<String> {
    if path.is_dir() {
        let entries = fs::read_dir(path).unwrap();
        return entries.flat_map(|entry| with_secret(&entry.unwrap().path())).collect();
    }
    if !path.is_file() {
        return Vec::new();
    }
    let text = fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let found = ["hidden words", "another 'one'", "PRIVATE KEY"].iter().any(|secret| text.contains(secret));
    found.then(|| path.display().to_string()).into_iter().collect()
}
