//! The repository in GitHub's three sizes.

use serde_json::{Map, Value, json};

use super::users::merge;
use super::{Render, time};
use crate::rehearsal::world::Repository;

/// Keys of `minimal-repository` that are addresses below the repository's own.
const ADDRESSES: [(&str, &str); 37] = [
    ("archive_url", "/{archive_format}{/ref}"),
    ("assignees_url", "/assignees{/user}"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("branches_url", "/branches{/branch}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("comments_url", "/comments{/number}"),
    ("commits_url", "/commits{/sha}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("contents_url", "/contents/{+path}"),
    ("contributors_url", "/contributors"),
    ("deployments_url", "/deployments"),
    ("downloads_url", "/downloads"),
    ("events_url", "/events"),
    ("forks_url", "/forks"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("hooks_url", "/hooks"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("issue_events_url", "/issues/events{/number}"),
    ("issues_url", "/issues{/number}"),
    ("keys_url", "/keys{/key_id}"),
    ("labels_url", "/labels{/name}"),
    ("languages_url", "/languages"),
    ("merges_url", "/merges"),
    ("milestones_url", "/milestones{/number}"),
    ("notifications_url", "/notifications{?since,all,participating}"),
    ("pulls_url", "/pulls{/number}"),
    ("releases_url", "/releases{/id}"),
    ("stargazers_url", "/stargazers"),
    ("statuses_url", "/statuses/{sha}"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("tags_url", "/tags"),
    ("teams_url", "/teams"),
    ("trees_url", "/git/trees{/sha}"),
    ("url", ""),
];

impl Render<'_> {
    /// `minimal-repository`.
    pub(super) fn minimal_repository(&self) -> Value {
        self.minimal(&self.world.repository, false)
    }

    /// `repository`, as pull requests carry it.
    pub(super) fn repository(&self) -> Value {
        self.whole(&self.world.repository, false)
    }

    /// That login's fork, as `repository` or as `minimal-repository`.
    pub(super) fn fork_of(&self, login: &str, whole: bool) -> Value {
        let ours = &self.world.repository;
        let fork = Repository { id: ours.id + 1, owner: login.to_owned(), ..ours.clone() };
        if whole { self.whole(&fork, true) } else { self.minimal(&fork, true) }
    }

    fn minimal(&self, repository: &Repository, fork: bool) -> Value {
        let (api, web) = self.addresses_of(repository);
        let addresses: Map<String, Value> =
            ADDRESSES.iter().map(|(key, path)| ((*key).to_owned(), format!("{api}{path}").into())).collect();
        let rest = json!({
            "id": repository.id,
            "node_id": format!("R_{}", repository.id),
            "name": repository.name,
            "full_name": repository.full_name(),
            "private": repository.private,
            "owner": self.user(&repository.owner),
            "html_url": web,
            "description": null,
            "fork": fork,
        });
        merge(addresses.into(), rest)
    }

    fn whole(&self, repository: &Repository, fork: bool) -> Value {
        let (_, web) = self.addresses_of(repository);
        let at = time(repository.created_at);
        let rest = json!({
            "clone_url": format!("{web}.git"),
            "git_url": format!("{web}.git").replacen("http:", "git:", 1),
            "ssh_url": format!("git@127.0.0.1:{}.git", repository.full_name()),
            "svn_url": web,
            "mirror_url": null,
            "homepage": null,
            "language": "Rust",
            "license": null,
            "default_branch": repository.default_branch,
            "visibility": if repository.private { "private" } else { "public" },
            "topics": [],
            "archived": false,
            "disabled": false,
            "has_downloads": true,
            "has_issues": true,
            "has_projects": false,
            "has_wiki": false,
            "has_pages": false,
            "has_discussions": false,
            "forks": 0,
            "forks_count": 0,
            "stargazers_count": 0,
            "watchers": 0,
            "watchers_count": 0,
            "open_issues": 0,
            "open_issues_count": 0,
            "size": 1,
            "created_at": at,
            "pushed_at": at,
            "updated_at": at,
        });
        merge(self.minimal(repository, fork), rest)
    }

    /// `full-repository`, as `GET /repos/{owner}/{repo}` answers.
    /// GitHub tells people what they may.
    pub(in super::super) fn full_repository(&self, admin: Option<bool>) -> Value {
        let whole = merge(self.repository(), json!({"network_count": 0, "subscribers_count": 0}));
        match admin {
            None => whole,
            Some(admin) => {
                let rights =
                    json!({"admin": admin, "maintain": admin, "push": true, "triage": true, "pull": true});
                merge(whole, json!({"permissions": rights}))
            }
        }
    }
}
