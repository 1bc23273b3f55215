//! What we read of GitHub's JSON of a pull request, leniently.

use jiff::Timestamp;
use serde::Deserialize;

use super::model::{lenient, time};

/// `GET .../pulls/{pull_number}`.
#[derive(Debug, Deserialize)]
pub(super) struct Pull {
    pub(super) number: u64,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) state: String,
    #[serde(default, deserialize_with = "time")]
    pub(super) created_at: Option<Timestamp>,
    pub(super) head: PullRef,
    pub(super) base: PullRef,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) labels: Vec<Label>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) author_association: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) changed_files: Option<usize>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Label {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct PullRef {
    pub(super) sha: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) r#ref: String,
}
