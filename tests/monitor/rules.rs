//! The rules for watched storage items, each holding and each broken, from the policy
//! to the verdict.

use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use testnet_deployer::rehearsal::dev_chain::{DevChain, DevChainOptions, Item};

use crate::support::{PATIENT, begun, code, ended, race_with, soak_json};

/// Every rule, for an item that keeps it.
const RULES: &str = r#"
watch = [
    { pallet = "DKG", item = "DKGPublicKey", rule = "changes-every-session", critical = true },
    { pallet = "Session", item = "Validators", rule = "never-changes", critical = true },
    { pallet = "DKG", item = "JailedKeygenAuthorities", rule = "stays-empty", critical = true },
    { pallet = "DKG", item = "LastSessionRotationBlock", rule = "grows-at-most", grows_at_most = 4, critical = true },
    { pallet = "DKG", item = "AuthoritySetId", rule = "equal-on-all-nodes", critical = true },
    { pallet = "DKG", item = "RefreshNonce", rule = "follows-session", critical = true },
    { pallet = "DKG", item = "NextPublicKeySignature", rule = "arrives-every-session", critical = true },
]
"#;

fn options() -> DevChainOptions {
    DevChainOptions { nodes: 2, session: Duration::from_millis(80), ..DevChainOptions::default() }
}

#[tokio::test]
async fn every_rule_holds_and_every_session_is_checked() {
    let directory = tempfile::tempdir().unwrap();
    let chain = DevChain::start(options()).await.unwrap();
    let rest = format!("{PATIENT}target_sessions = 20\n{RULES}");
    code(&ended(race_with(directory.path(), &chain, &rest)).await, 0);
    let soak = soak_json(directory.path());
    let rules = soak["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 7);
    for rule in rules {
        assert_eq!((&rule["broken"], &rule["unseen"]), (&json!(0), &json!(0)), "{rule}");
    }
}

/// With all rules at once only the one that is broken may fire.
#[tokio::test]
async fn every_rule_that_is_broken_fails_the_soak_and_is_named() {
    join_all([
        broken(Item::Key, "DKG::DKGPublicKey breaks the rule changes-every-session", |last, next| {
            format!("it is the same in session {next} as in session {last}")
        }),
        broken(Item::Validators, "Session::Validators breaks the rule never-changes", |_, next| {
            format!("at block {}, in session {next}, it is not what it was", next * 4)
        }),
        broken(Item::Jailed, "DKG::JailedKeygenAuthorities breaks the rule stays-empty", |_, next| {
            format!("at block {}, in session {next}", next * 4)
        }),
        broken(
            Item::LastRotation,
            "DKG::LastSessionRotationBlock breaks the rule grows-at-most",
            |last, next| format!("it grew by 1004 from session {last} to session {next}, 4 at most"),
        ),
        broken(Item::AuthoritySetId, "DKG::AuthoritySetId breaks the rule equal-on-all-nodes", |_, next| {
            format!("nodes differ about it at block {}", next * 4)
        }),
        broken(Item::Nonce, "DKG::RefreshNonce breaks the rule follows-session", |last, next| {
            format!("it is {last} in session {next}, and should be {next} or more")
        }),
        broken(
            Item::NextSignature,
            "DKG::NextPublicKeySignature breaks the rule arrives-every-session",
            |_, next| format!("nothing was there when session {next} ended"),
        ),
    ])
    .await;
}

/// The soak of a chain on which that item is wrong from some session on must say so,
/// told the last session in which it is right, and the next one.
async fn broken(item: Item, name: &str, words: fn(u32, u32) -> String) {
    let directory = tempfile::tempdir().unwrap();
    let chain = DevChain::start(options()).await.unwrap();
    let race = ended(race_with(directory.path(), &chain, &format!("{PATIENT}{RULES}")));
    let mut last = 0;
    let fate = async {
        begun(directory.path()).await;
        chain.change(|course, best| {
            last = best / 4 + 2;
            if item != Item::AuthoritySetId {
                course.breaks = Some((item, last));
            }
        });
        // What all nodes have is equal.
        if item == Item::AuthoritySetId {
            chain.change_node(1, |node| node.breaks = Some((item, last)));
        }
    };
    let (output, ()) = tokio::join!(race, fate);
    code(&output, 20);
    let reason = &soak_json(directory.path())["reason"];
    let text = reason["text"].as_str().unwrap();
    assert_eq!(reason["code"], "rule", "{item:?}: {text}");
    assert!(text.starts_with(name) && text.contains(&words(last, last + 1)), "{item:?}: {text}");
}

#[tokio::test]
async fn a_rule_on_trial_only_reports() {
    let directory = tempfile::tempdir().unwrap();
    let chain = DevChain::start(options()).await.unwrap();
    chain.change(|course, _| course.breaks = Some((Item::Jailed, 0)));
    let rest =
        format!("{PATIENT}target_sessions = 5\n{}", RULES.replace("critical = true", "dry_run = true"));
    let text = code(&ended(race_with(directory.path(), &chain, &rest)).await, 0);
    let soak = soak_json(directory.path());
    let jailed = &soak["rules"][2];
    assert!(jailed["broken"].as_u64().unwrap() >= 5, "{jailed} {text}");
    assert!(soak["warnings"].to_string().contains("DKG::JailedKeygenAuthorities: broken in"), "{soak}");
}
