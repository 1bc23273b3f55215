//! Each finding alone, by breaking a sound repository in one way.

mod breaks;

use super::*;
use crate::setup::Answers;
use crate::setup::facts::{
    Environment, OwnRuleset, Refs, Repository, RequiredCheck, Reviewer, ReviewerKind, Rules,
};
use crate::setup::mending::{Change, Means, Plan, plan};

use breaks::BREAKS;

const WORKFLOW: &str = r#"
on: { pull_request: , merge_group: , workflow_dispatch: }
permissions: {}
jobs:
  testnet:
    environment: testnet
    permissions: { actions: read, contents: read }
    steps:
      - uses: testnet-deployer/testnet-deployer/.github/actions/setup-race@0123456789012345678901234567890123456789 # v1.2.3
      - run: exec race deploy --policies policies --artifact testnet
        env: { TESTNET_SSH_KEY: "${{ secrets.TESTNET_SSH_KEY }}", REGION: "${{ vars.REGION }}" }
  "null":
    environment: "null"
    permissions: {}
    steps: [{ run: "true" }]
  testnet-deployer:
    permissions: { actions: read, checks: read, pull-requests: read, statuses: read }
    steps: [{ run: "exec race wait --policies policies" }]
"#;

fn alice() -> Reviewer {
    Reviewer { kind: ReviewerKind::User, name: "alice".to_owned(), id: 7 }
}

fn names(names: &[&str]) -> Seen<Vec<String>> {
    Seen::Known(names.iter().map(|name| (*name).to_owned()).collect())
}

/// A repository in which nothing is wrong.
fn sound() -> (Facts, Policy) {
    let environment = |name: &str| Environment {
        name: name.to_owned(),
        reviewers: vec![alice()],
        prevent_self_review: true,
        wait_timer: 0,
        admins_bypass: Some(false),
        refs: Refs::Matching(names(&["refs/pull/*/merge", "main", "gh-readonly-queue/**"])),
        secrets: names(&["TESTNET_SSH_KEY"]),
        variables: names(&["REGION"]),
    };
    let facts = Facts {
        repository: Repository {
            full_name: "octo-org/chain".to_owned(),
            default_branch: "main".to_owned(),
            private: false,
            admin: Some(true),
        },
        environments: Seen::Known(vec![environment("testnet"), environment("null")]),
        rules: Seen::Known(Rules {
            required: vec![RequiredCheck { context: "testnet-deployer".to_owned(), app: Some(15368) }],
            merge_queue: true,
            code_owner_review: true,
            required_workflows: Vec::new(),
        }),
        protection: Seen::Absent,
        own_ruleset: Seen::Absent,
        workflows: Seen::Known(vec![File {
            path: ".github/workflows/testnet-deployer.yml".to_owned(),
            text: WORKFLOW.to_owned(),
        }]),
        codeowners: Seen::Known(File {
            path: ".github/CODEOWNERS".to_owned(),
            text: "* @octo-org/core".to_owned(),
        }),
        codeowners_errors: Seen::Known(Vec::new()),
        policies: names(&["race.toml", "testnet.toml"]),
        actions_app: Some(15368),
        running: "1.2.3".to_owned(),
    };
    let mut policy = Policy::example();
    if let Some(deploy) = &mut policy.deploy {
        deploy.known_hosts_env = None;
        deploy.steps.iter_mut().for_each(|step| step.secrets.clear());
    }
    policy.monitor = None;
    (facts, policy)
}

/// The environment of that name.
fn at<'f>(facts: &'f mut Facts, name: &str) -> &'f mut Environment {
    let Seen::Known(all) = &mut facts.environments else { panic!("the environments are known") };
    all.iter_mut().find(|environment| environment.name == name).unwrap()
}

fn rules(facts: &mut Facts) -> &mut Rules {
    let Seen::Known(rules) = &mut facts.rules else { panic!("the rules are known") };
    rules
}

/// Replaces a text in the workflow, which holds it.
fn edit(facts: &mut Facts, from: &str, to: &str) {
    let Seen::Known(files) = &mut facts.workflows else { panic!("the workflows are known") };
    assert!(files[0].text.contains(from), "{from}");
    files[0].text = files[0].text.replace(from, to);
}

fn add_workflow(facts: &mut Facts, text: &str) {
    let Seen::Known(files) = &mut facts.workflows else { panic!("the workflows are known") };
    files.push(File { path: ".github/workflows/other.yml".to_owned(), text: text.to_owned() });
}

#[test]
fn nothing_is_wrong_with_a_sound_repository() {
    let (facts, policy) = sound();
    assert_eq!(findings(&facts, &policy), []);
}

