//! What a step of a workflow is to a simulation.

use std::time::Duration;

use super::super::action::Action;
use super::super::{Step, Work};
use super::durations::{ARTIFACT, CHECK_OUT, INSTALL, LINE, LOOK, SETTLE};

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Takes so long, and succeeds.
    Takes(Duration),
    /// Keeps an artifact.
    Keep,
    /// Builds what goes to the testnet.
    Build,
    /// `race deploy --artifact`.
    Deploy,
    /// `race monitor`, as a leg or not.
    Monitor {
        /// A leg that is over is no failure.
        leg: bool,
    },
    /// `race wait`.
    Wait,
    /// `race settle --open`.
    Open,
    /// `race settle`.
    Settle,
    /// `race cleanup`.
    CleanUp,
    /// Whether a leg of the soak has passed.
    Legs,
}

impl Kind {
    /// Of a step of a workflow that we ship. One that is not known is an error: what it
    /// takes is not known either.
    pub(super) fn of(step: &Step) -> Result<Self, String> {
        let script = match &step.work {
            Work::Uses(action, _) => return Ok(Self::of_action(*action)),
            Work::Run(script) => script.trim(),
        };
        if script.starts_with(".ci/build ") {
            return Ok(Self::Build);
        }
        if script.starts_with("echo ") && script.contains("none of its legs has passed") {
            return Ok(Self::Legs);
        }
        if script.starts_with("echo ") && !script.contains('\n') {
            return Ok(Self::Takes(LINE));
        }
        let words: Vec<&str> =
            script.strip_prefix("exec race ").unwrap_or_default().split_whitespace().collect();
        let has = |flag: &str| words.contains(&flag);
        match words.first() {
            Some(&"deploy") if has("--artifact") => Ok(Self::Deploy),
            Some(&"monitor") if has("--once") => Ok(Self::Takes(LOOK)),
            Some(&"monitor") => Ok(Self::Monitor { leg: has("--leg") }),
            Some(&"wait") => Ok(Self::Wait),
            Some(&"settle") if has("--open") => Ok(Self::Open),
            Some(&"settle") => Ok(Self::Settle),
            Some(&"cleanup") => Ok(Self::CleanUp),
            Some(&"samples") if has("--settle") => Ok(Self::Takes(SETTLE)),
            Some(&"samples") => Ok(Self::Takes(SETTLE.saturating_add(LOOK))),
            Some(&"advise") => Ok(Self::Takes(SETTLE)),
            _ => Err(format!("nobody knows how long `{script}` takes")),
        }
    }

    /// How long it takes, where that depends on nothing else.
    pub(super) fn takes(self) -> Result<Duration, String> {
        match self {
            Self::Takes(takes) => Ok(takes),
            Self::Keep => Ok(ARTIFACT),
            Self::Open | Self::Settle | Self::CleanUp => Ok(SETTLE),
            other => Err(format!("nobody knows how long {other:?} takes here")),
        }
    }

    const fn of_action(action: Action) -> Self {
        match action {
            Action::Checkout => Self::Takes(CHECK_OUT),
            Action::InstallRace { .. } => Self::Takes(INSTALL),
            Action::DownloadArtifact => Self::Takes(ARTIFACT),
            Action::UploadArtifact => Self::Keep,
        }
    }
}
