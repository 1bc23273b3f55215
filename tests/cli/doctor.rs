//! `race doctor`: a sound repository, the same broken in one way each, and what a
//! token may not see.

use serde_json::{Value, json};
use testnet_deployer::rehearsal::github::{Options, Token};
use testnet_deployer::rehearsal::world::World;

use crate::scene::{Ended, Scene, start};

pub(crate) const WORKFLOW: &str = r#"
on: { pull_request: , merge_group: }
permissions: {}
jobs:
  testnet:
    environment: testnet
    permissions: { actions: read, contents: read }
    steps:
      - run: exec race deploy --policies policies --artifact testnet
        env: { TESTNET_SSH_KEY: "${{ secrets.TESTNET_SSH_KEY }}", REGION: "${{ vars.REGION }}" }
  "null":
    environment: "null"
    permissions: {}
    steps: [{ run: "true" }]
  testnet-deployer:
    permissions: { actions: read, checks: read, pull-requests: read, statuses: read }
    steps: [{ run: "exec race wait --policies policies" }]
"#;

pub(crate) fn put(world: &mut World, path: &str, text: &str) {
    let main = world.refs["heads/main"].clone();
    world.write_file(&main, path, text);
}

/// What `race init` and a merge bring, and nothing that a person sets up.
pub(crate) fn merged(world: &mut World) {
    put(world, ".github/workflows/testnet-deployer.yml", WORKFLOW);
    put(world, "policies/race.toml", "");
    put(world, ".github/CODEOWNERS", "* @octo-org/core\n");
    world.add_team("core", &["alice", "bob"]);
}

fn rules(check: Value, code_owners: bool) -> Vec<Value> {
    vec![
        json!({"type": "required_status_checks", "parameters": {
            "required_status_checks": [check], "strict_required_status_checks_policy": false,
        }}),
        json!({"type": "pull_request", "parameters": {
            "dismiss_stale_reviews_on_push": true, "require_code_owner_review": code_owners,
            "require_last_push_approval": false, "required_approving_review_count": 0,
            "required_review_thread_resolution": false,
        }}),
    ]
}

/// A world in which nothing is wrong.
fn sound(world: &mut World) {
    merged(world);
    for environment in &mut world.environments {
        environment.prevent_self_review = true;
        environment.admins_bypass = false;
    }
    let testnet = world.environment_mut("testnet").unwrap();
    testnet.secrets.insert("TESTNET_SSH_KEY".to_owned(), "a key".to_owned());
    testnet.variables.insert("REGION".to_owned(), "north".to_owned());
    world.add_ruleset("house", rules(json!({"context": "testnet-deployer", "integration_id": 15368}), true));
}

/// `race doctor` with this token, and what it found: (code, subject).
fn doctor(scene: &Scene, token: &str, more: &[&str]) -> (Ended, Vec<(String, String)>) {
    let arguments: Vec<&str> = ["doctor", "--format", "json"].iter().chain(more).copied().collect();
    let mut command = scene.race(&arguments);
    command.env("GH_TOKEN", token).env("GITHUB_REPOSITORY", "octo-org/chain");
    let ended = start(command).end();
    let found: Value = serde_json::from_str(&ended.stdout).unwrap_or_default();
    let findings = found["findings"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let found = findings.iter().map(|finding| (text(&finding["code"]), text(&finding["subject"]))).collect();
    (ended, found)
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(code, subject)| ((*code).to_owned(), (*subject).to_owned())).collect()
}

#[test]
fn a_sound_repository_is_green() {
    let scene = Scene::with(Options::default(), sound);
    let (ended, found) = doctor(&scene, "ghp_person", &["--strict"]);
    assert_eq!((ended.code, found), (0, Vec::new()), "{}{}", ended.stdout, ended.stderr);
    let ended = scene.desk(&["doctor"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "octo-org/chain: nothing wrong\n"));
    assert!(scene.exchanges().iter().all(|exchange| exchange.method == "GET"));
}

#[test]
fn an_empty_repository_is_red_with_everything_that_is_missing() {
    let scene = Scene::with(Options::default(), |world| world.environments.clear());
    scene.github.change(|world, _| world.environments.clear());
    let (ended, found) = doctor(&scene, "ghp_person", &[]);
    assert_eq!(ended.code, 5, "{}", ended.stderr);
    let expected = [
        ("policies-missing", "policies/race.toml"),
        ("gate-missing", "null"),
        ("gate-missing", "testnet"),
        ("environment-missing", "null"),
        ("environment-missing", "testnet"),
        ("check-never-reports", "testnet-deployer"),
        ("check-not-required", "testnet-deployer"),
        ("codeowners-missing", "CODEOWNERS"),
        ("code-owner-review-optional", "code owners"),
    ];
    let mut found = found;
    found.sort();
    let mut expected = pairs(&expected);
    expected.sort();
    assert_eq!(found, expected);
    scene.exchanges();
}

