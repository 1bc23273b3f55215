//! HTTP in, HTTP out: with `web` the only file that knows axum's types.

use std::sync::Arc;

use axum::extract::{ConnectInfo, State as Extract};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::exchange::Exchange;
use super::listener::{Loopback, Scissors};
use super::message::{Body, Reply, Request};
use super::trouble::{self, Obstacle};
use super::{Shared, State, gate, routes, storage, web};

/// More than anything that the API takes.
const MAX_BODY: usize = 1 << 20;

/// Serves until `stopped` resolves.
pub(super) async fn serve(
    shared: Arc<Shared>,
    listener: std::net::TcpListener,
    storage: std::net::TcpListener,
    stopped: oneshot::Receiver<()>,
) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    let archives = storage::serve(Arc::clone(&shared), storage);
    let service =
        web::routes().fallback(answer).with_state(shared).into_make_service_with_connect_info::<Scissors>();
    let server = axum::serve(Loopback(listener), service);
    // Connections that a client keeps open must not hold the end back, so there is
    // no waiting for them: they go with the runtime.
    tokio::select! {
        result = server => drop(result),
        () = archives => {}
        _ = stopped => {}
    }
}

async fn answer(
    Extract(shared): Extract<Arc<Shared>>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    request: axum::extract::Request,
) -> Response {
    let Some(request) = read(request, shared.options.base_path).await else {
        return respond(Reply::not_found(), Timestamp::UNIX_EPOCH);
    };
    let now = (shared.options.clock)();
    let (reply, latency) = {
        let mut state = shared.lock();
        (handle(&mut state, &shared, &request, now), state.latency)
    };
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    shared.announce();
    reply.map_or_else(
        || {
            scissors.cut();
            Response::default()
        },
        |reply| respond(reply, now),
    )
}

/// The reply to a request, noted; none where the connection is to be cut.
fn handle(state: &mut State, shared: &Shared, request: &Request, now: Timestamp) -> Option<Reply> {
    let (reply, counted) = match trouble::meet(&mut state.troubles, request, now) {
        Some(Obstacle::Cut) => (None, false),
        Some(Obstacle::CutAfterwards) => (None, decide(state, shared, request, now).1),
        Some(Obstacle::Answer(reply)) => (Some(reply), false),
        None => {
            let (reply, counted) = decide(state, shared, request, now);
            (Some(reply), counted)
        }
    };
    let response_body = match reply.as_ref().map(|reply| &reply.body) {
        Some(Body::Json(value)) => Some(value.clone()),
        _ => None,
    };
    state.exchanges.push(Exchange {
        at: now,
        method: request.method.clone(),
        path: request.path.clone(),
        query: request.query.clone(),
        accept: request.accept.clone(),
        request_body: serde_json::from_slice(&request.body).ok(),
        status: reply.as_ref().map_or(0, |reply| reply.status),
        response_body,
        counted,
    });
    reply
}

/// The honest answer, and whether it counts against the rate limit.
fn decide(state: &mut State, shared: &Shared, request: &Request, now: Timestamp) -> (Reply, bool) {
    let index = match gate::caller(&state.tokens, request) {
        Ok(index) => index,
        Err(reply) => return (reply, false),
    };
    let limit = shared.options.hourly_limit;
    let free = request.path == "/rate_limit";
    let allowance = state.tokens[index].allowance(limit, now);
    if allowance.remaining() == 0 && !free {
        let reply = allowance
            .headers()
            .into_iter()
            .fold(gate::spent(), |reply, (name, value)| reply.with(name, value));
        return (reply, false);
    }
    let token = state.tokens[index].clone();
    let context = routes::Context { shared, token: &token, allowance, now };
    let reply = gate::permit(&token, request)
        .and_then(|()| routes::route(&mut state.world, &context, request))
        .unwrap_or_else(|refusal| refusal);
    let reply = gate::conditional(reply, request, state.etags);
    let counted = reply.status != 304 && !free;
    if counted {
        state.tokens[index].count();
    }
    let headers = state.tokens[index].allowance(limit, now).headers();
    (headers.into_iter().fold(reply, |reply, (name, value)| reply.with(name, value)), counted)
}

async fn read(request: axum::extract::Request, base_path: &str) -> Option<Request> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().strip_prefix(base_path)?.to_owned();
    let header = |name| header_text(&parts.headers, name);
    Some(Request {
        method: parts.method.as_str().to_owned(),
        segments: path.split('/').filter(|part| !part.is_empty()).map(decode).collect(),
        path,
        query: url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect(),
        authorization: header(header::AUTHORIZATION),
        accept: header(header::ACCEPT).unwrap_or_default(),
        if_none_match: header(header::IF_NONE_MATCH),
        body: axum::body::to_bytes(body, MAX_BODY).await.ok()?.to_vec(),
    })
}

fn header_text(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// A segment of a path without its percent signs.
fn decode(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = match rest {
            [b'%', high, low, ..] => hexadecimal(*high).zip(hexadecimal(*low)),
            _ => None,
        };
        bytes.push(escaped.map_or(*first, |(high, low)| high << 4 | low));
        rest = if escaped.is_some() { &rest[3..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn respond(reply: Reply, now: Timestamp) -> Response {
    let mut response = Response::new(axum::body::Body::from(reply.body.bytes()));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let id = format!("{:04X}:{:06X}", fastrand::u16(..), fastrand::u32(..0x100_0000));
    let common = [
        ("date", now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()),
        ("server", "github.com".to_owned()),
        ("x-github-request-id", id),
        ("x-github-media-type", "github.v3; format=json".to_owned()),
        ("x-github-api-version-selected", "2022-11-28".to_owned()),
        ("cache-control", "private, max-age=60, s-maxage=60".to_owned()),
        ("vary", "Accept, Authorization, Cookie, X-GitHub-OTP".to_owned()),
    ];
    let kind = reply.body.media_type().map(|kind| ("content-type", kind.to_owned()));
    for (name, value) in common.into_iter().chain(kind).chain(reply.headers) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().append(name, value);
        }
    }
    response
}
