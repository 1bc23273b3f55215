//! One way to break a sound repository for every code.

use crate::policy::Proof;

use super::{Code, Environment, Facts, File, Policy, Refs, Seen, add_workflow, at, edit, names, rules};

pub(super) type Break = fn(&mut Facts, &mut Policy);

/// One way to break it for every code: (code, subject, what is broken).
pub(super) const BREAKS: [(Code, &str, Break); 46] = [
    (Code::PoliciesMissing, "policies/race.toml", |facts, _| facts.policies = Seen::Absent),
    (Code::PoliciesMissing, "policies/race.toml", |facts, _| facts.policies = names(&["testnet.toml"])),
    (Code::HostKeysUnpinned, "validator-1", |_, policy| {
        policy.deploy.as_mut().unwrap().hosts[0].host_keys.clear();
    }),
    (Code::WorkflowInvalid, ".github/workflows/other.yml", |facts, _| {
        add_workflow(facts, "on: [\n# race wait")
    }),
    (Code::GateMissing, "null", |_, policy| policy.branches[1].gate = "nothing".to_owned()),
    (Code::GateMissing, "testnet", |_, policy| policy.branches[0].job = "soaked".to_owned()),
    (Code::GateUnguarded, "testnet-deployer.yml: null", |facts, _| {
        edit(facts, "environment: \"null\"", "environment: null");
    }),
    (Code::SamplesMissing, "testnet", |_, policy| policy.branches[0].proof = Proof::Soak),
    (Code::EnvironmentMissing, "null", |facts, _| at(facts, "null").name = "nul".to_owned()),
    (Code::ReviewersMissing, "null", |facts, _| at(facts, "null").reviewers.clear()),
    (Code::ReviewWaived, "rules.require_review", |_, policy| policy.rules.require_review = false),
    (Code::PlanUnverified, "plan", |facts, _| facts.repository.private = true),
    (Code::SelfReviewAllowed, "testnet", |facts, _| at(facts, "testnet").prevent_self_review = false),
    (Code::AdminsBypass, "testnet", |facts, _| at(facts, "testnet").admins_bypass = Some(true)),
    (Code::EnvironmentAsksAgain, "testnet-soak", |facts, _| {
        let soak = Environment { name: "testnet-soak".to_owned(), ..at(facts, "testnet").clone() };
        let Seen::Known(all) = &mut facts.environments else { return };
        all.push(soak);
        add_workflow(
            facts,
            "on: push\njobs: { soak: { environment: testnet-soak, permissions: {}, steps: [{run: race monitor}], env: {TESTNET_SSH_KEY: x} } }",
        );
    }),
    (Code::RefRefused, "null", |facts, _| {
        at(facts, "null").refs = Refs::Matching(names(&["main", "gh-readonly-queue/**"]));
    }),
    (Code::QueueRefRefused, "null", |facts, _| {
        at(facts, "null").refs = Refs::Matching(names(&["main", "refs/pull/**"]));
    }),
    (Code::DispatchRefRefused, "null", |facts, _| {
        at(facts, "null").refs = Refs::Matching(names(&["gh-readonly-queue/**", "refs/pull/**"]));
    }),
    (Code::SecretMissing, "testnet", |facts, _| at(facts, "testnet").secrets = names(&[])),
    (Code::VariableMissing, "testnet", |facts, _| at(facts, "testnet").variables = names(&["OTHER"])),
    (Code::CheckNeverReports, "testnet-deployer", |facts, _| {
        edit(facts, "  testnet-deployer:\n", "  other:\n");
        edit(facts, "race wait", "race inspect");
    }),
    (Code::CheckNeverReports, "testnet-deployer.yml: other", |facts, _| {
        edit(facts, "  testnet-deployer:\n", "  other:\n");
    }),
    (Code::CheckClash, "other.yml: testnet-deployer", |facts, _| {
        add_workflow(facts, "on: push\njobs: { testnet-deployer: { steps: [] } }");
    }),
    (Code::CheckClash, "testnet-deployer.yml: testnet-deployer", |facts, _| {
        edit(facts, "race wait", "race advise");
        edit(
            facts,
            "{ actions: read, checks: read, pull-requests: read, statuses: read }\n    steps: [{",
            "{ contents: read }\n    steps: [{",
        );
        add_workflow(
            facts,
            "on: merge_group\njobs: { a: { permissions: {actions: read, checks: read, pull-requests: read, statuses: write}, steps: [{run: race settle --policies policies}] } }",
        );
    }),
    (Code::CheckFiltered, ".github/workflows/testnet-deployer.yml", |facts, _| {
        edit(facts, "pull_request: ,", "pull_request: { paths: [src] },");
    }),
    (Code::CheckSkippable, "testnet-deployer.yml: testnet-deployer", |facts, _| {
        edit(facts, "  testnet-deployer:\n", "  testnet-deployer:\n    needs: testnet\n");
    }),
    (Code::NotChecked, "other.yml: ${{ matrix.a }}-deployer", |facts, _| {
        add_workflow(facts, "on: push\njobs: { a: { name: '${{ matrix.a }}-deployer', steps: [] } }");
    }),
    (Code::NotChecked, "other.yml: a", |facts, _| {
        add_workflow(
            facts,
            "on: push\njobs: { a: { environment: '${{ x }}', permissions: {}, steps: [{run: race monitor}] } }",
        );
    }),
    (Code::CheckNotRequired, "testnet-deployer", |facts, _| {
        rules(facts).required[0].context = "Testnet-Deployer".to_owned();
    }),
    (Code::CheckNotRequired, "testnet-deployer", |facts, _| rules(facts).required.clear()),
    (Code::CheckUnpinned, "testnet-deployer", |facts, _| rules(facts).required[0].app = None),
    (Code::CheckPinnedElsewhere, "testnet-deployer", |facts, _| rules(facts).required[0].app = Some(1)),
    (Code::MergeGroupMissing, ".github/workflows/testnet-deployer.yml", |facts, _| {
        edit(facts, ", merge_group: ", "");
    }),
    (Code::PermissionMissing, "testnet-deployer.yml: testnet-deployer", |facts, _| {
        edit(
            facts,
            "{ actions: read, checks: read, pull-requests: read, statuses: read }\n    steps: [{",
            "{ checks: read, pull-requests: read, statuses: read }\n    steps: [{",
        );
    }),
    (Code::PermissionMissing, "testnet-deployer.yml: testnet-deployer", |_, policy| {
        policy.selection = crate::policy::Selection::Guarded;
    }),
    (Code::PermissionsUnset, "testnet-deployer.yml: testnet-deployer", |facts, _| {
        edit(facts, "\npermissions: {}\n", "\n");
        edit(
            facts,
            "    permissions: { actions: read, checks: read, pull-requests: read, statuses: read }\n    steps: [{",
            "    steps: [{",
        );
    }),
    (Code::PermissionsExcessive, "testnet-deployer.yml: testnet-deployer", |facts, _| {
        edit(
            facts,
            "{ actions: read, checks: read, pull-requests: read, statuses: read }\n    steps: [{",
            "write-all\n    steps: [{",
        );
    }),
    (Code::CodeownersMissing, "CODEOWNERS", |facts, _| facts.codeowners = Seen::Absent),
    (Code::CodeownersMissing, "CODEOWNERS", |facts, _| {
        facts.codeowners =
            Seen::Known(File { path: "CODEOWNERS".to_owned(), text: "* @a\n/policies/".to_owned() });
    }),
    (Code::CodeownersInvalid, "CODEOWNERS", |facts, _| {
        facts.codeowners_errors = Seen::Known(vec![(1, "Unknown owner".to_owned())]);
    }),
    (Code::NotChecked, "CODEOWNERS", |facts, _| {
        facts.codeowners_errors = Seen::Unreadable("luck".to_owned());
    }),
    (Code::CodeOwnerReviewOptional, "code owners", |facts, _| rules(facts).code_owner_review = false),
    (Code::ActionUnpinned, "testnet-deployer.yml: null", |facts, _| {
        edit(facts, "[{ run: \"true\" }]", "[{ uses: actions/checkout@v7 }]");
    }),
    (Code::ActionLocal, "testnet-deployer.yml: null", |facts, _| {
        edit(facts, "[{ run: \"true\" }]", "[{ uses: ./.github/actions/race }]");
    }),
    (Code::RaceVersionDiffers, ".github/workflows/testnet-deployer.yml", |facts, _| {
        facts.running = "1.3.0".to_owned();
    }),
    (Code::NotChecked, "CODEOWNERS", |facts, _| facts.codeowners = Seen::Unreadable("luck".to_owned())),
];