#[test]
fn what_is_broken_alone_is_found_alone() {
    type Break = fn(&mut World);
    let breaks: [(&str, &str, i32, Break); 16] = [
        ("environment-missing", "null", 5, |world| {
            world.environments.retain(|environment| environment.name != "null");
        }),
        ("reviewers-missing", "null", 5, |world| world.environment_mut("null").unwrap().reviewers.clear()),
        ("self-review-allowed", "testnet", 0, |world| {
            world.environment_mut("testnet").unwrap().prevent_self_review = false;
        }),
        ("admins-bypass", "testnet", 0, |world| {
            world.environment_mut("testnet").unwrap().admins_bypass = true;
        }),
        ("ref-refused", "null", 5, |world| {
            let environment = world.environment_mut("null").unwrap();
            environment.branch_policy = true;
            environment.branch_patterns = vec!["main".to_owned()];
        }),
        ("ref-refused", "null", 5, |world| world.environment_mut("null").unwrap().protected_branches = true),
        ("secret-missing", "testnet", 5, |world| world.environment_mut("testnet").unwrap().secrets.clear()),
        ("variable-missing", "testnet", 0, |world| {
            world.environment_mut("testnet").unwrap().variables.clear();
        }),
        ("plan-unverified", "plan", 0, |world| world.repository.private = true),
        ("check-unpinned", "testnet-deployer", 5, |world| {
            world.rulesets[0].rules = rules(json!({"context": "testnet-deployer"}), true);
        }),
        ("check-not-required", "testnet-deployer", 5, |world| {
            world.rulesets[0].rules = rules(json!({"context": "lint"}), true);
        }),
        ("check-pinned-elsewhere", "testnet-deployer", 5, |world| {
            let check = json!({"context": "testnet-deployer", "integration_id": 1});
            world.rulesets[0].rules = rules(check, true);
        }),
        ("code-owner-review-optional", "code owners", 5, |world| {
            let check = json!({"context": "testnet-deployer", "integration_id": 15368});
            world.rulesets[0].rules = rules(check, false);
        }),
        ("codeowners-invalid", "CODEOWNERS", 5, |world| {
            put(world, ".github/CODEOWNERS", "* @octo-org/core\n/policies/ @octo-org/nobody\n");
        }),
        ("codeowners-missing", "CODEOWNERS", 5, |world| {
            put(world, ".github/CODEOWNERS", "/policies/ @octo-org/core\n");
        }),
        ("merge-group-missing", ".github/workflows/testnet-deployer.yml", 5, |world| {
            let workflow = WORKFLOW.replace(", merge_group: ", "");
            put(world, ".github/workflows/testnet-deployer.yml", &workflow);
            world.rulesets[0].rules.push(json!({"type": "merge_queue"}));
        }),
    ];
    for (code, subject, exit, broken) in breaks {
        let scene = Scene::with(Options::default(), |world| {
            sound(world);
            broken(world);
        });
        // A run that names a missing environment makes it.
        scene.github.change(|world, _| broken(world));
        let (ended, found) = doctor(&scene, "ghp_person", &[]);
        assert_eq!((ended.code, found), (exit, pairs(&[(code, subject)])), "{code}: {}", ended.stderr);
        scene.exchanges();
    }
}

#[test]
fn the_protection_of_a_branch_counts_as_well() {
    let scene = Scene::with(Options::default(), |world| {
        sound(world);
        world.rulesets.clear();
        let url = "https://example.com/x";
        world.protections.insert(
            "main".to_owned(),
            json!({
                "required_status_checks": {
                    "url": url, "strict": false, "contexts": ["testnet-deployer"], "contexts_url": url,
                    "checks": [{"context": "testnet-deployer", "app_id": 15368}],
                },
                "required_pull_request_reviews": {
                    "url": url, "dismiss_stale_reviews": true, "require_code_owner_reviews": true,
                },
            }),
        );
    });
    let (ended, found) = doctor(&scene, "ghp_person", &["--strict"]);
    assert_eq!((ended.code, found), (0, Vec::new()), "{}", ended.stderr);
    scene.exchanges();
}

