//! From a request to what GitHub would answer, once the caller is let in.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Shared;
use super::gate::{Allowance, Token};
use super::message::{Body, Reply, Request};
use super::render::Render;
use super::setup;
use super::storage::signed_path;
use crate::rehearsal::world::{Job, NewStatus, ReviewState, Run, Status, World};

/// Everything besides the world that an answer depends on.
pub(super) struct Context<'a> {
    pub(super) shared: &'a Shared,
    pub(super) token: &'a Token,
    pub(super) allowance: Allowance,
    pub(super) now: Timestamp,
}

/// A reply, or the refusal that takes its place.
pub(super) type Answer = Result<Reply, Reply>;

/// Answers a request.
pub(super) fn route(world: &mut World, context: &Context<'_>, request: &Request) -> Answer {
    let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    let (owner, name) = (world.repository.owner.clone(), world.repository.name.clone());
    match (request.method.as_str(), segments.as_slice()) {
        ("GET", ["rate_limit"]) => Ok(Reply::json(rate_limit(context.allowance))),
        ("GET", ["user"]) => user(world, context),
        ("GET", rest @ ["users" | "orgs" | "apps", ..]) => {
            setup::beside(&Render::new(world, context.shared), rest)
        }
        (method, ["repos", asked_owner, asked_name, rest @ ..])
            if asked_owner.eq_ignore_ascii_case(&owner) && asked_name.eq_ignore_ascii_case(&name) =>
        {
            match (method, rest) {
                ("POST", ["actions", "runs", run, "pending_deployments"]) => {
                    review(world, context, request, run)
                }
                ("POST", ["actions", "runs", run, "cancel"]) => cancel(world, context, run),
                ("POST", ["statuses", sha]) => set_status(world, context, request, sha),
                ("PUT", ["environments", name]) => setup::protect(world, context, request, name),
                (_, rest) if setup::is_about(rest) => setup::answer(world, context, request, rest),
                ("POST", ["issues", number, "comments"]) => comment(world, context, request, number),
                ("PATCH", ["issues", "comments", id]) => edit_comment(world, context, request, id),
                ("GET", rest) => read(&Render::new(world, context.shared), context, request, rest),
                _ => Err(Reply::not_found()),
            }
        }
        _ => Err(Reply::not_found()),
    }
}

