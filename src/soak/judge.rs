//! What ends a soak: the rules, the worst first. Nothing is judged without a quorum
//! but that there has been none for too long.

use std::time::Duration;

use jiff::Timestamp;

use super::intake::End;
use super::node::Node;
use super::pulse::{ANSWER_LIMIT, Clock};
use super::sessions::Gap;
use super::{Head, Identity, Reason, State, Terms, Verdict};
use crate::policy::duration::between;

impl State {
    /// Applies the rules.
    pub(super) fn judge(&mut self, terms: &Terms, at: Timestamp) -> End {
        self.judge_chain(terms, at).or_else(|| {
            let (counted, target) = (self.counted(terms), terms.monitor.target_sessions);
            let over = terms.leg_ends.is_some_and(|end| at >= end);
            over.then_some((Verdict::Unfinished, Reason::MaxRuntime { counted, target }))
        })
    }

    fn judge_chain(&mut self, terms: &Terms, at: Timestamp) -> End {
        let quorum = terms.monitor.quorum_size();
        if let Some(reason) = self.out_of_reach(terms, quorum) {
            return Some((Verdict::Unmeasured, reason));
        }
        // A node that runs something else has no vote, and says so all the same.
        if self.misfits > 0
            && self.answering >= quorum
            && let Some(reason) = self.misfit(terms)
        {
            return Some((Verdict::Failed, reason));
        }
        if self.is_blind(terms) || quorum == 0 {
            return None;
        }
        self.clocks.blind.strike();
        if self.baseline.is_none() {
            return self.prepare(terms, quorum, at);
        }
        if !self.is_rewound(terms) {
            self.clocks.rewound.strike();
        } else if self.clocks.rewound.overdue.is_some()
            && let Some(reason) = self.rewound(terms)
        {
            return Some((Verdict::Failed, reason));
        }
        self.record(terms, quorum);
        if let Some(Gap { after, took }) = self.gap {
            let limit = terms.monitor.stall.no_block;
            return Some((Verdict::Failed, Reason::LateBlock { after, took, limit }));
        }
        let limit = self.limit;
        if let Some(long) = self.overlong.take_if(|long| long.took >= limit) {
            let reason = Reason::LongSession { session: long.session, took: long.took, limit };
            return Some((Verdict::Failed, reason));
        }
        if self.counted(terms) >= terms.monitor.target_sessions {
            self.reached_at.get_or_insert(self.pulse.now());
            if let Some(end) = self.at_target(terms, quorum) {
                return Some(end);
            }
        }
        self.stalled(terms, quorum)
    }

    /// A single look watches for no time at all. That nothing became final since an
    /// earlier one it knows all the same: a quorum has told the same then and now.
    pub(super) fn halted(&self, terms: &Terms, at: Timestamp) -> End {
        let (height, then) = self.still?;
        let limit = terms.monitor.stall.no_finality;
        let number = self.height(terms)?;
        if self.baseline.is_none() || self.is_blind(terms) || number > height || between(then, at) < limit {
            return None;
        }
        let best = self.nodes.iter().filter(|node| node.votes).filter_map(|node| node.best);
        let best = best.map(|best| best.number).max();
        Some((Verdict::Failed, Reason::NoFinality { number, best, limit, answering: self.voting }))
    }

    /// Whether a single look would end in a failure now, by what an earlier one has
    /// told. Two machines' clocks alone are no proof of it.
    #[must_use]
    pub fn seems_halted(&self, terms: &Terms, at: Timestamp) -> bool {
        self.halted(terms, at).is_some()
    }

    /// The highest finalized block of a quorum, and since when it is known.
    pub(super) fn still_since(&self, terms: &Terms) -> Option<(u64, Timestamp)> {
        let Some(number) = self.height(terms) else { return self.still };
        let at = self.at?;
        // A machine whose clock was ahead must not put off what this one would see.
        let known = self.still.filter(|(height, _)| *height >= number);
        Some(known.map_or((number, at), |(height, then)| (height, then.min(at))))
    }

