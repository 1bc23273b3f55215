//! `soak.json`: the soak as a file, `race.soak/1`.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Reason, State, Verdict};
use crate::policy::Monitor;

/// What a soak cannot vouch for as long as it does not compare the runtime's code.
pub const NOT_VERIFIED: &str = "runtime not verified";

/// The run of GitHub Actions that a soak belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Run {
    /// The run's id; absent outside GitHub Actions.
    pub id: Option<u64>,
    /// The run's attempt.
    pub attempt: Option<u32>,
    /// The commit that is soaked.
    pub head_sha: Option<String>,
}

/// A node as `soak.json` has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeReport {
    /// The node's URL, without its user, password and query.
    pub url: String,
    /// Height of its finalized head.
    pub finalized: Option<u64>,
    /// `Session::CurrentIndex` there.
    pub session: Option<u32>,
    /// Whether it answers.
    pub answers: bool,
    /// What is wrong with it.
    pub trouble: Option<String>,
}

/// The soak as a file.
#[derive(Clone, Debug, Serialize)]
pub struct Checkpoint {
    schema: &'static str,
    run: Run,
    /// What it has come to so far.
    pub verdict: Verdict,
    /// Sessions wanted.
    pub target: u32,
    /// Sessions that have passed.
    pub counted: u32,
    baseline: Option<Value>,
    sessions: Vec<Value>,
    nodes: Vec<NodeReport>,
    warnings: Vec<&'static str>,
    reason: Value,
    updated_at: Option<Timestamp>,
}

impl Checkpoint {
    /// The name and version of the file's shape.
    pub const SCHEMA: &str = "race.soak/1";

    /// What `state` is as a file.
    #[must_use]
    pub fn of(run: &Run, policy: &Monitor, state: &State) -> Self {
        let reason: Reason = state.reason(policy);
        let sessions = state.sessions().iter().map(|session| {
            json!({
                "index": session.index, "block": session.block, "started_at": session.started_at,
                "duration_s": session.duration.map(|duration| duration.as_secs_f64()),
            })
        });
        let baseline = state.baseline().map(|baseline| {
            json!({
                "session": baseline.session, "block": baseline.block, "hash": baseline.hash,
                "genesis": baseline.genesis,
            })
        });
        let nodes = state.nodes.iter().zip(&policy.nodes).map(|(node, endpoint)| NodeReport {
            url: public(&endpoint.url),
            finalized: node.head.as_ref().map(|head| head.number),
            session: node.head.as_ref().map(|head| head.session),
            answers: state.at.is_some_and(|at| node.answers(at)),
            trouble: node.trouble.clone(),
        });
        Self {
            schema: Self::SCHEMA,
            run: run.clone(),
            verdict: state.verdict(),
            target: policy.target_sessions,
            counted: state.counted(),
            baseline,
            sessions: sessions.collect(),
            nodes: nodes.collect(),
            warnings: vec![NOT_VERIFIED],
            reason: json!({"code": reason.code(), "text": reason.to_string()}),
            updated_at: state.at,
        }
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