#[test]
fn what_a_token_may_not_see_is_said_and_never_green() {
    let scene = Scene::with(Options::default(), |world| {
        sound(world);
        world.rulesets.clear();
    });
    scene.github.admit(Token::of_writer("ghp_writer", "dora"));
    scene.github.admit(Token::of_workflow("ghs_nothing", &[]));
    let writer = [
        ("not-checked", "code owners"),
        ("not-checked", "testnet"),
        ("not-checked", "testnet"),
        ("not-checked", "testnet-deployer"),
    ];
    let nothing = [
        ("not-checked", ".github/workflows"),
        ("not-checked", "CODEOWNERS"),
        ("not-checked", "code owners"),
        ("not-checked", "environments"),
        ("not-checked", "policies"),
        ("not-checked", "testnet-deployer"),
    ];
    for (token, expected) in
        [("ghp_writer", &writer[..]), ("ghs_workflow", &writer), ("ghs_nothing", &nothing)]
    {
        let (ended, mut found) = doctor(&scene, token, &[]);
        found.sort();
        assert_eq!((ended.code, found), (0, pairs(expected)), "{token}: {}", ended.stderr);
        assert!(ended.stdout.contains("needs a token with"), "{}", ended.stdout);
        assert_eq!(doctor(&scene, token, &["--strict"]).0.code, 5, "{token}");
    }
    assert_eq!(doctor(&scene, "ghp_unknown", &[]).0.code, 3);
    let mut elsewhere = scene.race(&["doctor", "--repo", "octo-org/other"]);
    elsewhere.env("GH_TOKEN", "ghp_person");
    assert_eq!(start(elsewhere).end().code, 4);
    scene.exchanges();
}

#[test]
fn names_that_others_chose_are_made_harmless() {
    let scene = Scene::with(Options::default(), |world| {
        sound(world);
        let workflow = "on: push\njobs: { \"a\": { name: \"##[error]x\\u001b[31m\\u202e\", steps: [{run: race wait}] } }";
        put(world, ".github/workflows/other.yml", workflow);
    });
    for format in ["human", "json"] {
        let ended = scene.desk(&["doctor", "--format", format]);
        assert_eq!(ended.code, 0, "{}", ended.stdout);
        for text in [&ended.stdout, &ended.stderr] {
            let bad = ["##[", "\u{1b}", "\u{202e}"].iter().any(|bad| text.contains(bad));
            assert!(!bad && !text.lines().any(|line| line.trim_start().starts_with("::")), "{text}");
        }
        assert!(ended.stdout.contains("permissions-unset"), "{}", ended.stdout);
    }
}

#[test]
fn a_policy_that_is_vouched_for_takes_the_place_of_the_bases() {
    let scene = Scene::with(Options::default(), sound);
    scene.write("mine/race.toml", "check = \"gate\"\n");
    let (ended, mut found) = doctor(&scene, "ghp_person", &["--policies", "mine"]);
    found.sort();
    let expected =
        [("check-never-reports", "testnet-deployer.yml: testnet-deployer"), ("check-not-required", "gate")];
    assert_eq!((ended.code, found), (5, pairs(&expected)), "{}", ended.stderr);
}

/// What `race init` writes has nothing that the doctor would find fault with.
#[test]
fn what_init_writes_pleases_the_doctor() {
    for (mode, sessions) in [("poll", "30"), ("relay", "500")] {
        let directory = tempfile::tempdir().unwrap();
        let mut init = std::process::Command::new(env!("CARGO_BIN_EXE_race"));
        init.args([
            "init",
            "--yes",
            "--mode",
            mode,
            "--session-length",
            "60s",
            "--target-sessions",
            sessions,
        ])
        .args(["--release", &"a".repeat(40), "--dir"])
        .arg(directory.path());
        assert!(init.output().unwrap().status.success());
        let scene = Scene::with(Options::default(), |world| {
            sound(world);
            for path in [".github/workflows/testnet-deployer.yml", "policies/race.toml"] {
                put(world, path, &std::fs::read_to_string(directory.path().join(path)).unwrap());
            }
            let now = world.repository.created_at;
            let soak = world.make_environment("testnet-soak", now);
            soak.secrets.insert("TESTNET_SSH_KEY".to_owned(), "a key".to_owned());
            soak.admins_bypass = false;
        });
        let (ended, found) = doctor(&scene, "ghp_person", &[]);
        assert_eq!((ended.code, found), (0, Vec::new()), "{mode}: {}", ended.stdout);
    }
}
