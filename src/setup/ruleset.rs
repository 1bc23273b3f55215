//! The ruleset of our name: what it says besides what others have put into it.

use serde_json::{Value, json};

use super::facts::{OwnRuleset, RequiredCheck};

/// How it is called.
pub const NAME: &str = "testnet-deployer";

/// What it has to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The check that must have passed, from its source.
    pub check: Option<RequiredCheck>,
    /// Code owners must approve what they own.
    pub code_owner_review: bool,
}

/// The body of a request that makes it say so; `None` where it does already. Rules
/// and values that are not ours stay.
#[must_use]
pub fn body(current: Option<&OwnRuleset>, wanted: &Wanted) -> Option<Value> {
    let mut rules = current.map(|ruleset| ruleset.rules.clone()).unwrap_or_default();
    let before = rules.clone();
    if let Some(check) = &wanted.check {
        require(&mut rules, check);
    }
    if wanted.code_owner_review {
        ask_owners(&mut rules);
    }
    let active = current.is_some_and(|ruleset| ruleset.enforcement == "active");
    if active && rules == before {
        return None;
    }
    Some(json!({
        "name": NAME,
        "target": "branch",
        "enforcement": "active",
        "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}},
        "rules": rules,
    }))
}

/// The parameters of the rule of that type, which is there from now on.
fn rule<'a>(rules: &'a mut Vec<Value>, kind: &str, fresh: Value) -> &'a mut Value {
    let at = rules.iter().position(|rule| rule["type"] == kind).unwrap_or_else(|| {
        rules.push(json!({"type": kind, "parameters": fresh}));
        rules.len() - 1
    });
    &mut rules[at]["parameters"]
}

fn require(rules: &mut Vec<Value>, check: &RequiredCheck) {
    let fresh = json!({"required_status_checks": [], "strict_required_status_checks_policy": false});
    let parameters = rule(rules, "required_status_checks", fresh);
    let mut checks = parameters["required_status_checks"].as_array().cloned().unwrap_or_default();
    let same = |known: &Value| {
        known["context"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(&check.context))
    };
    let mut wanted = json!({"context": check.context});
    if let Some(app) = check.app {
        wanted["integration_id"] = app.into();
    }
    match checks.iter_mut().find(|known| same(known)) {
        Some(known) => *known = wanted,
        None => checks.push(wanted),
    }
    parameters["required_status_checks"] = checks.into();
}

/// Nothing more is asked of pull requests that touch nothing owned. What was approved
/// before a push is approved no more, else a push could change what judges it.
fn ask_owners(rules: &mut Vec<Value>) {
    let fresh = json!({
        "dismiss_stale_reviews_on_push": true,
        "require_code_owner_review": true,
        "require_last_push_approval": false,
        "required_approving_review_count": 0,
        "required_review_thread_resolution": false,
    });
    rule(rules, "pull_request", fresh)["require_code_owner_review"] = true.into();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Wanted {
        let check = RequiredCheck { context: "testnet-deployer".to_owned(), app: Some(15368) };
        Wanted { check: Some(check), code_owner_review: true }
    }

    #[test]
    fn what_is_so_already_is_not_asked_for() {
        let fresh = body(None, &wanted()).unwrap();
        let rules = fresh["rules"].as_array().unwrap().clone();
        let current = OwnRuleset { id: 1, enforcement: "active".to_owned(), rules };
        assert_eq!(body(Some(&current), &wanted()), None);
        let disabled = OwnRuleset { enforcement: "disabled".to_owned(), ..current };
        assert_eq!(body(Some(&disabled), &wanted()).unwrap(), fresh);
    }

    #[test]
    fn what_others_put_into_it_stays() {
        let rules = vec![
            json!({"type": "deletion"}),
            json!({"type": "required_status_checks", "parameters": {
                "required_status_checks": [{"context": "lint"}, {"context": "testnet-deployer"}],
                "strict_required_status_checks_policy": true,
            }}),
            json!({"type": "pull_request", "parameters": {
                "require_code_owner_review": false, "required_approving_review_count": 2,
            }}),
        ];
        let current = OwnRuleset { id: 1, enforcement: "active".to_owned(), rules };
        let body = body(Some(&current), &wanted()).unwrap();
        assert_eq!(
            body["rules"],
            json!([
                {"type": "deletion"},
                {"type": "required_status_checks", "parameters": {
                    "required_status_checks": [
                        {"context": "lint"}, {"context": "testnet-deployer", "integration_id": 15368},
                    ],
                    "strict_required_status_checks_policy": true,
                }},
                {"type": "pull_request", "parameters": {
                    "require_code_owner_review": true, "required_approving_review_count": 2,
                }},
            ])
        );
    }
}
