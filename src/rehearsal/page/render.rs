//! From the world to the page's HTML: a pure function of what is to be seen.

use super::Page;
use super::html::{Html, html};
use super::state::{State, step_of};
use crate::rehearsal::world::{Environment, Job, Reviewer, Run, World};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("live.js");

/// Everything that the page depends on.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) world: &'a World,
    pub(crate) run: &'a Run,
    pub(crate) page: &'a Page,
    /// What was refused of the form that was sent last, and the comment in it.
    pub(crate) refused: Option<(&'a str, &'a str)>,
}

/// The parts of the page that move, under the ids of their elements.
pub(crate) fn live_parts(view: View<'_>) -> Vec<(&'static str, String)> {
    parts(view).into_iter().map(|(id, part)| (id, part.into_string())).collect()
}

/// The whole page. Style and script bear the nonce that its policy names.
pub(crate) fn whole(view: View<'_>, nonce: &str) -> String {
    let View { world, run, page, .. } = view;
    let repository = &world.repository;
    let (owner, name) = (&repository.owner, &repository.name);
    let mut html = Html::default();
    html!(html, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
        "<title>" (title(view)) " · " (&run.workflow) "</title><link rel=\"icon\" href=\"data:,\">");
    // While there is a form to fill in, a page that reloads by itself would empty it.
    if pending(view).is_empty() && page.told.ending.is_none() {
        html.markup("<noscript><meta http-equiv=\"refresh\" content=\"2\"></noscript>");
    }
    html!(html, "<style nonce=\"" (nonce) "\">");
    html.markup(STYLE);
    html!(html, "</style></head><body><header class=\"top\"><p><bdi>" (owner) "</bdi> / <strong><bdi>" (name)
        "</bdi></strong> · Actions</p><p class=\"aside\">A rehearsal on this machine. You are <strong>"
        (&page.reviewer) "</strong>.</p></header><main><p class=\"workflow\">" (&run.workflow)
        "</p><p id=\"connection\" role=\"status\"></p>");
    html.markup(
        "<noscript><p>This page does not move by itself: <a href=\"?\">load it again</a>.</p></noscript>",
    );
    for (id, part) in parts(view) {
        let element = if id == "title" { "h1 tabindex=\"-1\"" } else { "div" };
        match id {
            "title" => html.markup("<h1 tabindex=\"-1\" data-part id=\""),
            "announcement" => {
                html.markup("<div class=\"unseen\" role=\"status\" aria-live=\"polite\" data-part id=\"")
            }
            _ => html.markup("<div data-part id=\""),
        }
        html!(html, (id) "\">");
        html.piece(&part);
        html.markup(if element == "div" { "</div>" } else { "</h1>" });
    }
    html!(html, "</main><script nonce=\"" (nonce) "\" data-live=\"" (path(view)) "/live\">");
    html.markup(SCRIPT);
    html.markup("</script></body></html>\n");
    html.into_string()
}

fn parts(view: View<'_>) -> Vec<(&'static str, Html)> {
    let parts: [(&'static str, fn(View<'_>, &mut Html)); 8] = [
        ("title", heading),
        ("announcement", announcement),
        ("summary", summary),
        ("banner", banner),
        ("graph", graph),
        ("soak", soak),
        ("reviews", reviews),
        ("ending", ending),
    ];
    let built = parts.into_iter().map(|(id, build)| {
        let mut html = Html::default();
        build(view, &mut html);
        (id, html)
    });
    built.collect()
}

/// Where the page is, without scheme and host.
fn path(view: View<'_>) -> String {
    let repository = &view.world.repository;
    format!("/{}/{}/actions/runs/{}", repository.owner, repository.name, view.run.id)
}

fn title<'a>(view: View<'a>) -> &'a str {
    let pull = view.run.pull_request.and_then(|number| view.world.pull_request(number));
    pull.map_or(&view.run.workflow, |pull| &pull.title)
}

fn jobs(view: View<'_>) -> Vec<&Job> {
    view.world.jobs_of_attempt(view.run.id, view.run.attempt)
}

