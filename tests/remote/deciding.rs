//! Lease, arming, the keeper, and who decides.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use testnet_deployer::deploy::remote::{self, RemoteError, Status, Taken};
use testnet_deployer::ssh::Ended;

use crate::host::{Host, LONG, alive, open, until};

fn list(host: &Host) -> String {
    let (file, log) = (host.text("file"), host.text("log"));
    format!(
        "undo_command 2 'restart' 10 sh -c 'echo restored >>\"$0\"' {log}\n\
         undo_upload 1 'binary' {file}\n\
         afterwards 'again' 10 sh -c 'echo afterwards >>\"$0\"' {log}\n"
    )
}

fn refused(why: &str) -> Result<Vec<String>, RemoteError> {
    Err(RemoteError::Refused(why.to_owned()))
}

#[tokio::test]
async fn the_lease_is_one_deployments_at_a_time() {
    let host = Host::start().await;
    let take = |id, over| host.remote.lease_take(id, LONG, "run 7 of alice", over);
    let (a, b) = (take("A", None), take("B", None));
    let (one, other) = tokio::join!(host.ask(&a, ""), host.ask(&b, ""));
    let both = [remote::taken(&one.unwrap()).unwrap(), remote::taken(&other.unwrap()).unwrap()];
    assert_eq!(both.iter().filter(|taken| **taken == Taken::Taken).count(), 1, "{both:?}");
    let winner = if both[0] == Taken::Taken { "A" } else { "B" };
    let Taken::Held(held) = remote::taken(&host.ask(&take("C", None), "").await.unwrap()).unwrap() else {
        panic!("taken twice")
    };
    assert_eq!((held.id.as_str(), held.line.as_str()), (winner, "run 7 of alice"));
    assert!((1..=600).contains(&held.seconds_left));
    assert_eq!(host.ask(&take("C", Some(winner)), "").await.unwrap(), ["taken"]);
    let renewed = host.ask(&host.remote.lease_renew(winner, LONG), "").await.unwrap();
    assert_eq!(remote::renewed(&renewed).unwrap().lost.unwrap().0, "C");
    let released = host.ask(&host.remote.lease_release(Some("A")), "").await.unwrap();
    assert_eq!(remote::released(&released).unwrap().unwrap().0, "C");
    assert_eq!(host.ask(&host.remote.lease_release(None), "").await.unwrap(), ["released"]);
    // One that has expired is free.
    let short = host.remote.lease_take("A", Duration::from_secs(1), "us", None);
    assert_eq!(host.ask(&short, "").await.unwrap(), ["taken"]);
    while host.ask(&take("B", None), "").await.unwrap() != ["taken"] {}
}

#[tokio::test]
async fn without_a_word_the_host_undoes_by_itself() {
    let host = Host::leased().await;
    std::fs::write(host.path("file"), "old").unwrap();
    let short = Duration::from_secs(2);
    host.arm("1-1", short, &list(&host)).await;
    host.send("1-1", 1, "file", "new").await.unwrap();
    assert_eq!(host.step("1-1", 2, "", &["true"]).await.0, Ended::Exit(0));
    assert_eq!(host.read("file").unwrap(), "new");
    host.server.kill_sessions();
    let host = Host { connection: open(&host.server).await, ..host };
    host.until_undone("1-1").await;
    assert_eq!(host.read("file").unwrap(), "old");
    assert_eq!(host.read("log").unwrap(), "restored\nafterwards\n");
    assert_eq!(host.ask(&host.remote.confirm("1-1", "abc"), "").await.unwrap(), ["undone ok"]);
}

#[tokio::test]
async fn what_was_confirmed_can_be_undone_until_the_lease_ends() {
    let host = Host::leased().await;
    host.arm("1-1", LONG, &list(&host)).await;
    host.send("1-1", 1, "file", "new").await.unwrap();
    let confirm = host.remote.confirm("1-1", "abc");
    assert_eq!(host.ask(&confirm, "").await.unwrap(), ["confirmed"]);
    let probed =
        remote::probed(&host.ask(&host.remote.probe(&[], &["/nowhere/at"]), "").await.unwrap()).unwrap();
    assert_eq!(probed.current.unwrap().1, "abc");
    assert_eq!((probed.free.len(), probed.unfinished.len(), probed.missing.len()), (2, 0, 0));
    host.ask(&host.remote.undo("1-1"), "").await.unwrap();
    host.until_undone("1-1").await;
    assert_eq!(host.read("file"), None, "there was none before");

    host.arm("1-2", LONG, &list(&host)).await;
    host.send("1-2", 1, "file", "newer").await.unwrap();
    assert_eq!(host.ask(&host.remote.confirm("1-2", "def"), "").await.unwrap(), ["confirmed"]);
    host.ask(&host.remote.lease_release(Some("L")), "").await.unwrap();
    assert_eq!(host.ask(&host.remote.undo("1-2"), "").await, refused("pruned"));
    assert_eq!(host.read("file").unwrap(), "newer");
}

