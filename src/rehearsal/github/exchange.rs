//! What the stand-in remembers of a request and its answer.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One request and its answer. The token is not remembered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// When the request was complete.
    pub at: Timestamp,
    /// The method, in capitals.
    pub method: String,
    /// The path without base path and query, as it came.
    pub path: String,
    /// The decoded pairs of the query.
    pub query: Vec<(String, String)>,
    /// What the request's `accept` said.
    pub accept: String,
    /// The request's body, where it was JSON.
    pub request_body: Option<Value>,
    /// The status of the answer; 0 where the connection was cut instead.
    pub status: u16,
    /// The answer's body, where it was JSON.
    pub response_body: Option<Value>,
    /// Whether the request counted against the rate limit.
    pub counted: bool,
}
