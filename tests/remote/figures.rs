//! What the program costs. Not part of the tests: `--ignored --nocapture`.

use std::time::Instant;

use testnet_deployer::deploy::remote::{self, Sent};

use crate::host::{Host, LIMIT, LONG, open, sha256};

#[tokio::test]
#[ignore = "measures"]
async fn figures() {
    let host = Host::leased().await;
    let time =
        |what: &str, started: Instant, times: u32| eprintln!("{what}: {:?}", started.elapsed() / times);
    let started = Instant::now();
    for _ in 0..10 {
        open(&host.server).await.close().await;
    }
    time("login and leaving", started, 10);
    let started = Instant::now();
    for _ in 0..50 {
        host.connection.call(&["true".to_owned()], b"", LIMIT).await.unwrap();
    }
    time("call of `true`", started, 50);
    let started = Instant::now();
    for _ in 0..20 {
        host.ask(&host.remote.probe(&[], &["/usr"]), "").await.unwrap();
    }
    time("probe", started, 20);
    let list = format!("undo_upload 1 'a' {}\n", host.text("a"));
    let started = Instant::now();
    host.arm("1", LONG, &list).await;
    time("arm", started, 1);
    let started = Instant::now();
    for _ in 0..20 {
        host.ask(&host.remote.renew("1", LONG, "L", LONG), "").await.unwrap();
    }
    time("renew", started, 20);
    let started = Instant::now();
    for number in 10..30 {
        host.step("1", number, "", &["true"]).await;
    }
    time("step", started, 20);
    let content = vec![b'x'; 50 << 20];
    for (number, size) in [(2, 1024), (3, 50 << 20), (4, 50 << 20)] {
        let bytes = &content[..size];
        let (sum, to) = (sha256(bytes), host.text(&format!("f{number}")));
        let sent = Sent {
            directory: false,
            size: size as u64,
            sha256: &sum,
            to: &to,
            mode: None,
            owner: None,
            user: None,
        };
        let argv = host.remote.receive("1", number, &sent);
        let started = Instant::now();
        let answer = host.connection.send(&argv, bytes, LIMIT, |_| {}).await.unwrap();
        remote::received(&remote::answer_of(&answer.stdout, &answer.stderr).unwrap()).unwrap();
        time(&format!("receive {size} bytes"), started, 1);
        let started = Instant::now();
        host.ask(&host.remote.look(&[(None, &to)]), "").await.unwrap();
        time("look", started, 1);
    }
    let started = Instant::now();
    let flood = ["sh", "-c", "yes | head -c 1000000000"].map(str::to_owned);
    host.connection.run(&flood, LONG, |_, _| {}).await.unwrap();
    time("flood of 1 GB", started, 1);
    let started = Instant::now();
    host.ask(&host.remote.confirm("1", "abc"), "").await.unwrap();
    time("confirm", started, 1);
}
