//! `race monitor`: with 1 to 500 nodes, and through ten thousand sessions.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::chain::Chain;
use super::figures::table;
use super::watching::{Taken, cpu, load, peak, watch};

/// Sessions of a minute: of that many blocks, a block a second.
pub(crate) const SESSIONS: u32 = 20;
pub(crate) const BLOCKS: u32 = 3;
/// Sessions at full speed.
const MANY: u32 = 10_000;

/// `race monitor` on these nodes, in that directory.
fn command(race: &Path, directory: &Path, urls: &[String], length: Duration, sessions: u32) -> Command {
    let nodes: String = urls.iter().map(|url| format!("[[monitor.node]]\nurl = \"{url}\"\n")).collect();
    let length = length.as_millis();
    let policy = format!("[monitor]\nsession_length = \"{length}ms\"\ntarget_sessions = {sessions}\n{nodes}");
    std::fs::create_dir(directory.join("policies")).unwrap();
    std::fs::write(directory.join("policies/testnet.toml"), policy).unwrap();
    let mut command = Command::new(race);
    command.args(["monitor", "--checkpoint", "soak.json"]).current_dir(directory).env_clear();
    command
}

/// Lets `race monitor` watch all nodes for a minute. With a target of twenty it tells
/// every session.
pub(crate) fn minute(race: &Path, chain: &Chain) -> Taken {
    let directory = tempfile::tempdir().unwrap();
    let length = Duration::from_secs(BLOCKS.into());
    let command = command(race, directory.path(), &chain.urls, length, SESSIONS);
    let base = std::cell::Cell::new(0);
    let session = move |line: &str| {
        if let Some(rest) = line.strip_prefix("baseline: session ") {
            base.set(rest.split(',').next()?.parse().ok()?);
            return Some(base.get());
        }
        let (counted, rest) = line.split_once(" of ")?;
        let counted: u32 = counted.parse().ok().filter(|_| rest.ends_with("sessions passed"))?;
        Some(base.get() + counted)
    };
    let file = directory.path().join("soak.json");
    // The last one is told with the verdict.
    let told = usize::try_from(SESSIONS).unwrap();
    watch(chain, command, told, Some(file), session)
}

/// Measures ours by the number of nodes.
pub(crate) fn nodes(race: &Path, counts: &[usize]) {
    let rows: Vec<Vec<String>> = counts
        .iter()
        .map(|count| {
            let chain = Chain::start(*count, Duration::from_secs(1), BLOCKS);
            let mut cells = vec![count.to_string()];
            cells.extend(minute(race, &chain).cells());
            cells
        })
        .collect();
    table(
        &[
            "nodes",
            "CPU to start, s",
            "CPU a minute, s",
            "peak memory, MB",
            "told, ms: p50 / p99",
            "saved, ms: p50 / p99",
            "load",
        ],
        &rows,
    );
}

/// Measures ten thousand sessions of four nodes, as fast as the chain makes them, and
/// looks that each was counted once.
pub(crate) fn full_speed(race: &Path) {
    const BLOCK: Duration = Duration::from_millis(1);
    let chain = Chain::start(4, BLOCK, 4);
    let directory = tempfile::tempdir().unwrap();
    let mut command = command(race, directory.path(), &chain.urls, BLOCK * 4, MANY);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut rows, mut before, mut memory) = (Vec::new(), cpu(&child).unwrap(), 0.0);
    let mut counted_before = 0;
    let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    for line in lines.map_while(Result::ok) {
        memory = peak(&child).unwrap_or(memory);
        let counted = line.split_once(" of ").and_then(|(counted, _)| counted.parse::<u32>().ok());
        let Some((counted, now)) = counted.zip(cpu(&child)) else { continue };
        if counted / 1000 > counted_before / 1000 {
            let each = (now - before) * 1e6 / f64::from(counted - counted_before);
            rows.push(vec![format!("{counted_before} to {counted}"), format!("{each:.0}")]);
            (before, counted_before) = (now, counted);
        }
    }
    assert!(child.wait().unwrap().success(), "the soak has not passed");
    let text = std::fs::read_to_string(directory.path().join("soak.json")).unwrap();
    let soak: serde_json::Value = serde_json::from_str(&text).unwrap();
    let sessions = soak["sessions"].as_array().unwrap();
    let base = soak["baseline"]["session"].as_u64().unwrap();
    for (session, index) in sessions.iter().zip(base + 1..) {
        assert_eq!((session["index"].as_u64(), session["block"].as_u64()), (Some(index), Some(index * 4)));
    }
    let counted = soak["counted"].as_u64().unwrap();
    println!(
        "{counted} sessions counted, {} in the list, each with its first block; {:.1} MB at most, load {:.1}\n",
        sessions.len(),
        memory,
        load()
    );
    // Of those after the last one that is needed only one is kept.
    assert!(counted >= u64::from(MANY) && sessions.len() as u64 == counted.min(u64::from(MANY) + 1));
    table(&["sessions", "CPU of each, µs"], &rows);
}