#[test]
fn what_is_broken_alone_is_found_alone() {
    for (at, (code, subject, broken)) in BREAKS.into_iter().enumerate() {
        let (mut facts, mut policy) = sound();
        broken(&mut facts, &mut policy);
        let found: Vec<_> = findings(&facts, &policy).into_iter().map(|f| (f.code, f.subject)).collect();
        assert_eq!(found, [(code, subject.to_owned())], "{at}: {}", code.word());
    }
}

#[test]
fn every_code_can_be_found() {
    for code in Code::ALL {
        assert!(BREAKS.iter().any(|(found, ..)| *found == code), "{}", code.word());
        let same = Code::ALL.iter().filter(|other| other.word() == code.word());
        assert_eq!(same.count(), 1, "{}", code.word());
    }
}

#[test]
fn what_cannot_be_seen_is_never_green() {
    let needs = || Seen::Unreadable("Administration: read".to_owned());
    type Hide = fn(&mut Facts);
    let hidden: [(&str, Hide); 9] = [
        ("policies", |facts| facts.policies = Seen::Unreadable("x".to_owned())),
        ("environments", |facts| facts.environments = Seen::Unreadable("x".to_owned())),
        ("workflows", |facts| facts.workflows = Seen::Unreadable("x".to_owned())),
        ("rules", |facts| facts.rules = Seen::Unreadable("x".to_owned())),
        ("owners", |facts| facts.codeowners = Seen::Unreadable("x".to_owned())),
        ("secrets", |facts| at(facts, "testnet").secrets = Seen::Unreadable("x".to_owned())),
        ("variables", |facts| at(facts, "testnet").variables = Seen::Unreadable("x".to_owned())),
        ("patterns", |facts| at(facts, "null").refs = Refs::Matching(Seen::Unreadable("x".to_owned()))),
        ("bypass", |facts| at(facts, "null").admins_bypass = None),
    ];
    for (what, hide) in hidden {
        let (mut facts, policy) = sound();
        hide(&mut facts);
        let found = findings(&facts, &policy);
        assert!(found.iter().any(|finding| finding.code == Code::NotChecked), "{what}: {found:#?}");
        assert!(found.iter().all(|finding| finding.code == Code::NotChecked), "{what}: {found:#?}");
    }
    let (_, policy) = sound();
    let nothing = Facts {
        environments: needs().map(|_: Vec<String>| Vec::new()),
        rules: needs().map(|_: Vec<String>| Rules::default()),
        protection: needs().map(|_: Vec<String>| Rules::default()),
        own_ruleset: needs().map(|_: Vec<String>| OwnRuleset::default()),
        workflows: needs().map(|_: Vec<String>| Vec::new()),
        codeowners: needs().map(|_: Vec<String>| File { path: String::new(), text: String::new() }),
        policies: needs(),
        ..Facts::default()
    };
    let found = findings(&nothing, &policy);
    assert!(found.len() >= 5 && found.iter().all(|finding| finding.code == Code::NotChecked), "{found:#?}");
    assert_eq!(plan(&nothing, &policy, &found, &Means::default()), Plan::default());
}

#[test]
fn the_protection_of_the_branch_counts_as_a_ruleset_does() {
    let (mut facts, policy) = sound();
    facts.protection = facts.rules.clone();
    rules(&mut facts).required.clear();
    rules(&mut facts).code_owner_review = false;
    assert_eq!(findings(&facts, &policy), []);
    facts.protection = Seen::Unreadable("Administration: read".to_owned());
    let codes: Vec<Code> = findings(&facts, &policy).into_iter().map(|finding| finding.code).collect();
    assert_eq!(codes, [Code::NotChecked, Code::NotChecked]);
}

#[test]
fn a_workflow_that_an_organisation_requires_takes_the_place_of_code_owners() {
    let (mut facts, policy) = sound();
    facts.workflows = Seen::Absent;
    facts.codeowners = Seen::Absent;
    rules(&mut facts).code_owner_review = false;
    rules(&mut facts).required_workflows = vec![".github/workflows/testnet-deployer.yml".to_owned()];
    let codes: Vec<Code> = findings(&facts, &policy).into_iter().map(|finding| finding.code).collect();
    assert_eq!(codes, [Code::NotChecked]);
}

#[test]
fn relay_needs_that_no_job_bears_the_checks_name() {
    let (mut facts, policy) = sound();
    edit(&mut facts, "race wait", "race settle");
    edit(
        &mut facts,
        "{ actions: read, checks: read, pull-requests: read, statuses: read }\n    steps: [{",
        "{ actions: read, checks: read, pull-requests: read, statuses: write }\n    steps: [{",
    );
    let codes: Vec<Code> = findings(&facts, &policy).into_iter().map(|finding| finding.code).collect();
    assert_eq!(codes, [Code::CheckClash]);
    edit(&mut facts, "  testnet-deployer:\n", "  settled:\n");
    assert_eq!(findings(&facts, &policy), []);
}

