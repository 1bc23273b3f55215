//! A block's header as a node gives it: its number, what its digest tells, and its
//! hash, where the chain hashes headers with BLAKE2b-256.

use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest};
use serde_json::{Value, json};

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

/// A header in SCALE, as `chainHead_v1_header` gives it, in the form that
/// `chain_getHeader` has.
pub(super) fn legacy(value: &Value) -> Option<Value> {
    let bytes = values::bytes(value)?;
    let rest = &mut bytes.as_slice();
    let parent = values::hex(rest.split_off(..32)?);
    let number = take_compact(rest)?;
    let state_root = values::hex(rest.split_off(..32)?);
    let extrinsics_root = values::hex(rest.split_off(..32)?);
    let count = take_compact(rest)?;
    let mut logs = Vec::new();
    for _ in 0..count {
        let start = *rest;
        // A kind; who it is for, where that is said; and bytes, but for one kind.
        match *rest.split_off_first()? {
            8 => {}
            kind => {
                if (4..=6).contains(&kind) {
                    rest.split_off(..4)?;
                }
                let length = usize::try_from(take_compact(rest)?).ok()?;
                rest.split_off(..length)?;
            }
        }
        logs.push(values::hex(&start[..start.len() - rest.len()]));
    }
    rest.is_empty().then(|| {
        json!({
            "parentHash": parent, "number": format!("{number:#x}"), "stateRoot": state_root,
            "extrinsicsRoot": extrinsics_root, "digest": {"logs": logs},
        })
    })
}

/// Takes a number from the front that [`compact`] wrote.
fn take_compact(rest: &mut &[u8]) -> Option<u64> {
    let first = *rest.first()?;
    let (skipped, length) = match first & 3 {
        0 => (0, 1),
        1 => (0, 2),
        2 => (0, 4),
        _ => (1, usize::from(first >> 2) + 4),
    };
    rest.split_off(..skipped)?;
    let mut bytes = [0; 8];
    bytes.get_mut(..length)?.copy_from_slice(rest.split_off(..length)?);
    let number = u64::from_le_bytes(bytes);
    Some(if skipped == 0 { number >> 2 } else { number })
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
            assert_eq!(take_compact(&mut expected.as_slice()), Some(number));
        }
    }

    #[test]
    fn a_real_header_in_scale_has_its_real_hash() {
        let given = "0x336de50e42d66d825a3cba97daf0334c1a4343f1df824b6ce0d3cefc72c31a4b8901a6758b07d507509e02\
             93661abdd951726a076bc28438282684a0740764177e8e4a7d7b991f078b7ffa234f2654528fa1717d9faa8d\
             7b3996b18fc0525b45dbf60c066175726120c10ad611000000000466726f6e8801e33f50287e9552643ebdc1\
             8b6ed938c69dbf06ad000614b2ed261f7ae0fea755000561757261010156c7f01193f9dfe7b4745b126db718\
             e79b76a1306d83c73af5a619daa6e3363a5bf3b6e3aee5d6d578cdb8df5b55c84613dc67a9b180ea56d28d54\
             14ad980d85";
        let header = Header::read(&legacy(&json!(given)).unwrap()).unwrap();
        assert_eq!(
            header.hash().to_string(),
            "0x71da92285ba0fdff2eaf2f5e9a1840ba566cc2a699ab4b58452812a05cc1f86d"
        );
        assert_eq!((header.number, header.logs.len()), (98, 3));
        for cut in [given.len() - 2, 70, 66, 2] {
            assert_eq!(legacy(&json!(given[..cut])), None);
        }
    }
}