fn pending(view: View<'_>) -> Vec<&Environment> {
    view.world.pending_deployments(view.run).iter().map(|pending| pending.environment).collect()
}

fn may_decide(view: View<'_>, environment: &Environment) -> bool {
    environment.may_review(&view.page.reviewer, &view.run.actor)
}

/// Those whom the environment asks, as `alice or bob`.
fn reviewers(environment: &Environment) -> String {
    let names = environment.reviewers.iter().map(|reviewer| match reviewer {
        Reviewer::User(login) => login.clone(),
        Reviewer::Team(slug, _) => format!("the team {slug}"),
    });
    names.collect::<Vec<_>>().join(" or ")
}

fn heading(view: View<'_>, html: &mut Html) {
    let state = State::of_run(view.world, view.run);
    html.markup("<span>");
    state.icon(html);
    html!(html, "<span class=\"unseen\">" (state.word()) ": </span></span><bdi>" (title(view))
        "</bdi> <span class=\"number\">#" (view.run.number) "</span>");
}

/// What a screen reader says when something moves.
fn announcement(view: View<'_>, html: &mut Html) {
    for job in jobs(view) {
        html!(html, (&job.name) ": " (State::of_job(job).word()) ". ");
    }
    if let Some(ending) = &view.page.told.ending {
        html!(html, (&ending.verdict));
    }
}

fn summary(view: View<'_>, html: &mut Html) {
    let View { world, run, .. } = view;
    html!(html, "<div class=\"card\"><dl class=\"facts\"><div><dt>Triggered by " (&run.event)
        "</dt><dd><bdi>" (&run.actor) "</bdi>");
    if let Some(pull) = run.pull_request.and_then(|number| world.pull_request(number)) {
        html!(html, " <small>opened</small> #" (pull.number) " <span class=\"ref\"><bdi>" (&pull.head_ref)
            "</bdi></span>");
    }
    html!(html, "</dd></div><div><dt>Status</dt><dd>" (State::of_run(world, run).word())
        "</dd></div><div><dt>Attempt</dt><dd>" (run.attempt) "</dd></div><div><dt>Commit</dt><dd><code>"
        (run.head_sha.get(..11).unwrap_or(&run.head_sha)) "</code></dd></div></dl></div>");
}

fn banner(view: View<'_>, html: &mut Html) {
    let pending = pending(view);
    if pending.is_empty() || view.page.told.ending.is_some() {
        return;
    }
    let open = if view.refused.is_some() { " open" } else { "" };
    let names: Vec<&str> = pending.iter().map(|environment| environment.name.as_str()).collect();
    let verb = if names.len() == 1 { "waits" } else { "wait" };
    html!(html, "<section class=\"card banner\" aria-labelledby=\"asked\"><details" (open)
        "><summary class=\"button\" id=\"open-review\">Review deployments</summary>");
    form(view, &pending, html);
    html!(html, "</details><h2 id=\"asked\">Deployment protection rules</h2><p><bdi>" (names.join(" and "))
        "</bdi> " (verb) " for a review. ");
    for environment in &pending {
        html!(html, "<br><span class=\"ref\"><bdi>" (&environment.name) "</bdi></span> may be reviewed by <bdi>"
            (reviewers(environment)) "</bdi>.");
    }
    html.markup("</p></section>");
}

fn form(view: View<'_>, pending: &[&Environment], html: &mut Html) {
    let (refusal, comment) = view.refused.unwrap_or_default();
    html!(html, "<form method=\"post\" action=\"" (path(view)) "/review\" aria-label=\"Review deployments\">"
        "<input type=\"hidden\" name=\"token\" value=\"" (&view.page.token)
        "\"><fieldset><legend>Select the environments to approve or reject</legend>");
    for environment in pending {
        let disabled = if may_decide(view, environment) { "" } else { " disabled" };
        html!(html, "<label class=\"environment\"><input type=\"checkbox\" name=\"environment\" value=\""
            (environment.id) "\"" (disabled) "><strong><bdi>" (&environment.name) "</bdi></strong><small>");
        if disabled.is_empty() {
            html!(html, "you may review this; so may any of: <bdi>" (reviewers(environment)) "</bdi>");
        } else {
            html!(html, "only <bdi>" (reviewers(environment)) "</bdi> may review this");
        }
        html.markup("</small></label>");
    }
    html!(html, "</fieldset><label><span class=\"caption\">Comment</span><textarea name=\"comment\" rows=\"3\">\n"
        (comment) "</textarea></label><p role=\"alert\">" (refusal) "</p><div class=\"choices\">"
        "<button class=\"button reject\" name=\"state\" value=\"rejected\">Reject</button>"
        "<button class=\"button approve\" name=\"state\" value=\"approved\">Approve and deploy</button></div></form>");
}