    /// The highest finalized block that a quorum has now.
    pub(super) fn height(&self, terms: &Terms) -> Option<u64> {
        let heads = self.nodes.iter().filter(|node| node.votes).filter_map(|node| node.head);
        let mut numbers: Vec<u64> = heads.map(|head| head.number).collect();
        let place = numbers.len().checked_sub(terms.monitor.quorum_size())?;
        (place < numbers.len()).then(|| *numbers.select_nth_unstable(place).1)
    }

    fn out_of_reach(&self, terms: &Terms, quorum: usize) -> Option<Reason> {
        let blind = self.is_blind(terms) && self.clocks.blind.overdue.is_some();
        let total = terms.monitor.unmeasured_total.filter(|_| self.clocks.blind_total.overdue.is_some());
        if !blind && total.is_none() {
            return None;
        }
        let answering = if self.baseline.is_some() { self.voting } else { self.answering };
        let trouble = self.nodes.iter().find_map(|node| node.trouble.clone());
        let limit = if blind { terms.monitor.unmeasured_after } else { total.unwrap_or_default() };
        Some(Reason::OutOfReach { limit, total: !blind, answering, quorum, trouble })
    }

    /// A node that runs something else: at once where it ran what it should, else
    /// when the nodes should all be ready.
    fn misfit(&self, terms: &Terms) -> Option<Reason> {
        let late = self.clocks.age.overdue.is_some();
        let (index, node, found) = self.nodes.iter().enumerate().find_map(|(index, node)| {
            let wrong = !node.fits && node.answers && (late || node.has_fitted);
            wrong.then_some(node.identity.as_ref().map(|found| (index, node, found))).flatten()
        })?;
        let difference = terms.expected.differs(found);
        let name = terms.node(index);
        Some(match (&self.agreed, difference) {
            (Some(agreed), difference) if node.has_fitted => Reason::Changed {
                node: name,
                before: describe(agreed),
                after: describe(found),
                expected: difference.map(|difference| difference.to_string()),
            },
            (_, Some(difference)) => {
                Reason::Wrong { node: name, difference, limit: terms.monitor.ready_within }
            }
            (agreed, None) => {
                let other = self.nodes.iter().position(|node| node.fits && node.identity.is_some());
                let agreed = agreed.as_ref().map(describe).unwrap_or_default();
                let nodes = [other.map_or_else(String::new, |other| terms.node(other)), name];
                Reason::Mixed { nodes, versions: [agreed, describe(found)] }
            }
        })
    }

    /// Takes the baseline, once a quorum is ready and runs the same: the highest
    /// session that one of them shows. A quorum has still to reach it.
    fn prepare(&mut self, terms: &Terms, quorum: usize, at: Timestamp) -> End {
        let ready = self.nodes.iter().filter(|node| node.votes);
        let agreed = most_agreed(ready.clone().filter_map(|node| node.identity.as_ref()));
        let agrees = |node: &&Node| match (&node.identity, agreed) {
            (Some(identity), Some(agreed)) => identity.runs_the_same(agreed),
            _ => true,
        };
        let agreeing = ready.clone().filter(agrees);
        let mut heads: Vec<Head> = agreeing.clone().filter_map(|node| node.head).collect();
        heads.sort_by_key(|head| std::cmp::Reverse((head.session, head.number)));
        let late = self.clocks.age.overdue.is_some();
        let Some(reached) = quorum.checked_sub(1).and_then(|place| heads.get(place)).copied() else {
            if !late {
                return None;
            }
            let other = ready.clone().find(|node| !agrees(node)).and_then(|node| node.identity.as_ref());
            if let (Some(other), Some(agreed)) = (other, agreed) {
                let place = |wanted: &Identity| {
                    self.nodes
                        .iter()
                        .position(|node| node.identity.as_ref() == Some(wanted))
                        .unwrap_or_default()
                };
                let nodes = [terms.node(place(agreed)), terms.node(place(other))];
                let versions = [describe(agreed), describe(other)];
                return Some((Verdict::Failed, Reason::Mixed { nodes, versions }));
            }
            let limit = terms.monitor.ready_within;
            return Some((Verdict::Unmeasured, Reason::NotReady { limit, ready: heads.len(), quorum }));
        };
        let highest = heads.first().copied().unwrap_or(reached);
        self.agreed = agreed.cloned();
        self.begin(terms, &highest, at);
        self.session = reached.session;
        self.furthest = highest.session;
        self.reached = reached.number;
        self.start_clocks(terms);
        None
    }