#[test]
fn an_empty_repository_is_mended_in_order_and_a_check_that_cannot_pass_is_not_required() {
    let (mut facts, policy) = sound();
    facts.environments = Seen::Known(Vec::new());
    facts.rules = Seen::Known(Rules::default());
    let values = ["TESTNET_SSH_KEY", "REGION"].map(|name| ("testnet".to_owned(), name.to_owned())).into();
    let means = Means { reviewers: vec![alice()], values };
    let told = |facts: &Facts, means: &Means| {
        let plan = plan(facts, &policy, &findings(facts, &policy), means);
        let told: Vec<String> = plan.changes.iter().map(Change::told).collect();
        (told, plan.left.into_iter().map(|(finding, why)| (finding.code, why)).collect::<Vec<_>>())
    };
    let guarded = "reviewed by alice, self-review prevented";
    let (changes, left) = told(&facts, &means);
    assert_eq!(
        changes,
        [
            &format!("environment `null`: {guarded}"),
            &format!("environment `testnet`: {guarded}"),
            "environment `testnet`: the secret TESTNET_SSH_KEY",
            "environment `testnet`: the variable REGION",
            "ruleset `testnet-deployer`: `testnet-deployer` from GitHub Actions is required, code owners must approve",
        ]
    );
    assert_eq!(left, []);
    let (changes, left) = told(&facts, &Means { reviewers: Vec::new(), ..means.clone() });
    assert_eq!(changes.len(), 1, "no secret goes into an open environment: {changes:?}");
    assert_eq!(left.len(), 4, "{left:?}");
    facts.workflows = Seen::Absent;
    let (changes, left) = told(&facts, &means);
    assert!(changes.last().unwrap().ends_with("`testnet-deployer`: code owners must approve"), "{changes:?}");
    assert!(
        left.iter().any(|(code, why)| *code == Code::CheckNotRequired && why.contains("gate-missing")),
        "{left:?}"
    );
}

#[test]
fn an_environment_without_a_guard_never_gets_the_key_of_a_gate() {
    let (mut facts, policy) = sound();
    add_workflow(
        &mut facts,
        "on: push\njobs: { soak: { environment: testnet-soak, permissions: {}, steps: [{run: race monitor}], \
         env: {TESTNET_SSH_KEY: '${{ secrets.TESTNET_SSH_KEY }}'} } }",
    );
    let found = findings(&facts, &policy);
    let codes: Vec<Code> = found.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, [Code::EnvironmentMissing, Code::SecretMissing]);
    let key = |environment: &str| (environment.to_owned(), "TESTNET_SSH_KEY".to_owned());
    let mut means = Means { reviewers: vec![alice()], values: [key("testnet")].into() };
    let first = plan(&facts, &policy, &found, &means);
    let told: Vec<String> = first.changes.iter().map(Change::told).collect();
    assert_eq!(told, ["environment `testnet-soak`: without reviewers"]);
    assert!(first.left[0].1.contains("--value testnet-soak/TESTNET_SSH_KEY=FILE"), "{:?}", first.left);
    means.values = [key("testnet-soak")].into();
    assert_eq!(plan(&facts, &policy, &found, &means).changes.len(), 2);
}

#[test]
fn the_shipped_workflow_is_sound_in_its_own_repository_alone() {
    let (mut facts, policy) = sound();
    let text = include_str!("../../../../.github/workflows/testnet-deployer.yml").to_owned();
    let path = ".github/workflows/testnet-deployer.yml".to_owned();
    facts.workflows = Seen::Known(vec![File { path, text }]);
    facts.repository.full_name = HOME.to_owned();
    assert_eq!(findings(&facts, &policy), []);
    facts.repository.full_name = "octo-org/chain".to_owned();
    let found = findings(&facts, &policy);
    assert!(!found.is_empty() && found.iter().all(|finding| finding.code == Code::ActionLocal), "{found:#?}");
}

