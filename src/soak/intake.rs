//! What an observation changes, and the evidence that ends a soak by itself: another
//! chain, a fork, a broken rule.

use jiff::Timestamp;

use super::sessions::{Mark, Sessions};
use super::{
    Baseline, Block, Boundary, Hash, Head, Identity, Observation, Reading, Reason, Seen, State, Terms,
    Verdict,
};

/// How a soak ends.
pub(super) type End = Option<(Verdict, Reason)>;

impl State {
    /// Takes in what was seen of a node.
    pub(super) fn observe(&mut self, terms: &Terms, observation: Observation) -> End {
        let Observation { at, node: index, seen } = observation;
        let now = self.pulse.now();
        let node = self.nodes.get_mut(index)?;
        match seen {
            Seen::Unreachable(trouble) => {
                node.trouble = Some(trouble);
                // It has to tell its head again before it has a vote.
                node.head_at = None;
                self.refresh(index);
                None
            }
            Seen::Genesis(found) => self.take_genesis(terms, index, found),
            Seen::Identity(identity) => {
                node.trouble = None;
                node.heard_at = Some(now);
                self.take_identity(terms, index, identity);
                None
            }
            Seen::Best(best) => {
                if node.take_best(best, now) && node.votes {
                    self.clocks.block.strike();
                }
                self.refresh(index);
                None
            }
            Seen::Finalized(head) => self.take_head(terms, index, head, at),
            Seen::FinalizedAt(block) => {
                let is_final = node.head.is_some_and(|head| head.number >= block.number);
                if is_final { self.compare(terms, index, block) } else { None }
            }
            Seen::Past(head) => {
                if !node.may_tell() {
                    return None;
                }
                self.learn(terms, mark(&head, at), head.session);
                self.compare(terms, index, Block { number: head.number, hash: head.hash })
            }
            Seen::Boundary(Boundary { index: session, after, block }) => {
                if node.may_tell() && session > 0 && after.0 < block.0 {
                    for ((number, time), session) in [(after, session - 1), (block, session)] {
                        let (time, own) = time.map_or((at, false), |time| (time, true));
                        self.learn(terms, Mark { block: number, time, own }, session);
                    }
                }
                None
            }
            Seen::Watched(reading) => {
                if node.may_tell() {
                    self.watched(terms, index, &reading)
                } else {
                    None
                }
            }
        }
    }

    fn take_genesis(&mut self, terms: &Terms, index: usize, found: Hash) -> End {
        let expected = *self.genesis.get_or_insert(found);
        if let Some(baseline) = &mut self.baseline {
            baseline.genesis = Some(expected);
        }
        let reason = Reason::AnotherGenesis { node: terms.node(index), found, expected };
        (expected != found).then_some((Verdict::Failed, reason))
    }

    fn take_identity(&mut self, terms: &Terms, index: usize, identity: Identity) {
        let fits = self.fits(terms, &identity);
        if fits && self.baseline.is_some() {
            // No node had told what it runs when the baseline was taken.
            self.agreed.get_or_insert_with(|| identity.clone());
        }
        let Some(node) = self.nodes.get_mut(index) else { return };
        let misfit = |fits: bool, known: bool| usize::from(!fits && known);
        self.misfits += misfit(fits, true);
        self.misfits -= misfit(node.fits, node.identity.is_some());
        if identity.syncing || node.identity.as_ref().is_some_and(|before| before.syncing) {
            // The head that it told is one that it has long passed.
            node.head_at = None;
        }
        node.fits = fits;
        node.identity = Some(identity);
        // It ran what it should while sessions were counted; from then on anything
        // else is a change.
        node.has_fitted |= fits && self.baseline.is_some();
        self.refresh(index);
    }

    /// Whether a node with this identity runs what it should.
    pub(super) fn fits(&self, terms: &Terms, identity: &Identity) -> bool {
        terms.expected.differs(identity).is_none()
            && self.agreed.as_ref().is_none_or(|agreed| agreed.runs_the_same(identity))
    }

