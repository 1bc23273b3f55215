//! What a repository's owners set up: environments with what is in them, rulesets,
//! protected branches. Secrets come in sealed boxes, and are opened.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_box::SecretKey;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::message::{Body, Reply, Request};
use super::render::Render;
use super::routes::{Answer, Context, page};
use crate::rehearsal::world::{Environment, Ruleset, World};

/// Whether that part of a repository is served here.
pub(super) fn is_about(rest: &[&str]) -> bool {
    matches!(
        rest,
        ["environments", _, _, ..]
            | ["rulesets" | "rules" | "codeowners", ..]
            | ["branches", .., "protection"]
    )
}

/// What is of no repository: people, teams, apps.
pub(super) fn beside(render: &Render<'_>, rest: &[&str]) -> Answer {
    let world = render.world;
    let found = match rest {
        ["users", login] => render.person(login),
        ["orgs", owner, "teams", slug] if owner.eq_ignore_ascii_case(&world.repository.owner) => {
            world.teams.iter().find(|team| team.slug == *slug).map(|team| render.full_team(team))
        }
        ["apps", "github-actions"] => Some(render.actions_app()),
        _ => None,
    };
    found.map(Reply::json).ok_or_else(Reply::not_found)
}

/// Answers a request about the set-up.
pub(super) fn answer(world: &mut World, context: &Context<'_>, request: &Request, rest: &[&str]) -> Answer {
    match (request.method.as_str(), rest) {
        ("POST", ["environments", name, "deployment-branch-policies"]) => admit(world, request, name),
        ("PUT", ["environments", name, "secrets", secret]) => keep_secret(world, request, name, secret),
        ("POST", ["environments", name, "variables"]) => keep_variable(world, request, name),
        ("POST", ["rulesets"]) => {
            let id = world.add_ruleset("", Vec::new());
            let changed = change_ruleset(world, context, request, id);
            if changed.is_err() {
                world.rulesets.retain(|ruleset| ruleset.id != id);
            }
            changed.map(|reply| Reply { status: 201, ..reply })
        }
        ("PUT", ["rulesets", id]) => {
            let id = id.parse().map_err(|_| Reply::not_found())?;
            change_ruleset(world, context, request, id)
        }
        ("GET", rest) => read(&Render::new(world, context.shared), request, rest),
        _ => Err(Reply::not_found()),
    }
}

fn read(render: &Render<'_>, request: &Request, rest: &[&str]) -> Answer {
    let world = render.world;
    let at = super::render::time(world.repository.created_at);
    match rest {
        ["environments", name, "deployment-branch-policies"] => {
            let patterns = find(world, name)?.branch_patterns.iter().zip(1..);
            let items = patterns.map(|(pattern, id)| branch_policy(id, pattern)).collect();
            Ok(page(render, request, "branch_policies", items))
        }
        ["environments", name, "secrets"] => {
            let names = find(world, name)?.secrets.keys();
            let secret = |name: &String| json!({"name": name, "created_at": at, "updated_at": at});
            Ok(page(render, request, "secrets", names.map(secret).collect()))
        }
        ["environments", name, "secrets", "public-key"] => {
            let environment = find(world, name)?;
            let key = STANDARD.encode(key_of(environment).public_key().as_bytes());
            Ok(Reply::json(json!({"key_id": environment.id.to_string(), "key": key})))
        }
        ["environments", name, "variables"] => {
            let all = find(world, name)?.variables.iter();
            let all = all.map(
                |(name, value)| json!({"name": name, "value": value, "created_at": at, "updated_at": at}),
            );
            Ok(page(render, request, "variables", all.collect()))
        }
        ["rules", "branches", branch @ ..] => {
            let rules = world.rules_for(&branch.join("/"));
            let rules = rules.into_iter().map(|(ruleset, rule)| render.rule(ruleset, rule)).collect();
            Ok(bare(page(render, request, "rules", rules), "rules"))
        }
        ["rulesets"] => {
            let own = request.parameter("includes_parents") == Some("false");
            let found = world.rulesets.iter().filter(|ruleset| !own || !ruleset.of_organization);
            let found = found.map(|ruleset| render.ruleset(ruleset, false)).collect();
            Ok(bare(page(render, request, "rulesets", found), "rulesets"))
        }
        ["rulesets", id] => {
            let found = world.rulesets.iter().find(|ruleset| ruleset.id.to_string() == *id);
            Ok(Reply::json(render.ruleset(found.ok_or_else(Reply::not_found)?, true)))
        }
        ["codeowners", "errors"] => {
            let reference = request.parameter("ref").unwrap_or(&world.repository.default_branch);
            let errors = world.codeowners_errors(reference).ok_or_else(Reply::not_found)?;
            let errors = errors.into_iter().map(|(path, line, source)| {
                json!({
                    "line": line, "column": 1, "kind": "Unknown owner", "source": source, "suggestion": null,
                    "message": format!("Unknown owner on line {line}"), "path": path,
                })
            });
            Ok(Reply::json(json!({"errors": errors.collect::<Vec<_>>()})))
        }
        ["branches", branch @ .., "protection"] => {
            let found = world.protections.get(&branch.join("/"));
            found.cloned().map(Reply::json).ok_or_else(|| Reply::error(404, "Branch not protected"))
        }
        _ => Err(Reply::not_found()),
    }
}

