//! `race init` in repositories that are laid out as public Rust workspaces are.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use testnet_deployer::rehearsal::workflow::Workflow;

const WORKFLOW: &str = ".github/workflows/testnet-deployer.yml";
const OURS: [&str; 5] =
    [WORKFLOW, "policies/race.toml", "policies/testnet.toml", "policies/criteria.toml", ".ci/build"];
const SAMPLES: &str = ".github/workflows/testnet-deployer-samples.yml";
const RELEASE: &str = "1234567890123456789012345678901234567890";

struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

fn race(root: &Path, arguments: &str) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_race"))
        .args(arguments.split_whitespace())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .current_dir(root)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn init(root: &Path, more: &str) -> Ran {
    race(
        root,
        &format!("init --release {RELEASE} --target deploy@203.0.113.10 --node ws://127.0.0.1:9944 {more}"),
    )
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn read(root: &Path, path: &str) -> String {
    fs::read_to_string(root.join(path)).unwrap()
}

fn package(root: &Path, directory: &str, name: &str, more: &str, has_main: bool) {
    write(root, &format!("{directory}/Cargo.toml"), &format!("[package]\nname = \"{name}\"\n{more}"));
    write(root, &format!("{directory}/src/{}", if has_main { "main.rs" } else { "lib.rs" }), "");
}

/// As `paritytech/polkadot-sdk`, many workspaces in one: binaries of relay chain, parachain and node side by side,
/// owners and workflows of its own.
fn monorepo(root: &Path) {
    let members = "members = [\"relay\", \"para/bin\", \"base/bin/node/cli\", \"base/frame/*\"]\n";
    write(root, "Cargo.toml", &format!("[workspace]\nresolver = \"2\"\n{members}"));
    package(root, "relay", "relay", "[[bin]]\nname = \"relay\"\n[[bin]]\nname = \"relay-worker\"\n", true);
    package(root, "para/bin", "para-bin", "[[bin]]\nname = \"para\"\n", true);
    package(root, "base/bin/node/cli", "staging-cli", "[[bin]]\nname = \"base-node\"\n", true);
    package(root, "base/frame/balances", "balances", "", false);
    write(root, ".github/CODEOWNERS", "* @org/core\n/.github/ @org/ci\n/relay/ @org/relay\n");
    write(root, ".github/workflows/tests.yml", "on: push\njobs:\n  test:\n    name: test\n");
}

/// A node, pallets and tools, with a script in `.ci` and owners at the root.
fn node_and_pallets(root: &Path) {
    write(root, "Cargo.toml", "[workspace]\nmembers = [\"node\", \"pallets/*\", \"tools/*\"]\n");
    package(root, "node", "chain", "[[bin]]\nname = \"chain-node\"\npath = \"src/main.rs\"\n", true);
    package(root, "pallets/dkg", "pallet-dkg", "", false);
    package(root, "tools/spec", "spec", "", true);
    write(root, ".ci/build", "#!/bin/sh\nmake node\n");
    write(root, "CODEOWNERS", "/policies/ @alice\n");
    write(root, ".github/workflows/gate.yml", "on: push\njobs:\n  x:\n    name: testnet-deployer\n");
}

/// As `paritytech/polkadot-sdk-solochain-template`: node, pallet, runtime; what is built
/// is called as its package.
fn solochain_template(root: &Path) {
    let shared = "[workspace.package]\nedition = \"2021\"\n\n";
    let members = "members = [\n    \"node\",\n    \"pallets/template\",\n    \"runtime\",\n]\n";
    write(root, "Cargo.toml", &format!("{shared}[workspace]\n{members}resolver = \"2\"\n"));
    package(
        root,
        "node",
        "solochain-template-node",
        "edition.workspace = true\nbuild = \"build.rs\"\n",
        true,
    );
    package(root, "pallets/template", "pallet-template", "", false);
    package(root, "runtime", "solochain-template-runtime", "build = \"build.rs\"\n", false);
    write(root, ".github/workflows/ci.yml", "on: push\njobs:\n  build:\n    runs-on: ubuntu-22.04\n");
}

/// As `tangle-network/tangle`: two runtimes, members by patterns, of which one is only
/// the beginning of a name, and a node that is not called one.
fn tangle(root: &Path) {
    let members = [
        "primitives",
        "primitives/rpc/*",
        "client/rpc/*",
        "node",
        "runtime/testnet",
        "runtime/mainnet",
        "pallets/*",
        "frost",
        "frost/frost-*",
        "precompiles/batch",
    ];
    let members = members.map(|member| format!(" \"{member}\",\n")).concat();
    write(root, "Cargo.toml", &format!("[workspace]\nmembers = [\n{members} # \"relayer-gadget\",\n]\n"));
    package(root, "node", "tangle", "build = \"build.rs\"\n\n[[bin]]\nname = \"tangle\"\n", true);
    for (directory, name) in [
        ("primitives", "tangle-primitives"),
        ("client/rpc/debug", "rpc-debug"),
        ("runtime/testnet", "tangle-testnet-runtime"),
        ("runtime/mainnet", "tangle-runtime"),
        ("pallets/services", "pallet-services"),
        ("frost", "frost-core"),
        ("frost/frost-p256", "frost-p256"),
    ] {
        package(root, directory, name, "", false);
    }
    // No member, so nothing of it goes to the testnet.
    package(root, "frost/tools", "frost-tools", "", true);
}

/// One crate, and nothing else.
fn single_crate(root: &Path) {
    package(root, ".", "validator", "", true);
}

/// Holds what was written to be sound: the workflow is one that the rehearsal knows, and
/// of the policies only the hosts' keys are missing.
#[track_caller]
fn assert_sound(root: &Path) {
    Workflow::parse(&read(root, WORKFLOW)).unwrap();
    assert_eq!(
        read(root, WORKFLOW).matches(&format!("setup-race@{RELEASE} # v")).count(),
        read(root, WORKFLOW).matches("- name: Install race").count()
    );
    let checked = race(root, "policy check");
    assert_eq!(checked.code, 2, "{}", checked.stdout);
    assert!(
        checked.stdout.contains("deploy.host.0.host_keys") && checked.stdout.contains(": 1 problem"),
        "{}",
        checked.stdout
    );
    let pinned = read(root, "policies/testnet.toml").replace(
        "host_keys = []",
        "host_keys = [\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5q2Xw0m0Xn7lJX1c8aS5o6m0p8h3Zk9r1t2u4v6wYz\"]",
    );
    write(root, "pinned/testnet.toml", &pinned);
    for name in ["race.toml", "criteria.toml"] {
        write(root, &format!("pinned/{name}"), &read(root, &format!("policies/{name}")));
    }
    let checked = race(root, "policy check --strict --policies pinned");
    assert_eq!(checked.code, 0, "{}", checked.stdout);
    fs::remove_dir_all(root.join("pinned")).unwrap();
}

#[test]
fn a_monorepo_gets_its_node_and_keeps_its_owners() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    monorepo(root);
    let owners = read(root, ".github/CODEOWNERS");
    let ran = init(root, "--session-length 60s --reviewer alice --reviewer org/core --yes");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("* relay    fits: 3 legs; the review may take 30d"), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("  poll     does not fit: the job that waits ends after 5h40m"),
        "{}",
        ran.stdout
    );
    assert_sound(root);
    assert!(read(root, WORKFLOW).contains("  soak-3:\n") && !read(root, WORKFLOW).contains("soak-4"));
    assert!(read(root, ".ci/build").contains("--package staging-cli --bin base-node\n"));
    assert!(read(root, "policies/testnet.toml").contains("from = \"artifact/base-node\""));
    assert_eq!(read(root, ".github/CODEOWNERS"), owners);
    let proposed = "for .github/CODEOWNERS, which is left to you:\n/policies/ @alice @org/core\n/.ci/ ";
    assert!(ran.stdout.contains(proposed), "{}", ran.stdout);
    assert!(ran.stdout.contains("race doctor --fix --reviewer alice --reviewer team:core"), "{}", ran.stdout);
    let script = Command::new("sh").arg("-n").arg(root.join(".ci/build")).status().unwrap();
    assert!(script.success());
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(root.join(".ci/build")).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o755);
}