    fn take_head(&mut self, terms: &Terms, index: usize, head: Head, at: Timestamp) -> End {
        let quorum_was_there = self.voting >= terms.monitor.quorum_size();
        let now = self.pulse.now();
        let furthest = self.furthest;
        let node = self.nodes.get_mut(index)?;
        let before = node.head;
        let is_new = node.highest.is_none();
        let (higher, later) = node.take_head(head, now);
        self.refresh(index);
        let votes = self.nodes.get(index).is_some_and(|node| node.votes);
        if votes {
            if higher {
                self.clocks.finality.strike();
            }
            if later {
                self.clocks.session.strike();
            }
            self.furthest = self.furthest.max(head.session);
            let early = self.clocks.age.overdue.is_none();
            if is_new && early && quorum_was_there && head.session > furthest.saturating_add(1) {
                self.rebase(terms, &head, at);
            }
            self.learn(terms, mark(&head, at), head.session);
        }
        let block = Block { number: head.number, hash: head.hash };
        match before {
            // What a block holds never changes; most readings are of the same one.
            Some(before) if before.hash == head.hash => None,
            Some(before) if before.number == head.number => self.rewritten(terms, index, block, before.hash),
            _ => self.compare(terms, index, block),
        }
    }

    /// The nodes of the baseline were behind, as a node shows that came later: what
    /// they do to catch up must not count.
    fn rebase(&mut self, terms: &Terms, head: &Head, at: Timestamp) {
        if self.baseline.is_some() {
            self.begin(terms, head, at);
            self.enter(self.session.min(head.session));
        }
    }

    /// Counts from `head` on.
    pub(super) fn begin(&mut self, terms: &Terms, head: &Head, at: Timestamp) {
        let Head { number, hash, session, .. } = *head;
        self.baseline = Some(Baseline { session, block: number, hash, genesis: self.genesis });
        self.sessions = Some(Sessions::after(session, mark(head, at), Sessions::most(&terms.monitor)));
        (self.overlong, self.gap) = (None, None);
    }

    /// Takes that a finalized block belongs to a session.
    fn learn(&mut self, terms: &Terms, mark: Mark, session: u32) {
        let Some(sessions) = &mut self.sessions else { return };
        let gap = sessions.gap(mark).filter(|gap| gap.took >= terms.monitor.stall.no_block);
        self.gap = self.gap.or(gap);
        let overlong = sessions.learn(mark, session, self.limit);
        self.overlong = self.overlong.or(overlong);
    }

    /// Compares a finalized block with what others say is final at its height.
    fn compare(&mut self, terms: &Terms, index: usize, block: Block) -> End {
        let known = self.finalized.take(block, index);
        let baseline = self.baseline?;
        if baseline.block == block.number && baseline.hash != block.hash {
            return self.rewritten(terms, index, block, baseline.hash);
        }
        let (hash, by) = known?;
        if by == index {
            return self.rewritten(terms, index, block, hash);
        }
        let nodes = [terms.node(by), terms.node(index)];
        Some((Verdict::Failed, Reason::Fork { number: block.number, hashes: [hash, block.hash], nodes }))
    }

    fn rewritten(&self, terms: &Terms, index: usize, block: Block, was: Hash) -> End {
        self.baseline?;
        let (number, node) = (block.number, terms.node(index));
        Some((Verdict::Failed, Reason::Rewritten { number, hashes: [was, block.hash], node }))
    }

    /// Holds a reading against its rule.
    fn watched(&mut self, terms: &Terms, node: usize, reading: &Reading) -> End {
        let since = self.counts_from(terms)?.saturating_add(1);
        let watch = terms.monitor.watches.get(reading.rule)?;
        let sessions = self.sessions.as_ref()?;
        let last_block = |session: u32| {
            let next = sessions.of(session.checked_add(1)?)?;
            (next.after.block.checked_add(1) == Some(next.first.block)).then_some(next.after.block)
        };
        let text = self.rules.get_mut(reading.rule)?.take(watch, node, reading, since, last_block)?;
        let (name, rule) = (watch.label(), watch.rule.word());
        (!watch.dry_run).then_some((Verdict::Failed, Reason::Rule { name, rule, text }))
    }
}

/// When a finalized block was made, as far as it tells. The first block has no time.
fn mark(head: &Head, at: Timestamp) -> Mark {
    let own = head.time.filter(|time| head.number > 0 && time.as_second() > 0);
    Mark { block: head.number, time: own.unwrap_or(at), own: own.is_some() }
}
