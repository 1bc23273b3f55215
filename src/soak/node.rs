//! What is known of one node, and whether it has a vote.

use std::time::Duration;

use super::pulse::ANSWER_LIMIT;
use super::{Block, Head, Identity};

/// What is known of one node.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    /// Its finalized head, as it last told.
    pub(super) head: Option<Head>,
    /// Height and session that it has had at most.
    pub(super) highest: Option<(u64, u32)>,
    /// Its best block, as it last told.
    pub(super) best: Option<Block>,
    /// Height of the best block that it has had.
    pub(super) highest_best: Option<u64>,
    /// What it runs.
    pub(super) identity: Option<Identity>,
    /// What it runs is what is expected, and what the others run.
    pub(super) fits: bool,
    /// It has run what it should, while sessions were counted.
    pub(super) has_fitted: bool,
    /// Why it is out of reach.
    pub(super) trouble: Option<String>,
    /// When it last told anything, its finalized head, its best block.
    pub(super) heard_at: Option<Duration>,
    pub(super) head_at: Option<Duration>,
    pub(super) best_at: Option<Duration>,
    /// It answers, and it counts towards the quorum: kept by `State::refresh`.
    pub(super) answers: bool,
    pub(super) votes: bool,
    /// It counts, and is below what it has had; it counts, and is in a session that no
    /// quorum has reached: kept there as well.
    pub(super) is_back: bool,
    pub(super) is_ahead: bool,
}

impl Node {
    /// Whether it answers at `now`.
    pub(super) fn answers_at(&self, now: Duration) -> bool {
        self.trouble.is_none() && self.heard_at.is_some_and(|heard| now.saturating_sub(heard) <= ANSWER_LIMIT)
    }

    /// Whether it has a vote at `now`: it answers, has caught up, and runs what it
    /// should.
    pub(super) fn votes_at(&self, now: Duration) -> bool {
        self.fits
            && self.answers_at(now)
            && self.head_at.is_some_and(|heard| now.saturating_sub(heard) <= ANSWER_LIMIT)
            && !self.identity.as_ref().is_some_and(|identity| identity.syncing)
    }

    /// Whether what it tells of blocks further back counts: it runs what it should and
    /// has caught up. What happened before a leg is told before the node has a vote.
    pub(super) fn may_tell(&self) -> bool {
        self.fits && !self.identity.as_ref().is_some_and(|identity| identity.syncing)
    }

    /// Whether it is below what it has had.
    pub(super) fn went_back(&self) -> bool {
        match (&self.head, self.highest) {
            (Some(head), Some((number, session))) => head.number < number || head.session < session,
            _ => false,
        }
    }

    /// Whether its finalized head is in a later session.
    pub(super) fn is_beyond(&self, session: u32) -> bool {
        self.head.is_some_and(|head| head.session > session)
    }

    /// Takes a finalized head, and tells whether height and session are new for it.
    pub(super) fn take_head(&mut self, head: Head, now: Duration) -> (bool, bool) {
        self.trouble = None;
        self.heard_at = Some(now);
        self.head_at = Some(now);
        self.head = Some(head);
        let (number, session) = *self.highest.get_or_insert((head.number, head.session));
        self.highest = Some((number.max(head.number), session.max(head.session)));
        (head.number > number, head.session > session)
    }

    /// Takes a best block, and tells whether its height is new for it.
    pub(super) fn take_best(&mut self, best: Block, now: Duration) -> bool {
        self.trouble = None;
        self.heard_at = Some(now);
        self.best_at = Some(now);
        self.best = Some(best);
        let highest = *self.highest_best.get_or_insert(best.number);
        self.highest_best = Some(highest.max(best.number));
        best.number > highest
    }
}
