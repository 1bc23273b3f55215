//! `race advise` on a pull request: what it says, what it asks for it, and the one
//! comment that it writes.

use serde_json::Value;
use testnet_deployer::rehearsal::github::{Fault, Options, Token, Trouble};

use crate::scene::{Ended, Scene, start};

const CRITERIA: &str = r#"
[criteria]
harmless = ["docs/**", "**/*.md"]

[[criteria.rule]]
name = "runtime"
advice = "required"
reason = "the runtime is the chain's own logic"
paths = ["runtime/**"]

[[criteria.rule]]
name = "consensus crates"
advice = "required"
crates = ["sp-*"]

[[criteria.rule]]
name = "chain spec"
advice = "required"
contents = ["res/*.json"]

[[criteria.rule]]
name = "asked for"
advice = "required"
labels = ["testnet"]
"#;

/// A scene whose base has criteria and these files, and whose head has those.
fn scene(before: &[(&str, &str)], after: &[(&str, &str)]) -> Scene {
    let scene = Scene::with(Options::default(), |_| {});
    scene.github.admit(Token::of_workflow("ghs_advise", &["contents", "pull_requests: write"]));
    scene.github.change(|world, _| {
        for sha in [&scene.base_sha, &scene.head_sha] {
            world.write_file(sha, "policies/criteria.toml", CRITERIA);
        }
        before.iter().for_each(|(path, text)| world.write_file(&scene.base_sha, path, text));
        after.iter().for_each(|(path, text)| world.write_file(&scene.head_sha, path, text));
    });
    scene
}

fn run(scene: &Scene, more: &[&str]) -> Ended {
    let arguments: Vec<&str> = ["advise"].iter().chain(more).copied().collect();
    let mut command = scene.step(&arguments);
    command.env("GITHUB_TOKEN", "ghs_advise");
    let ended = start(command).end();
    scene.exchanges();
    ended
}

