//! What an answer says besides its body: errors, limits, times.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::header::{DATE, HeaderMap, RETRY_AFTER};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde::Deserialize;

use super::error::ApiError;

/// Headers of the rate limit: requests left, and when the count starts anew.
pub(super) const REMAINING: &str = "x-ratelimit-remaining";
pub(super) const RESET: &str = "x-ratelimit-reset";

/// The error that an answer stands for.
pub(super) fn refused(path: &str, permission: &'static str, response: &Response<Bytes>) -> ApiError {
    #[derive(Deserialize)]
    struct Said {
        message: String,
    }
    let status = response.status().as_u16();
    let message = match serde_json::from_slice::<Said>(response.body()) {
        Ok(said) => said.message.chars().take(300).collect(),
        Err(_) => "no explanation".to_owned(),
    };
    match status {
        401 => ApiError::Unauthorized,
        403 | 429 => match rate_limit(response.headers(), &message, status) {
            Some(wait) => ApiError::RateLimited { status, wait },
            None => ApiError::Forbidden { path: path.to_owned(), permission, message },
        },
        404 => ApiError::NotFound { path: path.to_owned() },
        _ => {
            ApiError::Status { status, path: path.to_owned(), message, wait: retry_after(response.headers()) }
        }
    }
}

/// How long a rate limit asks to wait, where the answer is one.
///
/// Source: <https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api>.
fn rate_limit(headers: &HeaderMap, message: &str, status: u16) -> Option<Duration> {
    if let Some(wait) = retry_after(headers) {
        return Some(wait);
    }
    if number(headers, REMAINING) == Some(0)
        && let Some(reset) = number(headers, RESET)
    {
        let now = date_of(headers).unwrap_or_else(Timestamp::now).as_second();
        return Some(Duration::from_secs(u64::try_from(reset - now).unwrap_or(0).clamp(1, 3_600)));
    }
    // The secondary limit may come without either header: a minute is the least.
    (status == 429 || message.to_lowercase().contains("rate limit")).then_some(Duration::from_secs(60))
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    Some(Duration::from_secs(u64::try_from(number(headers, RETRY_AFTER.as_str())?).ok()?))
}

/// The number that a header holds.
pub(super) fn number(headers: &HeaderMap, name: &str) -> Option<i64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

pub(super) fn date_of(headers: &HeaderMap) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(headers.get(DATE)?.as_bytes()).ok()
}
