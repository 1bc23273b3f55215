//! One request at a time: timeouts, conditional requests, the rate limit's
//! headers, and errors by what the answer says.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, LINK};
use http::{Method, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Limited};
use jiff::Timestamp;
use octocrab::Octocrab;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

pub(super) use super::answer::refused;
use super::answer::{REMAINING, RESET, date_of, number};
use super::error::{ApiError, Retry, permission_for};
use super::pace::Budget;

/// How long a connection, and a whole answer, may take.
pub(super) const CONNECT: Duration = Duration::from_secs(10);
pub(super) const ANSWER: Duration = Duration::from_secs(20);
/// The largest answer that is read: a hundred jobs with their steps are about 1 MB.
const LARGEST: usize = 32 * 1024 * 1024;
/// How often a patient client asks, and the first pause between two tries.
const TRIES: u32 = 5;
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest that a patient client waits because GitHub asks it to.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A repository, as OWNER/NAME.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Its owner.
    pub owner: String,
    /// Its name.
    pub name: String,
}

impl Repository {
    /// Reads OWNER/NAME, with the characters that GitHub allows.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (owner, name) = text.split_once('/')?;
        let legal = |part: &str| {
            !part.is_empty()
                && part != "."
                && part != ".."
                && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        };
        (legal(owner) && legal(name)).then(|| Self { owner: owner.to_owned(), name: name.to_owned() })
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// Where and as whom to ask.
pub struct Connection<'c> {
    /// Base URL of the API, with its path on GitHub Enterprise (`/api/v3`).
    pub api_url: &'c str,
    /// The token.
    pub token: &'c str,
    /// The repository that paths are about.
    pub repository: Repository,
}

/// A client for one repository.
pub struct Client {
    octocrab: Octocrab,
    base: String,
    repository: Repository,
    known: BTreeMap<String, Known>,
    budget: Option<Budget>,
    charged: u64,
}

/// An answer that can be asked for conditionally, where it has an ETag.
struct Known {
    etag: Option<HeaderValue>,
    body: Bytes,
    next: Option<String>,
}

/// An answer.
pub(super) struct Answer {
    /// The body, of this answer or, after a 304, of the one before.
    pub(super) body: Bytes,
    /// Nothing has changed since the last answer (304).
    pub(super) unchanged: bool,
    /// Nothing has changed, but GitHub did not say so: the same body came again.
    pub(super) repeated: bool,
    /// GitHub's time.
    pub(super) date: Option<Timestamp>,
    /// The path of the next page.
    pub(super) next: Option<String>,
    etag: Option<HeaderValue>,
}

impl Client {
    /// A client. Nothing is asked yet. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// When the API's URL is no URL, or no TLS root certificates are installed.
    pub fn new(connection: Connection<'_>) -> Result<Self, ApiError> {
        let invalid = |error: octocrab::Error| ApiError::Transport(text_of(&error));
        let base = connection.api_url.trim_end_matches('/').to_owned();
        let octocrab = Octocrab::builder()
            .base_uri(base.as_str())
            .map_err(invalid)?
            .personal_token(connection.token.to_owned())
            .set_connect_timeout(Some(CONNECT))
            .set_read_timeout(Some(ANSWER))
            .set_write_timeout(Some(ANSWER))
            .build()
            .map_err(invalid)?;
        Ok(Self {
            octocrab,
            base,
            repository: connection.repository,
            known: BTreeMap::new(),
            budget: None,
            charged: 0,
        })
    }

    /// Another client for the same, which knows no answers yet.
    #[must_use]
    pub fn another(&self) -> Self {
        let (octocrab, base, repository) =
            (self.octocrab.clone(), self.base.clone(), self.repository.clone());
        Self { octocrab, base, repository, known: BTreeMap::new(), budget: self.budget, charged: 0 }
    }

    /// The repository that paths are about.
    #[must_use]
    pub const fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Whether this is github.com's API, not that of a server of one's own.
    pub(super) fn is_public(&self) -> bool {
        self.base == "https://api.github.com"
    }

    /// What is left of the rate limit, by the last answer that told.
    #[must_use]
    pub const fn budget(&self) -> Option<Budget> {
        self.budget
    }

    /// How many answers were counted against the rate limit.
    #[must_use]
    pub const fn charged(&self) -> u64 {
        self.charged
    }

