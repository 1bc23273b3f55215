//! A disk that is full: found before, or met on the way and taken back.

use std::path::PathBuf;
use std::process::Command;

use crate::host::Host;
use crate::scene::{SETTINGS, Scene, script, upload};

/// A small file system in a host's directory.
struct Disk(PathBuf);

impl Disk {
    /// Nothing where we may not mount.
    fn mount(host: &Host, mebibytes: u32) -> Option<Self> {
        let path = host.path("disk");
        std::fs::create_dir(&path).unwrap();
        let options = format!("size={mebibytes}m");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&path).output();
        let mounted = mounted.is_ok_and(|output| output.status.success());
        if !mounted {
            println!("left out: to mount a small disk needs more rights than this test has");
        }
        mounted.then_some(Self(path))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_taken_back_and_a_small_one_not_begun() {
    let fill = script("fill", "head -c 60000000 /dev/zero >disk/fill || true", "rm disk/fill");
    let steps = upload("first", "node", "disk/first") + &fill + &upload("second", "node", "disk/second");
    let scene = Scene::new(2, &steps);
    let node = vec![7; 4_000_000];
    scene.write("node", &node);
    let disks: Vec<Disk> = scene.hosts.iter().filter_map(|host| Disk::mount(host, 24)).collect();
    if disks.len() < 2 {
        return;
    }
    for host in &scene.hosts {
        host.write("disk/first", "old");
    }
    let back = || {
        for host in &scene.hosts {
            let mut names: Vec<_> = std::fs::read_dir(host.path("disk"))
                .unwrap()
                .map(|entry| entry.unwrap().file_name())
                .collect();
            names.retain(|name| name != "state");
            assert_eq!((names, host.read("disk/first").unwrap()), (vec!["first".into()], "old".to_owned()));
        }
    };
    let ended = scene.deploy(&[], 30);
    ended.says(&["validator-1: step `second` failed: ", "undone: validator-1; not touched: validator-2"]);
    back();
    // Where the state has no room either.
    scene.policy(&format!("{SETTINGS}state_directory = \"disk/state\"\n"), &steps);
    let ended = scene.deploy(&[], 30);
    ended.says(&["every host is as it was; undone: validator-1; not touched: validator-2"]);
    back();

    scene.write("node", vec![7; 9_000_000]);
    let ended = scene.deploy(&[], 30);
    ended.says(&["bytes are free for ", "which is too little", "no host was touched"]);
    back();
}
