//! A rehearsal in which a person reviews, as a process.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};

/// A rehearsal that waits for its reviewer.
pub(crate) struct Rehearsal {
    child: Child,
    rest: Option<JoinHandle<String>>,
    /// Where the page is.
    pub(crate) url: String,
}

impl Rehearsal {
    pub(crate) fn begin(flags: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_rehearse"))
            .args(flags.split_whitespace())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log: BufReader<ChildStderr> = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        let url = loop {
            line.clear();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "the rehearsal ended before it told its page");
            if let Some((_, url)) = line.split_once(" the run at ") {
                break url.trim().to_owned();
            }
        };
        let rest = std::thread::spawn(move || {
            let mut text = String::new();
            log.read_to_string(&mut text).unwrap();
            text
        });
        Self { child, rest: Some(rest), url }
    }

    /// Sends what Ctrl-C sends.
    pub(crate) fn interrupt(&self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
    }

    /// Waits for its end and holds it to an exit code.
    #[track_caller]
    pub(crate) fn ends_with(mut self, code: i32) {
        let ended = self.child.wait().unwrap();
        let log = self.rest.take().unwrap().join().unwrap();
        assert_eq!(ended.code(), Some(code), "{log}");
    }
}

impl Drop for Rehearsal {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