/// What can be read of the repository.
fn read(render: &Render<'_>, context: &Context<'_>, request: &Request, rest: &[&str]) -> Answer {
    let world = render.world;
    match rest {
        [] => Ok(Reply::json(render.full_repository(context.token.rights()))),
        ["actions", "runs"] => Ok(runs(render, request, None)),
        ["actions", "workflows", workflow, "runs"] => Ok(runs(render, request, Some(workflow))),
        ["actions", "workflows", workflow] => {
            render.workflow(workflow).map(Reply::json).ok_or_else(Reply::not_found)
        }
        ["actions", "runs", run] => {
            let run = find_run(world, run)?;
            Ok(Reply::json(render.run(run, run.attempt)))
        }
        ["actions", "runs", run, "attempts", attempt] => {
            let run = find_run(world, run)?;
            Ok(Reply::json(render.run(run, find_attempt(run, attempt)?)))
        }
        ["actions", "runs", run, "jobs"] => {
            let run = find_run(world, run)?;
            let all = request.parameter("filter") == Some("all");
            let jobs = if all { world.all_jobs(run.id) } else { world.jobs_of_attempt(run.id, run.attempt) };
            Ok(job_list(render, request, &jobs))
        }
        ["actions", "runs", run, "attempts", attempt, "jobs"] => {
            let run = find_run(world, run)?;
            let attempt = find_attempt(run, attempt)?;
            Ok(job_list(render, request, &world.jobs_of_attempt(run.id, attempt)))
        }
        ["actions", "runs", run, "pending_deployments"] => {
            let run = find_run(world, run)?;
            Ok(Reply::json(render.pending_deployments(run, &context.token.login)))
        }
        ["actions", "runs", run, "approvals"] => Ok(Reply::json(render.approvals(find_run(world, run)?))),
        ["actions", "runs", run, "artifacts"] => {
            let run = find_run(world, run)?.id;
            Ok(artifacts(render, request, Some(run)))
        }
        ["actions", "artifacts"] => Ok(artifacts(render, request, None)),
        ["actions", "artifacts", artifact, "zip"] => {
            let found = world.artifacts.iter().find(|found| found.id.to_string() == *artifact);
            let path = signed_path(found.ok_or_else(Reply::not_found)?.id);
            let location = format!("{}{path}", context.shared.storage_url);
            Ok(Reply { status: 302, headers: Vec::new(), body: Body::Empty }.with("location", location))
        }
        ["actions", "jobs", job] => Ok(Reply::json(render.job(find_job(world, job)?))),
        ["check-runs", job, "annotations"] => {
            Ok(bare_page(render, request, render.annotations(find_job(world, job)?)))
        }
        ["environments"] => {
            let environments: Vec<Value> =
                world.environments.iter().map(|environment| render.environment(environment)).collect();
            Ok(page(render, request, "environments", environments))
        }
        ["environments", name] => {
            let environment = world.environment(name).ok_or_else(Reply::not_found)?;
            Ok(Reply::json(render.environment(environment)))
        }
        ["commits", reference @ .., "status"] => {
            let sha = find_commit(world, reference)?;
            Ok(Reply::json(render.combined_status(&sha)))
        }
        ["commits", reference @ .., "statuses"] => {
            let sha = find_commit(world, reference)?;
            Ok(statuses(render, request, &sha))
        }
        ["commits", reference @ .., "check-runs"] => {
            let sha = find_commit(world, reference)?;
            Ok(check_runs(render, request, &sha))
        }
        ["commits", sha, "pulls"] => {
            let pulls = world.pull_requests_of(sha);
            Ok(Reply::json(pulls.iter().map(|pull| render.pull_request(pull, false)).collect()))
        }
        ["commits", reference @ ..] => Ok(Reply::json(render.commit(&find_commit(world, reference)?))),
        ["pulls", number] => {
            let pull = number.parse().ok().and_then(|number| world.pull_request(number));
            Ok(Reply::json(render.pull_request(pull.ok_or_else(Reply::not_found)?, true)))
        }
        ["pulls", number, "files"] => {
            let pull = number.parse().ok().and_then(|number| world.pull_request(number));
            let files = render.files_of(pull.ok_or_else(Reply::not_found)?);
            Ok(bare_page(render, request, files))
        }
        ["compare", names] => {
            let (base, head) = names.split_once("...").ok_or_else(Reply::not_found)?;
            let find = |name| world.resolve(name).ok_or_else(Reply::not_found);
            let first_page = request.parameter("page").is_none_or(|page| page == "1");
            Ok(Reply::json(render.comparison(&find(base)?, &find(head)?, first_page)))
        }
        ["issues", number, "comments"] => {
            let found = world.comments.iter().filter(|comment| comment.number.to_string() == *number);
            let found = found.map(|comment| render.comment(comment)).collect();
            Ok(bare_page(render, request, found))
        }
        ["contents", path @ ..] => contents(render, request, &path.join("/")),
        _ => Err(Reply::not_found()),
    }
}

fn find_run<'a>(world: &'a World, id: &str) -> Result<&'a Run, Reply> {
    id.parse().ok().and_then(|id| world.run(id)).ok_or_else(Reply::not_found)
}

fn find_attempt(run: &Run, attempt: &str) -> Result<u32, Reply> {
    let attempt = attempt.parse().ok().filter(|attempt| (1..=run.attempt).contains(attempt));
    attempt.ok_or_else(Reply::not_found)
}

fn find_job<'a>(world: &'a World, id: &str) -> Result<&'a Job, Reply> {
    id.parse().ok().and_then(|id| world.job(id)).ok_or_else(Reply::not_found)
}

fn find_commit(world: &World, reference: &[&str]) -> Result<String, Reply> {
    let name = reference.join("/");
    world.resolve(&name).ok_or_else(|| Reply::error(422, &format!("No commit found for SHA: {name}")))
}

fn runs(render: &Render<'_>, request: &Request, workflow: Option<&str>) -> Reply {
    let world = render.world;
    let wanted =
        |name: &str, value: Option<&str>| request.parameter(name).is_none_or(|wanted| value == Some(wanted));
    let since = request.parameter("created").and_then(|created| created.strip_prefix(">="));
    let mut found: Vec<&Run> = world
        .runs
        .iter()
        .filter(|run| {
            let (status, conclusion) = world.run_state(run, run.attempt);
            let conclusion = conclusion.as_ref().map(|conclusion| conclusion.as_str());
            let file = run.workflow_path.rsplit('/').next();
            // By its file's name, or by its number, which every workflow here shares.
            workflow.is_none_or(|asked| !asked.ends_with(".yml") || file == Some(asked))
                && since.is_none_or(|day| run.created_at.strftime("%Y-%m-%d").to_string().as_str() >= day)
                && wanted("head_sha", Some(&run.head_sha))
                && wanted("event", Some(&run.event))
                && wanted("branch", run.head_ref.as_deref())
                && wanted("actor", Some(&run.actor))
                && (wanted("status", Some(status.as_str())) || wanted("status", conclusion))
        })
        .collect();
    found.reverse();
    let found = found.into_iter().map(|run| render.run(run, run.attempt)).collect();
    page(render, request, "workflow_runs", found)
}

