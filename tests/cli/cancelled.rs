//! `race settle --cancelled`: in a run that GitHub does not show as cancelled yet.

use testnet_deployer::rehearsal::world::Conclusion;

use crate::scene::Scene;
use crate::settle::{scene, settle, statuses};

fn end(scene: &Scene, job: u64, conclusion: Conclusion) {
    scene.github.change(|world, now| world.complete(job, conclusion, now));
}

#[test]
fn what_was_cancelled_in_the_middle_is_no_loss() {
    let scene = scene();
    assert_eq!(settle(&scene, &["--open"]).code, 0);
    scene.review("testnet", testnet_deployer::rehearsal::world::ReviewState::Approved, "");
    scene.github.change(|world, now| world.begin(scene.testnet, now));
    end(&scene, scene.testnet, Conclusion::Cancelled);
    end(&scene, scene.null, Conclusion::Cancelled);
    let ended = settle(&scene, &["--cancelled"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(statuses(&scene), ["1 pending", "1 error"]);
    assert!(ended.stdout.contains("the run was cancelled"), "{}", ended.stdout);
}

#[test]
fn what_had_won_or_failed_before_stays_so() {
    for (conclusion, expected) in [(Conclusion::Success, "1 success"), (Conclusion::Failure, "1 failure")] {
        let scene = scene();
        scene.approve_and_complete("testnet", conclusion);
        end(&scene, scene.null, Conclusion::Cancelled);
        assert_eq!(settle(&scene, &["--cancelled"]).code, 0);
        assert_eq!(statuses(&scene), [expected]);
    }
}
