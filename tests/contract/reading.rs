//! Pages, files and changes, as the stand-in tells them.

use serde_json::json;

use crate::openapi::Description;
use crate::{Options, ask, get, repository, start, start_with, world};

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

#[test]
fn pages_are_linked_under_the_base_path_of_an_enterprise_server() {
    let (world, run) = world();
    let github = start_with(world, Options { base_path: "/api/v3", ..Options::default() });
    let mut next = Some(repository(&format!("/actions/runs/{run}/jobs?filter=all&per_page=4")));
    let mut names = Vec::new();
    while let Some(path) = next.take() {
        let answer = get(&github, &path);
        names.extend(answer.json()["jobs"].as_array().unwrap().iter().map(|job| job["name"].to_string()));
        next = answer.header("link").and_then(|link| {
            let part = link.split(", ").find(|part| part.ends_with("rel=\"next\""))?;
            let url = part.strip_prefix('<')?.split_once('>')?.0;
            Some(url.strip_prefix(github.api_url()).unwrap().to_owned())
        });
    }
    assert_eq!(names.len(), 10);
    Description::load().assert_holds(&github.exchanges());
}

#[test]
fn a_file_comes_as_json_or_raw() {
    let (world, _) = world();
    let github = start(world);
    let path = repository("/contents/policies/race.toml?ref=main");
    let headers = [("authorization", "Bearer person"), ("accept", "application/vnd.github.raw+json")];
    let raw = ask(&github, "GET", &path, &headers, "").unwrap();
    assert_eq!(raw.body, "check = \"testnet-deployer\"\n");
    let encoded = get(&github, &path).json()["content"].as_str().unwrap().to_owned();
    assert_eq!(encoded, "Y2hlY2sgPSAidGVzdG5ldC1kZXBsb3llciIK\n");
    Description::load().assert_holds(&github.exchanges());
}