#[test]
fn a_node_with_pallets_keeps_its_build_and_hears_of_a_second_check() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    node_and_pallets(root);
    let ran = init(root, "--session-length 6s --target-sessions 100 --yes");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("* poll     fits: 4h29m remain for the review"), "{}", ran.stdout);
    assert_sound(root);
    assert_eq!(read(root, ".ci/build"), "#!/bin/sh\nmake node\n");
    assert!(
        ran.stdout.contains(".ci/build would change, and stays as it is:\n--- a/.ci/build\n"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("+cargo build --locked --release --package chain --bin chain-node\n"));
    assert!(
        ran.stdout.contains("warning: .github/workflows/gate.yml names a job testnet-deployer as well"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("for CODEOWNERS, which is left to you:\n/.github/ @OWNER\n/.ci/ @OWNER\n"),
        "{}",
        ran.stdout
    );
}

#[test]
fn the_program_of_a_public_workspace_is_found() {
    type Layout = fn(&Path);
    let layouts: [(Layout, &str, &str); 2] = [
        (solochain_template, "solochain-template-node", "solochain-template-node"),
        (tangle, "tangle", "tangle"),
    ];
    for (lay_out, package, binary) in layouts {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        lay_out(root);
        let ran = init(root, "--session-length 6s --reviewer alice --yes");
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_sound(root);
        let build = format!("--package {package} --bin {binary}\n");
        assert!(read(root, ".ci/build").contains(&build), "{}", read(root, ".ci/build"));
        assert!(read(root, "policies/testnet.toml").contains(&format!("artifact/{binary}\"")));
        assert!(!ran.stdout.contains("warning"), "{}", ran.stdout);
        let again = init(root, "--session-length 6s --reviewer alice --yes");
        assert_eq!(again.stdout.matches(": as it should be\n").count(), OURS.len(), "{}", again.stdout);
    }
}

#[test]
fn in_a_single_crate_edits_are_kept_when_it_is_run_again() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    single_crate(root);
    let flags = "--session-length 60s --reviewer alice";
    let dry = init(root, &format!("{flags} --dry-run"));
    assert_eq!(dry.code, 0, "{}", dry.stderr);
    assert!(dry.stdout.contains("policies/race.toml: new\n"), "{}", dry.stdout);
    assert!(!root.join(".github").exists() && !root.join("policies").exists());

    assert_eq!(init(root, &format!("{flags} --yes")).code, 0);
    assert_sound(root);
    assert!(read(root, ".ci/build").contains("--bin validator\n"));
    let before = OURS.map(|path| read(root, path));
    let again = init(root, &format!("{flags} --yes"));
    for path in OURS {
        assert!(again.stdout.contains(&format!("{path}: as it should be\n")), "{}", again.stdout);
    }
    assert_eq!(OURS.map(|path| read(root, path)), before);

    let edited = read(root, "policies/testnet.toml").replace("canary = 1 ", "canary = 2 ");
    write(root, "policies/testnet.toml", &edited);
    let other = init(root, "--session-length 60s --target-sessions 1000 --yes");
    assert_eq!(other.code, 0, "{}", other.stderr);
    assert_eq!(read(root, "policies/testnet.toml"), edited);
    assert!(other.stdout.contains("policies/testnet.toml: kept, it was edited\n"), "{}", other.stdout);
    assert!(
        other.stdout.contains("-canary = 2 ") && other.stdout.contains("+target_sessions = 1000"),
        "{}",
        other.stdout
    );
    assert!(
        other.stdout.contains(&format!("{WORKFLOW}: replaced, nobody has edited it\n")),
        "{}",
        other.stdout
    );
    assert!(read(root, WORKFLOW).contains("  soak-4:\n"), "1000 sessions take another leg");
    let json = init(root, "--session-length 60s --dry-run --format json");
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&json["mode"], &json["files"][2]["is"]), (&"relay".into(), &"kept".into()), "{json}");
}

