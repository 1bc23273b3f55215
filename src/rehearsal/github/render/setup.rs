//! What a repository's owners set up.

use serde_json::{Value, json};

use super::users::merge;
use super::{Render, time};
use crate::rehearsal::world::{Ruleset, Team};

impl Render<'_> {
    /// `repository-ruleset`, with its rules where they are asked for.
    pub(in super::super) fn ruleset(&self, ruleset: &Ruleset, whole: bool) -> Value {
        let Ruleset { id, name, target, enforcement, .. } = ruleset;
        let (source_type, source) = self.source(ruleset);
        let at = time(self.world.repository.created_at);
        let ours = json!({
            "id": id,
            "name": name,
            "target": target,
            "source_type": source_type,
            "source": source,
            "enforcement": enforcement,
            "node_id": format!("RRS_{id}"),
            "created_at": at,
            "updated_at": at,
        });
        let rules = json!({"conditions": ruleset.conditions, "rules": ruleset.rules, "bypass_actors": []});
        if whole { merge(ours, rules) } else { ours }
    }

    /// `repository-rule-detailed`.
    pub(in super::super) fn rule(&self, ruleset: &Ruleset, rule: &Value) -> Value {
        let (source_type, source) = self.source(ruleset);
        let from = json!({
            "ruleset_source_type": source_type, "ruleset_source": source, "ruleset_id": ruleset.id,
        });
        merge(rule.clone(), from)
    }

    fn source(&self, ruleset: &Ruleset) -> (&'static str, String) {
        let repository = &self.world.repository;
        match ruleset.of_organization {
            true => ("Organization", repository.owner.clone()),
            false => ("Repository", repository.full_name()),
        }
    }

    /// `team-full`.
    pub(in super::super) fn full_team(&self, team: &Team) -> Value {
        let owner = &self.world.repository.owner;
        let organization = self.user(owner);
        let at = time(self.world.repository.created_at);
        let api = format!("{}/orgs/{owner}", self.api);
        let more = json!({
            "created_at": at,
            "updated_at": at,
            "members_count": team.members.len(),
            "repos_count": 1,
            "organization": {
                "login": owner,
                "id": organization["id"],
                "node_id": organization["node_id"],
                "avatar_url": organization["avatar_url"],
                "url": api,
                "html_url": organization["html_url"],
                "repos_url": format!("{api}/repos"),
                "events_url": format!("{api}/events"),
                "hooks_url": format!("{api}/hooks"),
                "issues_url": format!("{api}/issues"),
                "members_url": format!("{api}/members{{/member}}"),
                "public_members_url": format!("{api}/public_members{{/member}}"),
                "description": null,
                "has_organization_projects": false,
                "has_repository_projects": false,
                "public_repos": 1,
                "public_gists": 0,
                "followers": 0,
                "following": 0,
                "type": "Organization",
                "created_at": at,
                "updated_at": at,
                "archived_at": null,
            },
        });
        merge(self.team(&team.slug), more)
    }

    /// `public-user` of a person that the world has met.
    pub(in super::super) fn person(&self, login: &str) -> Option<Value> {
        let user = self.world.users.iter().find(|user| user.login.eq_ignore_ascii_case(login));
        user.map(|user| self.own_user(user))
    }
}
