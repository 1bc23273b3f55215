//! The plan as the command prints it: without a key, a host or a network.

use crate::scene::{Scene, ended};

#[test]
fn a_plan_is_printed_and_nothing_run() {
    let scene =
        Scene::new(1, "[[deploy.step]]\nname = \"install\"\nrun = [\"touch\", \"it is {short_sha}\"]\n");
    let plan = |arguments: &[&str], code| {
        let mut command = scene.race(arguments);
        command.env_remove("TESTNET_SSH_KEY");
        ended(command, code)
    };
    assert_eq!(
        plan(&["--plan"], 0).stdout,
        "wave 1\n  validator-1\n    1. install (at most 10m): touch 'it is 0123456789a'\n       \
         undo: the policy does not say: what the step did stays\n"
    );
    let shown = plan(&["--plan", "--format", "json"], 0);
    let json: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(json["schema"], "race.plan/1");
    assert_eq!(json["hosts"][0]["steps"][0]["argv"], serde_json::json!(["touch", "it is 0123456789a"]));
    shown.says(&["how to undo the step `install`", "`undo = []`"]);
    scene.change_policy("short_sha", "branch");
    plan(&["--plan"], 2).says(&["step `install`: there is no placeholder `{branch}`"]);
    assert_eq!(std::fs::read_dir(scene.host(1).root()).unwrap().count(), 0);
}
