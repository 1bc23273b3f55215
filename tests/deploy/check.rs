//! `race deploy --check`: how every host stands, without changing anything.

use crate::scene::{SETTINGS, SHA, Scene, ended, script};

#[test]
fn hosts_that_are_well_are_told_with_what_they_have() {
    let scene = Scene::new(2, &script("touch", "touch it", "rm it"));
    let check = scene.deploy(&["--check"], 0);
    assert!(check.stdout.contains("nothing was confirmed there yet\n  free\n"), "{}", check.stdout);
    scene.deploy(&[], 0);
    let before = scene.host(2).read(".race/lease");
    let check = scene.deploy(&["--check", "--format", "json"], 0);
    let json: serde_json::Value = serde_json::from_str(&check.stdout).unwrap();
    assert_eq!((&json["schema"], &json["findings"]), (&"race.check/1".into(), &serde_json::json!([])));
    assert_eq!(
        (&json["hosts"][1]["name"], &json["hosts"][1]["commit"]),
        (&"validator-2".into(), &SHA.into())
    );
    assert!(json["hosts"][1]["notes"][1].as_str().unwrap().starts_with("held by run 7 attempt 1 of alice"));
    assert_eq!((scene.host(2).read(".race/lease"), scene.host(2).names()), (before, vec!["it".to_owned()]));
    scene.nothing_is_left_here();
}

#[test]
fn hosts_that_differ_are_found() {
    let scene = Scene::new(2, &script("touch", "touch it", "rm it"));
    let both = scene.read("policies/testnet.toml");
    let only_the_first =
        both.replacen("[[deploy.host]]\nname = \"validator-2\"", "[[deploy.jump]]\nname = \"unused\"", 1);
    scene.write("policies/testnet.toml", &only_the_first);
    scene.deploy(&[], 0);
    scene.write("policies/testnet.toml", &both);
    let differ = |with: &str| {
        let check = scene.deploy(&["--check"], 5);
        let text = "finding: the hosts do not have the same commit confirmed: ";
        assert!(check.stdout.contains(text) && check.stdout.contains(with), "{}", check.stdout);
    };
    differ("none");
    scene.deploy(&[], 0);
    scene.deploy(&["--check"], 0);
    scene.write("policies/testnet.toml", &only_the_first);
    let other = "f".repeat(40);
    let mut command = scene.race(&[]);
    command.env("GITHUB_SHA", &other);
    ended(command, 0);
    scene.write("policies/testnet.toml", &both);
    differ(&other);
}

#[test]
fn what_a_host_lacks_is_found() {
    let steps = script("touch", "touch it", "rm it").replace("args =", "user = \"no-such-user\"\nargs =");
    let scene = Scene::new(2, &steps);
    let check = scene.deploy(&["--check"], 5);
    assert!(check.stdout.contains("finding: `sudo -n -u no-such-user` is refused; see "), "{}", check.stdout);
    scene.deploy(&[], 30).says(&["`sudo -n -u no-such-user` is refused", "no host was touched"]);

    // One that refuses our key does not hide what the other has to say.
    scene.policy(SETTINGS, &script("touch", "touch it", "rm it"));
    scene.host(1).admit("");
    let check = scene.deploy(&["--check"], 3);
    let both = ["finding: validator-1: it refuses our key", "validator-2\n  nothing was confirmed"];
    assert!(both.iter().all(|text| check.stdout.contains(text)), "{}", check.stdout);
}
