//! What a soak is held to: the policy, with its expectations worked out for one
//! commit, and the end of this leg.

use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::Hash;
use super::expected::{Expected, NotExpected, Subject};
use crate::policy::Monitor;

/// What a soak is held to.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    /// The policy's `[monitor]`.
    pub monitor: Monitor,
    /// What the nodes must run.
    pub expected: Expected,
    /// When this leg is over, `max_runtime` after the start of the job.
    pub leg_ends: Option<Timestamp>,
}

impl Terms {
    /// The terms of a soak of `subject`, without an end of the leg.
    ///
    /// # Errors
    ///
    /// When the policy expects what cannot be known.
    pub fn new(monitor: Monitor, subject: &Subject) -> Result<Self, NotExpected> {
        let expected = Expected::of(&monitor.expect, subject)?;
        Ok(Self { monitor, expected, leg_ends: None })
    }

    /// How a node is called: by its name, else by its place, from 0.
    #[must_use]
    pub fn node(&self, node: usize) -> String {
        let named = self.monitor.nodes.get(node).and_then(|node| node.name.clone());
        named.unwrap_or_else(|| node.to_string())
    }

    /// A digest of all that a count depends on. A checkpoint that was written on
    /// other terms cannot be gone on from. How long a leg lasts, and how a node is
    /// reached, may change between legs.
    #[must_use]
    pub fn digest(&self) -> Hash {
        let mut monitor = self.monitor.clone();
        monitor.max_runtime = None;
        let nodes = monitor.nodes.len();
        for (index, node) in monitor.nodes.iter_mut().enumerate() {
            node.url = node.name.clone().unwrap_or_else(|| format!("{index} of {nodes}"));
            node.via_ssh = None;
            node.header_env = None;
        }
        let text = json!({"monitor": monitor, "expected": self.expected}).to_string();
        Hash(Sha256::digest(text).into())
    }
}
