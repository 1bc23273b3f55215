//! The storage items that a policy watches, as a node is asked for them.

use super::keys::storage_key;
use crate::policy::{Watch, WatchRule};

/// A watched storage item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The rule, by its place in `[[monitor.watch]]`.
    pub(super) rule: usize,
    /// Its key, `0x` and hexadecimal digits.
    pub(super) key: String,
    /// Whether it is asked for the first key that begins like that: so a map with
    /// entries is told from one without.
    pub(super) is_prefix: bool,
}

impl Item {
    /// The items of these rules, in their order.
    #[must_use]
    pub fn of(watches: &[Watch]) -> Vec<Self> {
        let item = |(rule, watch): (usize, &Watch)| {
            let key = match (&watch.key, &watch.pallet, &watch.item) {
                (Some(key), ..) => key.to_ascii_lowercase(),
                (None, Some(pallet), Some(item)) => storage_key(pallet, item),
                _ => return None,
            };
            let is_prefix = watch.rule == WatchRule::StaysEmpty && watch.key.is_none();
            Some(Self { rule, key, is_prefix })
        };
        watches.iter().enumerate().filter_map(item).collect()
    }
}
