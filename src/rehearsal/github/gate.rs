//! What happens to every request before and after its endpoint: who is asking,
//! what they may, how much they have left, and whether they know the answer.

use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::{SignedDuration, Timestamp};

use super::message::{Body, Reply, Request};

/// A token that the stand-in lets in.
#[derive(Clone, Debug)]
pub struct Token {
    pub(super) secret: String,
    pub(super) login: String,
    /// What an installation's token may do; a person's may do everything.
    permissions: Option<Vec<String>>,
    /// Whether a person is no administrator of the repository.
    plain: bool,
    used: u64,
    reset: Option<Timestamp>,
}

impl Token {
    /// A `GITHUB_TOKEN` with these permissions: `actions` to read them,
    /// `statuses: write` to write as well. A fork's has none to write.
    #[must_use]
    pub fn of_workflow(secret: &str, permissions: &[&str]) -> Self {
        let permissions = permissions.iter().map(|name| (*name).to_owned()).collect();
        Self::new(secret, "github-actions[bot]", Some(permissions))
    }

    /// A person's own token.
    #[must_use]
    pub fn of_person(secret: &str, login: &str) -> Self {
        Self::new(secret, login, None)
    }

    /// The token of a person who may write to the repository, and not administer it.
    #[must_use]
    pub fn of_writer(secret: &str, login: &str) -> Self {
        Self { plain: true, ..Self::of_person(secret, login) }
    }

    /// Whether a person is an administrator; of an app's token GitHub does not say.
    pub(super) fn rights(&self) -> Option<bool> {
        (!self.is_of_app()).then_some(!self.plain)
    }

    fn new(secret: &str, login: &str, permissions: Option<Vec<String>>) -> Self {
        Self {
            secret: secret.to_owned(),
            login: login.to_owned(),
            permissions,
            plain: false,
            used: 0,
            reset: None,
        }
    }

    /// Whether this is the token of an app, not a person's.
    pub(super) fn is_of_app(&self) -> bool {
        self.permissions.is_some()
    }

    /// Everything is spent until `reset`.
    pub(super) fn exhaust(&mut self, limit: u64, reset: Timestamp) {
        self.used = limit;
        self.reset = Some(reset);
    }

    /// The limit as it stands, the hour renewed where it is over.
    pub(super) fn allowance(&mut self, limit: u64, now: Timestamp) -> Allowance {
        let reset = match self.reset {
            Some(reset) if now < reset => reset,
            _ => {
                self.used = 0;
                let reset = now + SignedDuration::from_hours(1);
                self.reset = Some(reset);
                reset
            }
        };
        Allowance { limit, used: self.used, reset }
    }

    /// One more request counts.
    pub(super) fn count(&mut self) {
        self.used += 1;
    }
}

/// What a token has left of its hour.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    pub(super) limit: u64,
    pub(super) used: u64,
    pub(super) reset: Timestamp,
}

impl Allowance {
    pub(super) fn remaining(self) -> u64 {
        self.limit.saturating_sub(self.used)
    }

    /// The headers that tell it.
    pub(super) fn headers(self) -> [(&'static str, String); 5] {
        [
            ("x-ratelimit-limit", self.limit.to_string()),
            ("x-ratelimit-remaining", self.remaining().to_string()),
            ("x-ratelimit-used", self.used.to_string()),
            ("x-ratelimit-reset", self.reset.as_second().to_string()),
            ("x-ratelimit-resource", "core".to_owned()),
        ]
    }
}

/// Which of the tokens is asking.
pub(super) fn caller(tokens: &[Token], request: &Request) -> Result<usize, Reply> {
    let Some(authorization) = &request.authorization else {
        return Err(Reply::error(401, "Requires authentication"));
    };
    let secret = authorization.split_once(' ').map_or("", |(_, secret)| secret.trim());
    let known = tokens.iter().position(|token| token.secret == secret);
    known.ok_or_else(|| Reply::error(401, "Bad credentials"))
}

/// Refuses what the token may not do, naming what it would have to be allowed.
pub(super) fn permit(token: &Token, request: &Request) -> Result<(), Reply> {
    // GitHub does not tell others that there is something.
    if token.plain && matches!(needed_permission(request), Some("administration" | "environments")) {
        return Err(Reply::not_found());
    }
    let (Some(permissions), Some(needed)) = (&token.permissions, needed_permission(request)) else {
        return Ok(());
    };
    let writes = request.method != "GET";
    let granted = permissions.iter().any(|granted| {
        let (name, right) = granted.split_once(": ").unwrap_or((granted, "read"));
        name == needed && (!writes || right == "write")
    });
    if granted {
        return Ok(());
    }
    let right = if writes { "write" } else { "read" };
    Err(Reply::error(403, "Resource not accessible by integration")
        .with("x-accepted-github-permissions", format!("{needed}={right}")))
}

fn needed_permission(request: &Request) -> Option<&'static str> {
    let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    let writes = request.method != "GET";
    match segments.as_slice() {
        ["repos", _, _, "environments", _, "secrets" | "variables", ..] => Some("environments"),
        ["repos", _, _, "branches", .., "protection"] => Some("administration"),
        ["repos", _, _, "environments" | "rulesets", ..] if writes => Some("administration"),
        ["repos", _, _, "actions" | "environments", ..] => Some("actions"),
        ["repos", _, _, "contents" | "codeowners" | "compare", ..] => Some("contents"),
        ["repos", _, _, "pulls" | "issues", ..] | ["repos", _, _, "commits", .., "pulls"] => {
            Some("pull_requests")
        }
        ["repos", _, _, "commits", .., "check-runs"] | ["repos", _, _, "check-runs", ..] => Some("checks"),
        ["repos", _, _, "commits", .., "status" | "statuses"] | ["repos", _, _, "statuses", _] => {
            Some("statuses")
        }
        ["repos", _, _, "commits", ..] => Some("contents"),
        _ => None,
    }
}

/// The refusal of one who has nothing left.
pub(super) fn spent() -> Reply {
    Reply::error(403, "API rate limit exceeded for installation ID 1.")
}

/// The reply with its `ETag`, or 304 where the caller has the same already.
pub(super) fn conditional(reply: Reply, request: &Request, honoured: bool) -> Reply {
    if request.method != "GET" || reply.status != 200 {
        return reply;
    }
    let tag = entity_tag(&reply, request);
    let known = request.if_none_match.as_deref().is_some_and(|known| {
        known.split(',').map(str::trim).any(|one| one == "*" || weak(one) == weak(&tag))
    });
    if honoured && known {
        let headers = reply.headers.into_iter().filter(|(name, _)| *name == "link").collect();
        return Reply { status: 304, headers, body: Body::Empty }.with("etag", tag);
    }
    reply.with("etag", tag)
}

fn weak(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

fn entity_tag(reply: &Reply, request: &Request) -> String {
    let part = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, reply.body.bytes(), &request.accept).hash(&mut hasher);
        hasher.finish()
    };
    format!("W/\"{:016x}{:016x}\"", part(0), part(1))
}
