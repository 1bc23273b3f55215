//! The shapes of `[monitor]` in `policies/testnet.toml`.

use std::time::Duration;

use serde::{Deserialize, Serialize, de::Error};

use super::duration;

/// How the testnet is watched after a deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Monitor {
    /// How long one session of the chain takes.
    #[serde(with = "duration")]
    pub session_length: Duration,
    /// How many sessions must pass on the finalized chain.
    #[serde(default = "target_sessions")]
    pub target_sessions: u32,
    /// How long a quorum of nodes may be out of reach.
    #[serde(with = "duration", default = "unmeasured_after")]
    pub unmeasured_after: Duration,
    /// How many nodes must agree.
    #[serde(default)]
    pub quorum: Quorum,
    /// The nodes that are asked.
    #[serde(rename = "node")]
    pub nodes: Vec<Node>,
    /// When the network counts as stalled.
    #[serde(default)]
    pub stall: Stall,
}

impl Monitor {
    /// A monitor in which every key has a value.
    pub(super) fn example() -> Self {
        Self {
            session_length: Duration::from_mins(1),
            target_sessions: target_sessions(),
            unmeasured_after: unmeasured_after(),
            quorum: Quorum::Majority,
            nodes: vec![Node { url: "ws://127.0.0.1:9944".to_owned() }],
            stall: Stall { no_session: Some(Duration::from_mins(17)) },
        }
    }

    /// How long the chain may go without a new session: as the policy says, else
    /// twice the session's length plus 15 minutes, because keygen is retried.
    #[must_use]
    pub fn no_session(&self) -> Duration {
        self.stall.no_session.unwrap_or(self.session_length * 2 + Duration::from_mins(15))
    }
}

/// One RPC endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// WebSocket URL, for example `ws://127.0.0.1:9944`.
    pub url: String,
}

/// When the network counts as stalled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stall {
    /// The longest time without a new session on the finalized chain.
    #[serde(with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub no_session: Option<Duration>,
}

/// How many of the configured nodes must agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quorum {
    /// More than half of them.
    #[default]
    Majority,
    /// That many of them.
    #[serde(untagged)]
    Nodes(usize),
}

impl Quorum {
    /// The number of nodes that make a quorum of `configured` ones.
    #[must_use]
    pub fn of(self, configured: usize) -> usize {
        match self {
            Self::Majority => configured / 2 + 1,
            Self::Nodes(nodes) => nodes,
        }
    }
}

impl<'de> Deserialize<'de> for Quorum {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum File {
            Word(String),
            Number(i64),
        }
        match File::deserialize(deserializer) {
            Ok(File::Word(word)) if word == "majority" => Ok(Self::Majority),
            Ok(File::Number(number)) => usize::try_from(number)
                .map(Self::Nodes)
                .map_err(|_| D::Error::custom("a quorum cannot be negative")),
            _ => Err(D::Error::custom("a quorum is `\"majority\"` or a number of nodes")),
        }
    }
}

fn target_sessions() -> u32 {
    500
}

fn unmeasured_after() -> Duration {
    Duration::from_mins(10)
}
