//! The writes that mend a repository's set-up. Each is sent once; who calls reads
//! before and after.

use http::Method;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::client::{Client, segment};
use super::error::ApiError;
use super::seal::seal;
use super::setup_model as model;
use crate::setup::facts::{Refs, ReviewerKind};
use crate::setup::mending::Protection;

const ADMINISTRATION: &str = "administration: write";
const ENVIRONMENTS: &str = "environments: write";

impl Client {
    /// Makes an environment, or gives it this protection
    /// (`PUT .../environments/{environment_name}`).
    ///
    /// # Errors
    ///
    /// When GitHub refuses, or its answer does not come: then it may be done.
    pub async fn protect_environment(&mut self, name: &str, whole: &Protection) -> Result<(), ApiError> {
        let reviewers: Vec<Value> = whole
            .reviewers
            .iter()
            .map(|reviewer| {
                let kind = match reviewer.kind {
                    ReviewerKind::User => "User",
                    ReviewerKind::Team => "Team",
                };
                json!({"type": kind, "id": reviewer.id})
            })
            .collect();
        let refs = match whole.refs {
            Refs::All => None,
            Refs::Protected => Some(json!({"protected_branches": true, "custom_branch_policies": false})),
            Refs::Matching(_) => Some(json!({"protected_branches": false, "custom_branch_policies": true})),
        };
        // What is as it is without being named is not named: a plan that lacks a rule
        // refuses its name, too.
        let mut body = serde_json::Map::new();
        if whole.wait_timer > 0 {
            body.insert("wait_timer".to_owned(), whole.wait_timer.into());
        }
        if whole.prevent_self_review {
            body.insert("prevent_self_review".to_owned(), true.into());
        }
        if !reviewers.is_empty() {
            body.insert("reviewers".to_owned(), reviewers.into());
        }
        if let Some(refs) = refs {
            body.insert("deployment_branch_policy".to_owned(), refs);
        }
        let path = format!("environments/{}", segment(name));
        self.write::<IgnoredAny>(Method::PUT, &path, ADMINISTRATION, Some(&body)).await.map(drop)
    }

    /// Has an environment admit refs (`POST .../deployment-branch-policies`).
    ///
    /// # Errors
    ///
    /// When GitHub refuses, or its answer does not come: then it may be done.
    pub async fn admit_refs(&mut self, environment: &str, pattern: &str) -> Result<(), ApiError> {
        let path = format!("environments/{}/deployment-branch-policies", segment(environment));
        let body = json!({"name": pattern, "type": "branch"});
        self.write::<IgnoredAny>(Method::POST, &path, ADMINISTRATION, Some(&body)).await.map(drop)
    }

    /// Puts a secret into an environment, sealed
    /// (`GET .../secrets/public-key`, `PUT .../secrets/{secret_name}`).
    ///
    /// # Errors
    ///
    /// When GitHub refuses, or its answer does not come: then it may be done.
    pub async fn put_secret(&mut self, environment: &str, name: &str, secret: &str) -> Result<(), ApiError> {
        let base = format!("environments/{}/secrets", segment(environment));
        let path = format!("{base}/public-key");
        let key: model::PublicKey = self.get_patiently(&path).await?;
        let sealed = seal(&key.key, secret).ok_or_else(|| ApiError::Malformed {
            path,
            message: "its key is no key of 32 bytes".to_owned(),
        })?;
        let body = json!({"encrypted_value": sealed, "key_id": key.key_id});
        let path = format!("{base}/{}", segment(name));
        self.write::<IgnoredAny>(Method::PUT, &path, ENVIRONMENTS, Some(&body)).await.map(drop)
    }

    /// Puts a variable into an environment (`POST .../environments/{name}/variables`).
    ///
    /// # Errors
    ///
    /// When GitHub refuses, or its answer does not come: then it may be done.
    pub async fn put_variable(&mut self, environment: &str, name: &str, value: &str) -> Result<(), ApiError> {
        let path = format!("environments/{}/variables", segment(environment));
        let body = json!({"name": name, "value": value});
        self.write::<IgnoredAny>(Method::POST, &path, ENVIRONMENTS, Some(&body)).await.map(drop)
    }

    /// Makes a ruleset, or replaces the one of that number
    /// (`POST .../rulesets`, `PUT .../rulesets/{ruleset_id}`).
    ///
    /// # Errors
    ///
    /// When GitHub refuses, or its answer does not come: then it may be done.
    pub async fn put_ruleset(&mut self, id: Option<u64>, body: &Value) -> Result<(), ApiError> {
        let (method, path) = match id {
            Some(id) => (Method::PUT, format!("rulesets/{id}")),
            None => (Method::POST, "rulesets".to_owned()),
        };
        self.write::<IgnoredAny>(method, &path, ADMINISTRATION, Some(body)).await.map(drop)
    }
}
