//! What a change is made of: comparisons, files, labels and comments.

use serde_json::{Value, json};

use super::{Render, time};
use crate::rehearsal::world::{Comment, FileChange, PullRequest};

/// How many files a comparison lists at most, and a pull request.
const LISTED_BY_COMPARISON: usize = 300;
const LISTED_BY_PULL_REQUEST: usize = 3000;

impl Render<'_> {
    /// `commit-comparison`, with the files on its first page alone.
    pub(in super::super) fn comparison(&self, base: &str, head: &str, first_page: bool) -> Value {
        let merge_base = self.world.merge_base(base, head);
        let name = format!("{base}...{head}");
        let page = self.web_url(&format!("/compare/{name}"));
        let mut comparison = json!({
            "url": self.api_url(&format!("/compare/{name}")),
            "html_url": page,
            "permalink_url": page,
            "diff_url": format!("{page}.diff"),
            "patch_url": format!("{page}.patch"),
            "base_commit": self.commit(base),
            "merge_base_commit": self.commit(merge_base),
            "status": match merge_base {
                _ if base == head => "identical",
                found if found == base => "ahead",
                found if found == head => "behind",
                _ => "diverged",
            },
            "ahead_by": self.world.distance(head, merge_base),
            "behind_by": self.world.distance(base, merge_base),
            "total_commits": self.world.distance(head, merge_base),
            "commits": [self.commit(head)],
        });
        if first_page {
            let files = self.world.diff(merge_base, head);
            let listed = files.iter().take(LISTED_BY_COMPARISON);
            comparison["files"] = listed.map(|file| self.file_change(file, head)).collect();
        }
        comparison
    }

    /// The `diff-entry`s of a pull request.
    pub(in super::super) fn files_of(&self, pull: &PullRequest) -> Vec<Value> {
        let files = self.world.diff(&pull.base_sha, &pull.head_sha);
        let listed = files.iter().take(LISTED_BY_PULL_REQUEST);
        listed.map(|file| self.file_change(file, &pull.head_sha)).collect()
    }

    /// `issue-comment`.
    pub(in super::super) fn comment(&self, comment: &Comment) -> Value {
        let Comment { id, number, body, author, created_at, updated_at } = comment;
        json!({
            "id": id,
            "node_id": format!("IC_{id}"),
            "url": self.api_url(&format!("/issues/comments/{id}")),
            "html_url": self.web_url(&format!("/pull/{number}#issuecomment-{id}")),
            "issue_url": self.api_url(&format!("/issues/{number}")),
            "body": body,
            "user": self.user(author),
            "created_at": time(*created_at),
            "updated_at": time(*updated_at),
            "author_association": "NONE",
        })
    }

    /// The labels of a pull request.
    pub(super) fn labels(&self, pull: &PullRequest) -> Vec<Value> {
        let label = |(id, name): (usize, &String)| {
            json!({
                "id": 208_045_946 + id,
                "node_id": format!("LA_{id}"),
                "url": self.api_url(&format!("/labels/{id}")),
                "name": name,
                "description": "",
                "color": "ededed",
                "default": false,
            })
        };
        pull.labels.iter().enumerate().map(label).collect()
    }

    fn file_change(&self, file: &FileChange, head: &str) -> Value {
        let FileChange { path, previous, status, additions, deletions, blob } = file;
        let quoted: String = url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
        let mut entry = json!({
            "sha": blob,
            "filename": path,
            "status": status,
            "additions": additions,
            "deletions": deletions,
            "changes": additions + deletions,
            "blob_url": self.web_url(&format!("/blob/{head}/{quoted}")),
            "raw_url": self.web_url(&format!("/raw/{head}/{quoted}")),
            "contents_url": self.api_url(&format!("/contents/{quoted}?ref={head}")),
        });
        if let Some(previous) = previous {
            entry["previous_filename"] = json!(previous);
        }
        entry
    }

    /// `commit`.
    /// `commit`.
    pub(in super::super) fn commit(&self, sha: &str) -> Value {
        let (message, at) = match self.world.commits.get(sha) {
            Some(commit) => (commit.message.as_str(), time(commit.at)),
            None => ("", String::new()),
        };
        let person = json!({"name": "Octo", "email": "octo@example.com", "date": at});
        let api = self.api_url(&format!("/commits/{sha}"));
        json!({
            "url": api,
            "sha": sha,
            "node_id": format!("C_{sha}"),
            "html_url": self.web_url(&format!("/commit/{sha}")),
            "comments_url": format!("{api}/comments"),
            "commit": {
                "url": self.api_url(&format!("/git/commits/{sha}")),
                "author": person,
                "committer": person,
                "message": message,
                "comment_count": 0,
                "tree": {"sha": sha, "url": self.api_url(&format!("/git/trees/{sha}"))},
            },
            "author": null,
            "committer": null,
            "parents": [],
        })
    }
}