fn artifacts(render: &Render<'_>, request: &Request, run: Option<u64>) -> Reply {
    let wanted = request.parameter("name");
    let found = render.world.artifacts.iter().rev();
    let found = found.filter(|artifact| run.is_none_or(|run| artifact.run == run));
    let found = found.filter(|artifact| wanted.is_none_or(|name| artifact.name == name));
    page(render, request, "artifacts", found.map(|artifact| render.artifact(artifact)).collect())
}

fn job_list(render: &Render<'_>, request: &Request, jobs: &[&Job]) -> Reply {
    page(render, request, "jobs", jobs.iter().map(|job| render.job(job)).collect())
}

fn check_runs(render: &Render<'_>, request: &Request, sha: &str) -> Reply {
    let world = render.world;
    let latest_only = request.parameter("filter") != Some("all");
    let found = world
        .runs
        .iter()
        .filter(|run| run.head_sha == sha)
        .flat_map(|run| {
            if latest_only { world.jobs_of_attempt(run.id, run.attempt) } else { world.all_jobs(run.id) }
        })
        .filter(|job| request.parameter("check_name").is_none_or(|name| job.name == name))
        .filter(|job| request.parameter("status").is_none_or(|status| job.status.as_str() == status))
        .map(|job| render.check_run(job))
        .collect();
    page(render, request, "check_runs", found)
}

/// Every status of a commit, newest first: a bare list.
fn statuses(render: &Render<'_>, request: &Request, sha: &str) -> Reply {
    let found = render.world.statuses.iter().rev().filter(|status| status.sha == sha);
    bare_page(render, request, found.map(|status| render.full_status(status)).collect())
}

fn contents(render: &Render<'_>, request: &Request, path: &str) -> Answer {
    let world = render.world;
    let reference = request.parameter("ref").unwrap_or(&world.repository.default_branch);
    let sha = world
        .resolve(reference)
        .ok_or_else(|| Reply::error(404, &format!("No commit found for the ref {reference}")))?;
    let files = world.commits.get(&sha).map(|commit| &commit.files);
    let content = files.and_then(|files| files.get(path));
    if let (None, Some(files)) = (content, files) {
        let below = format!("{path}/");
        let inside: Vec<_> = files.iter().filter(|(name, _)| name.starts_with(&below)).collect();
        if !inside.is_empty() {
            return Ok(Reply::json(render.directory(&below, &inside, reference)));
        }
    }
    let content = content.ok_or_else(Reply::not_found)?;
    if request.wants_raw() {
        return Ok(Reply { status: 200, headers: Vec::new(), body: Body::Raw(content.clone().into_bytes()) });
    }
    Ok(Reply::json(render.file(path, content, reference)))
}

fn user(world: &mut World, context: &Context<'_>) -> Answer {
    if context.token.is_of_app() {
        return Err(Reply::error(403, "Resource not accessible by integration"));
    }
    let user = world.user(&context.token.login);
    Ok(Reply::json(Render::new(world, context.shared).own_user(&user)))
}

/// What a review's body says.
#[derive(serde::Deserialize)]
struct ReviewRequest {
    environment_ids: Vec<u64>,
    state: String,
    comment: String,
}

fn review(world: &mut World, context: &Context<'_>, request: &Request, run: &str) -> Answer {
    let run = find_run(world, run)?.id;
    let invalid = || Reply::error(422, "Invalid request.");
    let asked: ReviewRequest = serde_json::from_slice(&request.body).map_err(|_| invalid())?;
    let state = match asked.state.as_str() {
        "approved" => ReviewState::Approved,
        "rejected" => ReviewState::Rejected,
        _ => return Err(invalid()),
    };
    // GitHub takes people only as reviewers, so an app's token cannot decide.
    if context.token.is_of_app() {
        return Err(Reply::error(403, "Resource not accessible by integration"));
    }
    let login = context.token.login.clone();
    let jobs = world
        .review(run, &asked.environment_ids, state, &login, &asked.comment, context.now)
        .map_err(|refusal| Reply::error(422, &refusal.to_string()))?;
    let render = Render::new(world, context.shared);
    let deployments = jobs.iter().filter_map(|&id| world.job(id)).map(|job| render.deployment(job)).collect();
    Ok(Reply::json(deployments))
}

fn cancel(world: &mut World, context: &Context<'_>, run: &str) -> Answer {
    let run = find_run(world, run)?;
    let id = run.id;
    if world.run_state(run, run.attempt).0 == Status::Completed {
        return Err(Reply::error(409, "Cannot cancel a workflow run that is completed."));
    }
    world.cancel_run(id, context.now);
    Ok(Reply { status: 202, ..Reply::json(json!({})) })
}

