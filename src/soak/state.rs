//! The fold itself: what is known of each node, what was counted, and the rules
//! that end a soak.

use std::time::Duration;

use jiff::Timestamp;

use super::{Event, Head, Reason, Seen, Verdict};
use crate::policy::Monitor;

/// A node whose last answer is older than this does not answer. Its adapter asks
/// more often, and says so itself when a request stays without an answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Where counting began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// The highest session that a node showed then.
    pub session: u32,
    /// The finalized block in which it showed it.
    pub block: u64,
    /// That block's hash.
    pub hash: String,
    /// The chain's first block.
    pub genesis: String,
}

/// A session that began after the baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// Its index. Where the finalized chain skipped over short ones, the list does.
    pub index: u32,
    /// The finalized block in which a quorum was first seen in it.
    pub block: u64,
    /// When that was.
    pub started_at: Timestamp,
    /// How long it took, once the next one was seen to begin.
    pub duration: Option<Duration>,
}

/// What is known of one node.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    pub(super) head: Option<Head>,
    pub(super) trouble: Option<String>,
    genesis: Option<String>,
    answered_at: Option<Timestamp>,
    below_baseline: bool,
}

impl Node {
    pub(super) fn answers(&self, at: Timestamp) -> bool {
        self.trouble.is_none()
            && self.head.is_some()
            && self.answered_at.is_some_and(|answered| since(answered, at) <= ANSWER_LIMIT)
    }
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

/// Everything a soak knows.
#[derive(Clone, Debug)]
pub struct State {
    pub(super) nodes: Vec<Node>,
    pub(super) at: Option<Timestamp>,
    baseline: Option<Baseline>,
    /// The highest session that a quorum has shown.
    session: u32,
    sessions: Vec<Session>,
    /// Watched time without a new session.
    quiet: Duration,
    /// When `quiet` passed its limit. A failure needs answers from after that.
    overdue: Option<Timestamp>,
    /// Time without a quorum.
    blind: Duration,
    genesis: Option<String>,
    ended: Option<(Verdict, Reason)>,
}

impl State {
    /// A soak that nothing is known of yet.
    #[must_use]
    pub fn new(policy: &Monitor) -> Self {
        Self {
            nodes: vec![Node::default(); policy.nodes.len()],
            at: None,
            baseline: None,
            session: 0,
            sessions: Vec::new(),
            quiet: Duration::ZERO,
            overdue: None,
            blind: Duration::ZERO,
            genesis: None,
            ended: None,
        }
    }

    /// Takes in one event. After a verdict nothing changes any more.
    pub fn fold(&mut self, policy: &Monitor, event: Event) -> Step {
        if self.ended.is_some() {
            return Step::Nothing;
        }
        let at = self.advance_clocks(policy, event.at());
        let before = (self.counted(), self.baseline.clone());
        let end = match event {
            Event::Observed(observation) => self.observe(observation.node, observation.seen, at),
            Event::Tick(_) => None,
            Event::Stop(_, stop) => Some((
                Verdict::Unfinished,
                Reason::Stopped { stop, counted: self.counted(), target: policy.target_sessions },
            )),
        };
        self.ended = end.or_else(|| self.judge(policy, at));
        if self.ended.is_some() {
            Step::Ended
        } else if self.baseline != before.1 {
            Step::Baseline
        } else {
            match self.counted().saturating_sub(before.0) {
                0 => Step::Nothing,
                more => Step::Sessions(more),
            }
        }
    }

    /// Adds the time since the last event to the clock that it belongs to. A time
    /// from before the last event counts as the last event's.
    fn advance_clocks(&mut self, policy: &Monitor, at: Timestamp) -> Timestamp {
        let last = self.at.unwrap_or(at);
        let at = at.max(last);
        self.at = Some(at);
        if self.answering(at) >= policy.quorum.of(self.nodes.len()) {
            self.quiet = self.quiet.saturating_add(since(last, at));
            if self.quiet >= policy.no_session() {
                self.overdue.get_or_insert(at);
            }
        } else {
            self.blind = self.blind.saturating_add(since(last, at));
        }
        at
    }

    fn observe(&mut self, index: usize, seen: Seen, at: Timestamp) -> Option<(Verdict, Reason)> {
        let highest = self.nodes.iter().filter_map(|node| node.head.as_ref()).map(|head| head.session).max();
        let node = self.nodes.get_mut(index)?;
        match seen {
            Seen::Unreachable(trouble) => node.trouble = Some(trouble),
            Seen::Genesis(found) => {
                node.genesis = Some(found.clone());
                let expected = self.genesis.get_or_insert_with(|| found.clone());
                if *expected != found {
                    let expected = expected.clone();
                    return Some((Verdict::Failed, Reason::AnotherGenesis { node: index, found, expected }));
                }
            }
            Seen::Finalized(head) => {
                if let Some(baseline) = &mut self.baseline {
                    // The nodes of the baseline may have been behind. A node that comes
                    // later and is further than any shows it: what the others do to
                    // catch up must not count.
                    if node.head.is_none() && head.session > highest.unwrap_or_default().saturating_add(1) {
                        baseline.session = head.session;
                        baseline.block = head.number;
                        baseline.hash.clone_from(&head.hash);
                        self.sessions.clear();
                    }
                    let below = |head: &Head| head.number < baseline.block || head.session < baseline.session;
                    let was_above = node.head.as_ref().is_some_and(|earlier| !below(earlier));
                    node.below_baseline = below(&head) && (was_above || node.below_baseline);
                }
                node.trouble = None;
                node.answered_at = Some(at);
                node.head = Some(head);
            }
        }
        None
    }

