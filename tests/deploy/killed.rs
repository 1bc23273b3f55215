//! Killed at random moments. Then every host is as it was, or all have the new version
//! for good; and the one gap that there is, between two confirmations, is found.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::host::{Deployment, Host, deployments};
use crate::process::{Running, until_none};
use crate::scene::{Scene, ended, script};

/// So many are under way at a time.
const AT_ONCE: usize = 5;

/// The policy of one deployment: a directory of its own on each host.
fn policy(scene: &Scene, number: usize, undo_after: &str) {
    let at = |text: String| text.replace("HERE", &format!("run-{number}"));
    let upload = "[[deploy.step]]\nname = \"node\"\nupload = { from = \"node\", to = \"AT/HERE/node\" }\n\
                  [[deploy.step]]\nname = \"fresh\"\nupload = { from = \"node\", to = \"AT/HERE/fresh\" }\n";
    let mark =
        script("mark", "mv HERE/version HERE/before\necho new >HERE/version", "mv HERE/before HERE/version");
    let settings =
        format!("undo_after = \"{undo_after}\"\nlock_wait = \"0s\"\nstate_directory = \"state-{number}\"\n");
    scene.policy(&settings, &at(format!("{upload}{mark}")));
}

/// What a host has of one deployment.
#[derive(Debug, PartialEq, Eq)]
enum Has {
    Old,
    NewConfirmed,
}

fn has(root: PathBuf, number: usize, said: &str) -> Has {
    let here = root.join(format!("run-{number}"));
    let read = |name: &str| std::fs::read_to_string(here.join(name)).unwrap_or_default().trim().to_owned();
    let mut names: Vec<String> = std::fs::read_dir(&here)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let found = (read("node"), read("fresh"), read("version"));
    let state = deployments(&root.join(format!("state-{number}")));
    let confirmed = state.iter().any(Deployment::is_confirmed);
    match (found.0.as_str(), found.1.as_str(), found.2.as_str(), confirmed) {
        // What an upload replaced is kept until the lease is given back.
        ("new", "new", "new", true) => Has::NewConfirmed,
        ("old", "", "old", false) if names == ["node", "version"] => Has::Old,
        _ => {
            let log = |one: &Deployment| std::fs::read_to_string(one.directory.join("undo.log"));
            let logs: Vec<_> = state.iter().map(log).collect();
            panic!(
                "neither old nor new: run {number} on {}: {found:?} {names:?} {state:#?}\nits log: {logs:?}\n\
                 the deployment said:\n{said}",
                root.display()
            )
        }
    }
}

/// `race deploy` in a directory of its own, with the policy of that deployment.
fn race(scene: &Scene, number: usize, arguments: &[&str]) -> Command {
    let mut command = scene.race(arguments);
    command.current_dir(scene.path(&format!("run-{number}")));
    command
}

/// The next one that nobody has taken.
fn next_of<'m, M>(moments: &'m [M], next: &AtomicUsize) -> Option<(usize, &'m M)> {
    let number = next.fetch_add(1, Ordering::Relaxed);
    Some((number, moments.get(number)?))
}

/// Kills so many deployments to three hosts, all at once, at moments from this seed.
fn kill(seed: u64, count: usize) {
    let mut random = fastrand::Rng::with_seed(seed);
    let scene = Scene::new(3, "");
    for host in &scene.hosts {
        for number in 0..=count {
            std::fs::create_dir(host.path(&format!("run-{number}"))).unwrap();
            host.write(&format!("run-{number}/node"), "old");
            host.write(&format!("run-{number}/version"), "old");
        }
    }
    for number in 0..=count {
        // The last one is not killed, and is to tell how long one is.
        policy(&scene, number, if number < count { "10s" } else { "1m" });
        scene.write(&format!("run-{number}/policies/testnet.toml"), scene.read("policies/testnet.toml"));
        scene.write(&format!("run-{number}/node"), "new");
    }
    let lines = ended(race(&scene, count, &[]), 0).stderr.lines().count();
    // Every third is aimed at the confirmations.
    let moments: Vec<(usize, u64)> = (0..count)
        .map(|number| match number % 3 {
            0 => (lines - random.usize(0..4), random.u64(0..150)),
            _ => (random.usize(0..=lines), random.u64(0..120)),
        })
        .collect();
    let began = Instant::now();
    let (next, ended_before) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let said = Mutex::new(vec![String::new(); count]);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((number, (line, wait))) = next_of(&moments, &next) {
                    let running = Running::start(race(&scene, number, &[]));
                    running.lines(*line);
                    // A moment between two lines: this is chance, and nothing waits for it.
                    std::thread::sleep(Duration::from_millis(*wait));
                    let _ = Command::new("kill").args(["-s", "KILL", &running.id().to_string()]).status();
                    let ended = running.end();
                    if ended.code.is_some() {
                        ended_before.fetch_add(1, Ordering::Relaxed);
                    }
                    if let Some(said) = said.lock().unwrap().get_mut(number) {
                        *said = format!("{}(ended with {:?})", ended.stderr, ended.code);
                    }
                }
            });
        }
    });
    let killed = began.elapsed();
    let undecided = |number: usize| {
        let of = move |host: &Host| deployments(&host.path(&format!("state-{number}")));
        scene.hosts.iter().flat_map(of).filter(|one| !one.is_settled())
    };
    until_none("every host has decided", || (0..count).flat_map(undecided).collect());
    let (mut old, mut new, mut between) = (0, 0, 0);
    for (number, said) in said.into_inner().unwrap().iter().enumerate() {
        let hosts: Vec<Has> = scene.hosts.iter().map(|host| has(host.root(), number, said)).collect();
        match hosts.iter().filter(|one| **one == Has::NewConfirmed).count() {
            0 => old += 1,
            3 => new += 1,
            _ => {
                between += 1;
                let check = ended(race(&scene, number, &["--check"]), 5);
                assert!(check.stdout.contains("do not have the same commit confirmed"), "{}", check.stdout);
            }
        }
    }
    let whole = ended_before.into_inner();
    println!(
        "seed {seed}: {count} of {lines} lines; {whole} had ended before; old {old}, new {new}, between {between}; \
         killed after {killed:?}, settled after {:?}",
        began.elapsed()
    );
    assert!(old > 0 && old + new + between == count);
    scene.nothing_is_left_here();
    for host in &scene.hosts {
        until_none("nothing runs on the hosts", || host.running());
    }
}

/// One of several, so that a failure tells which.
macro_rules! killed {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            kill(fastrand::u64(..), 13);
        }
    )*};
}

killed! {
    every_host_is_old_or_all_are_new
    every_host_is_old_or_all_are_new_once_more
    every_host_is_old_or_all_are_new_a_third_time
    every_host_is_old_or_all_are_new_a_fourth_time
}