#[test]
fn what_a_job_must_be_allowed_depends_on_what_starts_it() {
    let missing = |on: &str, condition: &str, run: &str| {
        let (mut facts, policy) = sound();
        let job = format!("{{ if: \"{condition}\", permissions: {{}}, steps: [{{run: {run}}}] }}");
        add_workflow(&mut facts, &format!("on: [{on}]\njobs: {{ a: {job} }}"));
        let found = findings(&facts, &policy).into_iter();
        let found = found.filter(|finding| finding.code == Code::PermissionMissing);
        found.map(|finding| finding.item).collect::<Vec<_>>()
    };
    let settle = "race settle --policies policies";
    for (on, condition, run, expected) in [
        ("push", "always()", settle, &["actions: read", "statuses: write"][..]),
        ("push", "always()", "race settle --open", &["contents: read", "statuses: write"]),
        (
            "workflow_dispatch",
            "always()",
            settle,
            &["actions: read", "pull-requests: read", "statuses: write"],
        ),
        ("merge_group", "always()", settle, &["checks: read", "pull-requests: read", "statuses: write"]),
        ("merge_group", "github.event_name == 'push'", settle, &["statuses: write"]),
        ("merge_group", "github.event_name != 'merge_group'", settle, &["statuses: write"]),
        (
            "push, merge_group",
            "${{ github.event_name != 'merge_group' }}",
            settle,
            &["actions: read", "statuses: write"],
        ),
        ("push", "always()", "race advise --comment", &["contents: read", "pull-requests: write"]),
        ("push", "always()", "race monitor", &[]),
    ] {
        let mut found = missing(on, condition, run);
        found.sort();
        assert_eq!(found, expected, "{on} {condition} {run}");
    }
}

/// What `race init` writes is sound with the policy that it writes beside it, whoever waits
/// and whoever chooses.
#[test]
fn every_shipped_workflow_is_sound() {
    use crate::policy::{AfterWin, Carry, Selection};
    use crate::setup::tests::answers;
    for mode in crate::setup::Mode::ALL {
        for selection in [Selection::Manual, Selection::Guarded, Selection::Auto] {
            let (mut facts, mut policy) = sound();
            let written = crate::setup::files::files(&Answers { selection, ..answers(mode) });
            let text = |path: &str| written.iter().find(|file| file.path == path).unwrap().text.clone();
            let workflows = written.iter().filter(|file| file.path.starts_with(".github/workflows/"));
            let file = |file: &crate::setup::files::File| File {
                path: file.path.to_owned(),
                text: file.text.clone(),
            };
            facts.workflows = Seen::Known(workflows.map(file).collect());
            facts.policies = names(&["race.toml", "testnet.toml", "criteria.toml"]);
            // Whatever it may do that asks for more.
            (policy.selection, policy.carry) = (selection, Carry::NotNeeded);
            policy.after_win = AfterWin::CancelRun;
            let race: toml::Table = toml::from_str(&text("policies/race.toml")).unwrap();
            let job = race["branch"][0]["job"].as_str().unwrap();
            job.clone_into(&mut policy.branches[0].job);
            if race["branch"][0].get("proof").is_some_and(|proof| proof.as_str() == Some("soak")) {
                policy.branches[0].proof = crate::policy::Proof::Soak;
            }
            let Seen::Known(environments) = &mut facts.environments else { panic!("they are known") };
            environments.iter_mut().for_each(|environment| environment.variables = names(&[]));
            if selection == Selection::Auto {
                environments.retain(|environment| environment.name != "null");
            }
            if mode != crate::setup::Mode::Poll {
                let mut soak = environments[0].clone();
                (soak.name, soak.reviewers) = ("testnet-soak".to_owned(), Vec::new());
                environments.push(soak);
            }
            assert_eq!(findings(&facts, &policy), [], "{mode:?} {selection:?}");
        }
    }
}

#[test]
fn what_the_policy_asks_for_needs_its_permissions() {
    use crate::policy::{AfterWin, Carry};
    let missing = |run: &str| {
        let (mut facts, mut policy) = sound();
        (policy.carry, policy.after_win) = (Carry::NotNeeded, AfterWin::CancelRun);
        let all = ["actions", "contents", "checks", "pull-requests", "statuses"];
        let all: Vec<String> = all.iter().map(|name| format!("{name}: read")).collect();
        edit(&mut facts, "actions: read, checks: read, pull-requests: read, statuses: read", &all.join(", "));
        let job = format!("{{ permissions: {{}}, steps: [{{run: {run}}}] }}");
        add_workflow(&mut facts, &format!("on: [pull_request]\njobs: {{ a: {job} }}"));
        let found = findings(&facts, &policy).into_iter();
        let found = found.filter(|finding| finding.code == Code::PermissionMissing);
        let mut items: Vec<String> = found.map(|finding| finding.item).collect();
        items.sort();
        items
    };
    let cancelled = ["actions: read", "actions: write", "contents: read", "statuses: read"];
    assert_eq!(missing("race cleanup"), cancelled);
    let carried = ["actions: read", "contents: read", "pull-requests: read"];
    assert_eq!(missing("race wait --policies policies"), carried);
    let settled = ["actions: read", "contents: read", "pull-requests: read", "statuses: write"];
    assert_eq!(missing("race settle --open"), settled);
}