/// The list alone.
fn bare(reply: Reply, key: &str) -> Reply {
    match reply.body {
        Body::Json(mut list) => Reply { body: Body::Json(list[key].take()), ..reply },
        body => Reply { body, ..reply },
    }
}

fn find<'w>(world: &'w World, name: &str) -> Result<&'w Environment, Reply> {
    world.environment(name).ok_or_else(Reply::not_found)
}

fn branch_policy(id: usize, pattern: &str) -> Value {
    json!({"id": id, "node_id": format!("DBP_{id}"), "name": pattern, "type": "branch"})
}

/// The key that opens what is sealed for an environment.
fn key_of(environment: &Environment) -> SecretKey {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&environment.id.to_le_bytes());
    SecretKey::from(bytes)
}

fn asked<T: DeserializeOwned>(request: &Request) -> Result<T, Reply> {
    serde_json::from_slice(&request.body).map_err(|_| Reply::error(422, "Invalid request."))
}

/// What the body says of an environment. What is left out is reset.
#[derive(Default, Deserialize)]
struct EnvironmentRequest {
    wait_timer: Option<u32>,
    prevent_self_review: Option<bool>,
    reviewers: Option<Vec<ReviewerRequest>>,
    deployment_branch_policy: Option<BranchPolicyRequest>,
}

#[derive(Deserialize)]
struct ReviewerRequest {
    #[serde(rename = "type")]
    kind: String,
    id: u64,
}

#[derive(Deserialize)]
struct BranchPolicyRequest {
    protected_branches: bool,
    custom_branch_policies: bool,
}

/// Makes an environment, or gives it another protection.
pub(super) fn protect(world: &mut World, context: &Context<'_>, request: &Request, name: &str) -> Answer {
    let asked: EnvironmentRequest =
        if request.body.is_empty() { EnvironmentRequest::default() } else { asked(request)? };
    let reviewers = asked.reviewers.unwrap_or_default();
    if reviewers.len() > 6 {
        return Err(Reply::error(422, "Validation failed: too many reviewers"));
    }
    let reviewers: Option<Vec<_>> =
        reviewers.iter().map(|reviewer| world.reviewer(&reviewer.kind, reviewer.id)).collect();
    let reviewers =
        reviewers.ok_or_else(|| Reply::error(422, "Failed to create the environment protection rule."))?;
    let refs = asked.deployment_branch_policy;
    if refs.as_ref().is_some_and(|refs| refs.protected_branches == refs.custom_branch_policies) {
        return Err(Reply::error(
            422,
            "protected_branches and custom_branch_policies cannot have the same value",
        ));
    }
    let environment = world.make_environment(name, context.now);
    environment.reviewers = reviewers;
    environment.prevent_self_review = asked.prevent_self_review.unwrap_or(false);
    environment.wait_timer = asked.wait_timer.unwrap_or(0);
    environment.branch_policy = refs.as_ref().is_some_and(|refs| refs.custom_branch_policies);
    environment.protected_branches = refs.is_some_and(|refs| refs.protected_branches);
    if !environment.branch_policy {
        environment.branch_patterns.clear();
    }
    let environment = find(world, name)?;
    Ok(Reply::json(Render::new(world, context.shared).environment(environment)))
}

