//! Files and directories that come to the host.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use testnet_deployer::deploy::remote::{self, Look, RemoteError, Sent};

use crate::host::{Host, LIMIT, LONG, sha256};

fn left(host: &Host) -> Vec<String> {
    let entries = fs::read_dir(host.directory.path()).unwrap();
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn what_is_there_is_seen_and_what_comes_is_checked() {
    let host = Host::leased().await;
    fs::write(host.path("file"), "old").unwrap();
    fs::set_permissions(host.path("file"), fs::Permissions::from_mode(0o751)).unwrap();
    host.arm("1-1", LONG, &format!("undo_upload 1 'file' {}\n", host.text("file"))).await;
    let (file, none, state) = (host.text("file"), host.text("none"), host.text("state"));
    let look = host.remote.look(&[(None, &file), (None, &none), (None, &state)]);
    let looked = remote::looked(&host.ask(&look, "").await.unwrap(), 3).unwrap();
    let Look::Content { sha256: sum, mode, .. } = &looked[0] else { panic!("{looked:?}") };
    assert_eq!((sum.as_str(), *mode), (sha256(b"old").as_str(), 0o751));
    assert_eq!(looked[1..], [Look::Absent, Look::Directory]);

    let sum = sha256(b"other");
    let sent =
        Sent { directory: false, size: 3, sha256: &sum, to: &file, mode: None, owner: None, user: None };
    let wrong = host.ask(&host.remote.receive("1-1", 1, &sent), "new").await;
    assert!(matches!(wrong, Err(RemoteError::Failed(_))), "{wrong:?}");
    assert_eq!(left(&host), ["file", "state"], "nothing of it stays");
    host.send("1-1", 1, "file", "new").await.unwrap();
    assert_eq!(host.read("file").unwrap(), "new");
    assert_eq!(fs::metadata(host.path("file")).unwrap().permissions().mode() & 0o777, 0o751);
    assert!(host.send("1-1", 2, "state", "x").await.is_err(), "a directory is not replaced");
    host.ask(&host.remote.undo("1-1"), "").await.unwrap();
    host.until_undone("1-1").await;
    assert_eq!(host.read("file").unwrap(), "old");
    assert_eq!(left(&host), ["file", "state"], "nothing of it stays");
}

#[tokio::test]
async fn a_directory_is_switched_by_a_symlink() {
    let host = Host::leased().await;
    let source = host.path("source");
    fs::create_dir_all(source.join("deep")).unwrap();
    let to = host.text("tree");
    let mut sums = Vec::new();
    for id in ["1-1", "1-2"] {
        fs::write(source.join("deep/a b\n'$x'"), id).unwrap();
        let argv = remote::tar(source.to_str().unwrap());
        let tar = Command::new(&argv[0]).args(&argv[1..]).output().unwrap().stdout;
        let sum = sha256(&tar);
        host.arm(id, LONG, &format!("undo_upload 1 'tree' {to}\n")).await;
        let sent = Sent {
            directory: true,
            size: tar.len() as u64,
            sha256: &sum,
            to: &to,
            mode: None,
            owner: None,
            user: None,
        };
        let argv = host.remote.receive(id, 1, &sent);
        let mut last = 0;
        let answer = host.connection.send(&argv, &*tar, LIMIT, |gone| last = gone).await.unwrap();
        assert_eq!(remote::answer_of(&answer.stdout, &answer.stderr).unwrap(), ["received"]);
        assert_eq!(last, tar.len() as u64);
        let looked = host.ask(&host.remote.look(&[(None, &to)]), "").await.unwrap();
        assert!(looked[0].starts_with(&format!("tree {sum} ")), "{looked:?}");
        sums.push(sum);
        if id == "1-1" {
            host.ask(&host.remote.confirm(id, "abc"), "").await.unwrap();
        }
    }
    assert_ne!(sums[0], sums[1]);
    host.ask(&host.remote.undo("1-2"), "").await.unwrap();
    host.until_undone("1-2").await;
    let back = fs::read_to_string(host.path("tree/deep/a b\n'$x'")).unwrap();
    assert_eq!(back, "1-1");
    assert_eq!(fs::read_dir(host.path("tree.d")).unwrap().count(), 1);
}

#[tokio::test]
async fn what_arrives_after_the_undo_does_not_stay() {
    let host = Host::leased().await;
    fs::write(host.path("file"), "old").unwrap();
    let (file, tree) = (host.text("file"), host.text("tree"));
    host.arm("1-1", LONG, &format!("undo_upload 1 'file' {file}\nundo_upload 2 'tree' {tree}\n")).await;
    host.ask(&host.remote.undo("1-1"), "").await.unwrap();
    host.until_undone("1-1").await;
    let decided = RemoteError::Refused("decided".to_owned());
    assert_eq!(host.send("1-1", 1, "file", "new").await, Err(decided.clone()));
    let tar = Command::new("tar").args(["-cf", "-", "-T", "/dev/null"]).output().unwrap().stdout;
    let (size, sha256) = (tar.len() as u64, sha256(&tar));
    let sent =
        Sent { directory: true, size, sha256: &sha256, to: &tree, mode: None, owner: None, user: None };
    let argv = host.remote.receive("1-1", 2, &sent);
    let answer = host.connection.send(&argv, &*tar, LIMIT, |_| ()).await.unwrap();
    assert_eq!(remote::answer_of(&answer.stdout, &answer.stderr), Err(decided));
    assert_eq!(host.read("file").unwrap(), "old");
    assert_eq!(left(&host), ["file", "state"], "nothing of it stays");
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_moved() {
    let host = Host::leased().await;
    fs::write(host.path("file"), "old").unwrap();
    host.arm("1-1", LONG, &format!("undo_upload 1 'file' {}\n", host.text("file"))).await;
    let content = "x".repeat(200_000);
    let (sum, file) = (sha256(content.as_bytes()), host.text("file"));
    let sent = Sent {
        directory: false,
        size: 200_000,
        sha256: &sum,
        to: &file,
        mode: None,
        owner: None,
        user: None,
    };
    // Without being root the limit of a file's size is the disk's that is full.
    let mut argv: Vec<String> = ["sh", "-c", "ulimit -f 100; exec \"$@\"", "sh"].map(str::to_owned).to_vec();
    argv.extend(host.remote.receive("1-1", 1, &sent));
    let full = host.ask(&argv, &content).await;
    assert!(matches!(full, Err(RemoteError::Failed(_))), "{full:?}");
    assert_eq!(
        (host.read("file").unwrap().as_str(), left(&host)),
        ("old", vec!["file".into(), "state".into()])
    );
}
