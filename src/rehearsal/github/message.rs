//! A request and a reply, without the HTTP library's types.

use serde_json::{Value, json};

/// What was asked.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: String,
    /// Decoded segments of the path, without the stand-in's base path.
    pub(super) segments: Vec<String>,
    /// The path as it came, without the base path and the query.
    pub(super) path: String,
    /// Decoded pairs of the query.
    pub(super) query: Vec<(String, String)>,
    pub(super) authorization: Option<String>,
    pub(super) accept: String,
    pub(super) if_none_match: Option<String>,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// The first value of a query parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether the caller wants a file's bytes instead of JSON.
    pub(super) fn wants_raw(&self) -> bool {
        self.accept.contains("raw")
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Body,
}

/// What a reply carries.
#[derive(Clone, Debug)]
pub(super) enum Body {
    Json(Value),
    Raw(Vec<u8>),
    Html(&'static str),
    Empty,
}

impl Body {
    /// What goes over the wire.
    pub(super) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Json(value) => value.to_string().into_bytes(),
            Self::Raw(bytes) => bytes.clone(),
            Self::Html(text) => text.as_bytes().to_vec(),
            Self::Empty => Vec::new(),
        }
    }

    /// Its `content-type`.
    pub(super) fn media_type(&self) -> Option<&'static str> {
        match self {
            Self::Json(_) => Some("application/json; charset=utf-8"),
            Self::Raw(_) => Some("application/vnd.github.raw+json; charset=utf-8"),
            Self::Html(_) => Some("text/html; charset=utf-8"),
            Self::Empty => None,
        }
    }
}

impl Reply {
    pub(super) fn json(value: Value) -> Self {
        Self { status: 200, headers: Vec::new(), body: Body::Json(value) }
    }

    /// An error as GitHub words it.
    pub(super) fn error(status: u16, message: &str) -> Self {
        let body = json!({
            "message": message,
            "documentation_url": "https://docs.github.com/rest",
            "status": status.to_string(),
        });
        Self { status, headers: Vec::new(), body: Body::Json(body) }
    }

    pub(super) fn not_found() -> Self {
        Self::error(404, "Not Found")
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}
