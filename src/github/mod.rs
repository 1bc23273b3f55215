//! GitHub's REST API, by octocrab. Narrow lenient models, conditional requests,
//! our own back-off, and errors that say what to do. The few writes are in
//! `write` and `mend`, each sent once.
//!
//! What the API answers becomes a value of [`crate::race`]; octocrab's types do
//! not leave this module. How GitHub behaves, and how far that is confirmed, is
//! told in `docs/design/github.md`.

mod answer;
mod artifact;
mod change;
mod client;
mod comment;
mod error;
mod event;
mod jobs;
mod lookup;
mod mend;
mod model;
mod pace;
mod pull_model;
mod reader;
mod sample;
mod seal;
mod setup;
mod setup_model;
mod write;

pub use artifact::Artifact;
pub use change::{Comparison, LISTED_BY_COMPARISON, ListedFile, PullChange};
pub use client::{Client, Connection, Repository};
pub use comment::Comment;
pub use error::{ApiError, Retry};
pub use event::{Event, EventError, is_sha};
pub use jobs::Notice;
pub use lookup::{Check, NewestStatus, Progress, PullRequest};
pub use pace::{Budget, Pace, Toll};
pub use reader::{Depth, Reader, Reading};
pub use sample::{GateRun, Home, Kept};
pub use write::{Decision, NewStatus};
