//! A block's header as a node gives it: its number, what its digest tells, and its
//! hash, where the chain hashes headers with BLAKE2b-256.

use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest};
use serde_json::Value;

use super::values;
use crate::soak::Hash;

/// A block's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) number: u64,
    pub(super) parent: Hash,
    state_root: Hash,
    extrinsics_root: Hash,
    /// The digest's items, each in SCALE.
    logs: Vec<Vec<u8>>,
}

impl Header {
    /// Reads what `chain_getHeader` and the subscriptions to heads give.
    pub(super) fn read(value: &Value) -> Option<Self> {
        let logs = value["digest"]["logs"].as_array()?;
        Some(Self {
            number: values::number(&value["number"])?,
            parent: values::hash(&value["parentHash"])?,
            state_root: values::hash(&value["stateRoot"])?,
            extrinsics_root: values::hash(&value["extrinsicsRoot"])?,
            logs: logs.iter().map(values::bytes).collect::<Option<_>>()?,
        })
    }

    /// BLAKE2b-256 of the header in SCALE: its hash on nearly every chain.
    pub(super) fn hash(&self) -> Hash {
        let mut hasher = Blake2b::<U32>::new();
        hasher.update(self.parent.0);
        hasher.update(compact(self.number));
        hasher.update(self.state_root.0);
        hasher.update(self.extrinsics_root.0);
        hasher.update(compact(self.logs.len() as u64));
        for log in &self.logs {
            hasher.update(log);
        }
        Hash(hasher.finalize().into())
    }

    /// The slot in which an Aura chain made it (a pre-runtime digest, `aura`).
    pub(super) fn aura_slot(&self) -> Option<u64> {
        let slot = self.logs.iter().find_map(|log| log.strip_prefix(b"\x06aura\x20"))?;
        Some(u64::from_le_bytes(slot.try_into().ok()?))
    }

    /// Whether a DKG chain changed its keys in it, which goes with a new session (a
    /// consensus digest, `WDKG`).
    pub(super) fn rotates(&self) -> bool {
        self.logs.iter().any(|log| log.starts_with(b"\x04WDKG"))
    }

    /// Whether the runtime's code changed in it (`RuntimeEnvironmentUpdated`).
    pub(super) fn upgrades(&self) -> bool {
        self.logs.iter().any(|log| *log == [8])
    }
}

/// A number as SCALE writes lengths and heights.
fn compact(number: u64) -> Vec<u8> {
    let little = |number: u64, bytes: usize| number.to_le_bytes().into_iter().take(bytes).collect();
    match number {
        0..0x40 => little(number << 2, 1),
        0x40..0x4000 => little((number << 2) | 1, 2),
        0x4000..0x4000_0000 => little((number << 2) | 2, 4),
        _ => {
            let bytes = 8 - (number.leading_zeros() / 8) as usize;
            let mut text = vec![u8::try_from((bytes - 4) << 2 | 3).unwrap_or(u8::MAX)];
            text.extend(number.to_le_bytes().into_iter().take(bytes));
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_real_header_has_its_real_hash() {
        let header = Header::read(&json!({
            "parentHash": "0x336a7212544b04f05a9d50391f59122c67e3af80140a7e436a93933c84ad508a",
            "number": "0x00000002",
            "stateRoot": format!("0x{}", "0".repeat(64)),
            "extrinsicsRoot": "0x9e193d53452a5f5d30bc9a01e1ab01a0cd8fa0a838780bee4f22403f918048b4",
            "digest": {"logs": ["0x0661757261208c04eb0800000000"]},
        }));
        let header = header.unwrap();
        assert_eq!(
            header.hash().to_string(),
            "0x400e1475ea3080d56464ca57db87778fbcb561dcd42f5f7e269da5dc91a1896a"
        );
        assert_eq!((header.number, header.aura_slot()), (2, Some(0x08eb_048c)));
        assert!(!header.rotates() && !header.upgrades());
    }

    #[test]
    fn numbers_are_written_as_scale_has_them() {
        for (number, expected) in [
            (0, vec![0]),
            (63, vec![0xfc]),
            (64, vec![0x01, 0x01]),
            (0x3fff, vec![0xfd, 0xff]),
            (0x4000, vec![0x02, 0x00, 0x01, 0x00]),
            (0x4000_0000, vec![0x03, 0, 0, 0, 0x40]),
            (u64::MAX, vec![0x13, 255, 255, 255, 255, 255, 255, 255, 255]),
        ] {
            assert_eq!(compact(number), expected, "{number}");
        }
    }
}
