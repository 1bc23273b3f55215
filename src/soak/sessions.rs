//! Where sessions began, as far as finalized blocks show it: each beginning lies
//! between the last block known to be before it and the first known to be after.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::policy::Monitor;
use crate::policy::duration::between;

/// A moment on the finalized chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Height of a finalized block.
    pub block: u64,
    /// The block's own time; where that is not known, when it was seen.
    pub time: Timestamp,
    /// Whether it is the block's own time.
    pub own: bool,
}

/// A session that began after the baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// Its index.
    pub index: u32,
    /// The last block that is known to be before it.
    pub after: Mark,
    /// The first block that is known to be in it, or in a later one.
    pub first: Mark,
    /// How long it took, once the next one has begun: from first block to first
    /// block.
    pub duration: Option<Duration>,
}

impl Session {
    /// Whether its very first block is known; else it began between two.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.after.block.saturating_add(1) >= self.first.block
    }
}

/// A session that took too long, by the chain's own times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Overlong {
    pub(super) session: u32,
    pub(super) took: Duration,
}

/// Two blocks, one after the other, that lie apart by the chain's own times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// Height of the first of them.
    pub(super) after: u64,
    pub(super) took: Duration,
}

/// The beginning of one session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Edge {
    pub(super) after: Mark,
    pub(super) first: Mark,
}

/// Where the sessions after the baseline began.
#[derive(Clone, Debug)]
pub(super) struct Sessions {
    /// The baseline's session, and the block that showed it.
    base: u32,
    begun: Mark,
    /// The beginnings of the sessions after it, in order, without a hole.
    edges: Vec<Edge>,
    /// The highest block that was seen.
    tip: Mark,
    /// So many are kept. A node that tells nonsense cannot make it more.
    most: usize,
}

impl Sessions {
    /// Sessions after `base`, which the block at `begun` belongs to.
    pub(super) fn after(base: u32, begun: Mark, most: usize) -> Self {
        Self { base, begun, edges: Vec::new(), tip: begun, most }
    }

    /// The same with the beginnings that are known already.
    pub(super) fn with(mut self, edges: Vec<Edge>, tip: Mark) -> Self {
        self.edges = edges;
        self.tip = tip;
        self
    }

    /// How many beginnings are of use under this policy.
    pub(super) fn most(monitor: &Monitor) -> usize {
        let most = u64::from(monitor.target_sessions) + u64::from(monitor.warm_up_sessions) + 1;
        usize::try_from(most).unwrap_or(usize::MAX)
    }

    /// The block that showed the baseline's session.
    pub(super) fn begun(&self) -> Mark {
        self.begun
    }

    /// The highest block that belongs to `last` or an earlier session, where the
    /// sessions after it are left out.
    pub(super) fn tip(&self, last: u32) -> Mark {
        let next = last.checked_add(1).and_then(|next| self.of(next));
        next.map_or(self.tip, |next| next.after)
    }

    /// Takes that the finalized block at `mark` belongs to `session`. Tells where a
    /// session has then lasted for `limit` by the chain's own times.
    pub(super) fn learn(&mut self, mark: Mark, session: u32, limit: Duration) -> Option<Overlong> {
        let at = usize::try_from(session.checked_sub(self.base)?).ok()?;
        if at > self.edges.len() && mark.block <= self.tip.block {
            // It contradicts what was seen higher up; which of both is wrong will show.
            return None;
        }
        // What is told to begin below a block that is still in an earlier session
        // was told wrongly.
        if let Some(wrong) = self.edges.iter().skip(at).position(|edge| edge.first.block <= mark.block) {
            self.edges.truncate(at + wrong);
            self.tip = mark;
        }
        while self.edges.len() < at.min(self.most) {
            self.edges.push(Edge { after: self.tip, first: mark });
        }
        for edge in self.edges.iter_mut().take(at).rev().take_while(|edge| edge.first.block > mark.block) {
            edge.first = mark;
        }
        for edge in self.edges.iter_mut().skip(at).take_while(|edge| edge.after.block < mark.block) {
            edge.after = mark;
        }
        if mark.block > self.tip.block {
            self.tip = mark;
        }
        let begun = if at == 0 { Some(self.begun) } else { self.edges.get(at - 1).map(|edge| edge.first) };
        let took = begun.filter(|begun| begun.own && mark.own).map(|begun| between(begun.time, mark.time))?;
        (took >= limit).then_some(Overlong { session, took })
    }

    /// The longest time between the block at `mark` and a known one next to it.
    pub(super) fn gap(&self, mark: Mark) -> Option<Gap> {
        if !mark.own || mark.block <= self.begun.block {
            return None;
        }
        let at = self.edges.partition_point(|edge| edge.first.block <= mark.block);
        let around = self.edges.iter().skip(at.saturating_sub(1)).take(2);
        let next_to = |other: &Mark| other.own && other.block.abs_diff(mark.block) == 1;
        let gap = |other: Mark| {
            let (first, second) = if other.block < mark.block { (other, mark) } else { (mark, other) };
            Gap { after: first.block, took: between(first.time, second.time) }
        };
        let known = around.flat_map(|edge| [edge.after, edge.first]).chain([self.tip]);
        known.filter(next_to).map(gap).max_by_key(|gap| gap.took)
    }

    /// The sessions up to the one with that index.
    pub(super) fn until(&self, last: u32) -> impl DoubleEndedIterator<Item = Session> + '_ {
        let count = usize::try_from(last.saturating_sub(self.base)).unwrap_or(usize::MAX);
        let known = self.edges.iter().take(count);
        let base = self.base.saturating_add(1);
        known.enumerate().map(move |(at, edge)| {
            let next = self.edges.get(at + 1).filter(|_| at + 1 < count);
            Session {
                index: base.saturating_add(u32::try_from(at).unwrap_or(u32::MAX)),
                after: edge.after,
                first: edge.first,
                duration: next.map(|next| between(edge.first.time, next.first.time)),
            }
        })
    }

    /// Where the session with that index began.
    pub(super) fn of(&self, index: u32) -> Option<&Edge> {
        let at = usize::try_from(index.checked_sub(self.base)?.checked_sub(1)?).ok()?;
        self.edges.get(at)
    }

    /// `factor` times the median length of the last `count` whole sessions up to the
    /// one with the index `last`; `None` while there are not that many.
    pub(super) fn learnt(&self, last: u32, count: u32, factor: f64) -> Option<Duration> {
        let count = usize::try_from(count).ok().filter(|count| *count > 0)?;
        let mut lengths: Vec<Duration> =
            self.until(last).rev().filter_map(|session| session.duration).take(count).collect();
        if lengths.len() < count {
            return None;
        }
        let (_, median, _) = lengths.select_nth_unstable(count / 2);
        Duration::try_from_secs_f64(median.as_secs_f64() * factor).ok()
    }
}
