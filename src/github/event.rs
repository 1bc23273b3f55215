//! The event that started the run: what it says of pull request and commits.
//!
//! Source: the payload in the file `GITHUB_EVENT_PATH`,
//! <https://docs.github.com/webhooks/webhook-events-and-payloads>.

use serde::Deserialize;

/// What the payload says of the change that the run is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// The event's name, for example `pull_request`.
    pub name: String,
    /// The pull request.
    pub pull_request: Option<u64>,
    /// The commit that is to be merged: the pull request's head, not the merge commit.
    pub head_sha: Option<String>,
    /// The commit that it is to be merged into: where the policy is read.
    pub base_sha: Option<String>,
    /// The head is in another repository, whose runs get no secrets.
    pub from_fork: bool,
}

/// A payload that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the payload of the event `{name}` cannot be read: {source}")]
pub struct EventError {
    name: String,
    source: serde_json::Error,
}

#[derive(Deserialize)]
struct Payload {
    pull_request: Option<PullRequest>,
    merge_group: Option<MergeGroup>,
    inputs: Option<Inputs>,
    after: Option<String>,
}

#[derive(Deserialize)]
struct PullRequest {
    number: u64,
    head: Commit,
    base: Commit,
}

#[derive(Deserialize)]
struct Commit {
    sha: String,
    repo: Option<Repo>,
}

#[derive(Deserialize)]
struct Repo {
    id: u64,
}

#[derive(Deserialize)]
struct MergeGroup {
    head_sha: String,
    head_ref: String,
    base_sha: String,
}

#[derive(Deserialize)]
struct Inputs {
    pull_request: Option<serde_json::Value>,
}

impl Event {
    /// Reads the payload of the event `name`.
    ///
    /// # Errors
    ///
    /// When the payload is not what GitHub describes.
    pub fn parse(name: &str, payload: &str) -> Result<Self, EventError> {
        let payload: Payload =
            serde_json::from_str(payload).map_err(|source| EventError { name: name.to_owned(), source })?;
        let event = Self { name: name.to_owned(), ..Self::default() };
        if let Some(pull_request) = payload.pull_request {
            let PullRequest { number, head, base } = pull_request;
            // A head repository that was deleted since is null: then it was no part of this one.
            let same = matches!((&head.repo, &base.repo), (Some(head), Some(base)) if head.id == base.id);
            return Ok(Self {
                pull_request: Some(number),
                head_sha: Some(head.sha),
                base_sha: Some(base.sha),
                from_fork: !same,
                ..event
            });
        }
        if let Some(group) = payload.merge_group {
            return Ok(Self {
                pull_request: pull_request_of(&group.head_ref),
                head_sha: Some(group.head_sha),
                base_sha: Some(group.base_sha),
                ..event
            });
        }
        let number = payload.inputs.and_then(|inputs| inputs.pull_request).and_then(|value| match value {
            serde_json::Value::Number(number) => number.as_u64(),
            serde_json::Value::String(text) => text.trim().parse().ok(),
            _ => None,
        });
        let deleted = |sha: &String| sha.bytes().all(|byte| byte == b'0');
        Ok(Self { pull_request: number, head_sha: payload.after.filter(|sha| !deleted(sha)), ..event })
    }
}

/// The pull request in the ref of a merge group:
/// `refs/heads/gh-readonly-queue/main/pr-12-SHA`. The base's name may hold slashes.
fn pull_request_of(head_ref: &str) -> Option<u64> {
    let (number, _) = head_ref.rsplit_once("/pr-")?.1.split_once('-')?;
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "1111111111111111111111111111111111111111";
    const BASE: &str = "2222222222222222222222222222222222222222";

    #[test]
    fn each_event_tells_what_it_knows() {
        let pull = |head: &str| {
            format!(
                r#"{{"pull_request":{{"number":12,"head":{{"sha":"{HEAD}","repo":{head}}},"base":{{"sha":"{BASE}","repo":{{"id":1}}}}}}}}"#
            )
        };
        let cases = [
            ("pull_request", pull(r#"{"id":1}"#), (Some(12), Some(HEAD), Some(BASE), false)),
            ("pull_request", pull(r#"{"id":2}"#), (Some(12), Some(HEAD), Some(BASE), true)),
            ("pull_request", pull("null"), (Some(12), Some(HEAD), Some(BASE), true)),
            (
                "merge_group",
                format!(
                    r#"{{"merge_group":{{"head_sha":"{HEAD}","base_sha":"{BASE}","head_ref":"refs/heads/gh-readonly-queue/release/1.x/pr-7-{HEAD}"}}}}"#
                ),
                (Some(7), Some(HEAD), Some(BASE), false),
            ),
            (
                "workflow_dispatch",
                r#"{"inputs":{"pull_request":"31"}}"#.to_owned(),
                (Some(31), None, None, false),
            ),
            ("workflow_dispatch", r#"{"inputs":null}"#.to_owned(), (None, None, None, false)),
            ("push", format!(r#"{{"after":"{HEAD}"}}"#), (None, Some(HEAD), None, false)),
            (
                "push",
                r#"{"after":"0000000000000000000000000000000000000000"}"#.to_owned(),
                (None, None, None, false),
            ),
            ("schedule", r#"{"schedule":"* * * * *"}"#.to_owned(), (None, None, None, false)),
        ];
        for (name, payload, (pull_request, head_sha, base_sha, from_fork)) in cases {
            let event = Event::parse(name, &payload).unwrap();
            let got =
                (event.pull_request, event.head_sha.as_deref(), event.base_sha.as_deref(), event.from_fork);
            assert_eq!(got, (pull_request, head_sha, base_sha, from_fork), "{name}: {payload}");
        }
    }

    #[test]
    fn a_payload_of_another_kind_is_an_error_that_names_the_event() {
        let error = Event::parse("pull_request", r#"{"pull_request":{"number":"x"}}"#).unwrap_err();
        assert!(error.to_string().contains("`pull_request`"), "{error}");
    }
}
