//! A success that somebody wrote on a fork's commit is not believed, whatever it
//! leads to that is not the dispatched run of this very commit.

use testnet_deployer::rehearsal::world::{Conclusion, Review, ReviewState, World};

use crate::dispatched::{CHECK, approve, asked, dispatch, scene, title};
use crate::scene::Scene;

/// Somebody's success on the commit, leading to a run that is almost what it must be.
fn forge(scene: &Scene, url: &str) {
    scene.github.change(|world, now| {
        world.set_status(&scene.head_sha, CHECK, "success", Some(url), "mallory", now);
    });
}

#[test]
fn a_forged_status_is_not_believed() {
    type Bend = fn(&mut World, u64);
    let bends: [(&str, Bend); 8] = [
        ("another workflow", |world, run| {
            world.run_mut(run).unwrap().workflow_path = ".github/workflows/other.yml".to_owned();
        }),
        ("another event", |world, run| world.run_mut(run).unwrap().event = "push".to_owned()),
        ("another ref", |world, run| world.run_mut(run).unwrap().head_ref = Some("evil".to_owned())),
        ("another commit", |world, run| {
            world.run_mut(run).unwrap().title = Some(format!("{CHECK} for #12 at {}", "1".repeat(40)));
        }),
        ("no title", |world, run| world.run_mut(run).unwrap().title = None),
        ("nobody approved", |world, run| world.run_mut(run).unwrap().reviews.clear()),
        ("a bot approved", |world, run| {
            let review = Review {
                environments: vec!["testnet".to_owned()],
                state: ReviewState::Approved,
                user: "github-actions[bot]".to_owned(),
                comment: String::new(),
            };
            world.run_mut(run).unwrap().reviews = vec![review];
        }),
        ("the job failed", |world, run| {
            let jobs = world.jobs.iter_mut().filter(|job| job.run == run && job.name == "testnet");
            jobs.for_each(|job| job.conclusion = Some(Conclusion::Failure));
        }),
    ];
    for (name, bend) in bends {
        let scene = scene();
        let dispatched = dispatch(&scene, &title(&scene));
        approve(&scene, &dispatched, "testnet", Conclusion::Success);
        scene.github.change(|world, _| bend(world, dispatched.run));
        let server = scene.github.server_url().to_owned();
        forge(&scene, &format!("{server}/octo-org/chain/actions/runs/{}/attempts/1", dispatched.run));
        let ended = scene.wait(&["--deadline", "1s"]).end();
        assert_eq!(ended.code, 12, "{name}: {}{}", ended.stdout, ended.stderr);
        scene.exchanges();
    }
}

#[test]
fn a_status_that_leads_elsewhere_is_not_even_looked_at() {
    let scene = scene();
    let dispatched = dispatch(&scene, &title(&scene));
    approve(&scene, &dispatched, "testnet", Conclusion::Success);
    let (server, run) = (scene.github.server_url().to_owned(), dispatched.run);
    for url in [
        format!("https://example.com/octo-org/chain/actions/runs/{run}/attempts/1"),
        format!("{server}/mallory/chain/actions/runs/{run}/attempts/1"),
        format!("{server}/octo-org/chain/actions/runs/{run}"),
        format!("{server}/octo-org/chain/actions/runs/../runs/{run}/attempts/1"),
        "https://example.com/".to_owned(),
    ] {
        forge(&scene, &url);
        let ended = scene.wait(&["--deadline", "1s"]).end();
        assert_eq!(ended.code, 12, "{url}: {}{}", ended.stdout, ended.stderr);
    }
    assert_eq!(asked(&scene, &format!("/runs/{run}")), 0);
}
