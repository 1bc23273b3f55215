//! Environments, what waits for them, and what was said about it.

use serde_json::{Value, json};

use super::{Render, time};
use crate::rehearsal::world::{Environment, Job, Reviewer, Run};

impl Render<'_> {
    /// `environment`, with `can_admins_bypass`, which GitHub sends and its
    /// description leaves out.
    pub(in super::super) fn environment(&self, environment: &Environment) -> Value {
        let Environment { id, name, .. } = environment;
        let mut rules = Vec::new();
        if environment.wait_timer > 0 {
            rules.push(json!({
                "id": id * 10 + 1,
                "node_id": format!("GA_{}", id * 10 + 1),
                "type": "wait_timer",
                "wait_timer": environment.wait_timer,
            }));
        }
        if !environment.reviewers.is_empty() {
            rules.push(json!({
                "id": id * 10 + 2,
                "node_id": format!("GA_{}", id * 10 + 2),
                "type": "required_reviewers",
                "prevent_self_review": environment.prevent_self_review,
                "reviewers": self.reviewers(environment),
            }));
        }
        if environment.branch_policy || environment.protected_branches {
            rules.push(json!({
                "id": id * 10 + 3,
                "node_id": format!("GA_{}", id * 10 + 3),
                "type": "branch_policy",
            }));
        }
        json!({
            "id": id,
            "node_id": format!("EN_{id}"),
            "name": name,
            "url": self.environment_url(name),
            "html_url": self.environment_page(name),
            "created_at": time(environment.created_at),
            "updated_at": time(environment.created_at),
            "can_admins_bypass": environment.admins_bypass,
            "protection_rules": rules,
            "deployment_branch_policy": match (environment.protected_branches, environment.branch_policy) {
                (false, false) => Value::Null,
                (protected, _) => {
                    json!({"protected_branches": protected, "custom_branch_policies": !protected})
                }
            },
        })
    }

    /// `pending-deployment`s of a run, as `login` sees them.
    pub(in super::super) fn pending_deployments(&self, run: &Run, login: &str) -> Value {
        self.world
            .pending_deployments(run)
            .into_iter()
            .map(|pending| {
                let Environment { id, name, wait_timer, .. } = pending.environment;
                json!({
                    "environment": {
                        "id": id,
                        "node_id": format!("EN_{id}"),
                        "name": name,
                        "url": self.environment_url(name),
                        "html_url": self.environment_page(name),
                    },
                    "wait_timer": wait_timer,
                    "wait_timer_started_at": (*wait_timer > 0).then(|| time(pending.since)),
                    "current_user_can_approve": pending.environment.may_review(login, &run.actor),
                    "reviewers": self.reviewers(pending.environment),
                })
            })
            .collect()
    }

    /// `environment-approvals` of a run.
    pub(in super::super) fn approvals(&self, run: &Run) -> Value {
        run.reviews
            .iter()
            .map(|review| {
                let environments: Vec<Value> = review
                    .environments
                    .iter()
                    .filter_map(|name| self.world.environment(name))
                    .map(|Environment { id, name, created_at, .. }| {
                        json!({
                            "id": id,
                            "node_id": format!("EN_{id}"),
                            "name": name,
                            "url": self.environment_url(name),
                            "html_url": self.environment_page(name),
                            "created_at": time(*created_at),
                            "updated_at": time(*created_at),
                        })
                    })
                    .collect();
                json!({
                    "environments": environments,
                    "state": review.state.as_str(),
                    "user": self.user(&review.user),
                    "comment": review.comment,
                })
            })
            .collect()
    }

    /// `deployment` that GitHub made for a job's environment.
    pub(in super::super) fn deployment(&self, job: &Job) -> Value {
        let id = job.deployment.unwrap_or(job.id);
        let run = self.world.run(job.run);
        let url = self.api_url(&format!("/deployments/{id}"));
        json!({
            "url": url,
            "id": id,
            "node_id": format!("DE_{id}"),
            "task": "deploy",
            "original_environment": job.environment,
            "environment": job.environment.as_deref().unwrap_or_default(),
            "description": null,
            "created_at": time(job.created_at),
            "updated_at": time(job.created_at),
            "statuses_url": format!("{url}/statuses"),
            "repository_url": self.api_url(""),
            "creator": run.map(|run| self.user(&run.actor)),
            "sha": run.map_or("", |run| &run.head_sha),
            "ref": run.and_then(|run| run.head_ref.as_deref()).unwrap_or_default(),
            "payload": {},
            "transient_environment": false,
            "production_environment": false,
            "performed_via_github_app": null,
        })
    }

    fn reviewers(&self, environment: &Environment) -> Vec<Value> {
        let reviewer = |reviewer: &Reviewer| match reviewer {
            Reviewer::User(login) => json!({"type": "User", "reviewer": self.user(login)}),
            Reviewer::Team(slug, _) => json!({"type": "Team", "reviewer": self.team(slug)}),
        };
        environment.reviewers.iter().map(reviewer).collect()
    }

    pub(super) fn team(&self, slug: &str) -> Value {
        let id = self.world.teams.iter().find(|team| team.slug == slug).map_or(1, |team| team.id);
        let owner = &self.world.repository.owner;
        let url = format!("{}/orgs/{owner}/teams/{slug}", self.api);
        json!({
            "id": id,
            "node_id": format!("T_{id}"),
            "url": url,
            "html_url": format!("{}/orgs/{owner}/teams/{slug}", self.web),
            "members_url": format!("{url}/members{{/member}}"),
            "repositories_url": format!("{url}/repos"),
            "name": slug,
            "slug": slug,
            "description": null,
            "privacy": "closed",
            "notification_setting": "notifications_enabled",
            "permission": "pull",
            "parent": null,
            "type": "organization",
        })
    }

    fn environment_url(&self, name: &str) -> String {
        self.api_url(&format!("/environments/{}", percent_encoded(name)))
    }

    fn environment_page(&self, name: &str) -> String {
        let name = percent_encoded(name);
        self.web_url(&format!("/deployments/activity_log?environments_filter={name}"))
    }
}

/// A name as one segment of a path.
fn percent_encoded(name: &str) -> String {
    url::form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20")
}
