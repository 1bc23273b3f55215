//! The fold itself: what a soak knows, and how an event changes it. What ends a soak
//! is in `judge`.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::finalized::Finalized;
use super::node::Node;
use super::pulse::{ANSWER_LIMIT, Clock, Pulse};
use super::sessions::{Gap, Mark, Overlong, Session, Sessions};
use super::watching::Watching;
use super::{Event, Hash, Identity, Reason, Stop, Terms, Verdict};

/// Where counting began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// The highest session that a node showed then.
    pub session: u32,
    /// The finalized block in which it showed it.
    pub block: u64,
    /// That block's hash.
    pub hash: Hash,
    /// The chain's first block, where a node has told it.
    pub genesis: Option<Hash>,
}

/// What an event changed.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing to tell.
    Nothing,
    /// The baseline was taken, or rose.
    Baseline,
    /// That many sessions more have passed.
    Sessions(u32),
    /// There is a verdict; it never changes.
    Ended,
}

/// The clocks, in the order in which they fire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Clocks {
    /// Without a new best block.
    pub(super) block: Clock,
    /// Without a new finalized block.
    pub(super) finality: Clock,
    /// Without a new session on the finalized chain.
    pub(super) session: Clock,
    /// A node is in a session that no quorum has reached.
    pub(super) behind: Clock,
    /// A quorum is below what was final.
    pub(super) rewound: Clock,
    /// Without a quorum, at a stretch.
    pub(super) blind: Clock,
    /// Without a quorum, altogether.
    pub(super) blind_total: Clock,
    /// Watched altogether.
    pub(super) age: Clock,
}

/// A time in which the soak was looked after by one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// When it began.
    pub from: Timestamp,
    /// When it was last told anything.
    pub to: Timestamp,
}

/// Everything a soak knows.
#[derive(Clone, Debug)]
pub struct State {
    pub(super) nodes: Vec<Node>,
    pub(super) pulse: Pulse,
    pub(super) at: Option<Timestamp>,
    pub(super) genesis: Option<Hash>,
    pub(super) baseline: Option<Baseline>,
    /// What a quorum ran at the baseline.
    pub(super) agreed: Option<Identity>,
    /// The highest session that a quorum has shown, and the highest that anybody has.
    pub(super) session: u32,
    pub(super) furthest: u32,
    /// The highest finalized block that a quorum has reached.
    pub(super) reached: u64,
    pub(super) sessions: Option<Sessions>,
    /// What a session may take now: the policy's limit, or what was learnt.
    pub(super) limit: Duration,
    pub(super) overlong: Option<Overlong>,
    /// By the chain's own times there was no block for too long.
    pub(super) gap: Option<Gap>,
    pub(super) clocks: Clocks,
    pub(super) finalized: Finalized,
    pub(super) rules: Vec<Watching>,
    /// When the target was reached.
    pub(super) reached_at: Option<Duration>,
    /// The highest finalized block of the legs before, and since when it is known.
    pub(super) still: Option<(u64, Timestamp)>,
    /// Legs before this one.
    pub(super) legs: Vec<Leg>,
    pub(super) ended: Option<(Verdict, Reason)>,
    /// How many nodes answer, have a vote, do not fit, are below what they had, are in
    /// a session that no quorum has reached; and when that may change though nothing is
    /// heard. Counted along, so that an observation costs the same with many nodes.
    pub(super) answering: usize,
    pub(super) voting: usize,
    pub(super) misfits: usize,
    pub(super) back: usize,
    pub(super) ahead: usize,
    fresh_until: Duration,
    began: Option<Timestamp>,
}

impl State {
    /// A soak that nothing is known of yet.
    #[must_use]
    pub fn new(terms: &Terms) -> Self {
        let fits = terms.expected.is_nothing();
        Self {
            nodes: vec![Node { fits, ..Node::default() }; terms.monitor.nodes.len()],
            pulse: Pulse::default(),
            at: None,
            genesis: None,
            baseline: None,
            agreed: None,
            session: 0,
            furthest: 0,
            reached: 0,
            sessions: None,
            limit: terms.monitor.no_session(),
            overlong: None,
            gap: None,
            clocks: Clocks::default(),
            finalized: Finalized::default(),
            rules: vec![Watching::default(); terms.monitor.watches.len()],
            reached_at: None,
            still: None,
            legs: Vec::new(),
            ended: None,
            answering: 0,
            voting: 0,
            misfits: 0,
            back: 0,
            ahead: 0,
            fresh_until: Duration::ZERO,
            began: None,
        }
    }