    fn start_clocks(&mut self, terms: &Terms) {
        let clocks = &mut self.clocks;
        for clock in [&mut clocks.block, &mut clocks.finality, &mut clocks.session, &mut clocks.behind] {
            clock.strike();
        }
        for index in 0..self.nodes.len() {
            let fits = match self.nodes.get(index).and_then(|node| node.identity.as_ref()) {
                Some(identity) => self.fits(terms, identity),
                None => terms.expected.is_nothing(),
            };
            if let Some(node) = self.nodes.get_mut(index) {
                node.fits = fits;
                node.has_fitted = fits && node.identity.is_some();
            }
        }
        self.recount();
    }

    /// Whether a quorum is below what a quorum, and itself, had. A node that was never
    /// higher is behind, and not back.
    pub(super) fn is_rewound(&self, terms: &Terms) -> bool {
        let quorum = terms.monitor.quorum_size();
        if self.back == 0 || self.back < quorum {
            return false;
        }
        let is_below = |head: &Head| head.number < self.reached || head.session < self.session;
        let voting = self.nodes.iter().filter(|node| node.votes);
        let back =
            voting.clone().filter(|node| node.went_back() && node.head.is_some_and(|head| is_below(&head)));
        let there = voting.filter(|node| node.head.is_some_and(|head| !is_below(&head)));
        back.count() >= quorum && there.count() < quorum
    }

    fn rewound(&self, terms: &Terms) -> Option<Reason> {
        let back = self.nodes.iter().filter(|node| node.votes && node.went_back());
        let head = back.filter_map(|node| node.head).min_by_key(|head| head.number)?;
        let (was, limit) = ((self.reached, self.session), terms.monitor.rewind_after);
        Some(Reason::Rewound { number: head.number, session: head.session, was, limit })
    }

    /// Records the session that a quorum has reached, where it is a new one.
    fn record(&mut self, terms: &Terms, quorum: usize) {
        if self.furthest <= self.session || self.ahead < quorum {
            return;
        }
        let heads = self.nodes.iter().filter(|node| node.is_ahead).filter_map(|node| node.head);
        let mut ahead: Vec<(u32, u64)> = heads.map(|head| (head.session, head.number)).collect();
        let Some(place) = ahead.len().checked_sub(quorum) else { return };
        let (session, number) = *ahead.select_nth_unstable(place).1;
        // What passes after the target is no part of the soak.
        let goal = self.counts_from(terms).map(|from| from.saturating_add(terms.monitor.target_sessions));
        self.enter(goal.map_or(session, |goal| session.min(goal)));
        self.reached = self.reached.max(number);
        self.clocks.behind.strike();
        self.limit = terms.monitor.no_session();
        if let (Some(learn), Some(sessions)) = (&terms.monitor.stall.learn, &self.sessions)
            && let Some(learnt) = sessions.learnt(session, learn.sessions, learn.factor)
        {
            self.limit = learnt.max(learn.floor);
        }
    }

