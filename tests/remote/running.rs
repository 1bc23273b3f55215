//! Commands: what they are given, what they write, and how they are ended.

use std::time::{Duration, Instant};

use testnet_deployer::ssh::{Ended, SshError};

use crate::host::{Host, LIMIT, LONG, alive, open, until};

fn argv(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[tokio::test]
async fn secrets_come_on_stdin_and_are_nowhere_else() {
    let host = Host::leased().await;
    host.arm("1-1", LONG, "").await;
    let secret = "s3cr3t-0f-0urs";
    let script =
        "cat; for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline; done 2>/dev/null | grep -c s3cr3[t]";
    let (_, lines) = host.step("1-1", 1, &format!("{secret}\n"), &["sh", "-c", script]).await;
    assert_eq!(lines, [secret, "0"]);
    let grep = argv(&["grep", "-r", secret, &host.text("state")]);
    assert_eq!(host.connection.call(&grep, b"", LIMIT).await.unwrap().status, 1, "not on the disk either");
}

#[tokio::test]
async fn a_daemon_that_holds_the_streams_keeps_nobody() {
    let host = Host::leased().await;
    host.arm("1-1", LONG, "").await;
    let started = Instant::now();
    let (ended, lines) = host.step("1-1", 1, "", &["sh", "-c", "sleep 600 & echo $!; exit 4"]).await;
    assert_eq!(ended, Ended::Exit(4));
    let run = argv(&["sh", "-c", "sleep 600 & echo $!"]);
    let mut pids = lines;
    assert_eq!(
        host.connection.run(&run, LIMIT, |_, line| pids.push(line.to_owned())).await.unwrap(),
        Ended::Exit(0)
    );
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(pids.len(), 2);
    for pid in &pids {
        assert!(alive(pid), "a daemon stays");
        let kill = argv(&["kill", pid]);
        host.connection.call(&kill, b"", LIMIT).await.unwrap();
    }
}

#[tokio::test]
async fn a_flood_costs_little_and_odd_bytes_stay_lines() {
    let host = Host::leased().await;
    host.arm("1-1", LONG, "").await;
    let (mut bytes, mut lines) = (0, 0);
    let flood = argv(&["sh", "-c", "yes '::error::x' | head -c 200000000"]);
    let count = |_, line: &str| {
        bytes += line.len();
        lines += 1;
    };
    assert_eq!(host.connection.run(&flood, LIMIT, count).await.unwrap(), Ended::Exit(0));
    assert!((1_000_000..17_000_000).contains(&bytes), "{bytes} bytes in {lines} lines");
    let endless = host.remote.step("1-1", 1, 0, &argv(&["yes"]));
    let started = Instant::now();
    let ended = host.connection.watch(&endless, b"", Duration::from_secs(1), |_, _| {}).await.unwrap();
    assert_eq!(ended, Ended::TimedOut);
    assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
    let (_, lines) = host.step("1-1", 2, "", &["printf", "\\377\\n##[error]x\\n\\033[2J\\n"]).await;
    assert_eq!(lines, ["\u{fffd}", "##[error]x", "\u{1b}[2J"]);
}

#[tokio::test]
async fn a_step_ends_with_its_connection() {
    let host = Host::leased().await;
    host.arm("1-1", LONG, "").await;
    let script = "sleep 600 & echo $! $$ >\"$0\"; wait";
    let pids = host.text("pids");
    let call = host.remote.step("1-1", 1, 0, &argv(&["sh", "-c", script, &pids]));
    let cut = async {
        until("the step runs", || host.read("pids").is_some_and(|text| text.ends_with('\n'))).await;
        host.server.kill_sessions();
    };
    let (ended, ()) = tokio::join!(host.connection.watch(&call, b"", LIMIT, |_, _| {}), cut);
    assert!(matches!(ended, Err(SshError::Lost { .. })), "{ended:?}");
    for pid in host.read("pids").unwrap().split_whitespace() {
        until("the step has ended", || !alive(pid)).await;
    }
    let host = Host { connection: open(&host.server).await, ..host };
    host.ask(&host.remote.undo("1-1"), "").await.unwrap();
    host.until_undone("1-1").await;
}
