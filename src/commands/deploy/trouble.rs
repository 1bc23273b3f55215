//! What can go wrong with a deployment, with what to do about it and the exit code
//! that it has where nothing had begun yet.

use std::time::Duration;

use crate::deploy::Lease;
use crate::exit::Exit;
use crate::policy::duration::rounded;
use crate::ssh::SshError;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// The way to a host.
    #[error(transparent)]
    Ssh(#[from] SshError),
    /// A host cannot do what a deployment asks of it.
    #[error("{host}: {what}")]
    Unfit {
        /// The host's name.
        host: String,
        /// What is missing there.
        what: String,
        /// What to do about it.
        help: String,
    },
    /// The program on the host failed, or said what it must not.
    #[error("{host}: {doing}: {text}")]
    Host {
        /// The host's name.
        host: String,
        /// What was asked of it.
        doing: &'static str,
        /// What it said.
        text: String,
    },
    /// The host knows nothing of this deployment.
    #[error("{host}: it knows nothing of this deployment")]
    Unknown {
        /// The host's name.
        host: String,
    },
    /// A step ended badly.
    #[error("{host}: step `{step}` {what}")]
    Step {
        /// The host's name.
        host: String,
        /// The step's name.
        step: String,
        /// How it ended.
        what: String,
        /// Its exit status.
        status: Option<i32>,
    },
    /// A check did not hold in time.
    #[error("{host}: not ready: `{check}` did not hold within {}: {last}", rounded(*.within))]
    NotReady {
        /// The host's name.
        host: String,
        /// The check's name.
        check: String,
        /// How long it had.
        within: Duration,
        /// What was seen last.
        last: String,
    },
    /// The host undid, or began to, though we had not asked for it.
    #[error("{host}: it undid the deployment by itself: {why}")]
    UndidItself {
        /// The host's name.
        host: String,
        /// What led to it.
        why: String,
    },
    /// Another deployment has the testnet.
    #[error("the testnet is held by {holder} (on {host}){waited}")]
    Held {
        /// The host that says so.
        host: String,
        /// Who has it.
        holder: Box<Lease>,
        /// How long we waited, as words.
        waited: String,
    },
    /// Our lease was taken from us.
    #[error("{host}: our lease of the testnet is gone: {holder}")]
    LeaseLost {
        /// The host's name.
        host: String,
        /// Who has it now, as words.
        holder: String,
    },
    /// Something of this machine.
    #[error("{0}")]
    Local(String),
}

impl Trouble {
    /// How a deployment ends that met this before anything had begun.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Ssh(error) => error.exit(),
            Self::Local(_) => Exit::Invalid,
            _ => Exit::RolledBack,
        }
    }

    /// The exit status of the command that led to it.
    pub(super) const fn status(&self) -> Option<i32> {
        match self {
            Self::Step { status, .. } => *status,
            _ => None,
        }
    }

    /// What to do about it.
    pub(super) fn help(&self) -> Option<String> {
        match self {
            Self::Ssh(error) => error.help().map(Into::into),
            Self::Unfit { help, .. } => Some(help.clone()),
            Self::Held { .. } => Some(
                "wait for its run, allow more by lock_wait, or free the testnet by `race deploy --release`"
                    .to_owned(),
            ),
            Self::UndidItself { .. } => {
                Some("see the host's log; allow more by undo_after where the way to it is slow".to_owned())
            }
            _ => None,
        }
    }
}
