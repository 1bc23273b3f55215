//! A race in poll mode and one in the shape of a relay (a first job that opens, a
//! tail job behind each branch, as processes) end alike, for every ending there is.

use testnet_deployer::rehearsal::world::{Conclusion, ReviewState};

use crate::scene::{Scene, start};
use crate::settle::{scene, statuses};

type Play = fn(&Scene);

/// Every ending of the table, and what the status says for it.
const ENDINGS: [(&str, Play, i32, &str); 9] = [
    ("testnet wins", |s| s.approve_and_complete("testnet", Conclusion::Success), 0, "success"),
    ("null wins", |s| s.approve_and_complete("null", Conclusion::Success), 0, "success"),
    ("testnet fails", |s| s.approve_and_complete("testnet", Conclusion::Failure), 10, "failure"),
    ("testnet is stopped", |s| s.approve_and_complete("testnet", Conclusion::TimedOut), 10, "failure"),
    (
        "both rejected",
        |s| {
            s.review("testnet", ReviewState::Rejected, "no");
            s.review("null", ReviewState::Rejected, "no");
        },
        11,
        "failure",
    ),
    ("one rejected", |s| s.review("null", ReviewState::Rejected, "no"), 12, "pending"),
    ("cancelled", |s| s.github.change(|world, now| world.cancel_run(s.run, now)), 13, "error"),
    (
        "nobody asked",
        |s| {
            s.github.change(|world, now| {
                world.protect("null", &[], now);
                world.release(s.null, now);
            });
            s.complete("null", Conclusion::Success);
        },
        14,
        "error",
    ),
    (
        "the environment is gone",
        |s| {
            s.review("null", ReviewState::Approved, "");
            s.github.change(|world, _| world.environments.retain(|environment| environment.name != "null"));
            s.complete("null", Conclusion::Success);
        },
        14,
        "error",
    ),
];

/// The jobs of a relay that are no branch: their steps are the processes below.
fn add_relay_jobs(scene: &Scene) {
    scene.github.change(|world, now| {
        world.ended_job(scene.run, "open", None, Conclusion::Success, now);
        for name in ["after-testnet", "after-null"] {
            let tail = world.submit_job(scene.run, name, None, now);
            world.begin(tail, now);
        }
    });
}

#[test]
fn poll_and_relay_end_alike() {
    for (name, play, code, state) in ENDINGS {
        let polled = Scene::new();
        play(&polled);
        let ended = polled.wait(&["--deadline", "3s"]).end();
        assert_eq!(ended.code, code, "{name}: {}{}", ended.stdout, ended.stderr);

        let relayed = scene();
        add_relay_jobs(&relayed);
        let settle = |job: &str, more: &[&str]| {
            let base = ["settle", "--policies", "policies"];
            let arguments: Vec<&str> = base.iter().chain(more).copied().collect();
            let mut command = relayed.step(&arguments);
            command.env("GITHUB_JOB", job);
            start(command)
        };
        assert_eq!(settle("open", &["--open"]).end().code, 0, "{name}");
        play(&relayed);
        let tails = ["after-testnet", "after-null"]
            .map(|job| settle(job, &["--exit-verdict", "--deadline", "20s", "--verdict", "verdict.json"]));
        for tail in tails {
            let ended = tail.end();
            assert_eq!(ended.code, code, "{name}: {}{}", ended.stdout, ended.stderr);
        }
        assert_eq!(statuses(&relayed).last().map(String::as_str), Some(&*format!("1 {state}")), "{name}");

        let (polled, relayed) = (polled.verdict(), relayed.verdict());
        for key in ["verdict", "winner", "exit_code"] {
            assert_eq!(polled[key], relayed[key], "{name}: {key}");
        }
        if code != 12 {
            assert_eq!(polled["reason"]["code"], relayed["reason"]["code"], "{name}");
        }
    }
}
