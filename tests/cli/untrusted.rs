//! Names and comments that try to be more than text.

use testnet_deployer::rehearsal::world::{Conclusion, ReviewState};

use crate::scene::Scene;

const EVIL: &str = "x\n::error::owned\r\n##[error]owned \u{1b}[2J\u{202e}::set-output name=winner::testnet";

/// What the runner would obey, or a terminal.
fn assert_inert(text: &str, ours: &[&str]) {
    for line in text.split(['\n', '\r']) {
        let obeyed = line.trim_start().starts_with("::") || line.contains("##[");
        assert!(!obeyed || ours.iter().any(|prefix| line.starts_with(prefix)), "{line:?}");
    }
    for bad in ['\u{1b}', '\u{202e}'] {
        assert!(!text.contains(bad), "{text:?}");
    }
}

#[test]
fn hostile_names_and_comments_stay_text_everywhere() {
    let scene = Scene::new();
    scene.write(
        "policies/race.toml",
        "[[branch]]\nname = \"testnet\"\njob = \"work *\"\n[[branch]]\nname = \"null\"\n",
    );
    let wait = scene.wait(&[]);
    scene.await_readings(1);
    scene.review("testnet", ReviewState::Approved, EVIL);
    scene.github.change(|world, now| {
        world.ended_job(scene.run, &format!("work {EVIL}"), None, Conclusion::Failure, now);
    });
    scene.complete("testnet", Conclusion::Success);
    let ended = wait.end();
    assert_eq!(ended.code, 10, "{}", ended.stderr);
    assert!(ended.stdout.contains("owned"), "the name is shown, as text: {}", ended.stdout);
    assert_inert(&ended.stdout, &["::error title=testnet-deployer"]);
    assert_inert(&ended.stderr, &[]);
    assert_inert(&scene.read("summary.md"), &[]);
    assert_inert(&scene.read("verdict.json"), &[]);
    assert_inert(&scene.read("output"), &[]);
    assert_eq!(scene.output("winner").as_deref(), Some(""));
    // Nothing is lost either: the file has the name and the comment as they are.
    let verdict = scene.verdict();
    assert_eq!(verdict["branches"][0]["reviews"][0]["comment"], EVIL);

    let ended = scene.desk(&["inspect", &scene.run.to_string(), "--policies", "policies"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_inert(&ended.stdout, &[]);
    let ended =
        scene.desk(&["inspect", &scene.run.to_string(), "--policies", "policies", "--format", "json"]);
    assert_inert(&ended.stdout, &[]);
}
