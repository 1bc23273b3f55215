//! What can go wrong between us and the API, and what to do about it.

use std::time::Duration;

use crate::exit::Exit;
use crate::race::watch::{Observation, Refusal};

/// A request that brought nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// 401: the token is not accepted.
    #[error("GitHub refuses the token (401)")]
    Unauthorized,
    /// 403 for another reason than a rate limit.
    #[error("GitHub refuses `{path}` (403): {message}")]
    Forbidden {
        /// What was asked for.
        path: String,
        /// The permission that it takes, as a workflow's `permissions:` names it.
        permission: &'static str,
        /// What GitHub said.
        message: String,
    },
    /// 404: there is nothing, or nothing that this token may see.
    #[error("GitHub knows no `{path}` (404)")]
    NotFound {
        /// What was asked for.
        path: String,
    },
    /// 403 or 429 for a rate limit.
    #[error("GitHub's rate limit is reached ({status}); it asks to wait {}", crate::policy::duration::rounded(*.wait))]
    RateLimited {
        /// The status of the answer.
        status: u16,
        /// How long GitHub asks to wait.
        wait: Duration,
    },
    /// Another answer that is no success.
    #[error("GitHub answered {status} for `{path}`: {message}")]
    Status {
        /// The status of the answer.
        status: u16,
        /// What was asked for.
        path: String,
        /// What GitHub said.
        message: String,
        /// How long GitHub asks to wait, where it does.
        wait: Option<Duration>,
    },
    /// No answer.
    #[error("GitHub cannot be reached: {0}")]
    Transport(String),
    /// An answer that is not what the API describes.
    #[error("GitHub's answer for `{path}` cannot be read: {message}")]
    Malformed {
        /// What was asked for.
        path: String,
        /// What is wrong with the answer.
        message: String,
    },
}

/// Whether and when a read may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// With the next step of an exponential back-off.
    Backoff,
    /// Not before this time has passed.
    After(Duration),
    /// The same answer would come.
    Never,
}

impl ApiError {
    /// Whether and when a read may be tried again.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        match self {
            Self::RateLimited { wait, .. } => Retry::After(*wait),
            Self::Transport(_) | Self::Malformed { .. } => Retry::Backoff,
            Self::Status { status, wait, .. } if *status >= 500 || *status == 408 => match wait {
                Some(wait) => Retry::After(*wait),
                None => Retry::Backoff,
            },
            Self::Unauthorized | Self::Forbidden { .. } | Self::NotFound { .. } | Self::Status { .. } => {
                Retry::Never
            }
        }
    }

    /// How a process ends for it.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Unauthorized | Self::Forbidden { .. } => Exit::Refused,
            Self::NotFound { .. } => Exit::NotFound,
            _ => Exit::Undecided,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Unauthorized => {
                "pass a valid token: in a workflow `env: GITHUB_TOKEN: ${{ github.token }}`, elsewhere GH_TOKEN".to_owned()
            }
            Self::Forbidden { permission, .. } => format!("give the job `permissions: {{ {permission} }}`, or the token that right"),
            Self::NotFound { .. } => {
                "check repository and number; a private repository answers 404 where the token may not read it \
                 (`permissions: { actions: read, contents: read }`)"
                    .to_owned()
            }
            Self::RateLimited { .. } => "wait, or use a token with a higher limit".to_owned(),
            _ => "try again; https://www.githubstatus.com tells of outages".to_owned(),
        }
    }

    /// The same as what the wait for a verdict is told.
    #[must_use]
    pub fn observed(&self) -> Observation {
        match self {
            Self::Unauthorized | Self::Forbidden { .. } | Self::NotFound { .. } => {
                Observation::Refused(Refusal {
                    exit: self.exit(),
                    message: self.to_string(),
                    help: self.help(),
                })
            }
            _ => Observation::Unreachable(self.to_string()),
        }
    }
}

/// The permission of a workflow's token that a path takes.
pub(super) fn permission_for(path: &str) -> &'static str {
    if path.starts_with("contents") || path.starts_with("compare") {
        "contents: read"
    } else if path.starts_with("pulls") || path.starts_with("issues") {
        "pull-requests: read"
    } else if path.contains("/check-runs") {
        "checks: read"
    } else if path.contains("/status") {
        "statuses: read"
    } else {
        "actions: read"
    }
}
