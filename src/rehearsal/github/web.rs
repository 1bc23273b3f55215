//! GitHub's pages for people, of which the stand-in has one: a run's, where its
//! environments are reviewed.
//!
//! Only a browser that is on this machine, and a form that came from this page,
//! may decide: host, origin and the form's token are looked at.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State as Extract};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use futures::{Stream, stream};
use serde_json::{Map, Value};
use tokio::sync::watch;

use super::{GitHub, Shared};
use crate::rehearsal::page::{self, Page, Told, View};
use crate::rehearsal::world::ReviewState;

/// The shortest time between two things that a browser is told: sessions may be
/// quicker than anybody can read.
const PACE: Duration = Duration::from_millis(50);

impl GitHub {
    /// From now on a run's page can be opened, by a browser in front of which
    /// `reviewer` sits.
    pub(in crate::rehearsal) fn open_page(&self, reviewer: &str) {
        self.shared.lock().page = Some(Page::new(reviewer));
    }

    /// Changes what the page tells besides the world; without a page nothing.
    pub(in crate::rehearsal) fn tell_page(&self, tell: impl FnOnce(&mut Told)) {
        let mut state = self.shared.lock();
        let Some(page) = &mut state.page else { return };
        let before = page.told.clone();
        tell(&mut page.told);
        let moved = page.told != before;
        drop(state);
        if moved {
            self.shared.announce();
        }
    }

    /// Waits until every browser that shows the page has shown its ending, at most
    /// for `limit`.
    pub(in crate::rehearsal) async fn page_is_finished(&self, limit: Duration) {
        let mut changes = self.changes();
        let finished = || self.shared.lock().page.as_ref().is_none_or(Page::is_finished);
        let all = async { while !finished() && changes.changed().await.is_ok() {} };
        // Whoever has not looked by then does not look.
        drop(tokio::time::timeout(limit, all).await);
    }
}

/// The addresses of the pages, as GitHub has them.
pub(super) fn routes() -> Router<Arc<Shared>> {
    let run = "/{owner}/{repository}/actions/runs/{run}";
    Router::new()
        .route(run, get(show))
        .route(&format!("{run}/attempts/{{attempt}}"), get(to_run))
        .route(&format!("{run}/job/{{job}}"), get(to_run))
        .route(&format!("{run}/live"), get(live))
        .route(&format!("{run}/review"), post(review))
}

type RunPath = Path<(String, String, u64)>;

async fn show(Extract(shared): Extract<Arc<Shared>>, path: RunPath, headers: HeaderMap) -> Response {
    match find(&shared, &path, &headers) {
        Ok(run) => whole(&shared, run, None, StatusCode::OK),
        Err(refusal) => refusal,
    }
}

/// Of a run's attempts and jobs there are no pages of their own.
async fn to_run(Path((owner, repository, run, _)): Path<(String, String, u64, u64)>) -> Redirect {
    Redirect::to(&format!("/{owner}/{repository}/actions/runs/{run}"))
}

/// Tells a browser of every change, until the rehearsal has ended.
async fn live(Extract(shared): Extract<Arc<Shared>>, path: RunPath, headers: HeaderMap) -> Response {
    match find(&shared, &path, &headers) {
        Ok(run) => Sse::new(events(shared, run)).into_response(),
        Err(refusal) => refusal,
    }
}

async fn review(
    Extract(shared): Extract<Arc<Shared>>,
    path: RunPath,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let run = match find(&shared, &path, &headers) {
        Ok(run) => run,
        Err(refusal) => return refusal,
    };
    let by_script = text(&headers, &header::ACCEPT) == "text/plain";
    let form: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value);
    let own = format!("http://{}", text(&headers, &header::HOST));
    if text(&headers, &header::ORIGIN) != own {
        return (StatusCode::FORBIDDEN, "This form was sent from another site.").into_response();
    }
    match decide(&shared, run, &form, field) {
        Ok(()) if by_script => StatusCode::NO_CONTENT.into_response(),
        Ok(()) => {
            let Path((owner, repository, run)) = path;
            Redirect::to(&format!("/{owner}/{repository}/actions/runs/{run}")).into_response()
        }
        Err(refusal) if by_script => (StatusCode::UNPROCESSABLE_ENTITY, refusal).into_response(),
        Err(refusal) => {
            whole(&shared, run, Some((&refusal, field("comment"))), StatusCode::UNPROCESSABLE_ENTITY)
        }
    }
}

