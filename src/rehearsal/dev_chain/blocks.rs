//! The dev chain's world: blocks, hashes, headers, sessions and storage. Every
//! value follows from the block's number, so nothing is stored, however long the
//! chain gets, unless its hashes are to be real ones.

use std::sync::{Arc, Mutex, PoisonError};

use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest as _};
use serde_json::{Value, json};

use super::faults::Course;
use super::items::{Moment, runtime_code};
use super::made::{Content, Made};

/// `Session::CurrentIndex`.
const CURRENT_INDEX: &str = "0xcec5070d609dd3497f72bde07fc96ba072763800a36a99fdfc7c10f6415f6ee6";
/// `System::Number`.
const NUMBER: &str = "0x26aa394eea5630e07c48ae0c9558cef702a5c1b19ab7a04f536c519aca4983ac";
/// `Timestamp::Now`.
const NOW: &str = "0xf0c365c3cf59d671eb72da0e7a4113c49f1f0515f462cdcf84e0f1d6045dfcbb";

/// A chain whose blocks follow from their numbers.
#[derive(Clone, Debug)]
pub(super) struct Blocks {
    /// What tells this chain from another one.
    pub(super) seed: u64,
    /// From this height on the hashes are those of another chain.
    pub(super) fork_from: Option<u32>,
    /// How many blocks a session has.
    pub(super) per_session: u32,
    /// Time of the genesis block, in milliseconds since the Unix epoch.
    pub(super) genesis_ms: u64,
    /// Time from block to block, in milliseconds, at least 1.
    pub(super) block_ms: u64,
    /// How it goes on.
    pub(super) course: Course,
    /// The blocks with real hashes; without it hashes are noise.
    pub(super) made: Option<Arc<Mutex<Made>>>,
}

impl Blocks {
    /// The session that block `number` belongs to.
    pub(super) fn session(&self, number: u32) -> u32 {
        let session = number / self.per_session;
        self.course.stall_after.map_or(session, |last| session.min(last))
    }

    /// The hash of block `number`.
    pub(super) fn hash(&self, number: u32) -> String {
        match &self.made {
            Some(made) => self.real(made, number).0,
            None => self.noise(number),
        }
    }

    /// The real hash of block `number`, and the digest's items in its header.
    fn real(&self, made: &Mutex<Made>, number: u32) -> (String, Vec<Vec<u8>>) {
        let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
        made.make(self.fork_from, number, |number| Content {
            state_root: bytes(&self.salted(number, 1)),
            extrinsics_root: bytes(&self.salted(number, 2)),
            logs: self.logs(number),
        });
        let block = made.block(self.fork_from, number).cloned().unwrap_or_default();
        (format!("0x{}", little_endian(&block.0)), block.1)
    }

    fn salted(&self, number: u32, salt: u64) -> String {
        Self { seed: !self.seed.wrapping_add(salt), made: None, ..self.clone() }.noise(number)
    }

    /// Noise of the seed, and the number at the end.
    fn noise(&self, number: u32) -> String {
        let forked = self.fork_from.is_some_and(|from| number >= from);
        let mut noise =
            fastrand::Rng::with_seed(self.seed ^ (u64::from(number) << 20) ^ u64::from(forked) << 60);
        format!("0x{:032x}{:024x}{number:08x}", noise.u128(..), noise.u128(..) >> 32)
    }

    /// The number of the block that has this hash, up to block `best`.
    pub(super) fn number_of(&self, hash: &str, best: u32) -> Option<u32> {
        if let Some(made) = &self.made {
            let _ = self.real(made, best);
            let made = made.lock().unwrap_or_else(PoisonError::into_inner);
            return made.number(self.fork_from, &bytes(hash)).filter(|number| *number <= best);
        }
        let number = u32::from_str_radix(hash.get(58..66)?, 16).ok()?;
        (number <= best && self.hash(number) == hash).then_some(number)
    }

    /// The header of block `number`, as `chain_getHeader` gives it.
    pub(super) fn header(&self, number: u32, padded: bool) -> Value {
        let parent = match number.checked_sub(1) {
            Some(parent) => self.hash(parent),
            None => format!("0x{:064x}", 0),
        };
        let logs = match &self.made {
            Some(made) => self.real(made, number).1,
            None => self.logs(number),
        };
        let logs: Vec<String> = logs.iter().map(|log| format!("0x{}", little_endian(log))).collect();
        json!({
            "parentHash": parent,
            "number": if padded { format!("{number:#010x}") } else { format!("{number:#x}") },
            "stateRoot": self.salted(number, 1),
            "extrinsicsRoot": self.salted(number, 2),
            "digest": {"logs": logs},
        })
    }

