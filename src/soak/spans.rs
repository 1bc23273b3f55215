//! Sets of session indices that mostly hang together.

use serde::{Deserialize, Serialize};

/// A set of indices, kept as spans from first to last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Spans(Vec<(u32, u32)>);

impl Spans {
    /// Adds an index; tells whether it is new.
    pub(super) fn insert(&mut self, index: u32) -> bool {
        // New indices come at the end, almost always.
        let at = match self.0.last() {
            Some((_, last)) if *last < index => self.0.len(),
            _ => self.0.partition_point(|(_, last)| *last < index),
        };
        if self.0.get(at).is_some_and(|(first, _)| *first <= index) {
            return false;
        }
        let joins_earlier =
            at > 0 && self.0.get(at - 1).is_some_and(|(_, last)| last.checked_add(1) == Some(index));
        let joins_later = self.0.get(at).is_some_and(|(first, _)| index.checked_add(1) == Some(*first));
        match (joins_earlier, joins_later) {
            (true, true) => {
                let (_, last) = self.0.remove(at);
                if let Some(span) = self.0.get_mut(at - 1) {
                    span.1 = last;
                }
            }
            (true, false) => {
                if let Some(span) = self.0.get_mut(at - 1) {
                    span.1 = index;
                }
            }
            (false, true) => {
                if let Some(span) = self.0.get_mut(at) {
                    span.0 = index;
                }
            }
            (false, false) => self.0.insert(at, (index, index)),
        }
        true
    }

    /// How many of the indices from `first` to `last` it holds.
    pub(super) fn count(&self, first: u32, last: u32) -> u32 {
        if last < first {
            return 0;
        }
        let begin = self.0.partition_point(|(_, end)| *end < first);
        let within = self.0.iter().skip(begin).take_while(|(begin, _)| *begin <= last);
        within.map(|(begin, end)| end.min(&last) - begin.max(&first) + 1).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_set(indices in prop::collection::vec(0..30_u32, 0..60), first in 0..30_u32, more in 0..30_u32) {
            let (mut spans, mut set) = (Spans::default(), BTreeSet::new());
            for index in indices {
                prop_assert_eq!(spans.insert(index), set.insert(index));
            }
            let last = first + more;
            prop_assert_eq!(spans.count(first, last) as usize, set.range(first..=last).count());
            prop_assert!(spans.0.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0), "{:?}", spans);
        }
    }
}