/// A soak of weeks gets two workflows, and both are kept or replaced like any other file.
#[test]
fn a_soak_of_weeks_is_sampled() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    single_crate(root);
    let flags = "--session-length 1h --environment testnet-soak=looks --yes";
    let ran = init(root, flags);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let told = "* sampled  fits: a look once in 1h; the review may take 30d";
    assert!(ran.stdout.contains(told), "{}", ran.stdout);
    assert!(ran.stdout.contains(&format!("{SAMPLES}: new\n")), "{}", ran.stdout);
    assert!(ran.stdout.contains("for that of looks one that can only forward"), "{}", ran.stdout);
    assert_sound(root);
    Workflow::parse(&read(root, SAMPLES)).unwrap();
    assert!(read(root, SAMPLES).contains("    environment: \"looks\"\n"));
    assert!(read(root, SAMPLES).contains(&format!("setup-race@{RELEASE} # v")));
    let race = read(root, "policies/race.toml");
    assert!(race.contains("proof = \"soak\" ") && race.contains("job = \"testnet\" "), "{race}");
    assert!(read(root, "policies/testnet.toml").contains("lease = \"551h\""), "as long as the soak");
    assert!(!read(root, WORKFLOW).contains("soak-2"));
    let again = init(root, flags);
    assert!(again.stdout.contains(&format!("{SAMPLES}: as it should be\n")), "{}", again.stdout);
    let edited = read(root, SAMPLES).replace("17 * * * *", "17 */6 * * *");
    write(root, SAMPLES, &edited);
    let other = init(root, flags);
    assert!(other.stdout.contains(&format!("{SAMPLES}: kept, it was edited\n")), "{}", other.stdout);
    assert_eq!(read(root, SAMPLES), edited);
}