fn admit(world: &mut World, request: &Request, name: &str) -> Answer {
    #[derive(Deserialize)]
    struct Pattern {
        name: String,
    }
    let pattern: Pattern = asked(request)?;
    let environment = world.environment_mut(name).filter(|found| found.branch_policy);
    let environment = environment.ok_or_else(Reply::not_found)?;
    if environment.branch_patterns.contains(&pattern.name) {
        return Err(Reply { status: 303, headers: Vec::new(), body: Body::Empty });
    }
    environment.branch_patterns.push(pattern.name.clone());
    Ok(Reply::json(branch_policy(environment.branch_patterns.len(), &pattern.name)))
}

fn keep_secret(world: &mut World, request: &Request, name: &str, secret: &str) -> Answer {
    #[derive(Deserialize)]
    struct Sealed {
        encrypted_value: String,
        key_id: String,
    }
    let sealed: Sealed = asked(request)?;
    let environment = world.environment_mut(name).ok_or_else(Reply::not_found)?;
    let wrong = || Reply::error(422, "Bad request: the box cannot be opened");
    let bytes = STANDARD.decode(sealed.encrypted_value).map_err(|_| wrong())?;
    let opened = key_of(environment).unseal(&bytes).map_err(|_| wrong())?;
    if sealed.key_id != environment.id.to_string() {
        return Err(wrong());
    }
    let value = String::from_utf8(opened).map_err(|_| wrong())?;
    match environment.secrets.insert(secret.to_uppercase(), value) {
        None => Ok(Reply { status: 201, ..Reply::json(json!({})) }),
        Some(_) => Ok(Reply { status: 204, headers: Vec::new(), body: Body::Empty }),
    }
}

fn keep_variable(world: &mut World, request: &Request, name: &str) -> Answer {
    #[derive(Deserialize)]
    struct Variable {
        name: String,
        value: String,
    }
    let variable: Variable = asked(request)?;
    let environment = world.environment_mut(name).ok_or_else(Reply::not_found)?;
    environment.variables.insert(variable.name.to_uppercase(), variable.value);
    Ok(Reply { status: 201, ..Reply::json(json!({})) })
}

/// What the body says of a ruleset. What is left out stays.
#[derive(Deserialize)]
struct RulesetRequest {
    name: Option<String>,
    target: Option<String>,
    enforcement: Option<String>,
    conditions: Option<Value>,
    rules: Option<Vec<Value>>,
}

fn change_ruleset(world: &mut World, context: &Context<'_>, request: &Request, id: u64) -> Answer {
    let asked: RulesetRequest = asked(request)?;
    let named = |other: &Ruleset| other.id != id && Some(&other.name) == asked.name.as_ref();
    if world.rulesets.iter().any(named) {
        return Err(Reply::error(422, "Validation Failed: Name must be unique"));
    }
    let found = world.rulesets.iter_mut().find(|ruleset| ruleset.id == id && !ruleset.of_organization);
    let ruleset = found.ok_or_else(Reply::not_found)?;
    ruleset.name = asked.name.unwrap_or_else(|| ruleset.name.clone());
    ruleset.target = asked.target.unwrap_or_else(|| ruleset.target.clone());
    ruleset.enforcement = asked.enforcement.unwrap_or_else(|| ruleset.enforcement.clone());
    ruleset.conditions = asked.conditions.unwrap_or_else(|| ruleset.conditions.clone());
    ruleset.rules = asked.rules.unwrap_or_else(|| ruleset.rules.clone());
    let ruleset = ruleset.clone();
    Ok(Reply::json(Render::new(world, context.shared).ruleset(&ruleset, true)))
}