    /// The digest's items of block `number`, each in SCALE.
    fn logs(&self, number: u32) -> Vec<Vec<u8>> {
        let slot = self.time_ms(number) / self.block_ms;
        let mut logs = vec![[&b"\x06aura\x20"[..], &slot.to_le_bytes()].concat()];
        let begins = number > 0 && self.session(number) != self.session(number - 1);
        if begins && self.course.rotation_logs {
            logs.push([&b"\x04WDKG\x10"[..], &number.to_le_bytes()].concat());
        }
        if self.course.upgrade_at == Some(number) {
            logs.push(vec![8]);
        }
        logs
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
            _ => self.moment(number).value(key).map_or(Value::Null, |bytes| scale(&bytes)),
        }
    }

    /// The keys that begin like that after block `number`, of items that are maps.
    pub(super) fn keys(&self, prefix: &str, number: u32) -> Vec<String> {
        self.moment(number).keys(prefix)
    }

    fn moment(&self, number: u32) -> Moment {
        let session = self.session(number);
        let ends = self.session(number.saturating_add(1)) != session;
        Moment { session, begun: session * self.per_session, ends, breaks: self.course.breaks }
    }

    /// The runtime's version at block `number`, and the hash of its code.
    pub(super) fn runtime(&self, number: u32) -> (u32, String) {
        let version = 1 + u32::from(self.course.upgrade_at.is_some_and(|at| number >= at));
        (version, format!("0x{}", little_endian(&Blake2b::<U32>::digest(runtime_code(version)))))
    }

    /// Up to which block the chain is final when `best` is its best block: two blocks
    /// behind, and three where no round of finality ended, so that the next one
    /// finalizes two blocks at once.
    pub(super) fn finalized(&self, best: u32) -> u32 {
        let lag = if best.is_multiple_of(5) { 3 } else { 2 };
        let every = self.course.finalize_every.max(1);
        let height = best.saturating_sub(lag) / every * every;
        self.course.finality_stops_at.map_or(height, |last| height.min(last))
    }

    fn time_ms(&self, number: u32) -> u64 {
        let late = self.course.late_from.filter(|(from, _)| number >= *from).map_or(0, |(_, late)| late);
        self.genesis_ms + u64::from(number) * self.block_ms + late
    }
}

fn scale(bytes: &[u8]) -> Value {
    Value::String(format!("0x{}", little_endian(bytes)))
}

fn little_endian(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of a hash.
fn bytes(hash: &str) -> [u8; 32] {
    let digits = hash.strip_prefix("0x").unwrap_or_default();
    let byte = |place: usize| u8::from_str_radix(digits.get(2 * place..2 * place + 2)?, 16).ok();
    std::array::from_fn(|place| byte(place).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks() -> Blocks {
        let course = Course { stall_after: Some(3), ..Course::default() };
        Blocks {
            seed: 7,
            fork_from: None,
            per_session: 4,
            genesis_ms: 1_000,
            block_ms: 10,
            course,
            made: None,
        }
    }

    #[test]
    fn sessions_stop_where_they_are_told_to() {
        let blocks = blocks();
        assert_eq!([0, 3, 4, 15, 16, 99].map(|number| blocks.session(number)), [0, 0, 1, 3, 3, 3]);
        assert_eq!(blocks.storage(CURRENT_INDEX, 3), Value::Null);
        assert_eq!(blocks.storage(CURRENT_INDEX, 4), json!("0x01000000"));
    }

    #[test]
    fn a_hash_leads_back_to_its_block_alone() {
        let blocks = blocks();
        let hash = blocks.hash(12);
        assert_eq!(hash.len(), 66);
        assert_eq!(blocks.number_of(&hash, 12), Some(12));
        assert_eq!(blocks.number_of(&hash, 11), None, "not yet a block");
        assert_eq!(Blocks { seed: 8, ..blocks.clone() }.number_of(&hash, 12), None, "of another chain");
        assert_eq!(Blocks { fork_from: Some(12), ..blocks.clone() }.number_of(&hash, 12), None, "of a fork");
        assert_eq!(blocks.header(12, false)["parentHash"], json!(blocks.hash(11)));
        assert_eq!(blocks.header(12, false)["number"], json!("0xc"));
        assert_eq!(blocks.header(12, true)["number"], json!("0x0000000c"));
    }

    #[test]
    fn real_hashes_lead_back_and_fork_as_well() {
        let blocks = Blocks { made: Some(Arc::default()), ..blocks() };
        let hashes: Vec<String> = (0..20).map(|number| blocks.hash(number)).collect();
        for (number, hash) in (0..).zip(&hashes) {
            assert_eq!(blocks.number_of(hash, 19), Some(number));
        }
        assert_eq!(blocks.number_of(&hashes[12], 11), None, "not yet a block");
        assert_eq!(blocks.header(12, false)["parentHash"], json!(hashes[11]));
        let forked = Blocks { fork_from: Some(12), ..blocks.clone() };
        assert_eq!((forked.hash(11), forked.hash(12) == hashes[12]), (hashes[11].clone(), false));
        assert_eq!((forked.number_of(&hashes[12], 19), blocks.number_of(&forked.hash(12), 19)), (None, None));
    }

    #[test]
    fn finality_lags_and_skips_but_never_goes_back() {
        let mut blocks = blocks();
        let heads: Vec<u32> = (0..100).map(|best| blocks.finalized(best)).collect();
        assert!(heads.is_sorted());
        assert!((10..100).all(|best| matches!(best - blocks.finalized(best), 2 | 3)));
        assert!(heads.windows(2).any(|pair| pair[1] - pair[0] == 2));
        blocks.course.finalize_every = 50;
        assert_eq!([51, 52, 101, 102].map(|best| blocks.finalized(best)), [0, 50, 50, 100]);
        blocks.course.finality_stops_at = Some(60);
        assert_eq!(blocks.finalized(200), 60);
    }
}
