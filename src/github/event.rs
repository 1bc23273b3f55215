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
    /// Of a dispatched run the one that its input `sha` names.
    pub head_sha: Option<String>,
    /// The commit that it is to be merged into: where the policy is read.
    pub base_sha: Option<String>,
    /// The git branch that it is to be merged into.
    pub base_ref: Option<String>,
    /// The repository's default git branch.
    pub default_branch: Option<String>,
    /// The head is in another repository, whose runs get no secrets.
    pub from_fork: bool,
}

/// A payload that cannot be read, or that does not say enough.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the names in the sentence")]
pub enum EventError {
    /// It is not what GitHub describes.
    #[error("the payload of the event `{name}` cannot be read: {source}")]
    Malformed { name: String, source: serde_json::Error },
    /// An input of a dispatched run that is not what it must be.
    #[error("the input `{name}` is `{value}`, which is {lack}")]
    Input { name: &'static str, value: String, lack: &'static str },
    /// A commit without the pull request that it is the head of.
    #[error("the input `sha` is given without `pull_request`")]
    NoPullRequest,
}

#[derive(Deserialize)]
struct Payload {
    pull_request: Option<PullRequest>,
    merge_group: Option<MergeGroup>,
    inputs: Option<Inputs>,
    repository: Option<Home>,
    after: Option<String>,
}

#[derive(Deserialize)]
struct Home {
    default_branch: Option<String>,
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
    r#ref: Option<String>,
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
    sha: Option<serde_json::Value>,
}

impl Event {
    /// Reads the payload of the event `name`.
    ///
    /// # Errors
    ///
    /// When the payload is not what GitHub describes, or an input of a dispatched run
    /// is no pull request or no whole commit.
    pub fn parse(name: &str, payload: &str) -> Result<Self, EventError> {
        let payload: Payload = serde_json::from_str(payload)
            .map_err(|source| EventError::Malformed { name: name.to_owned(), source })?;
        let default_branch = payload.repository.and_then(|repository| repository.default_branch);
        let event = Self { name: name.to_owned(), default_branch, ..Self::default() };
        if let Some(pull_request) = payload.pull_request {
            let PullRequest { number, head, base } = pull_request;
            // A head repository that was deleted since is null: then it was no part of this one.
            let same = matches!((&head.repo, &base.repo), (Some(head), Some(base)) if head.id == base.id);
            return Ok(Self {
                pull_request: Some(number),
                head_sha: Some(head.sha),
                base_sha: Some(base.sha),
                base_ref: base.r#ref,
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
        if let Some(inputs) = payload.inputs.filter(|_| name == "workflow_dispatch") {
            let (pull_request, head_sha) = inputs.subject()?;
            return Ok(Self { pull_request, head_sha, ..event });
        }
        let deleted = |sha: &String| sha.bytes().all(|byte| byte == b'0');
        Ok(Self { head_sha: payload.after.filter(|sha| !deleted(sha)), ..event })
    }
}

impl Inputs {
    /// The pull request and its commit, as far as they are given.
    fn subject(self) -> Result<(Option<u64>, Option<String>), EventError> {
        let wrong = |name, value: &str, lack| EventError::Input { name, value: value.to_owned(), lack };
        let number = match text_of(self.pull_request) {
            Some(text) => {
                let number = text.parse().ok().filter(|number| *number > 0);
                Some(number.ok_or_else(|| wrong("pull_request", &text, "no pull request's number"))?)
            }
            None => None,
        };
        let sha = match text_of(self.sha) {
            Some(text) if !is_sha(&text) => return Err(wrong("sha", &text, "no whole SHA")),
            Some(_) if number.is_none() => return Err(EventError::NoPullRequest),
            // GitHub writes them small, and compares as texts.
            sha => sha.map(|sha| sha.to_ascii_lowercase()),
        };
        Ok((number, sha))
    }
}

/// What an input holds, where it holds something.
fn text_of(value: Option<serde_json::Value>) -> Option<String> {
    let text = match value? {
        serde_json::Value::Null => return None,
        serde_json::Value::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    };
    (!text.is_empty()).then_some(text)
}

/// A whole SHA, of SHA-1 or SHA-256.
#[must_use]
pub fn is_sha(text: &str) -> bool {
    [40, 64].contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
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
                format!(r#"{{"inputs":{{"pull_request":"31","sha":" {HEAD} "}}}}"#),
                (Some(31), Some(HEAD), None, false),
            ),
            (
                "workflow_dispatch",
                r#"{"inputs":{"pull_request":31,"sha":""}}"#.to_owned(),
                (Some(31), None, None, false),
            ),
            (
                "workflow_dispatch",
                r#"{"inputs":{"pull_request":"","sha":null,"other":"x"}}"#.to_owned(),
                (None, None, None, false),
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
    fn the_inputs_of_a_dispatched_run_are_a_number_and_a_whole_commit() {
        for (inputs, told) in [
            (r#"{"pull_request":"x","sha":""}"#.to_owned(), "`pull_request` is `x`"),
            (r#"{"pull_request":"0"}"#.to_owned(), "`pull_request` is `0`"),
            (r#"{"pull_request":"-3"}"#.to_owned(), "`pull_request` is `-3`"),
            (r#"{"pull_request":"12","sha":"1111111"}"#.to_owned(), "no whole SHA"),
            (r#"{"pull_request":"12","sha":"main"}"#.to_owned(), "no whole SHA"),
            (format!(r#"{{"sha":"{HEAD}"}}"#), "without `pull_request`"),
        ] {
            let error = Event::parse("workflow_dispatch", &format!(r#"{{"inputs":{inputs}}}"#)).unwrap_err();
            assert!(error.to_string().contains(told), "{inputs}: {error}");
        }
    }

    #[test]
    fn a_payload_of_another_kind_is_an_error_that_names_the_event() {
        let error = Event::parse("pull_request", r#"{"pull_request":{"number":"x"}}"#).unwrap_err();
        assert!(error.to_string().contains("`pull_request`"), "{error}");
    }
}
