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
        match id {
            "title" => html.markup("<h1 tabindex=\"-1\" data-part id=\""),
            "announcement" => {
                html.markup("<p class=\"unseen\" role=\"status\" aria-live=\"polite\" data-part id=\"")
            }
            _ => html.markup("<div data-part id=\""),
        }
        html!(html, (id) "\">");
        html.piece(&part);
        html.markup(match id {
            "title" => "</h1>",
            "announcement" => "</p>",
            _ => "</div>",
        });
    }
    html!(html, "</main><script nonce=\"" (nonce) "\" data-live=\"" (path(view)) "/live\">");
    html.markup(SCRIPT);
    html.markup("</script></body></html>\n");
    html.into_string()
}

/// Builds one part.
type Part = fn(View<'_>, &mut Html);

fn parts(view: View<'_>) -> Vec<(&'static str, Html)> {
    let parts: [(&'static str, Part); 9] = [
        ("title", heading),
        ("announcement", announcement),
        ("summary", summary),
        ("ending", verdict),
        ("banner", banner),
        ("graph", graph),
        ("soak", soak),
        ("reviews", reviews),
        ("inspect", inspect),
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
    let title = view.run.title.as_ref().or(pull.map(|pull| &pull.title));
    title.unwrap_or(&view.run.workflow)
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
        (crate::race::short_sha(&run.head_sha)) "</code></dd></div></dl></div>");
}

fn banner(view: View<'_>, html: &mut Html) {
    let pending = pending(view);
    if pending.is_empty() || view.page.told.ending.is_some() {
        return;
    }
    let open = if view.refused.is_some() { " open" } else { "" };
    let names: Vec<&str> = pending.iter().map(|environment| environment.name.as_str()).collect();
    let verb = if names.len() == 1 { "waits" } else { "wait" };
    html.markup("<section class=\"card banner\" aria-labelledby=\"asked\"><h2 id=\"asked\">");
    html!(html, "<bdi>" (names.join(" and ")) "</bdi> " (verb) " for a review</h2><p>");
    for environment in &pending {
        html!(html, "<span class=\"ref\"><bdi>" (&environment.name) "</bdi></span> may be reviewed by <bdi>"
            (reviewers(environment)) "</bdi>.<br>");
    }
    html.markup("</p>");
    if pending.iter().any(|environment| may_decide(view, environment)) {
        html!(html, "<details" (open) "><summary class=\"button\" id=\"open-review\">Review deployments</summary>");
        form(view, &pending, html);
        html.markup("</details>");
    }
    html.markup("</section>");
}

fn form(view: View<'_>, pending: &[&Environment], html: &mut Html) {
    let (refusal, comment) = view.refused.unwrap_or_default();
    // Enter in a box presses a form's first button, which therefore decides nothing.
    html!(html, "<form method=\"post\" action=\"" (path(view)) "/review\" aria-label=\"Review deployments\">"
        "<button class=\"unseen\" name=\"state\" value=\"\" tabindex=\"-1\" aria-hidden=\"true\"></button>"
        "<input type=\"hidden\" name=\"token\" value=\"" (&view.page.token)
        "\"><fieldset><legend>Select the environments to approve or reject</legend>");
    for environment in pending {
        let disabled = if may_decide(view, environment) { "" } else { " disabled" };
        html!(html, "<label class=\"environment\"><input type=\"checkbox\" name=\"environment\" value=\""
            (environment.id) "\"" (disabled) "><strong><bdi>" (&environment.name) "</bdi></strong><small>");
        html!(html, (if disabled.is_empty() { "" } else { "you may not review this: " }) "may be reviewed by <bdi>"
            (reviewers(environment)) "</bdi>");
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
        detail(view, job, state, html);
        html.markup("</li>");
    }
    html.markup("</ul></section>");
}

/// What a job waits for, is at, or came to.
fn detail(view: View<'_>, job: &Job, state: State, html: &mut Html) {
    if let Some(environment) = &job.environment {
        html!(html, "<span class=\"detail\">environment <span class=\"ref\"><bdi>" (environment)
            "</bdi></span></span>");
    }
    let environment = job.environment.as_deref().and_then(|name| view.world.environment(name));
    let (what, name) = match (state, step_of(job)) {
        (State::Waiting, _) => ("waits for a review by ", environment.map(reviewers).unwrap_or_default()),
        (State::Running, Some(step)) => ("in ", step.to_owned()),
        (State::Failed, Some(step)) => ("failed in ", step.to_owned()),
        (State::Rejected, _) => ("by a reviewer", String::new()),
        _ => ("", String::new()),
    };
    if !what.is_empty() {
        html!(html, "<span class=\"detail\">" (what) "<bdi>" (name) "</bdi></span>");
    }
    if let Some(ended) = job.completed_at.filter(|_| !job.steps.is_empty()) {
        let took = match ended.duration_since(job.started_at).as_secs() {
            0 => "less than 1 s".to_owned(),
            seconds => format!("{seconds} s"),
        };
        html!(html, "<span class=\"detail\">took " (took) "</span>");
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

fn verdict(view: View<'_>, html: &mut Html) {
    let Some(ending) = &view.page.told.ending else { return };
    html.markup("<section class=\"card\"><h2>The verdict</h2><p class=\"line\">");
    (if ending.green { State::Succeeded } else { State::Failed }).icon(html);
    html!(html, "<span id=\"verdict\">" (&ending.verdict) "</span></p></section>");
}

fn inspect(view: View<'_>, html: &mut Html) {
    let told = view.page.told.ending.as_ref().map(|ending| &ending.inspect);
    if let Some(told) = told.filter(|told| !told.is_empty()) {
        html!(html, "<section class=\"card\"><h2>What <code>race inspect</code> says</h2><pre>" (told)
            "</pre></section>");
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::rehearsal::world::{Review, ReviewState};

    const HOSTILE: &str = "</script></style></textarea>\" onload='x'<img src=x onerror=alert(1)>";

    /// A page on which everything that somebody else may name is hostile.
    fn hostile(refused: Option<(&str, &str)>, reviewer: &str) -> String {
        let now = Timestamp::UNIX_EPOCH;
        let mut world = World::new("octo-org/chain", now);
        world.protect(HOSTILE, &["alice", HOSTILE], now);
        let number = world.open_pull_request(HOSTILE, HOSTILE, now);
        world.pull_requests[0].head_ref = HOSTILE.to_owned();
        let run = world.start_pull_request_run(number, now);
        world.submit_job(run, HOSTILE, Some(HOSTILE), now);
        let running = world.submit_job(run, "runs", None, now);
        world.begin(running, now);
        world.begin_step(running, HOSTILE, now);
        let review = Review {
            environments: vec![HOSTILE.to_owned()],
            state: ReviewState::Approved,
            user: HOSTILE.to_owned(),
            comment: HOSTILE.to_owned(),
        };
        world.add_review(run, review, now);
        world.run_mut(run).unwrap().workflow = HOSTILE.to_owned();
        let page = Page::new(reviewer);
        let run = world.run(run).unwrap();
        whole(View { world: &world, run, page: &page, refused }, "nonce")
    }

    #[test]
    fn what_others_name_stays_text() {
        let html = hostile(Some((HOSTILE, HOSTILE)), "alice");
        assert!(!html.contains("<img") && !html.contains("onload='x'"), "{html}");
        assert!(html.matches("&lt;img src=x").count() > 10, "{html}");
        for tag in ["</script>", "</style>", "</textarea>"] {
            assert_eq!(html.matches(tag).count(), 1, "{tag}");
        }
    }

    #[test]
    fn only_who_may_review_is_given_the_form() {
        assert!(hostile(None, "alice").contains("Review deployments"));
        let other = hostile(None, "mallory");
        assert!(!other.contains("<form") && other.contains("may be reviewed by"), "{other}");
    }

    #[test]
    fn style_and_script_bear_the_nonce_and_no_attribute_holds_either() {
        let html = hostile(None, "alice");
        assert_eq!(html.matches(" nonce=\"nonce\"").count(), 2);
        assert_eq!(html.matches("<script").count() + html.matches("<style").count(), 2);
        assert!(!html.contains(" style=\"") && !html.contains(" onclick="));
    }
}