/// Does what the form says, through the same review as the API's.
fn decide<'a>(
    shared: &Shared,
    run: u64,
    form: &[(String, String)],
    field: impl Fn(&str) -> &'a str,
) -> Result<(), String> {
    let now = (shared.options.clock)();
    let environments: Vec<u64> =
        form.iter().filter(|(key, _)| key == "environment").filter_map(|(_, id)| id.parse().ok()).collect();
    let state = match field("state") {
        "approved" => ReviewState::Approved,
        "rejected" => ReviewState::Rejected,
        _ => return Err("Say whether you approve or reject.".to_owned()),
    };
    let mut guard = shared.lock();
    let inner = &mut *guard;
    let Some(page) = inner.page.as_ref().filter(|page| page.token == field("token")) else {
        return Err("This form is of another rehearsal; load the page again.".to_owned());
    };
    if environments.is_empty() {
        return Err("Select at least one environment.".to_owned());
    }
    let reviewed = inner.world.review(run, &environments, state, &page.reviewer, field("comment"), now);
    drop(guard);
    shared.announce();
    reviewed.map(drop).map_err(|refusal| refusal.to_string())
}

/// The run of an address, for a browser that asks this machine by its own name.
/// Under any other name a site could read the page through its visitor's browser.
#[expect(clippy::result_large_err, reason = "the refusal is the answer itself")]
fn find(shared: &Shared, path: &RunPath, headers: &HeaderMap) -> Result<u64, Response> {
    let Path((owner, name, run)) = path;
    let port = shared.web_url.rsplit(':').next().unwrap_or_default();
    let host = text(headers, &header::HOST);
    if ![format!("127.0.0.1:{port}"), format!("localhost:{port}")].iter().any(|own| own == host) {
        return Err((StatusCode::FORBIDDEN, "This page is on 127.0.0.1 alone.").into_response());
    }
    let state = shared.lock();
    let repository = &state.world.repository;
    let known = state.page.is_some()
        && repository.owner.eq_ignore_ascii_case(owner)
        && repository.name.eq_ignore_ascii_case(name)
        && state.world.run(*run).is_some();
    if known { Ok(*run) } else { Err((StatusCode::NOT_FOUND, "There is no such page.").into_response()) }
}

fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn whole(shared: &Shared, run: u64, refused: Option<(&str, &str)>, status: StatusCode) -> Response {
    let nonce = page::unguessable();
    let mut guard = shared.lock();
    let inner = &mut *guard;
    let (Some(page), Some(run)) = (&mut inner.page, inner.world.run(run)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    page.opened = true;
    page.ending_shown |= page.told.ending.is_some();
    let html = page::whole(View { world: &inner.world, run, page, refused }, &nonce);
    drop(guard);
    shared.announce();
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src data:; \
         connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, policy.as_str()),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
    ];
    (status, headers, html).into_response()
}

/// A browser that is being told of changes. It is counted while it lives.
struct Listener {
    shared: Arc<Shared>,
    run: u64,
    changes: watch::Receiver<u64>,
    told: Vec<(&'static str, String)>,
    ended: bool,
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(page) = &mut self.shared.lock().page {
            page.listeners = page.listeners.saturating_sub(1);
            page.ending_shown |= self.ended;
        }
        self.shared.announce();
    }
}

impl Listener {
    fn new(shared: Arc<Shared>, run: u64) -> Self {
        if let Some(page) = &mut shared.lock().page {
            page.listeners += 1;
        }
        let changes = shared.changes.subscribe();
        Self { shared, run, changes, told: Vec::new(), ended: false }
    }

    /// The parts that differ from what was told last, and whether it is the ending.
    fn news(&self) -> Option<(Vec<(&'static str, String)>, bool)> {
        let state = self.shared.lock();
        let (page, run) = (state.page.as_ref()?, state.world.run(self.run)?);
        let parts = page::live_parts(View { world: &state.world, run, page, refused: None });
        Some((parts, page.told.ending.is_some()))
    }

    /// The next event; none once the ending was told.
    async fn next(&mut self) -> Option<Event> {
        if self.ended {
            return None;
        }
        if !self.told.is_empty() {
            tokio::time::sleep(PACE).await;
        }
        loop {
            self.changes.mark_unchanged();
            let (parts, ended) = self.news()?;
            let news: Map<String, Value> = parts
                .iter()
                .filter(|part| !self.told.contains(part))
                .map(|(id, html)| ((*id).to_owned(), Value::from(html.as_str())))
                .collect();
            if !news.is_empty() {
                self.told = parts;
                return Some(Event::default().data(Value::Object(news).to_string()));
            }
            if ended {
                self.ended = true;
                return Some(Event::default().event("end").data("over"));
            }
            self.changes.changed().await.ok()?;
        }
    }
}

fn events(shared: Arc<Shared>, run: u64) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(Listener::new(shared, run), async |mut listener| {
        listener.next().await.map(|event| (Ok(event), listener))
    })
}