fn graph(view: View<'_>, html: &mut Html) {
    html!(html, "<section class=\"card\"><h2>" (&view.run.workflow) ".yml <small>on: " (&view.run.event)
        "</small></h2><ul class=\"graph\">");
    for job in jobs(view) {
        let state = State::of_job(job);
        html!(html, "<li class=\"job " (state.class()) "\" data-job=\"" (&job.name) "\" data-state=\""
            (state.word()) "\"><p class=\"name\">");
        state.icon(html);
        html!(html, "<bdi>" (&job.name) "</bdi><span class=\"state\">" (state.word()) "</span></p>");
        html.markup("<p class=\"detail\">");
        detail(view, job, state, html);
        html.markup("</p></li>");
    }
    html.markup("</ul></section>");
}

fn detail(view: View<'_>, job: &Job, state: State, html: &mut Html) {
    if let Some(environment) = &job.environment {
        html!(html, "environment <span class=\"ref\"><bdi>" (environment) "</bdi></span> ");
    }
    let environment = job.environment.as_deref().and_then(|name| view.world.environment(name));
    match (state, step_of(job)) {
        (State::Waiting, _) => {
            let asked = environment.map(reviewers).unwrap_or_default();
            html!(html, "<br>waits for a review by <bdi>" (asked) "</bdi>");
        }
        (State::Running, Some(step)) => {
            html!(html, "<br>in <bdi>" (step) "</bdi>");
        }
        (State::Failed, Some(step)) => {
            html!(html, "<br>failed in <bdi>" (step) "</bdi>");
        }
        _ => {}
    }
    if let Some(ended) = job.completed_at.filter(|_| !job.steps.is_empty()) {
        html!(html, "<br>took " (ended.duration_since(job.started_at).as_secs()) "s");
    }
}

fn soak(view: View<'_>, html: &mut Html) {
    let Some((passed, target)) = view.page.told.sessions else { return };
    html!(html, "<section class=\"card\"><h2 id=\"soaking\">Soak on the testnet</h2><progress aria-labelledby=\"soaking\" max=\""
        (target) "\" value=\"" (passed) "\"></progress><p class=\"line\"><span>" (passed) " of " (target)
        " sessions</span></p></section>");
}

fn reviews(view: View<'_>, html: &mut Html) {
    if view.run.reviews.is_empty() {
        return;
    }
    html.markup("<section class=\"card\"><h2>Reviews</h2><ul class=\"reviews\">");
    for review in &view.run.reviews {
        html!(html, "<li><strong><bdi>" (&review.user) "</bdi></strong> " (review.state.as_str()) " <bdi>"
            (review.environments.join(" and ")) "</bdi>");
        if !review.comment.is_empty() {
            html!(html, "<blockquote><bdi>" (&review.comment) "</bdi></blockquote>");
        }
        html.markup("</li>");
    }
    html.markup("</ul></section>");
}

fn ending(view: View<'_>, html: &mut Html) {
    let Some(ending) = &view.page.told.ending else { return };
    html.markup("<section class=\"card\"><h2>The verdict</h2><p class=\"line\">");
    (if ending.green { State::Succeeded } else { State::Failed }).icon(html);
    html!(html, "<span id=\"verdict\">" (&ending.verdict) "</span></p>");
    if !ending.inspect.is_empty() {
        html!(html, "<pre aria-label=\"what race inspect says\">" (&ending.inspect) "</pre>");
    }
    html.markup("</section>");
}
