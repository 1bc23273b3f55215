//! `soak.json`: the soak as a file, `race.soak/1`. Everything that another process, on
//! another machine, needs to go on.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::sessions::{Mark, Session};
use super::state::{Clocks, Leg};
use super::watching::Watching;
use super::{Baseline, Hash, Head, Identity, State, Terms, Verdict};
use crate::policy::duration::between;

/// What a soak cannot vouch for as long as it does not compare the runtime's code.
pub const NOT_VERIFIED: &str = "runtime not verified";

/// The run of GitHub Actions that a soak belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The run's id; absent outside GitHub Actions.
    pub id: Option<u64>,
    /// The run's attempt.
    pub attempt: Option<u32>,
    /// The commit that is soaked.
    pub head_sha: Option<String>,
    /// The commit whose policy it is held to, where that is not what lies beside us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
}

/// A node as `soak.json` has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeReport {
    /// The node's name, where the policy gives it one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The node's URL, without its user, password and query.
    pub url: String,
    /// Height of its finalized head.
    pub finalized: Option<u64>,
    /// Height of its best block.
    pub best: Option<u64>,
    /// `Session::CurrentIndex` at its finalized head.
    pub session: Option<u32>,
    /// Whether it answers.
    pub answers: bool,
    /// What is wrong with it.
    pub trouble: Option<String>,
    /// What it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<Identity>,
    /// Its finalized head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) head: Option<Head>,
    /// Height and session that it has had at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) highest: Option<(u64, u32)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) highest_best: Option<u64>,
}

/// A session as `soak.json` has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionReport {
    /// Its index.
    pub index: u32,
    /// Its first block, or the first that is known of it.
    pub block: u64,
    /// When that was: the block's own time where `chain_time` is true, else when it
    /// was seen.
    pub started_at: Timestamp,
    /// Seconds until the next one began.
    pub duration_s: Option<f64>,
    /// Whether `block` is its very first one; else it began after `after_block`.
    pub exact: bool,
    /// The last block that is known to be before it.
    pub after_block: u64,
    /// When that was.
    pub after: Timestamp,
    /// Whether `started_at` and `after` are the blocks' own times.
    pub chain_time: (bool, bool),
}

impl SessionReport {
    fn of(session: &Session) -> Self {
        Self {
            index: session.index,
            block: session.first.block,
            started_at: session.first.time,
            duration_s: session.duration.map(|duration| duration.as_secs_f64()),
            exact: session.is_exact(),
            after_block: session.after.block,
            after: session.after.time,
            chain_time: (session.first.own, session.after.own),
        }
    }

    pub(super) fn marks(&self) -> (Mark, Mark) {
        let first = Mark { block: self.block, time: self.started_at, own: self.chain_time.0 };
        (Mark { block: self.after_block, time: self.after, own: self.chain_time.1 }, first)
    }
}

/// A rule as `soak.json` has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleReport {
    /// What the rule is called.
    pub name: String,
    /// What must hold.
    pub rule: String,
    /// Whether it only reports.
    pub dry_run: bool,
    /// Counted sessions that nobody could check.
    pub unseen: u32,
    /// Sessions that broke it.
    pub broken: u32,
    /// What was said of the first of them.
    pub first_break: Option<String>,
    pub(super) known: Watching,
}

/// Why the soak stands where it stands, as `soak.json` has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonReport {
    /// The word for it.
    pub code: String,
    /// The sentence.
    pub text: String,
}

/// What of the fold is not told elsewhere in the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Inner {
    pub(super) session: u32,
    pub(super) furthest: u32,
    pub(super) reached: u64,
    pub(super) begun: Option<Mark>,
    pub(super) tip: Option<Mark>,
    pub(super) agreed: Option<Identity>,
    pub(super) limit_s: f64,
    pub(super) clocks: Clocks,
    /// The highest finalized block, and since when it is known.
    #[serde(default)]
    pub(super) still: Option<(u64, Timestamp)>,
}

/// The soak as a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub(super) schema: String,
    /// The run that it belongs to.
    pub run: Run,
    /// What it has come to so far.
    pub verdict: Verdict,
    /// Sessions wanted.
    pub target: u32,
    /// Sessions that have passed.
    pub counted: u32,
    /// Where counting began.
    pub baseline: Option<Baseline>,
    /// The sessions since then, those of the warm-up included.
    pub sessions: Vec<SessionReport>,
    /// The nodes, in the policy's order.
    pub nodes: Vec<NodeReport>,
    /// The rules for watched items, in the policy's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleReport>,
    /// What the verdict does not vouch for.
    pub warnings: Vec<String>,
    /// Why it stands where it stands.
    pub reason: ReasonReport,
    /// When it was last told anything.
    pub updated_at: Option<Timestamp>,
    /// The times in which one process each looked after it.
    pub legs: Vec<Leg>,
    /// Digest of the terms that it is held to.
    pub terms: Hash,
    /// The chain's first block.
    pub genesis: Option<Hash>,
    pub(super) state: Inner,
}