    /// The deployment ended so long ago, whether or not anybody watched since: the time
    /// until a quorum must be ready runs from there. After the baseline it means nothing.
    pub fn deployed(&mut self, terms: &Terms, ago: Duration) {
        if self.baseline.is_none() {
            let more = ago.saturating_sub(self.clocks.age.quiet);
            self.clocks.age.run(more, terms.monitor.ready_within, self.pulse.now());
        }
    }

    /// Takes in one event. After a verdict nothing changes any more.
    pub fn fold(&mut self, terms: &Terms, event: Event) -> Step {
        if self.ended.is_some() {
            return Step::Nothing;
        }
        let at = event.at();
        let before = (self.counted(terms), self.baseline.map(|baseline| baseline.session));
        self.pass_time(terms, at);
        let end = match event {
            Event::Observed(observation) => self.observe(terms, observation),
            Event::Tick(_) => {
                self.survey(terms);
                None
            }
            Event::Stop(_, stop) => {
                let (counted, target) = (self.counted(terms), terms.monitor.target_sessions);
                let halted = if stop == Stop::Looked { self.halted(terms, at) } else { None };
                let verdict = if stop == Stop::LeaseLost { Verdict::Unmeasured } else { Verdict::Unfinished };
                halted.or(Some((verdict, Reason::Stopped { stop, counted, target })))
            }
        };
        self.ended = end.or_else(|| self.judge(terms, at));
        if self.ended.is_some() {
            Step::Ended
        } else if self.baseline.map(|baseline| baseline.session) != before.1 {
            Step::Baseline
        } else {
            match self.counted(terms).saturating_sub(before.0) {
                0 => Step::Nothing,
                more => Step::Sessions(more),
            }
        }
    }

    /// Adds the time since the last event to the clocks that it belongs to.
    fn pass_time(&mut self, terms: &Terms, at: Timestamp) {
        self.at = Some(at);
        self.began.get_or_insert(at);
        let step = self.pulse.advance(at);
        let now = self.pulse.now();
        if now > self.fresh_until {
            self.recount();
        }
        let stall = &terms.monitor.stall;
        self.clocks.age.run(step, terms.monitor.ready_within, now);
        if self.is_blind(terms) {
            self.clocks.blind.run(step, terms.monitor.unmeasured_after, now);
            let total = terms.monitor.unmeasured_total.unwrap_or(Duration::MAX);
            self.clocks.blind_total.run(step, total, now);
        } else if self.baseline.is_some() {
            self.clocks.block.run(step, stall.no_block, now);
            self.clocks.finality.run(step, stall.no_finality, now);
            self.clocks.session.run(step, self.limit, now);
            if self.furthest > self.session {
                self.clocks.behind.run(step, self.limit, now);
            }
            if self.is_rewound(terms) {
                self.clocks.rewound.run(step, terms.monitor.rewind_after, now);
            }
        }
    }

    /// Whether fewer nodes than a quorum can be judged by.
    pub(super) fn is_blind(&self, terms: &Terms) -> bool {
        let able = if self.baseline.is_some() { self.voting } else { self.answering };
        able < terms.monitor.quorum_size()
    }

    /// Counts all nodes anew: those that have not been heard for too long fall silent.
    pub(super) fn recount(&mut self) {
        let now = self.pulse.now();
        (self.answering, self.voting, self.misfits, self.back, self.ahead) = (0, 0, 0, 0, 0);
        self.fresh_until = now.saturating_add(ANSWER_LIMIT);
        for node in &mut self.nodes {
            node.answers = node.answers_at(now);
            node.votes = node.votes_at(now);
            node.is_back = node.votes && node.went_back();
            node.is_ahead = node.votes && node.is_beyond(self.session);
            self.back += usize::from(node.is_back);
            self.ahead += usize::from(node.is_ahead);
            self.answering += usize::from(node.answers);
            self.voting += usize::from(node.votes);
            self.misfits += usize::from(!node.fits && node.identity.is_some());
            for heard in [node.heard_at, node.head_at].into_iter().flatten() {
                let until = heard.saturating_add(ANSWER_LIMIT);
                if until >= now {
                    self.fresh_until = self.fresh_until.min(until);
                }
            }
        }
    }

