//! What can go wrong on the way to GitHub, at a test's or a rehearsal's wish.

use std::time::Duration;

use jiff::Timestamp;

use super::message::{Body, Reply, Request};

/// What happens to a request instead of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 502 with a page instead of JSON.
    BadGateway,
    /// The connection is cut before anything was answered.
    Dropped,
    /// 429 with `retry-after`, as GitHub's secondary limits answer.
    SecondaryLimit(Duration),
    /// 401, as for a token that is not valid any more.
    BadCredentials,
    /// 403, as for a token without the permission.
    MissingPermission,
    /// 404, as for what the token may not see.
    NotFound,
    /// 422, as for a review that GitHub does not take.
    Unprocessable,
    /// The request takes effect, and the connection is cut before that is answered.
    AnswerLost,
}

/// A fault and the requests that it meets.
#[derive(Clone, Debug)]
pub struct Trouble {
    fault: Fault,
    path_part: Option<String>,
    method: Option<&'static str>,
    left: Option<u32>,
    until: Option<Timestamp>,
}

impl Trouble {
    /// Meets every request until it is taken back.
    #[must_use]
    pub fn new(fault: Fault) -> Self {
        Self { fault, path_part: None, method: None, left: None, until: None }
    }

    /// Meets only so many requests.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.left = Some(times);
        self
    }

    /// Meets only requests whose path contains this.
    #[must_use]
    pub fn on(mut self, path_part: &str) -> Self {
        self.path_part = Some(path_part.to_owned());
        self
    }

    /// Meets only requests of this method, in capitals.
    #[must_use]
    pub fn method(mut self, method: &'static str) -> Self {
        self.method = Some(method);
        self
    }

    /// Meets requests only before this moment.
    #[must_use]
    pub fn until(mut self, end: Timestamp) -> Self {
        self.until = Some(end);
        self
    }

    /// Whether this request is met. One that is, is taken off the number.
    fn meets(&mut self, request: &Request, now: Timestamp) -> bool {
        let met = self.path_part.as_ref().is_none_or(|part| request.path.contains(part))
            && self.method.is_none_or(|method| request.method == method)
            && self.until.is_none_or(|end| now < end)
            && self.left != Some(0);
        if met && let Some(left) = &mut self.left {
            *left -= 1;
        }
        met
    }
}

/// What came in the way of a request.
pub(super) enum Obstacle {
    /// Another answer than the one that was hoped for.
    Answer(Reply),
    /// The connection is cut.
    Cut,
    /// The connection is cut, after the request took effect.
    CutAfterwards,
}

/// The first trouble that this request meets.
pub(super) fn meet(troubles: &mut [Trouble], request: &Request, now: Timestamp) -> Option<Obstacle> {
    let trouble = troubles.iter_mut().find_map(|trouble| trouble.meets(request, now).then_some(&*trouble))?;
    let reply = match &trouble.fault {
        Fault::Dropped => return Some(Obstacle::Cut),
        Fault::AnswerLost => return Some(Obstacle::CutAfterwards),
        Fault::BadGateway => Reply {
            status: 502,
            headers: Vec::new(),
            body: Body::Html("<html><body><h1>502 Bad Gateway</h1></body></html>"),
        },
        Fault::SecondaryLimit(retry_after) => {
            Reply::error(429, "You have exceeded a secondary rate limit. Please wait a few minutes.")
                .with("retry-after", retry_after.as_secs().to_string())
        }
        Fault::BadCredentials => Reply::error(401, "Bad credentials"),
        Fault::MissingPermission => Reply::error(403, "Resource not accessible by integration"),
        Fault::NotFound => Reply::not_found(),
        Fault::Unprocessable => {
            Reply::error(422, "There was a problem approving one of the gates, please try again")
        }
    };
    Some(Obstacle::Answer(reply))
}
