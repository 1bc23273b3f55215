//! What a change is made of, as the stand-in tells it.

use serde_json::json;

use crate::openapi::Description;
use crate::{ask, get, repository, start, world};

#[test]
fn a_change_is_told_as_github_tells_it() {
    let (world, _) = world();
    let github = start(world);
    let (number, head) = github.read(|world| {
        let pull = &world.pull_requests[0];
        (pull.number, pull.head_sha.clone())
    });
    let compared = get(&github, &repository(&format!("/compare/main...{head}"))).json();
    let told: Vec<String> = compared["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| format!("{} {}", file["status"].as_str().unwrap(), file["filename"].as_str().unwrap()))
        .collect();
    assert_eq!(told, ["added a b/ü#.rs", "added new", "renamed policies/old.toml"]);
    assert_eq!(compared["files"][2]["previous_filename"], "policies/race.toml");
    let first = get(&github, &repository(&format!("/pulls/{number}/files?per_page=2")));
    assert!(first.header("link").unwrap().contains("page=2"));
    let path = repository(&format!("/issues/{number}/comments"));
    let body = json!({"body": "first"}).to_string();
    let wrote = |method: &str, path: &str, body: &str| {
        ask(&github, method, path, &[("authorization", "Bearer person")], body).unwrap()
    };
    let comment = wrote("POST", &path, &body);
    assert_eq!(comment.status, 201, "{}", comment.body);
    let edited = repository(&format!("/issues/comments/{}", comment.json()["id"]));
    assert_eq!(wrote("PATCH", &edited, &json!({"body": "second"}).to_string()).json()["body"], "second");
    assert_eq!(get(&github, &path).json()[1]["body"], "second");
    let long = json!({"body": "x".repeat(65_537)}).to_string();
    assert_eq!(wrote("PATCH", &edited, &long).status, 422);
    Description::load().assert_holds(&github.exchanges());
}
