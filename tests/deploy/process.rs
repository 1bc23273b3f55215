//! `race` as a process: what it says while it runs, and how it ends.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The longest that anything here may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(100);

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Nothing where a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Whether stderr has each of these texts.
    pub(crate) fn says(&self, texts: &[&str]) {
        for text in texts {
            assert!(self.stderr.contains(text), "`{text}` is not in:\n{}", self.stderr);
        }
    }
}

#[derive(Default)]
struct Said {
    lines: Vec<String>,
    ended: bool,
}

/// A process under way. It is killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    said: Arc<(Mutex<Said>, Condvar)>,
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<()>>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let said = Arc::new((Mutex::new(Said::default()), Condvar::new()));
        let (mut out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let stdout = std::thread::spawn(move || {
            let mut text = Vec::new();
            out.read_to_end(&mut text).unwrap();
            String::from_utf8(text).unwrap()
        });
        let telling = Arc::clone(&said);
        let stderr = std::thread::spawn(move || {
            let tell = |change: &dyn Fn(&mut Said)| {
                change(&mut telling.0.lock().unwrap());
                telling.1.notify_all();
            };
            for line in BufReader::new(err).split(b'\n') {
                let Ok(line) = line else { break };
                let line = String::from_utf8(line).unwrap();
                tell(&|said| said.lines.push(line.clone()));
            }
            tell(&|said| said.ended = true);
        });
        Self { child, said, stdout: Some(stdout), stderr: Some(stderr) }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to the process alone.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Waits until a line contains this, and returns it. A process that ends first fails
    /// the test.
    pub(crate) fn line(&self, part: &str) -> String {
        let found = self.until(|lines| lines.iter().find(|line| line.contains(part)).cloned());
        found.unwrap_or_else(|| panic!("it ended without `{part}`:\n{}", self.so_far()))
    }

    /// Waits until it has written so many lines, or has ended.
    pub(crate) fn lines(&self, count: usize) {
        let _ = self.until(|lines| (lines.len() >= count).then_some(()));
    }

    /// Waits until the lines are as they should be; nothing when it ended before.
    fn until<T>(&self, mut found: impl FnMut(&[String]) -> Option<T>) -> Option<T> {
        let (lock, told) = &*self.said;
        let mut said = lock.lock().unwrap();
        let deadline = Instant::now() + PATIENCE;
        loop {
            match found(&said.lines) {
                None if said.ended => return None,
                None => {}
                found => return found,
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "not in time; so far:\n{}", said.lines.join("\n"));
            said = told.wait_timeout(said, left).unwrap().0;
        }
    }

    pub(crate) fn so_far(&self) -> String {
        self.said.0.lock().unwrap().lines.join("\n")
    }

    /// The most memory that it has had at once, in KiB.
    pub(crate) fn peak(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.split_whitespace().next()?.parse().ok()
    }

    /// Waits for the end.
    pub(crate) fn end(mut self) -> Ended {
        until("the process has ended", || self.child.try_wait().unwrap().is_some());
        self.stderr.take().unwrap().join().unwrap();
        let stdout = self.stdout.take().unwrap().join().unwrap();
        let code = self.child.wait().unwrap().code();
        let stderr = self.so_far();
        Ended { code, stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("it said:\n{}", self.so_far());
        }
    }
}

/// Waits until nothing is left; a test that waits too long fails, and tells what was.
pub(crate) fn until_none<T: std::fmt::Debug>(what: &str, mut left: impl FnMut() -> Vec<T>) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = left();
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "not in time: {what}; left: {left:#?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until `condition` holds; a test that waits too long fails.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
