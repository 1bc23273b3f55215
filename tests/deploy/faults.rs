//! Answers that are lost: what was asked may have been done, or not.

use crate::host::Deployment;
use crate::process::until;
use crate::scene::{Scene, script, upload};

/// Two hosts with an old version.
fn scene() -> Scene {
    let steps = upload("node", "node", "node") + &script("mark", "echo \"$1\" >mark", "rm mark");
    let scene = Scene::new(2, &steps);
    scene.write("node", "new");
    scene.hosts.iter().for_each(|host| host.write("node", "old"));
    scene
}

fn all_new(scene: &Scene) {
    for host in &scene.hosts {
        // What was replaced is kept as long as the lease.
        let names_there: Vec<String> =
            host.names().into_iter().filter(|name| !name.ends_with(".old")).collect();
        assert_eq!((host.read("node").unwrap(), names_there), ("new".to_owned(), names(&["mark", "node"])));
        assert!(host.deployments().iter().all(Deployment::is_confirmed));
    }
}

fn all_old(scene: &Scene) {
    for host in &scene.hosts {
        assert_eq!((host.read("node").unwrap(), host.names()), ("old".to_owned(), names(&["node"])));
        assert!(host.read(".race/current").is_none(), "{}", host.name);
        assert!(host.read(".race/lease").is_none(), "the testnet is free");
        assert!(!host.deployments().iter().any(Deployment::is_confirmed));
        until("the keeper has left", || host.running().is_empty());
    }
    scene.nothing_is_left_here();
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn what_is_asked_again_is_done_once() {
    for (subcommand, done) in [("lease-take", true), ("arm", true), ("arm", false), ("look", true)] {
        let scene = scene();
        scene.host(2).lose(subcommand, done, false);
        let ended = scene.deploy(&[], 0);
        all_new(&scene);
        assert!(
            !scene.host(2).root().join(".fault").exists(),
            "{subcommand} was never asked: {}",
            ended.stderr
        );
    }
}

#[test]
fn a_host_that_was_armed_unheard_is_undone() {
    for done in [true, false] {
        let scene = scene();
        scene.host(2).lose("arm", done, true);
        let ended = scene.deploy(&[], 30);
        ended.says(&["every host is as it was; undone: validator-1, validator-2"]);
        all_old(&scene);
        assert_eq!(scene.host(2).deployments().len(), usize::from(done));
    }
}

#[test]
fn a_lease_that_was_taken_unheard_is_given_back() {
    let scene = scene();
    scene.host(2).lose("lease-take", true, true);
    scene.deploy(&[], 30).says(&["validator-2: the connection was lost; no host was touched"]);
    all_old(&scene);
}

#[test]
fn confirmed_on_some_hosts_is_confirmed_on_none() {
    for done in [true, false] {
        let scene = scene();
        scene.host(2).lose("confirm", done, true);
        let ended = scene.deploy(&["--report", "deploy.json"], 30);
        ended.says(&["validator-1: confirmed", "every host is as it was; undone: validator-1, validator-2"]);
        all_old(&scene);
        assert_eq!(scene.report()["hosts"][0]["state"], "undone");
    }
}

#[test]
fn an_undo_that_was_begun_unheard_is_not_begun_twice() {
    let once =
        script("once", "touch begun; [ \"$1\" = validator-1 ] || exit 1", "rm begun; echo undo >>undone");
    let scene = Scene::new(2, &once);
    scene.host(1).lose("undo", true, false);
    scene.host(2).lose("undo", true, false);
    scene.deploy(&[], 30).says(&["every host is as it was; undone: validator-1, validator-2"]);
    for host in &scene.hosts {
        assert_eq!(host.read("undone").unwrap(), "undo\n");
    }
}
