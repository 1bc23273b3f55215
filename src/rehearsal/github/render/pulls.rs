//! Pull requests in GitHub's three sizes.

use serde_json::{Value, json};

use super::users::merge;
use super::{Render, time};
use crate::rehearsal::world::{PullRequest, Run};

impl Render<'_> {
    /// `pull-request`, or `pull-request-simple` as lists show it.
    pub(in super::super) fn pull_request(&self, pull: &PullRequest, full: bool) -> Value {
        let number = pull.number;
        let api = self.api_url(&format!("/pulls/{number}"));
        let issue = self.api_url(&format!("/issues/{number}"));
        let page = self.web_url(&format!("/pull/{number}"));
        let statuses = self.api_url(&format!("/statuses/{}", pull.head_sha));
        let link = |href: &str| json!({"href": href});
        let closed = (!pull.open).then(|| time(pull.created_at));
        let simple = json!({
            "url": api,
            "id": pull.id,
            "node_id": format!("PR_{}", pull.id),
            "html_url": page,
            "diff_url": format!("{page}.diff"),
            "patch_url": format!("{page}.patch"),
            "issue_url": issue,
            "commits_url": format!("{api}/commits"),
            "review_comments_url": format!("{api}/comments"),
            "review_comment_url": self.api_url("/pulls/comments{/number}"),
            "comments_url": format!("{issue}/comments"),
            "statuses_url": statuses,
            "number": number,
            "state": if pull.open { "open" } else { "closed" },
            "locked": false,
            "title": pull.title,
            "user": self.user(&pull.author),
            "body": null,
            "labels": self.labels(pull),
            "milestone": null,
            "created_at": time(pull.created_at),
            "updated_at": time(pull.created_at),
            "closed_at": closed,
            "merged_at": null,
            "merge_commit_sha": pull.merge_sha,
            "assignee": null,
            "assignees": [],
            "requested_reviewers": [],
            "requested_teams": [],
            "head": self.side(&pull.author, &pull.head_ref, &pull.head_sha, pull.from_fork),
            "base": self.side(&self.world.repository.owner, &pull.base_ref, &pull.base_sha, false),
            "_links": {
                "self": link(&api),
                "html": link(&page),
                "issue": link(&issue),
                "comments": link(&format!("{issue}/comments")),
                "review_comments": link(&format!("{api}/comments")),
                "review_comment": link(&self.api_url("/pulls/comments{/number}")),
                "commits": link(&format!("{api}/commits")),
                "statuses": link(&statuses),
            },
            "author_association": pull.association,
            "auto_merge": null,
            "draft": false,
        });
        if !full {
            return simple;
        }
        let changed = self.world.diff(&pull.base_sha, &pull.head_sha);
        let more = json!({
            "merged": false,
            "mergeable": true,
            "mergeable_state": "blocked",
            "merged_by": null,
            "comments": 0,
            "review_comments": 0,
            "maintainer_can_modify": false,
            "commits": 1,
            "additions": changed.iter().map(|file| file.additions).sum::<usize>(),
            "deletions": changed.iter().map(|file| file.deletions).sum::<usize>(),
            "changed_files": changed.len(),
        });
        merge(simple, more)
    }

    /// `pull-request-minimal`s, as a run carries them. GitHub lists none for forks.
    pub(super) fn minimal_pull_requests(&self, run: &Run) -> Vec<Value> {
        if run.from_fork {
            return Vec::new();
        }
        let repository = &self.world.repository;
        let side = |name: &str, sha: &str| {
            json!({
                "ref": name,
                "sha": sha,
                "repo": {"id": repository.id, "url": self.api_url(""), "name": repository.name},
            })
        };
        self.world
            .pull_requests_of(&run.head_sha)
            .into_iter()
            .map(|pull| {
                json!({
                    "id": pull.id,
                    "number": pull.number,
                    "url": self.api_url(&format!("/pulls/{}", pull.number)),
                    "head": side(&pull.head_ref, &pull.head_sha),
                    "base": side(&pull.base_ref, &pull.base_sha),
                })
            })
            .collect()
    }

    /// One side of a pull request, in the repository or in that login's fork.
    fn side(&self, login: &str, name: &str, sha: &str, from_fork: bool) -> Value {
        let owner = if from_fork { login } else { &self.world.repository.owner };
        json!({
            "label": format!("{owner}:{name}"),
            "ref": name,
            "sha": sha,
            "user": self.user(login),
            "repo": if from_fork { self.fork_of(login, true) } else { self.repository() },
        })
    }
}