    /// Applies the rules, the worst first.
    fn judge(&mut self, policy: &Monitor, at: Timestamp) -> Option<(Verdict, Reason)> {
        let quorum = policy.quorum.of(self.nodes.len());
        let answering = self.answering(at);
        if self.blind >= policy.unmeasured_after && answering < quorum {
            let trouble = self.nodes.iter().find_map(|node| node.trouble.clone());
            let limit = policy.unmeasured_after;
            return Some((Verdict::Unmeasured, Reason::OutOfReach { limit, answering, quorum, trouble }));
        }
        if answering < quorum || quorum == 0 {
            return None;
        }
        self.blind = Duration::ZERO;
        let Some(baseline) = &self.baseline else {
            self.take_baseline(quorum, at);
            return None;
        };
        let back = self.nodes.iter().filter(|node| node.answers(at) && node.below_baseline);
        let back: Vec<&Head> = back.filter_map(|node| node.head.as_ref()).collect();
        if let Some(head) = back.first().filter(|_| back.len() >= quorum) {
            let reason = Reason::WentBack {
                number: head.number,
                session: head.session,
                baseline_number: baseline.block,
                baseline_session: baseline.session,
            };
            return Some((Verdict::Failed, reason));
        }
        self.record(quorum, at);
        let (counted, target) = (self.counted(), policy.target_sessions);
        if counted >= target {
            return Some((Verdict::Passed, Reason::TargetReached { counted, target, quorum }));
        }
        let overdue = self.overdue?;
        let answering = self
            .nodes
            .iter()
            .filter(|node| node.answers(at) && node.answered_at.is_some_and(|answered| answered >= overdue))
            .count();
        (answering >= quorum).then(|| {
            let (session, limit) = (self.session, policy.no_session());
            (Verdict::Failed, Reason::NoSession { session, limit, counted, answering })
        })
    }

    /// The highest session that a node shows now: a quorum has still to reach it.
    fn take_baseline(&mut self, quorum: usize, at: Timestamp) {
        let heads = self.heads(at);
        let reached = heads.get(quorum.saturating_sub(1)).map_or(0, |head| head.session);
        let baseline = heads.first().map(|head| Baseline {
            session: head.session,
            block: head.number,
            hash: head.hash.clone(),
            genesis: self.genesis.clone().unwrap_or_default(),
        });
        self.baseline = baseline;
        self.session = reached;
        self.quiet = Duration::ZERO;
        self.overdue = None;
    }

    /// Records the session that a quorum has reached, where it is a new one.
    fn record(&mut self, quorum: usize, at: Timestamp) {
        let reached = self.heads(at).get(quorum.saturating_sub(1)).map(|head| (head.session, head.number));
        let Some((index, block)) = reached.filter(|(index, _)| *index > self.session) else { return };
        self.session = index;
        self.quiet = Duration::ZERO;
        self.overdue = None;
        if self.counted() > 0 {
            if let Some(last) = self.sessions.last_mut().filter(|last| last.index + 1 == index) {
                last.duration = Some(since(last.started_at, at));
            }
            self.sessions.push(Session { index, block, started_at: at, duration: None });
        }
    }

    /// The heads of the nodes that answer, the highest session first.
    fn heads(&self, at: Timestamp) -> Vec<&Head> {
        let mut heads: Vec<&Head> =
            self.nodes.iter().filter(|node| node.answers(at)).filter_map(|node| node.head.as_ref()).collect();
        heads.sort_by_key(|head| std::cmp::Reverse((head.session, head.number)));
        heads
    }

    fn answering(&self, at: Timestamp) -> usize {
        self.nodes.iter().filter(|node| node.answers(at)).count()
    }

    /// Sessions that have passed since the baseline.
    #[must_use]
    pub fn counted(&self) -> u32 {
        self.baseline.as_ref().map_or(0, |baseline| self.session.saturating_sub(baseline.session))
    }

    /// Where counting began, once a quorum has answered.
    #[must_use]
    pub fn baseline(&self) -> Option<&Baseline> {
        self.baseline.as_ref()
    }

    /// The sessions that were seen to begin after the baseline.
    #[must_use]
    pub fn sessions(&self) -> &[Session] {
        &self.sessions
    }

    /// What the soak has come to so far.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.ended.as_ref().map_or(Verdict::Running, |(verdict, _)| *verdict)
    }

    /// Why it stands where it stands.
    #[must_use]
    pub fn reason(&self, policy: &Monitor) -> Reason {
        match (&self.ended, &self.baseline) {
            (Some((_, reason)), _) => reason.clone(),
            (None, Some(_)) => Reason::Counting { counted: self.counted(), target: policy.target_sessions },
            (None, None) => Reason::NoBaseline {
                answering: self.at.map_or(0, |at| self.answering(at)),
                quorum: policy.quorum.of(self.nodes.len()),
            },
        }
    }
}

fn since(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}