    /// Brings the counts up to date with what one node said.
    pub(super) fn refresh(&mut self, index: usize) {
        let now = self.pulse.now();
        let Some(node) = self.nodes.get_mut(index) else { return };
        let (answers, votes) = (node.answers_at(now), node.votes_at(now));
        let (is_back, is_ahead) = (votes && node.went_back(), votes && node.is_beyond(self.session));
        let moved =
            |count: usize, before: bool, after: bool| count + usize::from(after) - usize::from(before);
        self.answering = moved(self.answering, node.answers, answers);
        self.voting = moved(self.voting, node.votes, votes);
        self.back = moved(self.back, node.is_back, is_back);
        self.ahead = moved(self.ahead, node.is_ahead, is_ahead);
        (node.answers, node.votes, node.is_back, node.is_ahead) = (answers, votes, is_back, is_ahead);
    }

    /// Goes to another session, and counts anew who is beyond it.
    pub(super) fn enter(&mut self, session: u32) {
        self.session = session;
        self.ahead = 0;
        for node in &mut self.nodes {
            node.is_ahead = node.votes && node.is_beyond(session);
            self.ahead += usize::from(node.is_ahead);
        }
    }

    /// The highest finalized block that a quorum has now. Once a second is enough,
    /// as it costs a look at every node.
    fn survey(&mut self, terms: &Terms) {
        if let Some(height) = self.height(terms) {
            self.reached = self.reached.max(height);
        }
    }

    /// Sessions that have passed since the baseline, those of the warm-up left out.
    #[must_use]
    pub fn counted(&self, terms: &Terms) -> u32 {
        let from = self.counts_from(terms);
        from.map_or(0, |from| self.session.saturating_sub(from))
    }

    /// The session after which counting begins.
    pub(super) fn counts_from(&self, terms: &Terms) -> Option<u32> {
        self.baseline.map(|baseline| baseline.session.saturating_add(terms.monitor.warm_up_sessions))
    }

    /// Where counting began, once a quorum was ready.
    #[must_use]
    pub fn baseline(&self) -> Option<&Baseline> {
        self.baseline.as_ref()
    }

    /// The sessions after the baseline that a quorum has reached.
    pub fn sessions(&self) -> impl DoubleEndedIterator<Item = Session> + '_ {
        self.sessions.iter().flat_map(|sessions| sessions.until(self.session))
    }

    /// What the soak has come to so far.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.ended.as_ref().map_or(Verdict::Running, |(verdict, _)| *verdict)
    }

    /// Why it stands where it stands.
    #[must_use]
    pub fn reason(&self, terms: &Terms) -> Reason {
        let (counted, target) = (self.counted(terms), terms.monitor.target_sessions);
        match (&self.ended, &self.baseline) {
            (Some((_, reason)), _) => reason.clone(),
            (None, Some(_)) if counted >= target => {
                Reason::Settling { counted, target, unseen: self.unseen(terms).map(|(_, count)| count).sum() }
            }
            (None, Some(_)) => Reason::Counting { counted, target },
            (None, None) => Reason::NoBaseline { ready: self.voting, quorum: terms.monitor.quorum_size() },
        }
    }

    /// The rules that have sessions which nobody could check, by their place in the
    /// policy, with how many.
    pub fn unseen<'s>(&'s self, terms: &'s Terms) -> impl Iterator<Item = (usize, u32)> + 's {
        let since = self.counts_from(terms).map(|from| from.saturating_add(1));
        let rules = self.rules.iter().zip(&terms.monitor.watches).enumerate();
        rules.filter_map(move |(at, (rule, watch))| {
            let unseen = rule.tally(watch, since?, self.session).unseen;
            (unseen > 0).then_some((at, unseen))
        })
    }

    /// The rules that were broken, by their place in the policy: in how many sessions,
    /// and what was said of the first.
    pub fn broken<'s>(&'s self, terms: &'s Terms) -> impl Iterator<Item = (usize, u32, &'s str)> + 's {
        let rules = self.rules.iter().zip(&terms.monitor.watches).enumerate();
        rules.filter_map(|(at, (rule, watch))| {
            let told = rule.first_break.as_deref()?;
            Some((at, rule.tally(watch, 1, self.session).broken, told))
        })
    }

    /// The legs of the soak, this one included.
    #[must_use]
    pub fn legs(&self) -> Vec<Leg> {
        let this = self.began.zip(self.at).map(|(from, to)| Leg { from, to });
        self.legs.iter().copied().chain(this).collect()
    }

    /// The highest block that is known up to the session that a quorum has reached.
    pub(super) fn tip(&self) -> Option<Mark> {
        self.sessions.as_ref().map(|sessions| sessions.tip(self.session))
    }
}
