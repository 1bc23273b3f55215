//! Going on from a checkpoint: what it must belong to, and the state that it holds.

use std::time::Duration;

use jiff::Timestamp;

use super::finalized::Finalized;
use super::node::Node;
use super::sessions::{Edge, Sessions};
use super::{Block, Checkpoint, Hash, Reason, Run, State, Terms, Verdict};

/// Legs that are remembered one by one; of those before only the whole time is.
const LEGS: usize = 100;

/// A checkpoint that cannot be gone on from. It is to be left as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The file is no checkpoint, or a damaged one.
    #[error("the checkpoint is damaged: {0}")]
    Damaged(String),
    /// The file has another shape.
    #[error("the checkpoint is a `{0}`, and this version reads `{schema}`", schema = Checkpoint::SCHEMA)]
    Schema(String),
    /// Another commit was soaked.
    #[error("the checkpoint belongs to another commit: {found}, and this soak is of {expected}")]
    Commit {
        /// The checkpoint's.
        found: String,
        /// This soak's.
        expected: String,
    },
    /// It was held to another policy.
    #[error("the checkpoint belongs to another policy: [monitor], or what the nodes must run, has changed")]
    Policy,
    /// Another chain was watched.
    #[error("the checkpoint belongs to another chain: genesis {found}, and the nodes have {expected}")]
    Chain {
        /// The checkpoint's.
        found: Hash,
        /// The nodes'.
        expected: Hash,
    },
}

impl Checkpoint {
    /// Reads a checkpoint.
    ///
    /// # Errors
    ///
    /// When it is damaged, or of another shape.
    pub fn read(text: &str) -> Result<Self, Refusal> {
        let damaged = |error: serde_json::Error| Refusal::Damaged(error.to_string());
        let value: serde_json::Value = serde_json::from_str(text).map_err(damaged)?;
        match value.get("schema").and_then(serde_json::Value::as_str) {
            Some(Self::SCHEMA) => {}
            Some(other) => return Err(Refusal::Schema(other.to_owned())),
            None => return Err(Refusal::Damaged("it names no schema".to_owned())),
        }
        let checkpoint: Self = serde_json::from_value(value).map_err(damaged)?;
        checkpoint.sound().map_err(|what| Refusal::Damaged(what.to_owned()))?;
        Ok(checkpoint)
    }

    /// Whether what the file tells fits together.
    fn sound(&self) -> Result<(), &'static str> {
        let baseline = self.baseline.map(|baseline| baseline.session);
        let indices = self.sessions.iter().map(|session| Some(session.index));
        let expected = (1..).map(|more| baseline.and_then(|session| session.checked_add(more)));
        if !indices.eq(expected.take(self.sessions.len())) {
            return Err("the sessions are not those after the baseline");
        }
        if baseline.is_some() != self.state.begun.is_some() || baseline.is_some() != self.state.tip.is_some()
        {
            return Err("the baseline's block is missing");
        }
        let passed = self.state.session.saturating_sub(baseline.unwrap_or(self.state.session));
        if self.counted > passed || (self.verdict == Verdict::Passed && self.counted < self.target) {
            return Err("it counts more sessions than there are");
        }
        if Duration::try_from_secs_f64(self.state.limit_s).is_err() {
            return Err("a limit is no time");
        }
        Ok(())
    }
}

impl State {
    /// The state that `checkpoint` holds, to go on from. A soak that had ended says
    /// its verdict again; one that was stopped goes on. `genesis` is the nodes', where
    /// it is known already; later another one is a failure of the soak.
    ///
    /// # Errors
    ///
    /// When the checkpoint belongs to another commit, policy or chain.
    pub fn resume(
        terms: &Terms,
        checkpoint: &Checkpoint,
        run: &Run,
        genesis: Option<Hash>,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        if checkpoint.run.head_sha != run.head_sha {
            let told = |sha: &Option<String>| sha.clone().unwrap_or_else(|| "no commit".to_owned());
            let (found, expected) = (told(&checkpoint.run.head_sha), told(&run.head_sha));
            return Err(Refusal::Commit { found, expected });
        }
        let (nodes, rules) = (terms.monitor.nodes.len(), terms.monitor.watches.len());
        let other = checkpoint.nodes.len() != nodes || checkpoint.rules.len() != rules;
        if checkpoint.terms != terms.digest() || other {
            return Err(Refusal::Policy);
        }
        if let (Some(found), Some(expected)) = (checkpoint.genesis, genesis)
            && found != expected
        {
            return Err(Refusal::Chain { found, expected });
        }
        let mut state = Self::new(terms);
        state.restore(terms, checkpoint);
        if !matches!(checkpoint.verdict, Verdict::Running | Verdict::Unfinished) {
            let (code, text) = (checkpoint.reason.code.clone(), checkpoint.reason.text.clone());
            state.ended = Some((checkpoint.verdict, Reason::Told { code, text }));
            state.at = checkpoint.updated_at;
        } else {
            // Time begins here: what was before was watched, or was not.
            let _ = state.fold(terms, super::Event::Tick(now));
        }
        Ok(state)
    }

    fn restore(&mut self, terms: &Terms, checkpoint: &Checkpoint) {
        let inner = &checkpoint.state;
        self.genesis = checkpoint.genesis;
        self.baseline = checkpoint.baseline;
        self.agreed.clone_from(&inner.agreed);
        (self.session, self.furthest, self.reached) = (inner.session, inner.furthest, inner.reached);
        self.limit = Duration::try_from_secs_f64(inner.limit_s).unwrap_or(self.limit);
        self.clocks = inner.clocks;
        self.still = inner.still;
        self.rules = checkpoint.rules.iter().map(|rule| rule.known.clone()).collect();
        self.legs = checkpoint.legs.clone();
        if self.legs.len() > LEGS
            && let Some(second) = self.legs.get(1).copied()
        {
            self.legs.remove(1);
            if let Some(first) = self.legs.first_mut() {
                first.to = second.to;
            }
        }
        if let (Some(baseline), Some(begun), Some(tip)) = (checkpoint.baseline, inner.begun, inner.tip) {
            let edges = checkpoint.sessions.iter().map(|session| {
                let (after, first) = session.marks();
                Edge { after, first }
            });
            let most = Sessions::most(&terms.monitor);
            self.sessions = Some(Sessions::after(baseline.session, begun, most).with(edges.collect(), tip));
        }
        self.finalized = Finalized::default();
        for (index, (node, report)) in self.nodes.iter_mut().zip(&checkpoint.nodes).enumerate() {
            // A node has to answer in this leg before it has a vote.
            let fits = node.fits || report.runs.is_some();
            *node = Node {
                head: report.head,
                highest: report.highest,
                highest_best: report.highest_best,
                identity: report.runs.clone(),
                fits,
                ..Node::default()
            };
            if let Some(head) = report.head {
                self.finalized.take(Block { number: head.number, hash: head.hash }, index);
            }
        }
        for index in 0..self.nodes.len() {
            let identity = self.nodes.get(index).and_then(|node| node.identity.clone());
            let fits = identity.map(|identity| self.fits(terms, &identity));
            if let (Some(node), Some(fits)) = (self.nodes.get_mut(index), fits) {
                node.fits = fits;
                node.has_fitted = fits && self.baseline.is_some();
            }
        }
    }
}