    /// Reads `path` of the repository once.
    pub(super) async fn get<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, ApiError> {
        let answer = self.ask(path, false).await?;
        read(path, &answer.body)
    }

    /// Reads `path` of the repository, asking again where that may help, for about
    /// a minute at most.
    pub(super) async fn get_patiently<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, ApiError> {
        let mut tries = 0;
        loop {
            match self.get(path).await {
                Ok(value) => return Ok(value),
                Err(error) => self.pause_before_retry(error, &mut tries).await?,
            }
        }
    }

    /// Waits before another try where one may help; else gives the error back.
    pub(super) async fn pause_before_retry(&self, error: ApiError, tries: &mut u32) -> Result<(), ApiError> {
        *tries += 1;
        let pause = match error.retry() {
            _ if *tries >= TRIES => return Err(error),
            Retry::After(wait) if wait <= LONGEST_PAUSE => wait,
            Retry::Backoff => (FIRST_PAUSE * 2_u32.pow(*tries - 1)).mul_f64(0.5 + fastrand::f64()),
            Retry::After(_) | Retry::Never => return Err(error),
        };
        tracing::debug!(%error, ?pause, "asking again");
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// Asks for `path` of the repository; conditionally where `conditional` and the
    /// last answer had an ETag.
    pub(super) async fn ask(&mut self, path: &str, conditional: bool) -> Result<Answer, ApiError> {
        let known = self.known.get(path).filter(|_| conditional);
        let etag = known.and_then(|known| known.etag.clone());
        let headers = etag.map(|etag| (IF_NONE_MATCH, etag)).into_iter().collect();
        let mut answer = self.send(path, headers).await?;
        if conditional && !answer.unchanged {
            let Answer { body, next, etag, .. } = &answer;
            let known = Known { etag: etag.clone(), body: body.clone(), next: next.clone() };
            let before = self.known.insert(path.to_owned(), known);
            answer.repeated = before.is_some_and(|before| before.body == answer.body);
        }
        Ok(answer)
    }

    /// One request for `path` of the repository, whatever comes of it.
    pub(super) async fn exchange(
        &mut self,
        path: &str,
        headers: HeaderMap,
    ) -> Result<Response<Bytes>, ApiError> {
        let route = format!("{}/repos/{}/{}/{path}", self.base, self.repository.owner, self.repository.name);
        let response = whole(self.octocrab._get_with_headers(route.as_str(), Some(headers))).await?;
        self.keep_budget(response.headers());
        tracing::debug!(path, status = response.status().as_u16(), "asked GitHub");
        self.charged += u64::from(response.status() != StatusCode::NOT_MODIFIED);
        Ok(response)
    }

    pub(super) async fn send(&mut self, path: &str, headers: HeaderMap) -> Result<Answer, ApiError> {
        let response = self.exchange(path, headers).await?;
        let date = date_of(response.headers());
        if response.status() == StatusCode::NOT_MODIFIED
            && let Some(known) = self.known.get(path)
        {
            return Ok(Answer {
                body: known.body.clone(),
                unchanged: true,
                repeated: false,
                date,
                next: known.next.clone(),
                etag: None,
            });
        }
        if !response.status().is_success() {
            return Err(refused(path, permission_for(path), &response));
        }
        let next = Self::next_page(response.headers());
        let etag = response.headers().get(ETAG).cloned();
        Ok(Answer { body: response.into_body(), unchanged: false, repeated: false, date, next, etag })
    }

    /// Writes `body` to `path` of the repository, once. Where no answer came, it may
    /// have taken effect all the same: the caller reads before it writes again.
    pub(super) async fn post<T: DeserializeOwned>(
        &mut self,
        path: &str,
        permission: &'static str,
        body: Option<&(impl serde::Serialize + Sync)>,
    ) -> Result<T, ApiError> {
        self.write(Method::POST, path, permission, body).await
    }

    /// The same for what is there already (`PATCH`).
    pub(super) async fn patch<T: DeserializeOwned>(
        &mut self,
        path: &str,
        permission: &'static str,
        body: &(impl serde::Serialize + Sync),
    ) -> Result<T, ApiError> {
        self.write(Method::PATCH, path, permission, Some(body)).await
    }

    /// The same with another method. An answer without a body is `null`.
    pub(super) async fn write<T: DeserializeOwned>(
        &mut self,
        method: Method,
        path: &str,
        permission: &'static str,
        body: Option<&(impl serde::Serialize + Sync)>,
    ) -> Result<T, ApiError> {
        let route = format!("{}/repos/{}/{}/{path}", self.base, self.repository.owner, self.repository.name);
        let response = match method {
            Method::PUT => whole(self.octocrab._put(route.as_str(), body)).await?,
            Method::PATCH => whole(self.octocrab._patch(route.as_str(), body)).await?,
            _ => whole(self.octocrab._post(route.as_str(), body)).await?,
        };
        self.keep_budget(response.headers());
        self.charged += 1;
        tracing::debug!(path, status = response.status().as_u16(), "wrote to GitHub");
        if !response.status().is_success() {
            return Err(refused(path, permission, &response));
        }
        let body = response.body();
        read(path, if body.is_empty() { b"null" } else { body })
    }

    /// Reads what is not of the repository, once: `path` follows the API's address.
    pub(super) async fn get_beside<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, ApiError> {
        let response = whole(self.octocrab._get(format!("{}/{path}", self.base))).await?;
        self.keep_budget(response.headers());
        self.charged += 1;
        if !response.status().is_success() {
            return Err(refused(path, "metadata: read", &response));
        }
        read(path, response.body())
    }

    /// The account that the token stands for (`GET /user`); `None` where GitHub does
    /// not say.
    pub async fn login(&mut self) -> Option<String> {
        #[derive(Deserialize)]
        struct User {
            login: String,
        }
        let response = whole(self.octocrab._get(format!("{}/user", self.base))).await.ok()?;
        serde_json::from_slice::<User>(response.body()).ok().map(|user| user.login)
    }

    fn keep_budget(&mut self, headers: &HeaderMap) {
        let remaining = number(headers, REMAINING).and_then(|number| u64::try_from(number).ok());
        let reset = number(headers, RESET).and_then(|second| Timestamp::from_second(second).ok());
        if let (Some(remaining), Some(reset)) = (remaining, reset) {
            self.budget = Some(Budget { remaining, reset });
        }
    }

    /// The path of the next page, where `Link` names one of this repository.
    fn next_page(headers: &HeaderMap) -> Option<String> {
        let links = headers.get(LINK)?.to_str().ok()?;
        let next = links.split(',').find(|link| link.contains("rel=\"next\""))?;
        let url = next.split_once('<')?.1.split_once('>')?.0;
        // GitHub's own links may name the repository by number: what follows it is the same.
        let (_, after) = url.split_once("/repos/").or_else(|| url.split_once("/repositories/"))?;
        let segments = if url.contains("/repositories/") { 1 } else { 2 };
        Some(after.splitn(segments + 1, '/').nth(segments)?.to_owned())
    }
}

/// Reads the body of an answer.
pub(super) fn read<T: DeserializeOwned>(path: &str, body: &[u8]) -> Result<T, ApiError> {
    let mut json = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut json)
        .map_err(|error| ApiError::Malformed { path: path.to_owned(), message: error.to_string() })
}

/// A text as one segment of a path.
pub(super) fn segment(text: &str) -> String {
    const KEPT: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(text, &KEPT).to_string()
}

/// The whole of an answer, in time and within bounds.
async fn whole(
    asked: impl Future<Output = octocrab::Result<Response<BoxBody<Bytes, octocrab::Error>>>>,
) -> Result<Response<Bytes>, ApiError> {
    let read = async {
        let (parts, body) = asked.await.map_err(|error| text_of(&error))?.into_parts();
        let body = Limited::new(body, LARGEST).collect().await.map_err(|error| text_of(error.as_ref()))?;
        Ok::<_, String>(Response::from_parts(parts, body.to_bytes()))
    };
    match tokio::time::timeout(ANSWER, read).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => Err(ApiError::Transport(error)),
        Err(_) => Err(ApiError::Transport(format!("no answer within {} s", ANSWER.as_secs()))),
    }
}

/// An error with all its causes: octocrab's own text is often a single word.
pub(super) fn text_of(error: &dyn std::error::Error) -> String {
    let mut parts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !parts.last().is_some_and(|last| last.ends_with(&text)) {
            parts.push(text);
        }
        cause = error.source();
    }
    parts.join(": ")
}
