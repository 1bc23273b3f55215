//! A program that watches a chain, and what it takes of the machine meanwhile.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::chain::Chain;
use super::figures::Sample;

/// How many of the kernel's clock ticks are a second: the same on every Linux.
const TICKS: f64 = 100.0;
/// The longest that a program may stay without a session.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is known of a program that has watched.
pub(crate) struct Taken {
    /// CPU time in seconds until the first session was told, and per minute from then.
    pub(crate) start: f64,
    pub(crate) minute: f64,
    /// Peak memory in megabytes.
    pub(crate) memory: f64,
    /// From a session's finalization to the line that tells it, and to the file on the
    /// disk that holds it, in milliseconds.
    pub(crate) told: Vec<f64>,
    pub(crate) saved: Vec<f64>,
    /// Load of the machine at the end, of a minute.
    pub(crate) load: f64,
}

impl Taken {
    /// Its cells in a table; `saved` only where there is a file.
    pub(crate) fn cells(&self) -> Vec<String> {
        let quantiles = |values: &[f64]| {
            let sample = Sample::of(values.iter().copied());
            let [middle, late] = [0.5, 0.99].map(|share| sample.quantile(share));
            if values.is_empty() { "-".to_owned() } else { format!("{middle:.1} / {late:.1}") }
        };
        vec![
            format!("{:.2}", self.start),
            format!("{:.2}", self.minute),
            format!("{:.1}", self.memory),
            quantiles(&self.told),
            quantiles(&self.saved),
            format!("{:.1}", self.load),
        ]
    }
}

/// Lets a program watch until it has told so many sessions, and ends it then, unless
/// it ends by itself. `session` reads one of its lines.
pub(crate) fn watch(
    chain: &Chain,
    mut command: Command,
    sessions: usize,
    file: Option<PathBuf>,
    session: impl Fn(&str) -> Option<u32> + Send + 'static,
) -> Taken {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (sender, lines) = mpsc::channel();
    let (output, errors) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let also = sender.clone();
    thread::spawn(move || read(output, &sender));
    thread::spawn(move || read(errors, &also));
    let over = Arc::new(AtomicBool::new(false));
    let until = over.clone();
    let saving = file.map(|file| thread::spawn(move || saved(&file, &until)));
    let mut told: BTreeMap<u32, Instant> = BTreeMap::new();
    let (mut first, mut last, mut memory, mut said) = (None, None, 0.0, String::new());
    let mut heard = Instant::now();
    while told.len() < sessions {
        assert!(heard.elapsed() < PATIENCE, "{command:?} tells nothing: {said}");
        match lines.recv_timeout(Duration::from_millis(100)) {
            Ok((line, moment)) => {
                if let Some(session) = session(&line) {
                    assert!(told.insert(session, moment).is_none(), "session {session} twice");
                    heard = moment;
                    let cpu = cpu(&child);
                    first.get_or_insert((cpu, moment));
                    last = cpu.map(|cpu| (cpu, moment)).or(last);
                }
                said.push_str(&line);
                said.push('\n');
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => panic!("{command:?} ended: {said}"),
        }
        memory = peak(&child).unwrap_or(memory);
    }
    let load = load();
    over.store(true, Ordering::Relaxed);
    let _ = child.kill();
    let _ = child.wait();
    let ((start, from), (end, to)) = (first.unwrap(), last.unwrap());
    let start = start.unwrap();
    let delays = |moments: &BTreeMap<u32, Instant>| {
        // The first one is where it began to count.
        let delay = |(session, moment): (&u32, &Instant)| {
            Some(moment.checked_duration_since(chain.began(*session)?)?.as_secs_f64() * 1e3)
        };
        moments.iter().skip(1).filter_map(delay).collect::<Vec<f64>>()
    };
    let saved = saving.map(|saving| delays(&saving.join().unwrap())).unwrap_or_default();
    Taken {
        start,
        minute: (end - start) / (to - from).as_secs_f64() * 60.0,
        memory,
        told: delays(&told),
        saved,
        load,
    }
}

fn read(from: impl std::io::Read, lines: &mpsc::Sender<(String, Instant)>) {
    for line in BufReader::new(from).lines().map_while(Result::ok) {
        if lines.send((line, Instant::now())).is_err() {
            return;
        }
    }
}

/// When a checkpoint with each session was on the disk: looked at every millisecond.
fn saved(file: &Path, over: &AtomicBool) -> BTreeMap<u32, Instant> {
    let (mut known, mut moments) = (0, BTreeMap::new());
    while !over.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(1));
        let Ok(inode) = fs::metadata(file).map(|metadata| metadata.ino()) else { continue };
        if inode == known {
            continue;
        }
        let moment = Instant::now();
        known = inode;
        let Ok(text) = fs::read_to_string(file) else { continue };
        let soak: serde_json::Value = serde_json::from_str(&text).unwrap();
        let session = soak["sessions"].as_array().and_then(|all| all.last()?["index"].as_u64());
        if let Some(session) = session.and_then(|session| u32::try_from(session).ok()) {
            moments.entry(session).or_insert(moment);
        }
    }
    moments
}

/// CPU time in seconds of a process that has not ended.
pub(crate) fn cpu(child: &Child) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{}/stat", child.id())).ok()?;
    let (_, words) = text.rsplit_once(") ")?;
    let words: Vec<&str> = words.split_whitespace().collect();
    Some(words[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap() / TICKS).sum())
}

/// Its peak memory in megabytes.
pub(crate) fn peak(child: &Child) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? * 1024.0 / 1e6)
}

/// The machine's load of the last minute.
pub(crate) fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}
