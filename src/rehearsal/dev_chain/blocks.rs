//! The dev chain's world: blocks, hashes, headers, sessions and storage. Every
//! value follows from the block's number, so nothing is stored, however long the
//! chain gets.

use serde_json::{Value, json};

/// `Session::CurrentIndex`.
const CURRENT_INDEX: &str = "0xcec5070d609dd3497f72bde07fc96ba072763800a36a99fdfc7c10f6415f6ee6";
/// `System::Number`.
const NUMBER: &str = "0x26aa394eea5630e07c48ae0c9558cef702a5c1b19ab7a04f536c519aca4983ac";
/// `Timestamp::Now`.
const NOW: &str = "0xf0c365c3cf59d671eb72da0e7a4113c49f1f0515f462cdcf84e0f1d6045dfcbb";

/// A chain whose blocks follow from their numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocks {
    /// What tells this chain from another one.
    pub(super) seed: u64,
    /// How many blocks a session has.
    pub(super) per_session: u32,
    /// The last session that ever begins.
    pub(super) stall_after: Option<u32>,
    /// Time of the genesis block, in milliseconds since the Unix epoch.
    pub(super) genesis_ms: u64,
    /// Time from block to block, in milliseconds, at least 1.
    pub(super) block_ms: u64,
}

impl Blocks {
    /// The session that block `number` belongs to.
    pub(super) fn session(&self, number: u32) -> u32 {
        let session = number / self.per_session;
        self.stall_after.map_or(session, |last| session.min(last))
    }

    /// The hash of block `number`: noise of the seed, and the number at the end.
    pub(super) fn hash(&self, number: u32) -> String {
        let mut noise = fastrand::Rng::with_seed(self.seed ^ (u64::from(number) << 20));
        format!("0x{:032x}{:024x}{number:08x}", noise.u128(..), noise.u128(..) >> 32)
    }

    /// The number of the block that has this hash, up to block `best`.
    pub(super) fn number_of(&self, hash: &str, best: u32) -> Option<u32> {
        let number = u32::from_str_radix(hash.get(58..66)?, 16).ok()?;
        (number <= best && self.hash(number) == hash).then_some(number)
    }

    /// The header of block `number`, as `chain_getHeader` gives it.
    pub(super) fn header(&self, number: u32) -> Value {
        let parent = match number.checked_sub(1) {
            Some(parent) => self.hash(parent),
            None => format!("0x{:064x}", 0),
        };
        let noise = |salt| Self { seed: !self.seed.wrapping_add(salt), ..*self }.hash(number);
        let slot = self.time_ms(number) / self.block_ms;
        json!({
            "parentHash": parent,
            "number": format!("{number:#x}"),
            "stateRoot": noise(1),
            "extrinsicsRoot": noise(2),
            "digest": {"logs": [format!("0x0661757261{:02x}{}", 0x20, little_endian(&slot.to_le_bytes()))]},
        })
    }

    /// The value of storage item `key` after block `number`, `null` where the
    /// item is absent, as `Session::CurrentIndex` is all through session 0.
    pub(super) fn storage(&self, key: &str, number: u32) -> Value {
        match key {
            CURRENT_INDEX => match self.session(number) {
                0 => Value::Null,
                session => scale(&session.to_le_bytes()),
            },
            NUMBER if number > 0 => scale(&number.to_le_bytes()),
            NOW if number > 0 => scale(&self.time_ms(number).to_le_bytes()),
            _ => Value::Null,
        }
    }

    fn time_ms(&self, number: u32) -> u64 {
        self.genesis_ms + u64::from(number) * self.block_ms
    }
}

/// Up to which block the chain is final when `best` is its best block: two blocks
/// behind, and three where no round of finality ended, so that the next one
/// finalizes two blocks at once.
pub(super) fn finalized(best: u32) -> u32 {
    best.saturating_sub(if best.is_multiple_of(5) { 3 } else { 2 })
}

fn scale(bytes: &[u8]) -> Value {
    Value::String(format!("0x{}", little_endian(bytes)))
}

fn little_endian(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCKS: Blocks =
        Blocks { seed: 7, per_session: 4, stall_after: Some(3), genesis_ms: 1_000, block_ms: 10 };

    #[test]
    fn sessions_stop_where_they_are_told_to() {
        assert_eq!([0, 3, 4, 15, 16, 99].map(|number| BLOCKS.session(number)), [0, 0, 1, 3, 3, 3]);
        assert_eq!(BLOCKS.storage(CURRENT_INDEX, 3), Value::Null);
        assert_eq!(BLOCKS.storage(CURRENT_INDEX, 4), json!("0x01000000"));
    }

    #[test]
    fn a_hash_leads_back_to_its_block_alone() {
        let hash = BLOCKS.hash(12);
        assert_eq!(hash.len(), 66);
        assert_eq!(BLOCKS.number_of(&hash, 12), Some(12));
        assert_eq!(BLOCKS.number_of(&hash, 11), None, "not yet a block");
        assert_eq!(Blocks { seed: 8, ..BLOCKS }.number_of(&hash, 12), None, "of another chain");
        assert_eq!(BLOCKS.header(12)["parentHash"], json!(BLOCKS.hash(11)));
        assert_eq!(BLOCKS.header(12)["number"], json!("0xc"));
    }

    #[test]
    fn finality_lags_and_skips_but_never_goes_back() {
        let heads: Vec<u32> = (0..100).map(finalized).collect();
        assert!(heads.is_sorted());
        assert!((10..100).all(|best| matches!(best - finalized(best), 2 | 3)));
        assert!(heads.windows(2).any(|pair| pair[1] - pair[0] == 2));
    }
}