impl Checkpoint {
    /// The name and version of the file's shape.
    pub const SCHEMA: &str = "race.soak/1";

    /// The hashes of the runtime's code that its nodes have told.
    pub fn code_hashes(&self) -> impl Iterator<Item = Hash> + '_ {
        self.nodes.iter().filter_map(|node| node.runs.as_ref()?.code_hash)
    }

    /// What `state` is as a file. After a resume `run` is the checkpoint's.
    #[must_use]
    pub fn of(run: &Run, terms: &Terms, state: &State) -> Self {
        let reason = state.reason(terms);
        let unseen: Vec<(usize, u32)> = state.unseen(terms).collect();
        let broken: Vec<(usize, u32, &str)> = state.broken(terms).collect();
        let rules = state.rules.iter().zip(&terms.monitor.watches).enumerate().map(|(at, (rule, watch))| {
            let broken = broken.iter().find(|(place, ..)| *place == at);
            RuleReport {
                name: watch.label(),
                rule: watch.rule.word().to_owned(),
                dry_run: watch.dry_run,
                unseen: unseen.iter().find(|(place, _)| *place == at).map_or(0, |(_, count)| *count),
                broken: broken.map_or(0, |(_, count, _)| *count),
                first_break: broken.map(|(.., told)| (*told).to_owned()),
                known: rule.clone(),
            }
        });
        let nodes = state.nodes.iter().zip(&terms.monitor.nodes).map(|(node, endpoint)| NodeReport {
            name: endpoint.name.clone(),
            url: public(&endpoint.url),
            finalized: node.head.map(|head| head.number),
            best: node.best.map(|best| best.number),
            session: node.head.map(|head| head.session),
            answers: node.answers,
            trouble: node.trouble.clone(),
            runs: node.identity.clone(),
            head: node.head,
            highest: node.highest,
            highest_best: node.highest_best,
        });
        Self {
            schema: Self::SCHEMA.to_owned(),
            run: run.clone(),
            verdict: state.verdict(),
            target: terms.monitor.target_sessions,
            counted: state.counted(terms),
            baseline: state.baseline,
            sessions: state.sessions().map(|session| SessionReport::of(&session)).collect(),
            nodes: nodes.collect(),
            rules: rules.collect(),
            warnings: state.warnings(terms),
            reason: ReasonReport { code: reason.code().to_owned(), text: reason.to_string() },
            updated_at: state.at,
            legs: state.legs(),
            terms: terms.digest(),
            genesis: state.genesis,
            state: Inner {
                session: state.session,
                furthest: state.furthest,
                reached: state.reached,
                begun: state.sessions.as_ref().map(super::sessions::Sessions::begun),
                tip: state.tip(),
                agreed: state.agreed.clone(),
                limit_s: state.limit.as_secs_f64(),
                clocks: state.clocks,
                still: state.still_since(terms),
            },
        }
    }
}

impl State {
    /// What the verdict does not vouch for: what is not compared, what nobody could
    /// see, and what is wrong with nodes.
    #[must_use]
    pub fn warnings(&self, terms: &Terms) -> Vec<String> {
        let mut warnings = Vec::new();
        if terms.expected.code_hash.is_none() {
            warnings.push(NOT_VERIFIED.to_owned());
        }
        let label =
            |at: usize| terms.monitor.watches.get(at).map(crate::policy::Watch::label).unwrap_or_default();
        for (at, count) in self.unseen(terms) {
            warnings.push(format!("{}: unseen in {count} session(s)", label(at)));
        }
        for (at, count, told) in self.broken(terms) {
            warnings.push(format!("{}: broken in {count} session(s): {told}", label(at)));
        }
        for (index, node) in self.nodes.iter().enumerate() {
            if node.votes && node.head.is_some_and(|head| head.session < self.session) {
                warnings.push(format!("node {} is behind the quorum", terms.node(index)));
            }
            if node.votes && node.went_back() {
                warnings.push(format!("node {} is below what it had", terms.node(index)));
            }
        }
        let unwatched = self.legs().windows(2).map(|pair| between(pair[0].to, pair[1].from)).max();
        if let Some(longest) = unwatched.filter(|longest| !longest.is_zero()) {
            let longest = crate::policy::duration::rounded(longest);
            warnings.push(format!("not watched between legs, {longest} at the longest"));
        }
        warnings
    }
}

/// A URL without what may be secret in it: user, password, query, fragment.
fn public(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            format!("{scheme}://{host}{path}")
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::public;

    #[test]
    fn secrets_of_a_url_stay_out_of_the_file() {
        assert_eq!(public("wss://user:pw@node.example:443/ws?token=1#x"), "wss://node.example:443/ws");
        assert_eq!(public("ws://127.0.0.1:9944"), "ws://127.0.0.1:9944");
    }
}