#[tokio::test]
async fn confirming_and_undoing_at_once_has_one_outcome() {
    let host = Host::leased().await;
    let other = open(&host.server).await;
    for round in 0..8 {
        let id = format!("1-{round}");
        host.arm(&id, LONG, &list(&host)).await;
        let name = format!("state/deployments/{id}/decision");
        let (confirm, undo) = (host.remote.confirm(&id, "abc"), host.remote.renew(&id, LONG, "L", LONG));
        // The keeper decides with no lock but the link itself; so does this.
        let link = "ln -T \"$0\" \"$1\" 2>/dev/null || :";
        let (may, decision) = (host.text(&format!("state/deployments/{id}/may/undo")), host.text(&name));
        let fire: Vec<String> = ["sh", "-c", link, &may, &decision].map(str::to_owned).to_vec();
        let (confirmed, fired, _) =
            tokio::join!(host.ask(&confirm, ""), other.call(&fire, b"", LONG), host.ask(&undo, ""));
        fired.unwrap();
        if host.read(&name).unwrap() == "confirmed\n" {
            assert_eq!(confirmed.unwrap(), ["confirmed"]);
            assert_eq!(host.status(&id).await, Status::Confirmed);
        } else {
            assert_ne!(confirmed.unwrap(), ["confirmed"]);
            host.until_undone(&id).await;
        }
    }
}

#[tokio::test]
async fn a_killed_keeper_is_noticed_and_replaced() {
    let host = Host::leased().await;
    host.arm("1-1", LONG, &list(&host)).await;
    host.send("1-1", 1, "file", "new").await.unwrap();
    let keeper = host.keeper("1-1");
    kill_process(Pid::from_raw(keeper).unwrap(), Signal::KILL).unwrap();
    until("the keeper is dead", || !alive(&keeper.to_string())).await;
    assert!(matches!(host.status("1-1").await, Status::Armed { keeper: false, .. }));
    let arm = host.remote.arm("2-1", LONG, "L", "");
    assert_eq!(host.ask(&arm, "").await, refused("unfinished 1-1"));
    let probed = remote::probed(&host.ask(&host.remote.probe(&[], &[]), "").await.unwrap()).unwrap();
    assert!(probed.unfinished[0].status.ends_with("no-keeper"), "{probed:?}");
    host.ask(&host.remote.undo("1-1"), "").await.unwrap();
    host.until_undone("1-1").await;
    assert_eq!(host.read("file"), None);
    assert_eq!(host.ask(&arm, "").await.unwrap(), ["armed process"]);
}

#[tokio::test]
async fn a_step_that_still_runs_is_ended_before_the_undo() {
    let host = Host::leased().await;
    let other = open(&host.server).await;
    host.arm("1-1", LONG, &list(&host)).await;
    let pids = host.text("pids");
    // Neither of them ends when asked to.
    let script = "trap '' TERM; sleep 600 & echo $! $$ >\"$0\"; wait; sleep 600";
    let words = ["sh", "-c", script, &pids];
    let stuck = host.step("1-1", 2, "", &words);
    let undo = async {
        until("the step runs", || host.read("pids").is_some_and(|text| text.ends_with('\n'))).await;
        other.call(&host.remote.undo("1-1"), b"", LONG).await.unwrap();
        host.until_undone("1-1").await;
        for pid in host.read("pids").unwrap().split_whitespace() {
            assert!(!alive(pid), "{pid} runs beside the undo");
        }
    };
    let ((ended, _), ()) = tokio::join!(stuck, undo);
    assert_eq!(ended, Ended::Exit(137));
    assert_eq!(host.read("log").unwrap(), "restored\nafterwards\n");
    let (_, lines) = host.step("1-1", 3, "", &["true"]).await;
    assert_eq!(lines, ["the host refuses: decided"]);
}

#[tokio::test]
async fn arming_needs_the_lease_and_may_be_asked_again() {
    let host = Host::leased().await;
    let list = list(&host);
    let foreign = host.remote.arm("1-1", LONG, "M", &list);
    assert_eq!(host.ask(&foreign, &list).await, refused("lease L us"));
    let arm = host.remote.arm("1-1", LONG, "L", &list);
    assert!(host.ask(&arm, &list[..9]).await.is_err(), "half a list is none");
    assert_eq!(host.ask(&host.remote.status("1-1"), "").await, refused("unknown"));
    for _ in 0..2 {
        assert_eq!(host.ask(&arm, &list).await.unwrap(), ["armed process"]);
    }
    let renewed = host.ask(&host.remote.renew("1-1", LONG, "L", LONG), "").await.unwrap();
    let renewed = remote::renewed(&renewed).unwrap();
    assert!(matches!(renewed.status, Some(Status::Armed { seconds_left: 599..=600, keeper: true })));
    assert_eq!(host.step("1-1", 2, "", &["false"]).await.0, Ended::Exit(1));
    let (_, lines) = host.step("1-1", 2, "", &["false"]).await;
    assert_eq!(lines, ["the host refuses: begun"]);
}

#[tokio::test]
async fn an_undo_that_fails_is_named_and_the_others_go_on() {
    let host = Host::leased().await;
    let list =
        format!("undo_command 2 'hangs' 1 sleep 600\n{}", list(&host).replace("2 'restart'", "1 'restart'"));
    host.arm("1-1", LONG, &list).await;
    host.step("1-1", 1, "", &["true"]).await;
    host.step("1-1", 2, "", &["true"]).await;
    host.ask(&host.remote.undo("1-1"), "").await.unwrap();
    let failures = loop {
        if let Status::Undone(failures) = host.status("1-1").await {
            break failures;
        }
    };
    assert!(
        failures.iter().any(|failure| failure.number == Some(2) && failure.name == "hangs"),
        "{failures:?}"
    );
    assert_eq!(host.read("log").unwrap(), "restored\nafterwards\n");
}
