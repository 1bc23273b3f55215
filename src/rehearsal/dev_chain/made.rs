//! The blocks of a chain whose hashes are real ones: BLAKE2b-256 of the header in
//! SCALE. Each depends on the one before, so they are kept, once they were made.

use std::collections::HashMap;

use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest};

/// The blocks made so far, by the height from which on they are a fork.
#[derive(Debug, Default)]
pub(super) struct Made(HashMap<Option<u32>, Chain>);

#[derive(Debug, Default)]
struct Chain {
    blocks: Vec<([u8; 32], Vec<Vec<u8>>)>,
    numbers: HashMap<[u8; 32], u32>,
}

/// What a header holds beside its parent and its number.
pub(super) struct Content {
    pub(super) state_root: [u8; 32],
    pub(super) extrinsics_root: [u8; 32],
    /// The digest's items, each in SCALE.
    pub(super) logs: Vec<Vec<u8>>,
}

impl Made {
    /// Makes the blocks up to that number, as far as they are not there.
    pub(super) fn make(&mut self, fork_from: Option<u32>, number: u32, content: impl Fn(u32) -> Content) {
        let chain = self.0.entry(fork_from).or_default();
        while let Ok(next) = u32::try_from(chain.blocks.len())
            && next <= number
        {
            let parent = chain.blocks.last().map_or([0; 32], |(hash, _)| *hash);
            let Content { state_root, extrinsics_root, logs } = content(next);
            let mut hasher = Blake2b::<U32>::new();
            hasher.update(parent);
            hasher.update(compact(next));
            hasher.update(state_root);
            hasher.update(extrinsics_root);
            hasher.update(compact(u32::try_from(logs.len()).unwrap_or_default()));
            logs.iter().for_each(|log| hasher.update(log));
            let hash = hasher.finalize().into();
            chain.numbers.insert(hash, next);
            chain.blocks.push((hash, logs));
        }
    }

    /// The hash and the digest's items of a block that was made.
    pub(super) fn block(&self, fork_from: Option<u32>, number: u32) -> Option<&([u8; 32], Vec<Vec<u8>>)> {
        self.0.get(&fork_from)?.blocks.get(usize::try_from(number).ok()?)
    }

    /// The number of the block that has this hash.
    pub(super) fn number(&self, fork_from: Option<u32>, hash: &[u8; 32]) -> Option<u32> {
        self.0.get(&fork_from)?.numbers.get(hash).copied()
    }
}

/// A number as SCALE writes lengths and heights.
fn compact(number: u32) -> Vec<u8> {
    let little = |number: u32, bytes: usize| number.to_le_bytes().into_iter().take(bytes).collect();
    match number {
        0..0x40 => little(number << 2, 1),
        0x40..0x4000 => little((number << 2) | 1, 2),
        0x4000..0x4000_0000 => little((number << 2) | 2, 4),
        _ => [3].into_iter().chain(number.to_le_bytes()).collect(),
    }
}
