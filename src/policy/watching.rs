//! The shapes of `[[monitor.watch]]`: storage items and what must hold for them.

use serde::{Deserialize, Serialize};

/// A storage item and the rule that it is held to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// How the rule is called in logs and verdicts; by pallet and item where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The pallet, as the runtime names it, for example `DKG`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pallet: Option<String>,
    /// The item, as the pallet names it, for example `DKGPublicKey`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// The raw key, `0x` and hexadecimal digits; read in place of pallet and item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What must hold.
    pub rule: WatchRule,
    /// With the rule `grows-at-most`: by how much, from one session to the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grows_at_most: Option<u64>,
    /// The soak fails when so many sessions in a row break the rule.
    #[serde(default = "one")]
    pub consecutive: u32,
    /// The soak fails when so many sessions altogether break it; without it there is no such
    /// limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u32>,
    /// A broken rule is told, and fails nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// The soak does not pass while there are sessions in which nobody could check the rule:
    /// it is unmeasured.
    #[serde(default)]
    pub critical: bool,
}

impl Watch {
    /// A rule for an item, all else being left out.
    #[must_use]
    pub fn of(pallet: &str, item: &str, rule: WatchRule) -> Self {
        Self {
            name: None,
            pallet: Some(pallet.to_owned()),
            item: Some(item.to_owned()),
            key: None,
            rule,
            grows_at_most: None,
            consecutive: one(),
            total: None,
            dry_run: false,
            critical: false,
        }
    }

    pub(super) fn example(rule: WatchRule) -> Self {
        Self {
            name: Some("proposals".to_owned()),
            key: Some("0x20aa99ba01034cdf4a896398c6d91dcf01b26a4776b30cdea1a65356833e6c02".to_owned()),
            grows_at_most: Some(100),
            total: Some(3),
            ..Self::of("DKG", "DKGPublicKey", rule)
        }
    }

    /// What it is called: its name, else pallet and item, else the key.
    #[must_use]
    pub fn label(&self) -> String {
        match (&self.name, &self.pallet, &self.item, &self.key) {
            (Some(name), ..) => name.clone(),
            (None, Some(pallet), Some(item), _) => format!("{pallet}::{item}"),
            (None, _, _, key) => key.clone().unwrap_or_default(),
        }
    }
}

/// What must hold for a storage item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WatchRule {
    /// Every session has another value than the one before. For items that are set
    /// when the session changes.
    ChangesEverySession,
    /// It stays as it was at the baseline.
    NeverChanges,
    /// It is absent, or an empty list. As a map's prefix: it has no entry.
    StaysEmpty,
    /// From one session to the next it grows by no more than `grows_at_most`: its
    /// number where it has up to eight bytes, else its length in bytes.
    GrowsAtMost,
    /// All nodes have the same value at the same block.
    EqualOnAllNodes,
    /// Its number (the first eight bytes, little-endian, such as the set id of a DKG key)
    /// grows by one or more with every session.
    FollowsSession,
    /// It is there in the last block of every session, or before.
    ArrivesEverySession,
}

impl WatchRule {
    /// The word for it, as the policy has it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::ChangesEverySession => "changes-every-session",
            Self::NeverChanges => "never-changes",
            Self::StaysEmpty => "stays-empty",
            Self::GrowsAtMost => "grows-at-most",
            Self::EqualOnAllNodes => "equal-on-all-nodes",
            Self::FollowsSession => "follows-session",
            Self::ArrivesEverySession => "arrives-every-session",
        }
    }
}

fn one() -> u32 {
    1
}
