//! The hashes of the last finalized blocks, by height: two at one height are a fork.

use super::{Block, Hash};

/// Heights that are remembered: more than nodes are apart from each other.
const HEIGHTS: usize = 1024;

/// The last finalized hashes, each with the node that told it first.
#[derive(Clone, Debug, Default)]
pub(super) struct Finalized {
    slots: Vec<Option<(Block, usize)>>,
}

impl Finalized {
    /// Takes a finalized block, and tells the other hash at its height and who told
    /// it, where there is one.
    pub(super) fn take(&mut self, block: Block, node: usize) -> Option<(Hash, usize)> {
        if self.slots.is_empty() {
            self.slots.resize(HEIGHTS, None);
        }
        let place = usize::try_from(block.number % 1024).unwrap_or_default();
        let slot = self.slots.get_mut(place)?;
        match slot {
            Some((known, by)) if known.number == block.number => {
                (known.hash != block.hash).then_some((known.hash, *by))
            }
            Some((known, _)) if known.number > block.number => None,
            _ => {
                *slot = Some((block, node));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_hashes_at_one_height_are_found() {
        let mut finalized = Finalized::default();
        let block = |number, hash| Block { number, hash: Hash([hash; 32]) };
        assert_eq!(finalized.take(block(5, 1), 0), None);
        assert_eq!(finalized.take(block(5, 1), 1), None);
        assert_eq!(finalized.take(block(5, 2), 1), Some((Hash([1; 32]), 0)));
        assert_eq!(finalized.take(block(5 + 1024, 3), 0), None);
        assert_eq!(finalized.take(block(5, 2), 1), None, "too long ago");
        assert_eq!(finalized.take(block(5 + 1024, 4), 0), Some((Hash([3; 32]), 0)));
    }
}