    /// The target was reached: passed, once a quorum shows it now, no node runs
    /// anything else, and the rules have had time to be checked.
    fn at_target(&self, terms: &Terms, quorum: usize) -> End {
        let goal = self.counts_from(terms)?.saturating_add(terms.monitor.target_sessions);
        let shows = |node: &&Node| node.votes && node.head.is_some_and(|head| head.session >= goal);
        let wrong = |node: &Node| node.answers && !node.fits && node.identity.is_some();
        if self.nodes.iter().filter(shows).count() < quorum || self.nodes.iter().any(wrong) {
            return None;
        }
        let name =
            |at: usize| terms.monitor.watches.get(at).map(crate::policy::Watch::label).unwrap_or_default();
        let waited = self.pulse.now().saturating_sub(self.reached_at?);
        let mut unseen = Vec::new();
        for (at, sessions) in self.unseen(terms) {
            let critical =
                terms.monitor.watches.get(at).is_some_and(|watch| watch.critical && !watch.dry_run);
            let patience = if critical { terms.monitor.unmeasured_after } else { ANSWER_LIMIT };
            if waited < patience {
                return None;
            }
            if critical {
                return Some((Verdict::Unmeasured, Reason::Unseen { name: name(at), sessions }));
            }
            unseen.push((name(at), sessions));
        }
        let (counted, target) = (self.counted(terms), terms.monitor.target_sessions);
        Some((Verdict::Passed, Reason::TargetReached { counted, target, quorum, unseen }))
    }

    /// A clock that ran out, where a quorum has answered since and said the same.
    fn stalled(&self, terms: &Terms, quorum: usize) -> End {
        let confirmed = |clock: &Clock, told: fn(&Node) -> Option<Duration>| {
            let overdue = clock.overdue?;
            let since = |node: &&Node| node.votes && told(node).is_some_and(|told| told >= overdue);
            Some(self.nodes.iter().filter(since).count()).filter(|answering| *answering >= quorum)
        };
        let best = || {
            let best = self.nodes.iter().filter(|node| node.votes).filter_map(|node| node.best);
            best.map(|best| best.number).max()
        };
        let stall = &terms.monitor.stall;
        let reason = if let Some(answering) = confirmed(&self.clocks.block, |node| node.best_at) {
            Reason::NoBlock { number: best().unwrap_or_default(), limit: stall.no_block, answering }
        } else if let Some(answering) = confirmed(&self.clocks.finality, |node| node.head_at) {
            let heads = self.nodes.iter().filter(|node| node.votes).filter_map(|node| node.head);
            let number = heads.map(|head| head.number).max().unwrap_or_default();
            Reason::NoFinality { number, best: best(), limit: stall.no_finality, answering }
        } else if let Some(answering) = confirmed(&self.clocks.session, |node| node.head_at) {
            let (session, counted, limit) = (self.furthest, self.counted(terms), self.limit);
            Reason::NoSession { session, limit, counted, answering }
        } else {
            confirmed(&self.clocks.behind, |node| node.head_at)?;
            let (session, furthest, limit) = (self.session, self.furthest, self.limit);
            return Some((Verdict::Unmeasured, Reason::Behind { session, furthest, limit, quorum }));
        };
        Some((Verdict::Failed, reason))
    }
}

/// What most nodes run, the last of them where several are even.
fn most_agreed<'n>(known: impl Iterator<Item = &'n Identity>) -> Option<&'n Identity> {
    // Many nodes run few different things: those are compared, not the nodes. Of each
    // its last node, that one's place, and how many nodes there are.
    let mut kinds: Vec<(&Identity, usize, usize)> = Vec::new();
    for (place, identity) in known.enumerate() {
        let is_one = |kind: &Identity| kind.runs_the_same(identity) && kind.code_hash == identity.code_hash;
        match kinds.iter_mut().find(|(kind, ..)| is_one(kind)) {
            Some(kind) => *kind = (identity, place, kind.2 + 1),
            None => kinds.push((identity, place, 1)),
        }
    }
    let agreeing = |identity: &Identity| -> usize {
        kinds.iter().filter(|(kind, ..)| kind.runs_the_same(identity)).map(|(.., count)| count).sum()
    };
    let most = kinds.iter().max_by_key(|(kind, place, _)| (agreeing(kind), *place));
    most.map(|(identity, ..)| *identity)
}

fn describe(identity: &Identity) -> String {
    let Identity { version, spec_name, spec_version, code_hash, .. } = identity;
    let code = code_hash.map(|hash| format!(", code {hash}")).unwrap_or_default();
    format!("version {version}, runtime {spec_name} {spec_version}{code}")
}