fn json(scene: &Scene) -> Value {
    let ended = run(scene, &["--format", "json"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    serde_json::from_str(&ended.stdout).unwrap()
}

#[test]
fn a_change_to_docs_needs_no_testnet() {
    let scene = scene(&[("docs/a.md", "a\n")], &[("docs/a.md", "b\n"), ("README.md", "new\n")]);
    let ended = run(&scene, &[]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(
        ended.stdout.starts_with("not-needed: no rule of the criteria fires on 2 changed files"),
        "{}",
        ended.stdout
    );
    assert_eq!(scene.output("advice").unwrap(), "not-needed");
    assert_eq!(scene.output("testnet_needed").unwrap(), "false");
    assert!(scene.read("summary.md").starts_with("### Testnet: not-needed"));
}

#[test]
fn a_change_to_the_runtime_needs_one_and_says_why() {
    let scene = scene(
        &[("runtime/src/lib.rs", "a\n"), ("Cargo.lock", &lock("1.0.0"))],
        &[("docs/lib.rs", "a\n"), ("Cargo.lock", &lock("1.1.0"))],
    );
    let told = json(&scene);
    assert_eq!(told["schema"], "race.advice/1");
    assert_eq!(told["advice"], "required");
    assert_eq!(told["pull_request"], scene.pull_request);
    assert_eq!(told["changes_policy"], false);
    // The former name of what was moved out of the runtime counts.
    assert_eq!(told["rules"][0]["rule"], "runtime");
    assert_eq!(told["rules"][0]["files"][0]["previous"], "runtime/src/lib.rs");
    let found = &told["rules"][1]["crates"][0];
    assert_eq!(
        (&found["name"], &found["before"], &found["after"]),
        (&"sp-core".into(), &"1.0.0".into(), &"1.1.0".into())
    );
    assert_eq!(scene.output("testnet_needed").unwrap(), "true");
    // Three files of the policy, the comparison, labels, and the lock file twice.
    assert_eq!(scene.exchanges().len(), 3 + 1 + 1 + 2);
}

fn lock(version: &str) -> String {
    format!("version = 4\n\n[[package]]\nname = \"sp-core\"\nversion = \"{version}\"\n")
}

#[test]
fn the_criteria_are_those_of_the_base() {
    let scene = scene(
        &[],
        &[("policies/criteria.toml", "[criteria]\nunmatched = \"not-needed\"\n"), ("runtime/a", "")],
    );
    let told = json(&scene);
    assert_eq!((&told["advice"], &told["changes_policy"]), (&"required".into(), &true.into()));
    let rules: Vec<&str> =
        told["rules"].as_array().unwrap().iter().map(|rule| rule["rule"].as_str().unwrap()).collect();
    assert_eq!(rules, ["policy-or-workflow", "runtime"]);
    assert!(scene.read("summary.md").contains("the base's policy is in force"));
}

#[test]
fn without_criteria_nobody_knows() {
    let scene = Scene::new();
    scene.github.admit(Token::of_workflow("ghs_advise", &["contents", "pull_requests"]));
    let told = json(&scene);
    assert_eq!((&told["advice"], &told["testnet_needed"]), (&"unknown".into(), &true.into()));
}

#[test]
fn labels_count_and_are_read_by_the_api() {
    let scene = scene(&[], &[("docs/a", "")]);
    scene.github.change(|world, _| {
        world.pull_request_mut(scene.pull_request).unwrap().labels = vec!["Testnet".to_owned()];
    });
    assert_eq!(json(&scene)["rules"][0]["labels"][0], "testnet");
}

#[test]
fn a_file_that_only_moved_has_the_same_content() {
    let scene = scene(
        &[("res/a.json", "{}"), ("res/b.json", "{}\n")],
        &[("res/new/a.json", "{}"), ("res/b.json", "{} \n")],
    );
    let told = json(&scene);
    assert_eq!(told["rules"][0]["files"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(told["rules"][0]["files"][0]["path"], "res/b.json");
}

#[test]
fn more_files_than_are_listed_need_a_testnet() {
    let many = |count: usize| -> Vec<(String, String)> {
        (0..count).map(|number| (format!("docs/{number}.md"), "x\n".to_owned())).collect()
    };
    for (count, advice) in [(299, "not-needed"), (301, "not-needed"), (3000, "required")] {
        let files = many(count);
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (&**path, &**text)).collect();
        let told = json(&scene(&[], &files));
        assert_eq!(
            (&told["advice"], &told["changed_files"]),
            (&advice.into(), &count.into()),
            "{}",
            told["reason"]
        );
    }
}

#[test]
fn a_head_that_moved_meanwhile_is_not_taken_for_the_one_that_was_looked_at() {
    let files: Vec<(String, String)> =
        (0..301).map(|number| (format!("docs/{number}"), String::new())).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (&**path, &**text)).collect();
    let scene = scene(&[], &files);
    scene.github.change(|world, now| {
        let head = world.commit("Pushed", now);
        world.write_file(&head, "policies/criteria.toml", CRITERIA);
        for (path, text) in &files {
            world.write_file(&head, path, text);
        }
        world.pull_request_mut(scene.pull_request).unwrap().head_sha = head;
    });
    let told = json(&scene);
    let moved = "the pull request has moved on to another commit";
    let told = told["rules"].as_array().unwrap().iter().any(|rule| rule["unknown"][0] == moved);
    assert!(told);
}

#[test]
fn one_comment_is_written_and_then_kept_up_to_date() {
    let scene = scene(&[], &[("runtime/<b>@all`.rs", "x\n")]);
    // Somebody else's comment with our mark is left alone.
    let mark = "<!-- testnet-deployer: advice -->\nnothing needed";
    scene.github.change(|world, now| world.comment(scene.pull_request, "mallory", mark, now));
    let bodies =
        || scene.github.read(|world| world.comments.iter().map(|one| one.body.clone()).collect::<Vec<_>>());
    assert_eq!(run(&scene, &["--comment"]).code, 0);
    assert_eq!(bodies().len(), 2);
    assert_eq!(bodies()[0], mark);
    assert!(
        bodies()[1].starts_with("<!-- testnet-deployer: advice -->\n### Testnet: required"),
        "{}",
        bodies()[1]
    );
    assert!(!bodies()[1].contains("<b>") && !bodies()[1].contains("@all"), "{}", bodies()[1]);
    // The same again writes nothing; something else is put in its place.
    scene.github.forget_exchanges();
    assert_eq!(run(&scene, &["--comment"]).code, 0);
    assert!(scene.exchanges().iter().all(|exchange| exchange.method == "GET"));
    scene.github.change(|world, _| world.write_file(&scene.head_sha, "docs/more.md", "x"));
    assert_eq!(run(&scene, &["--comment"]).code, 0);
    assert_eq!(bodies().len(), 2);
    assert!(bodies()[1].contains("2 files"), "{}", bodies()[1]);
}

#[test]
fn a_comment_whose_answer_got_lost_is_not_written_twice() {
    let scene = scene(&[], &[("runtime/a", "x\n")]);
    scene.github.trouble(Trouble::new(Fault::AnswerLost).method("POST").times(1));
    let ended = run(&scene, &["--comment"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(scene.github.read(|world| world.comments.len()), 1);
}

#[test]
fn at_a_desk_a_pull_request_is_named() {
    let scene = scene(&[], &[("runtime/a", "x\n")]);
    let number = scene.pull_request.to_string();
    let ended = scene.desk(&["advise", "--pr", &number]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.contains("runtime/a"), "{}", ended.stdout);
    let ended = scene.desk(&["advise"]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("--base REF"), "{}", ended.stderr);
    assert_eq!(scene.desk(&["advise", "--pr", "999"]).code, 4);
    scene.github.trouble(Trouble::new(Fault::MissingPermission).on("/compare/"));
    let ended = scene.desk(&["advise", "--pr", &number]);
    assert_eq!(ended.code, 3);
    assert!(ended.stderr.contains("contents: read"), "{}", ended.stderr);
}
