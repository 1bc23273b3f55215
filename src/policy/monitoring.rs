//! The shapes of `[monitor]` in `policies/testnet.toml`.

use std::time::Duration;

use serde::{Deserialize, Serialize, de::Error};

use super::duration;
use super::stall::Stall;
use super::watching::{Watch, WatchRule};

/// How the testnet is watched after a deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Monitor {
    /// How long one session of the chain takes.
    #[serde(with = "duration")]
    pub session_length: Duration,
    /// How many sessions must pass on the finalized chain.
    #[serde(default = "target_sessions")]
    pub target_sessions: u32,
    /// How many sessions after the baseline pass without being counted or held against
    /// rules.
    #[serde(default)]
    pub warm_up_sessions: u32,
    /// How long at a stretch a quorum of nodes may be out of reach.
    #[serde(with = "duration", default = "unmeasured_after")]
    pub unmeasured_after: Duration,
    /// How long altogether it may be, all legs together; without it, for as long as no
    /// stretch is too long.
    #[serde(with = "duration::option", default, skip_serializing_if = "Option::is_none")]
    pub unmeasured_total: Option<Duration>,
    /// How long one leg of the soak may take, from the start of the job. Then it is
    /// unfinished, and another job goes on from the checkpoint. Without it there is no limit.
    #[serde(with = "duration::option", default, skip_serializing_if = "Option::is_none")]
    pub max_runtime: Option<Duration>,
    /// How long the nodes have until they run what is expected and have caught up.
    #[serde(with = "duration", default = "ready_within")]
    pub ready_within: Duration,
    /// How many nodes must agree.
    #[serde(default)]
    pub quorum: Quorum,
    /// How long a quorum may stay below what was final before.
    #[serde(with = "duration", default = "rewind_after")]
    pub rewind_after: Duration,
    /// The nodes that are asked.
    #[serde(rename = "node")]
    pub nodes: Vec<Node>,
    /// What the nodes must run.
    #[serde(default)]
    pub expect: Expect,
    /// When the network counts as stalled.
    #[serde(default)]
    pub stall: Stall,
    /// What is looked at in the chain's storage.
    #[serde(rename = "watch", default, skip_serializing_if = "Vec::is_empty")]
    pub watches: Vec<Watch>,
}

impl Monitor {
    /// A monitor of these nodes, all else being left out.
    #[must_use]
    pub fn of(session_length: Duration, nodes: Vec<Node>) -> Self {
        Self {
            session_length,
            target_sessions: target_sessions(),
            warm_up_sessions: 0,
            unmeasured_after: unmeasured_after(),
            unmeasured_total: None,
            max_runtime: None,
            ready_within: ready_within(),
            quorum: Quorum::Majority,
            rewind_after: rewind_after(),
            nodes,
            expect: Expect::default(),
            stall: Stall::default(),
            watches: Vec::new(),
        }
    }

    /// A monitor in which every key has a value.
    pub(super) fn example() -> Self {
        Self {
            unmeasured_total: Some(Duration::from_hours(1)),
            max_runtime: Some(Duration::from_hours(5)),
            expect: Expect::example(),
            stall: Stall::example(),
            watches: vec![Watch::example(WatchRule::GrowsAtMost)],
            ..Self::of(Duration::from_mins(1), vec![Node::example()])
        }
    }

    /// How long the chain may go without a new session: as the policy says, else
    /// twice the session's length plus 15 minutes, because keygen is retried.
    #[must_use]
    pub fn no_session(&self) -> Duration {
        let by_length = || self.session_length.saturating_mul(2).saturating_add(Duration::from_mins(15));
        self.stall.no_session.unwrap_or_else(by_length)
    }

    /// The number of nodes that make a quorum.
    #[must_use]
    pub fn quorum_size(&self) -> usize {
        self.quorum.of(self.nodes.len())
    }
}

/// One RPC endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// How the node is called in logs and verdicts; by its place where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// URL of its RPC port, for example `ws://127.0.0.1:9944`: `ws` and `wss` are
    /// followed, `http` and `https` are polled.
    pub url: String,
    /// The name of the `[[deploy.host]]` through which the node is reached. The URL is then
    /// the one that holds on that host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via_ssh: Option<String>,
    /// Name of the environment variable that holds a header for the node, `Name: value`, for
    /// example a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header_env: Option<String>,
}

impl Node {
    /// The node at `url`, all else being left out.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self { name: None, url: url.into(), via_ssh: None, header_env: None }
    }

    fn example() -> Self {
        Self {
            name: Some("alice".to_owned()),
            via_ssh: Some("validator-1".to_owned()),
            header_env: Some("TESTNET_RPC_HEADER".to_owned()),
            ..Self::at("ws://127.0.0.1:9944")
        }
    }
}

/// What the nodes must run: a node for which one of these does not hold was not
/// deployed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Expect {
    /// What the client's version, `system_version`, must contain. `{sha}` and `{short_sha}`
    /// (11 characters, as Substrate prints it) are filled in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_version_contains: Option<String>,
    /// The file with the runtime that was built: its BLAKE2b-256 must be that of the code
    /// on the chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime_wasm: Option<String>,
    /// The same hash, written out: `0x` and 64 hexadecimal digits. Where both are given they
    /// must agree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime_code_hash: Option<String>,
    /// The runtime's `specName`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec_name: Option<String>,
    /// The runtime's `specVersion`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec_version: Option<u32>,
}

impl Expect {
    fn example() -> Self {
        Self {
            system_version_contains: Some("{short_sha}".to_owned()),
            runtime_wasm: Some("node.compact.wasm".to_owned()),
            runtime_code_hash: Some(format!("0x{}", "5e".repeat(32))),
            spec_name: Some("dkg-standalone-node".to_owned()),
            spec_version: Some(42),
        }
    }
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

fn ready_within() -> Duration {
    Duration::from_mins(30)
}

fn rewind_after() -> Duration {
    Duration::from_secs(30)
}