/// What the body of a new status says.
#[derive(serde::Deserialize)]
struct StatusRequest {
    state: String,
    context: Option<String>,
    description: Option<String>,
    target_url: Option<String>,
}

fn set_status(world: &mut World, context: &Context<'_>, request: &Request, sha: &str) -> Answer {
    let asked: StatusRequest =
        serde_json::from_slice(&request.body).map_err(|_| Reply::error(422, "Invalid request."))?;
    let status = NewStatus {
        context: asked.context.unwrap_or_else(|| "default".to_owned()),
        state: asked.state,
        description: asked.description,
        target_url: asked.target_url,
    };
    let login = context.token.login.clone();
    let id = world
        .post_status(sha, status, &login, context.now)
        .map_err(|refusal| Reply::error(422, &refusal.to_string()))?;
    let render = Render::new(world, context.shared);
    let status = world.statuses.iter().find(|status| status.id == id).ok_or_else(Reply::not_found)?;
    Ok(Reply { status: 201, ..Reply::json(render.full_status(status)) })
}

/// What the body of a comment says.
#[derive(serde::Deserialize)]
struct CommentRequest {
    body: String,
}

/// The text of a comment: GitHub takes 65,536 characters.
fn text_of(request: &Request) -> Result<String, Reply> {
    let asked: CommentRequest =
        serde_json::from_slice(&request.body).map_err(|_| Reply::error(422, "Invalid request."))?;
    let legal = !asked.body.is_empty() && asked.body.chars().count() <= 65_536;
    if legal { Ok(asked.body) } else { Err(Reply::error(422, "Validation Failed")) }
}

fn comment(world: &mut World, context: &Context<'_>, request: &Request, number: &str) -> Answer {
    let text = text_of(request)?;
    let number = number.parse().ok().filter(|number| world.pull_request(*number).is_some());
    let login = context.token.login.clone();
    let id = world.comment(number.ok_or_else(Reply::not_found)?, &login, &text, context.now);
    shown(world, context, id, 201)
}

fn edit_comment(world: &mut World, context: &Context<'_>, request: &Request, id: &str) -> Answer {
    let text = text_of(request)?;
    let comment = world.comments.iter_mut().find(|comment| comment.id.to_string() == id);
    let comment = comment.ok_or_else(Reply::not_found)?;
    (comment.body, comment.updated_at) = (text, context.now);
    let id = comment.id;
    shown(world, context, id, 200)
}

fn shown(world: &World, context: &Context<'_>, id: u64, status: u16) -> Answer {
    let comment = world.comments.iter().find(|comment| comment.id == id).ok_or_else(Reply::not_found)?;
    Ok(Reply { status, ..Reply::json(Render::new(world, context.shared).comment(comment)) })
}

fn rate_limit(allowance: Allowance) -> Value {
    let rate = json!({
        "limit": allowance.limit,
        "remaining": allowance.remaining(),
        "reset": allowance.reset.as_second(),
        "used": allowance.used,
    });
    json!({"resources": {"core": rate, "search": rate}, "rate": rate})
}

/// One page of a list that stands alone.
fn bare_page(render: &Render<'_>, request: &Request, items: Vec<Value>) -> Reply {
    let reply = page(render, request, "items", items);
    match reply.body {
        Body::Json(mut list) => Reply { body: Body::Json(list["items"].take()), ..reply },
        body => Reply { body, ..reply },
    }
}

/// One page of a list, with the links to the others.
pub(super) fn page(render: &Render<'_>, request: &Request, key: &str, items: Vec<Value>) -> Reply {
    let number = |name| request.parameter(name).and_then(|value| value.parse::<usize>().ok());
    let per_page = number("per_page").unwrap_or(30).clamp(1, 100);
    let current = number("page").unwrap_or(1).max(1);
    let total = items.len();
    let last = total.div_ceil(per_page).max(1);
    let shown: Vec<Value> = items.into_iter().skip((current - 1) * per_page).take(per_page).collect();
    let mut links = Vec::new();
    if current > 1 {
        links.push(("prev", current - 1));
        links.push(("first", 1));
    }
    if current < last {
        links.push(("next", current + 1));
        links.push(("last", last));
    }
    let links: Vec<String> = links
        .into_iter()
        .map(|(relation, page)| format!("<{}>; rel=\"{relation}\"", render.page_url(request, page)))
        .collect();
    let reply = Reply::json(json!({"total_count": total, key: shown}));
    if links.is_empty() { reply } else { reply.with("link", links.join(", ")) }
}
