//! The part of GitHub's answers about a repository's set-up that is read. Lenient:
//! what is missing or unknown is taken for nothing, never for protection.

use serde::Deserialize;
use serde_json::Value;

use crate::setup::facts;
use crate::setup::facts::{Refs, RequiredCheck, Reviewer, ReviewerKind, Rules, Seen};

#[derive(Deserialize)]
pub(super) struct Repository {
    full_name: String,
    default_branch: String,
    #[serde(default)]
    private: bool,
    #[serde(default)]
    visibility: Option<String>,
    #[serde(default)]
    permissions: Option<Permissions>,
}

#[derive(Deserialize)]
struct Permissions {
    admin: bool,
}

impl From<Repository> for facts::Repository {
    fn from(found: Repository) -> Self {
        Self {
            full_name: found.full_name,
            default_branch: found.default_branch,
            // `internal` there is with GitHub Enterprise alone.
            private: found.private && found.visibility.as_deref() != Some("internal"),
            admin: found.permissions.map(|permissions| permissions.admin),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Environments {
    #[serde(default)]
    pub(super) environments: Vec<Environment>,
}

#[derive(Deserialize)]
pub(super) struct Environment {
    name: String,
    #[serde(default)]
    can_admins_bypass: Option<bool>,
    #[serde(default)]
    protection_rules: Vec<ProtectionRule>,
    #[serde(default)]
    deployment_branch_policy: Option<BranchPolicy>,
}

#[derive(Deserialize)]
struct ProtectionRule {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    wait_timer: Option<u32>,
    #[serde(default)]
    prevent_self_review: Option<bool>,
    #[serde(default)]
    reviewers: Vec<RequiredReviewer>,
}

#[derive(Deserialize)]
struct RequiredReviewer {
    #[serde(default, rename = "type")]
    kind: String,
    reviewer: Option<Account>,
}

#[derive(Deserialize)]
struct Account {
    id: u64,
    login: Option<String>,
    slug: Option<String>,
}

#[derive(Deserialize)]
struct BranchPolicy {
    #[serde(default)]
    custom_branch_policies: bool,
}

impl From<Environment> for facts::Environment {
    fn from(found: Environment) -> Self {
        let review = found.protection_rules.iter().find(|rule| rule.kind == "required_reviewers");
        let reviewer = |entry: &RequiredReviewer| {
            let kind = if entry.kind == "Team" { ReviewerKind::Team } else { ReviewerKind::User };
            let account = entry.reviewer.as_ref()?;
            let name = account.login.as_ref().or(account.slug.as_ref())?.clone();
            Some(Reviewer { kind, name, id: account.id })
        };
        Self {
            name: found.name,
            reviewers: review
                .map(|rule| rule.reviewers.iter().filter_map(reviewer).collect())
                .unwrap_or_default(),
            prevent_self_review: review.and_then(|rule| rule.prevent_self_review).unwrap_or(false),
            wait_timer: found.protection_rules.iter().find_map(|rule| rule.wait_timer).unwrap_or(0),
            admins_bypass: found.can_admins_bypass,
            refs: match found.deployment_branch_policy {
                None => Refs::All,
                Some(BranchPolicy { custom_branch_policies: true }) => Refs::Matching(Seen::Absent),
                Some(BranchPolicy { custom_branch_policies: false }) => Refs::Protected,
            },
            secrets: Seen::Absent,
            variables: Seen::Absent,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct BranchPolicies {
    #[serde(default)]
    pub(super) branch_policies: Vec<Pattern>,
}

#[derive(Deserialize)]
pub(super) struct Pattern {
    pub(super) name: String,
    #[serde(default, rename = "type")]
    pub(super) kind: String,
}

#[derive(Deserialize)]
pub(super) struct Secrets {
    pub(super) secrets: Vec<Named>,
}

#[derive(Deserialize)]
pub(super) struct Variables {
    pub(super) variables: Vec<Named>,
}

#[derive(Deserialize)]
pub(super) struct Named {
    pub(super) name: String,
}

#[derive(Deserialize)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) path: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
}

#[derive(Deserialize)]
pub(super) struct Rule {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    parameters: Value,
    #[serde(default)]
    ruleset_source_type: Option<String>,
}

impl FromIterator<Rule> for Rules {
    fn from_iter<I: IntoIterator<Item = Rule>>(found: I) -> Self {
        let mut rules = Self::default();
        for Rule { kind, parameters, ruleset_source_type } in found {
            let list = |key: &str| parameters[key].as_array().cloned().unwrap_or_default();
            match kind.as_str() {
                "required_status_checks" => {
                    let checks = list("required_status_checks");
                    rules
                        .required
                        .extend(checks.iter().filter_map(|check| required(check, "integration_id")));
                }
                "merge_queue" => rules.merge_queue = true,
                "pull_request" => {
                    rules.code_owner_review |= parameters["require_code_owner_review"] == true;
                }
                // One of the repository itself can be taken away by its administrators,
                // one of the organisation cannot.
                "workflows" if ruleset_source_type.as_deref() == Some("Organization") => {
                    let paths = list("workflows");
                    let paths = paths.iter().filter_map(|workflow| workflow["path"].as_str());
                    rules.required_workflows.extend(paths.map(str::to_owned));
                }
                _ => {}
            }
        }
        rules
    }
}

fn required(check: &Value, app: &str) -> Option<RequiredCheck> {
    Some(RequiredCheck { context: check["context"].as_str()?.to_owned(), app: check[app].as_u64() })
}

#[derive(Deserialize)]
pub(super) struct Protection {
    #[serde(default)]
    required_status_checks: Value,
    #[serde(default)]
    required_pull_request_reviews: Value,
}

impl From<Protection> for Rules {
    fn from(found: Protection) -> Self {
        let list = |key: &str| found.required_status_checks[key].as_array().cloned().unwrap_or_default();
        let mut checks: Vec<_> =
            list("checks").iter().filter_map(|check| required(check, "app_id")).collect();
        // Older servers name the contexts alone.
        for context in list("contexts").iter().filter_map(Value::as_str) {
            if !checks.iter().any(|check| check.context == context) {
                checks.push(RequiredCheck { context: context.to_owned(), app: None });
            }
        }
        let owners = &found.required_pull_request_reviews["require_code_owner_reviews"];
        Self { required: checks, code_owner_review: *owners == true, ..Self::default() }
    }
}

#[derive(Deserialize)]
pub(super) struct Ruleset {
    pub(super) id: u64,
    pub(super) name: String,
    #[serde(default)]
    pub(super) target: String,
    #[serde(default)]
    enforcement: String,
    #[serde(default)]
    rules: Vec<Value>,
}

impl From<Ruleset> for facts::OwnRuleset {
    fn from(found: Ruleset) -> Self {
        Self { id: found.id, enforcement: found.enforcement, rules: found.rules }
    }
}

#[derive(Deserialize)]
pub(super) struct PublicKey {
    pub(super) key_id: String,
    pub(super) key: String,
}

#[derive(Deserialize)]
pub(super) struct OwnerErrors {
    pub(super) errors: Vec<OwnerError>,
}

#[derive(Deserialize)]
pub(super) struct OwnerError {
    pub(super) line: u64,
    pub(super) kind: String,
}