/// Who chooses stands in the files alone: another `init` keeps it, unless it is told
/// otherwise.
#[test]
fn the_selection_is_written_and_kept() {
    for (mode, more) in [("poll", "--target-sessions 30"), ("relay", "")] {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        single_crate(root);
        let flags = format!("--session-length 60s --mode {mode} {more} --yes");
        assert_eq!(init(root, &format!("{flags} --selection auto")).code, 0);
        assert_sound(root);
        let auto = OURS.map(|path| read(root, path));
        assert!(auto[1].contains("\nselection = \"auto\" "), "{}", auto[1]);
        assert!(auto[0].contains("  advise:\n") && !auto[0].contains("environment: \"null\""), "{}", auto[0]);
        let again = init(root, &flags);
        assert!(again.stdout.contains("the criteria choose"), "{}", again.stdout);
        assert_eq!(OURS.map(|path| read(root, path)), auto);

        assert_eq!(init(root, &format!("{flags} --selection guarded")).code, 0);
        assert_sound(root);
        assert!(read(root, "policies/race.toml").contains("\nselection = \"guarded\" "));
        assert!(read(root, WORKFLOW).contains("environment: \"null\"\n"));
        let json = init(root, "--session-length 60s --dry-run --format json");
        let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!(json["selection"], "guarded", "{json}");
    }
}

#[test]
fn what_cannot_work_is_refused_with_the_numbers() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    for (flags, told) in [
        (
            "--mode poll --session-length 60s --yes",
            "the job that waits ends after 5h40m, and 10h10m are to be waited for",
        ),
        ("--mode poll --session-length 60s --yes", "--mode relay fits"),
        ("--mode relay --session-length 1h --yes", "it would take 111 legs of 5h"),
        ("--mode relay --session-length 1h --yes", "--mode sampled fits"),
        ("--mode sampled --session-length 10s --yes", "would be over after a few looks"),
        (
            "--mode sampled --session-length 6h --yes",
            "GitHub keeps what was seen for 90d, and this takes 137d",
        ),
        (
            "--session-length 6h --runner self-hosted --yes",
            "GitHub ends a run after 35d, and this takes 137d",
        ),
        ("--yes", "pass --session-length"),
        ("--session-length 60s", "pass --yes to write"),
        ("--session-length 60s --environment null=testnet --yes", "two environments bear one name"),
        ("--session-length 60s --environment null=a\"b --yes", "names no environment"),
        ("--session-length 60s --reviewer ${{x}} --yes", "is no reviewer"),
        ("--session-length 60s --binary nothing --yes", "has no program `nothing`"),
    ] {
        let ran = init(root, flags);
        assert_eq!(ran.code, 2, "{flags}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(told), "{flags}: {}", ran.stderr);
    }
    let ran = race(root, "init --release abc --session-length 60s --yes");
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert_eq!(fs::read_dir(root).unwrap().count(), 0);
}

/// At a terminal what is missing is asked for, and nothing is written without a yes.
#[test]
fn at_a_terminal_it_asks() {
    for (last, written) in [("yes", true), ("no", false), ("", false)] {
        let directory = tempfile::tempdir().unwrap();
        single_crate(directory.path());
        let command = format!("{} init --release {RELEASE}", env!("CARGO_BIN_EXE_race"));
        // `script` gives it a terminal of its own.
        let mut child = Command::new("script")
            .args(["-qec", &command, "/dev/null"])
            .current_dir(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers =
            format!("soon\n60s\nroot@203.0.113.10 not-a-host\nroot@203.0.113.10\n\nalice bob\n{last}\n");
        child.stdin.take().unwrap().write_all(answers.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{told}");
        for said in [
            "how long a session of your chain takes",
            "`soon` is not a duration",
            "`not-a-host` is no target",
            "where a node answers [ws://127.0.0.1:9944]: ",
            "* relay    fits: 3 legs",
            "/policies/ @alice @bob",
            "write that? yes or no [no]: ",
        ] {
            assert!(told.contains(said), "{said}: {told}");
        }
        assert_eq!(directory.path().join("policies/race.toml").exists(), written, "{told}");
        assert_eq!(told.contains("next:"), written, "{told}");
    }
}
