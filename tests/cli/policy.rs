//! `race policy check|show`.

use crate::scene::{Scene, start};

#[test]
fn every_problem_is_told_at_once_with_its_place_and_what_to_do() {
    let scene = Scene::new();
    scene.write(
        "policies/race.toml",
        "chek = \"a\"\n\n[polling]\ninterval = \"3 parsecs\"\nmax_interval = 5\n\n[poling]\nx = 1\n",
    );
    scene.write("policies/testnet.toml", "[rules]\n[monitor]\ntarget_sessions = 5\n");
    let mut command = scene.race(&["policy", "check", "--policies", "policies"]);
    command
        .env("RACE_RULES__REQUIRE_REVIEW", "maybe")
        .env("RACE_POLLING__INTERVALL", "3s")
        .env_remove("RACE_POLLING__INTERVAL")
        .env_remove("RACE_POLLING__MAX_INTERVAL");
    let ended = start(command).end();
    assert_eq!(ended.code, 2);
    insta::assert_snapshot!(ended.stdout);
}

#[test]
fn no_toml_is_told_with_its_line() {
    let scene = Scene::new();
    scene.write("policies/race.toml", "check = \"a\"\n[polling\n");
    let ended = start(scene.race(&["policy", "check", "--policies", "policies"])).end();
    assert_eq!(ended.code, 2);
    assert!(ended.stdout.contains("policies/race.toml:2: error: this is no TOML"), "{}", ended.stdout);
}

#[test]
fn warnings_are_findings_where_it_is_strict() {
    let scene = Scene::new();
    scene.write("policies/race.toml", "[rules]\nrequire_review = false\n");
    let check = |more: &[&str]| {
        let arguments: Vec<&str> =
            ["policy", "check", "--policies", "policies"].iter().chain(more).copied().collect();
        start(scene.race(&arguments)).end()
    };
    assert_eq!(check(&[]).code, 0);
    assert_eq!(check(&["--strict"]).code, 5);
    let found: serde_json::Value = serde_json::from_str(&check(&["--format", "json"]).stdout).unwrap();
    assert_eq!(found[0]["key"], "rules.require_review");
    assert_eq!(found[0]["place"], "policies/race.toml:2");
    assert_eq!(found[0]["severity"], "warning");
}

#[test]
fn show_prints_each_value_with_its_source() {
    let scene = Scene::new();
    scene.write("policies/race.toml", "check = \"gate\"\n[rules]\nrequire_review = true\n");
    let mut command = scene.race(&["policy", "show", "--policies", "policies"]);
    command.env_remove("RACE_POLLING__INTERVAL").env_remove("RACE_POLLING__MAX_INTERVAL");
    let ended = start(command).end();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    insta::assert_snapshot!(ended.stdout);
}

#[test]
fn flags_are_stronger_than_variables_and_variables_than_files() {
    let scene = Scene::new();
    scene.write("policies/race.toml", "[polling]\ndeadline = \"1h\"\n");
    let mut command = scene.step(&["wait", "--policies", "policies", "--deadline", "1s"]);
    command.env("RACE_POLLING__DEADLINE", "2h");
    let ended = start(command).end();
    assert!(ended.stderr.contains("for up to 1s"), "{}", ended.stderr);
}

#[test]
fn a_directory_that_is_not_there_is_said() {
    let scene = Scene::new();
    let ended = start(scene.race(&["policy", "check", "--policies", "nowhere"])).end();
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("nowhere"), "{}", ended.stderr);
}

#[test]
fn the_tables_of_a_deployment_are_as_strict_as_the_rest() {
    let scene = Scene::new();
    scene.write(
        "policies/testnet.toml",
        "[deploy]\nundo_afer = \"90s\"\n[[deploy.host]]\nname = \"a\"\naddress = \"b\"\nhost_key = []\n\
         [[deploy.step]]\nname = \"c\"\nrun = [\"true\"]\n[[deploy.step]]\nname = \"d\"\n\
         upload = { from = \"x\", to = \"/y\", modes = \"0755\" }\nenv = { ANY_NAME = \"x\" }\n",
    );
    let mut command = scene.race(&["policy", "check", "--policies", "policies"]);
    command.env("RACE_DEPLOY__UNDO_AFTER", "1s").env("RACE_DEPLOY__CANARY", "many");
    let ended = start(command).end();
    assert_eq!(ended.code, 2);
    for line in [
        "policies/testnet.toml:2: error: `deploy.undo_afer`: unknown key\n  help: did you mean `undo_after`?",
        "policies/testnet.toml:6: error: `deploy.host.0.host_key`: unknown key\n  help: did you mean `host_keys`?",
        "policies/testnet.toml:12: error: `deploy.step.1.upload.modes`: unknown key\n  help: did you mean `mode`?",
        "policies/testnet.toml:13: error: `deploy.step.1.env`: an upload runs no program\n  help: leave it out",
        "policies/testnet.toml:8: warning: `deploy.step.0.name`: nothing says how to undo the step `c`",
        "variable RACE_DEPLOY__UNDO_AFTER: error: `deploy.undo_after`: a hiccup of the network",
        "variable RACE_DEPLOY__CANARY: error: `deploy.canary`: invalid type: string \"many\"",
        "policies/testnet.toml:3: error: `deploy.host.0.host_keys`: no host key is pinned",
    ] {
        assert!(ended.stdout.contains(line), "{line}\n{}", ended.stdout);
    }
}

#[test]
fn keys_of_the_criteria_are_held_to_their_names_and_values() {
    let scene = Scene::new();
    scene.write(
        "policies/criteria.toml",
        "[criteria]\nharmles = []\n[[criteria.rule]]\nname = \"a\"\nadvice = \"required\"\npath = [\"a\"]\n\
         paths = [\"/b\"]\n[[criteria.rule]]\nname = \"b\"\nadvice = \"must\"\n",
    );
    let ended = start(scene.race(&["policy", "check", "--policies", "policies"])).end();
    assert_eq!(ended.code, 2);
    for line in [
        "policies/criteria.toml:2: error: `criteria.harmles`: unknown key\n  help: did you mean `harmless`?",
        "policies/criteria.toml:6: error: `criteria.rule.0.path`: unknown key\n  help: did you mean `paths`?",
        "policies/criteria.toml:7: error: `criteria.rule.0.paths.0`: paths begin at the root of the repository",
        "policies/criteria.toml:10: error: `criteria.rule.1.advice`: unknown variant `must`",
    ] {
        assert!(ended.stdout.contains(line), "{line}\n{}", ended.stdout);
    }
    assert!(ended.stdout.ends_with(": 4 problems\n"), "{}", ended.stdout);
    scene.write("policies/race.toml", "[criteria]\nunmatched = \"required\"\n");
    let ended = start(scene.race(&["policy", "check", "--policies", "policies"])).end();
    assert!(ended.stdout.contains("move it to criteria.toml"), "{}", ended.stdout);
}
