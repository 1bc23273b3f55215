//! The stand-in of GitHub is held to GitHub's own description: every endpoint, in
//! many states of the world. And the judge is held to catch what is wrong.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

#[path = "support/openapi.rs"]
mod openapi;

#[path = "contract/reading.rs"]
mod reading;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use jiff::Timestamp;
use openapi::Description;
use serde_json::{Value, json};
use testnet_deployer::rehearsal::github::{Exchange, Fault, GitHub, Options, Token, Trouble};
use testnet_deployer::rehearsal::world::{Conclusion, Review, ReviewState, Reviewer, Status, World};

const REPOSITORY: &str = "octo-org/chain";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// What a plain HTTP/1.1 request got.
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Asks without any client of ours in between; nothing where the connection was cut.
fn ask(github: &GitHub, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Option<Answer> {
    let base = github.api_url().strip_prefix(github.server_url()).unwrap();
    let mut stream = TcpStream::connect(github.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut request = format!("{method} {base}{path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    Some(Answer { status, headers, body: body.to_owned() })
}

fn get(github: &GitHub, path: &str) -> Answer {
    ask(github, "GET", path, &[("authorization", "Bearer person")], "").unwrap()
}

fn repository(path: &str) -> String {
    format!("/repos/{REPOSITORY}{path}")
}

fn start(world: World) -> GitHub {
    start_with(world, Options::default())
}

fn start_with(world: World, options: Options) -> GitHub {
    let github = GitHub::start(world, options).unwrap();
    github.admit(Token::of_person("person", "alice"));
    github.admit(Token::of_workflow("workflow", &["actions"]));
    github
}

/// A world with one run, whose jobs are in every state that there is.
fn world() -> (World, u64) {
    let mut world = World::new(REPOSITORY, at(0));
    world.protect("testnet", &["alice", "bob"], at(0)).prevent_self_review = true;
    let guarded = world.protect("null", &["alice"], at(0));
    guarded.wait_timer = 30;
    guarded.branch_policy = true;
    guarded.reviewers.push(Reviewer::Team("core".to_owned(), vec!["dora".to_owned()]));
    world.protect("an environment / with words", &[], at(0));
    let base = world.refs["heads/main"].clone();
    world.write_file(&base, "policies/race.toml", "check = \"testnet-deployer\"\n");
    let pull = world.open_pull_request("carol", "Change the core", at(1));
    let head = world.pull_request(pull).unwrap().head_sha.clone();
    for (path, text) in [
        ("a b/ü#.rs", "fn a() {}\n"),
        ("new", "x\n"),
        ("policies/old.toml", "check = \"testnet-deployer\"\n"),
    ] {
        world.write_file(&head, path, text);
    }
    world.pull_request_mut(pull).unwrap().labels = vec!["core".to_owned()];
    world.comment(pull, "dora", "Looks good", at(1));
    let run = world.start_pull_request_run(pull, at(2));
    world.ended_job(run, "lint", None, Conclusion::Success, at(2));
    world.ended_job(run, "lint again", None, Conclusion::Failure, at(2));
    world.ended_job(run, "docs", None, Conclusion::Skipped, at(2));
    world.ended_job(run, "slow", None, Conclusion::TimedOut, at(2));
    world.ended_job(run, "neutral", None, Conclusion::Neutral, at(2));
    world.submit_job(run, "testnet", Some("testnet"), at(3));
    world.submit_job(run, "null", Some("null"), at(3));
    world.submit_job(run, "queued", None, at(3));
    let running = world.submit_job(run, "running", None, at(3));
    world.begin(running, at(4));
    world.begin_step(running, "race wait", at(4));
    world.annotate(running, "notice", "testnet soak", "passed", at(4));
    world.upload_artifact(run, "node", &[("node".to_owned(), b"binary".to_vec())], at(4)).unwrap();
    let unfinished = world.submit_job(run, "held by concurrency", None, at(3));
    world.job_mut(unfinished).unwrap().status = Status::Pending;
    let head = world.run(run).unwrap().head_sha.clone();
    world.set_status(&head, "old", "pending", None, "github-actions[bot]", at(5));
    world.set_status(&head, "old", "success", Some("https://example.com/1"), "github-actions[bot]", at(6));
    world.add_review(
        run,
        Review {
            environments: vec!["null".to_owned()],
            state: ReviewState::Approved,
            user: "github-actions[bot]".to_owned(),
            comment: "30 minute wait timer".to_owned(),
        },
        at(7),
    );
    let fork = world.open_fork_pull_request("dora", "From a fork", at(8));
    world.start_pull_request_run(fork, at(8));
    world.dispatch_run("alice", "by hand", at(9));
    (world, run)
}

/// Asks everything that can be read of a run.
fn read_everything(github: &GitHub, run: u64) {
    let (head, number, attempts, jobs) = github.read(|world| {
        let run = world.run(run).unwrap();
        let jobs: Vec<u64> = world.jobs.iter().map(|job| job.id).collect();
        (run.head_sha.clone(), world.pull_requests[0].number, run.attempt, jobs)
    });
    let mut paths = vec![
        "".to_owned(),
        "/actions/runs".to_owned(),
        "/actions/workflows/testnet-deployer.yml".to_owned(),
        "/actions/workflows/161335/runs?per_page=1".to_owned(),
        format!("/actions/runs?head_sha={head}&event=pull_request&per_page=10&page=1"),
        format!("/actions/runs/{run}"),
        format!("/actions/runs/{run}?exclude_pull_requests=true"),
        format!("/actions/runs/{run}/jobs"),
        format!("/actions/runs/{run}/jobs?filter=all&per_page=100"),
        format!("/actions/runs/{run}/jobs?per_page=2&page=2"),
        format!("/actions/runs/{run}/pending_deployments"),
        format!("/actions/runs/{run}/approvals"),
        format!("/actions/runs/{run}/artifacts"),
        format!("/actions/runs/{run}/artifacts?name=node&per_page=100"),
        "/actions/artifacts?name=node&per_page=100".to_owned(),
        "/actions/workflows/testnet-deployer.yml/runs?created=%3E%3D2026-01-01&per_page=100".to_owned(),
        "/environments".to_owned(),
        "/environments/testnet".to_owned(),
        "/environments/null".to_owned(),
        "/environments/an%20environment%20%2F%20with%20words".to_owned(),
        format!("/commits/{head}/status"),
        format!("/commits/{head}/statuses?per_page=1"),
        "/commits/heads/main/status".to_owned(),
        format!("/commits/{head}/check-runs?filter=all"),
        format!("/commits/{head}/check-runs?check_name=testnet"),
        format!("/commits/{head}/pulls"),
        format!("/pulls/{number}"),
        format!("/pulls/{}", number + 1),
        "/contents/policies/race.toml?ref=main".to_owned(),
        format!("/pulls/{number}/files?per_page=2"),
        format!("/compare/main...{head}?per_page=1"),
        format!("/compare/main...{head}?per_page=1&page=2"),
        format!("/issues/{number}/comments?per_page=100"),
    ];
    for attempt in 1..=attempts {
        paths.push(format!("/actions/runs/{run}/attempts/{attempt}"));
        paths.push(format!("/actions/runs/{run}/attempts/{attempt}/jobs"));
    }
    for job in jobs {
        paths.extend([format!("/actions/jobs/{job}"), format!("/check-runs/{job}/annotations?per_page=100")]);
    }
    for path in paths {
        let answer = get(github, &repository(&path));
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    }
    let artifact = github.read(|world| world.artifacts[0].id);
    let answer = get(github, &repository(&format!("/actions/artifacts/{artifact}/zip")));
    assert_eq!((answer.status, &*answer.body), (302, ""));
    for path in ["/user", "/rate_limit"] {
        assert_eq!(get(github, path).status, 200, "{path}");
    }
}

fn review(github: &GitHub, token: &str, run: u64, environment: &str, state: &str) -> Answer {
    let id = github.read(|world| world.environment(environment).unwrap().id);
    let body = json!({"environment_ids": [id], "state": state, "comment": "as discussed"}).to_string();
    let path = repository(&format!("/actions/runs/{run}/pending_deployments"));
    let token = format!("Bearer {token}");
    ask(github, "POST", &path, &[("authorization", &token)], &body).unwrap()
}

fn set_status(github: &GitHub, token: &str, sha: &str, body: &Value) -> Answer {
    let token = format!("Bearer {token}");
    let path = repository(&format!("/statuses/{sha}"));
    ask(github, "POST", &path, &[("authorization", &token)], &body.to_string()).unwrap()
}

#[test]
fn every_answer_in_every_state_is_as_github_describes_it() {
    let (world, run) = world();
    let github = start(world);
    read_everything(&github, run);
    assert_eq!(review(&github, "person", run, "testnet", "rejected").status, 200);
    assert_eq!(review(&github, "person", run, "null", "approved").status, 200);
    read_everything(&github, run);
    let head = github.read(|world| world.run(run).unwrap().head_sha.clone());
    let status = json!({"state": "pending", "context": "testnet-deployer", "description": "waiting"});
    assert_eq!(set_status(&github, "person", &head, &status).status, 201);
    let newest = get(&github, &repository(&format!("/commits/{head}/statuses?per_page=1")));
    assert_eq!(newest.json()[0]["description"], "waiting");
    assert!(newest.header("link").unwrap().contains("rel=\"next\""));
    github.change(|world, _| world.cancel_run(run, at(20)));
    read_everything(&github, run);
    github.change(|world, _| {
        world.start_attempt(run, at(30));
        world.submit_job(run, "testnet", Some("testnet"), at(30));
    });
    read_everything(&github, run);
    let operations = Description::load().assert_holds(&github.exchanges());
    assert_eq!(operations.len(), 30, "every endpoint of the stand-in: {operations:#?}");
}

#[test]
fn every_refusal_is_as_github_describes_it() {
    let (world, run) = world();
    let github = start(world);
    let jobs = repository(&format!("/actions/runs/{run}/jobs"));
    for path in [
        repository("/actions/runs/1"),
        repository(&format!("/actions/runs/{run}/attempts/7")),
        repository("/environments/typo"),
        repository("/pulls/999"),
        repository("/actions/artifacts/1/zip"),
        repository("/contents/policies/none.toml"),
        "/repos/octo-org/another".to_owned(),
    ] {
        assert_eq!(get(&github, &path).status, 404, "{path}");
    }
    assert_eq!(ask(&github, "GET", &jobs, &[], "").unwrap().status, 401);
    assert_eq!(ask(&github, "GET", &jobs, &[("authorization", "token wrong")], "").unwrap().status, 401);
    let workflow = [("authorization", "token workflow")];
    let refused = ask(&github, "GET", &repository("/pulls/12"), &workflow, "").unwrap();
    assert_eq!(refused.status, 403);
    assert_eq!(refused.header("x-accepted-github-permissions"), Some("pull_requests=read"));
    assert_eq!(ask(&github, "GET", "/user", &workflow, "").unwrap().status, 403);
    assert_eq!(review(&github, "workflow", run, "testnet", "approved").status, 403);
    assert_eq!(review(&github, "person", run, "testnet", "approved").status, 200);
    let again = review(&github, "person", run, "testnet", "approved");
    assert_eq!(again.status, 422);
    assert_eq!(again.json()["message"], "No pending deployment requests to approve or reject");
    let head = github.read(|world| world.run(run).unwrap().head_sha.clone());
    let status = |state: &str, length: usize| json!({"state": state, "description": "x".repeat(length)});
    let refused = set_status(&github, "workflow", &head, &status("success", 1));
    assert_eq!(refused.status, 403);
    assert_eq!(refused.header("x-accepted-github-permissions"), Some("statuses=write"));
    assert_eq!(set_status(&github, "person", &head, &status("success", 141)).status, 422);
    assert_eq!(set_status(&github, "person", &"0".repeat(40), &status("success", 1)).status, 422);
    assert!(github.read(|world| world.statuses.iter().all(|status| status.context == "old")));
    github.trouble(Trouble::new(Fault::AnswerLost).method("POST"));
    let path = repository(&format!("/statuses/{head}"));
    let body = status("error", 140).to_string();
    assert!(ask(&github, "POST", &path, &[("authorization", "Bearer person")], &body).is_none());
    assert_eq!(github.read(|world| world.statuses.last().unwrap().state.clone()), "error");
    github.calm();
    for (fault, status) in [
        (Fault::BadGateway, 502),
        (Fault::SecondaryLimit(Duration::from_secs(7)), 429),
        (Fault::BadCredentials, 401),
        (Fault::MissingPermission, 403),
        (Fault::NotFound, 404),
        (Fault::Unprocessable, 422),
    ] {
        github.trouble(Trouble::new(fault).on("/jobs").times(1));
        assert_eq!(get(&github, &repository("")).status, 200);
        let answer = get(&github, &jobs);
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("retry-after"), (status == 429).then_some("7"));
        assert_eq!(get(&github, &jobs).status, 200);
    }
    github.trouble(Trouble::new(Fault::Dropped));
    assert!(ask(&github, "GET", &jobs, &[], "").is_none());
    github.calm();
    github.exhaust_rate_limit(github.now() + Duration::from_mins(9));
    let spent = get(&github, &jobs);
    assert_eq!((spent.status, spent.header("x-ratelimit-remaining")), (403, Some("0")));
    assert_eq!(get(&github, "/rate_limit").json()["rate"]["remaining"], 0);
    Description::load().assert_holds(&github.exchanges());
}

#[test]
fn an_answer_that_is_known_already_is_free() {
    let (world, run) = world();
    let github = start(world);
    let path = repository(&format!("/actions/runs/{run}/jobs"));
    let first = get(&github, &path);
    let tag = first.header("etag").unwrap().to_owned();
    let conditional = || {
        let headers = [("authorization", "Bearer person"), ("if-none-match", &tag)];
        ask(&github, "GET", &path, &headers, "").unwrap()
    };
    let known = conditional();
    assert_eq!((known.status, &*known.body), (304, ""));
    assert_eq!(known.header("etag"), Some(&*tag));
    assert_eq!(known.header("x-ratelimit-used"), first.header("x-ratelimit-used"));
    github.set_etags(false);
    assert_eq!(conditional().status, 200);
    github.set_etags(true);
    review(&github, "person", run, "testnet", "approved");
    assert_eq!(conditional().status, 200);
    let counted: Vec<bool> = github.exchanges().iter().map(|exchange| exchange.counted).collect();
    assert_eq!(counted, [true, false, true, true, true]);
}

/// A recorded exchange that is as described.
fn sound() -> (Description, Exchange) {
    let (world, run) = world();
    let github = start(world);
    get(&github, &repository(&format!("/actions/runs/{run}/jobs?filter=all")));
    let exchange = github.exchanges().remove(0);
    let description = Description::load();
    description.assert_holds(std::slice::from_ref(&exchange));
    (description, exchange)
}

#[test]
fn the_judge_catches_a_broken_answer() {
    let (description, sound) = sound();
    let body = sound.response_body.clone().unwrap();
    let jobs = body["jobs"][0].as_object().unwrap();
    let required = "id node_id run_id run_url head_sha workflow_name head_branch name url html_url status \
                    conclusion started_at completed_at check_run_url labels runner_id runner_name runner_group_id runner_group_name created_at";
    let required: Vec<&str> = required.split_whitespace().collect();
    let broken = |change: &dyn Fn(&mut Value)| {
        let mut exchange = sound.clone();
        change(exchange.response_body.as_mut().unwrap());
        !description.deviations(&[exchange]).is_empty()
    };
    for key in required {
        assert!(jobs.contains_key(key), "{key}");
        assert!(broken(&|body| drop(body["jobs"][0].as_object_mut().unwrap().remove(key))), "without {key}");
        assert!(broken(&|body| body["jobs"][0][key] = json!({"not": "this"})), "wrong type of {key}");
    }
    assert!(broken(&|body| body["jobs"][0]["status"] = json!("sleeping")));
    assert!(broken(&|body| body["jobs"][0]["id"] = Value::Null));
    assert!(broken(&|body| body["jobs"][0]["started_at"] = json!("yesterday")));
    assert!(broken(&|body| body["jobs"][0]["steps"][0]["number"] = json!("1")));
    assert!(broken(&|body| drop(body.as_object_mut().unwrap().remove("total_count"))));
    assert!(!broken(&|body| body["jobs"][0]["completed_at"] = Value::Null));
}

#[test]
fn the_judge_catches_a_broken_request() {
    let (description, sound) = sound();
    let broken = |change: &dyn Fn(&mut Exchange)| {
        let mut exchange = sound.clone();
        change(&mut exchange);
        !description.deviations(&[exchange]).is_empty()
    };
    assert!(broken(&|exchange| exchange.path = repository("/actions/races")));
    assert!(broken(&|exchange| exchange.path = exchange.path.replace("/jobs", "x/jobs")));
    assert!(broken(&|exchange| exchange.method = "DELETE".to_owned()));
    assert!(broken(&|exchange| exchange.query = vec![("fliter".to_owned(), "all".to_owned())]));
    assert!(broken(&|exchange| exchange.query = vec![("filter".to_owned(), "newest".to_owned())]));
    assert!(broken(&|exchange| exchange.query = vec![("per_page".to_owned(), "many".to_owned())]));
    assert!(broken(&|exchange| exchange.status = 202));
    assert!(broken(&|exchange| exchange.response_body = None));
    assert!(broken(&|exchange| exchange.request_body = Some(json!({}))));
}

#[test]
fn the_judge_catches_a_broken_review() {
    let (world, run) = world();
    let github = start(world);
    review(&github, "person", run, "testnet", "approved");
    let sound = github.exchanges().remove(0);
    let description = Description::load();
    description.assert_holds(std::slice::from_ref(&sound));
    for key in ["environment_ids", "state", "comment"] {
        let mut exchange = sound.clone();
        exchange.request_body.as_mut().unwrap().as_object_mut().unwrap().remove(key);
        assert_eq!(description.deviations(&[exchange]).len(), 1, "without {key}");
    }
    let mut exchange = sound;
    exchange.request_body.as_mut().unwrap()["state"] = json!("waved through");
    assert_eq!(description.deviations(&[exchange]).len(), 1);
}
