//! Where a host's output goes: the first and the last lines of a command to the log,
//! and all of it into a file of the host. Secrets are masked in both.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use crate::config::Secret;
use crate::report::{Output, Paint, inert};

/// So many lines of a command go to the log as they come, ...
const FIRST: usize = 500;

/// ... and so many of the last ones once it has ended.
const LAST: usize = 50;

/// The longest file of a host, in bytes.
const LONGEST_FILE: u64 = 256 << 20;

/// What stands for a secret.
const MASK: &str = "***";

/// A part of a secret that is shorter is no secret: masking it would only garble.
const SHORTEST_MASKED: usize = 4;

/// The log of one host.
pub(super) struct HostLog {
    host: String,
    output: Output,
    file: RefCell<Option<LogFile>>,
    masked: Vec<String>,
}

struct LogFile {
    writer: BufWriter<File>,
    left: u64,
}

impl HostLog {
    /// The log of `host`; with `directory`, `HOST.log` in it gets everything.
    ///
    /// # Errors
    ///
    /// When the file cannot be made.
    pub(super) fn open(
        host: &str,
        output: Output,
        directory: Option<&Path>,
        secrets: &[Secret],
    ) -> io::Result<Self> {
        let file = directory.map(|directory| {
            std::fs::create_dir_all(directory)?;
            let file = File::create(directory.join(format!("{host}.log")))?;
            Ok::<_, io::Error>(LogFile { writer: BufWriter::new(file), left: LONGEST_FILE })
        });
        let lines = secrets.iter().flat_map(|secret| secret.expose().lines().map(str::trim));
        let masked = lines.filter(|line| line.len() >= SHORTEST_MASKED).map(str::to_owned).collect();
        Ok(Self { host: host.to_owned(), output, file: RefCell::new(file.transpose()?), masked })
    }

    /// Says something of ours about the host.
    pub(super) fn say(&self, text: &str) {
        let text = self.mask(text);
        self.output.log(&format!("{}: {text}", self.host));
        self.write(&text);
    }

    /// Begins the output of a command, which is shown first.
    pub(super) fn command(&self, shown: &str) -> CommandLog<'_> {
        let shown = self.mask(shown);
        self.output.log_painted(Paint::Dim, &format!("{} $ {shown}", self.host));
        self.write(&format!("$ {shown}"));
        CommandLog { log: self, shown: 0, last: VecDeque::new(), left_out: 0 }
    }

    /// Puts what is buffered into the file.
    pub(super) fn flush(&self) {
        if let Some(file) = self.file.borrow_mut().as_mut() {
            // A full disk of the runner must not stop a deployment.
            let _ = file.writer.flush();
        }
    }

    fn write(&self, line: &str) {
        let mut guard = self.file.borrow_mut();
        let Some(file) = guard.as_mut() else { return };
        let line = inert(line);
        let length = u64::try_from(line.len() + 1).unwrap_or(u64::MAX);
        match file.left.checked_sub(length) {
            Some(left) => {
                file.left = left;
                let _ = writeln!(file.writer, "{line}");
            }
            None if file.left > 0 => {
                file.left = 0;
                let _ = writeln!(file.writer, "[the rest was left out: the file has its longest size]");
            }
            None => {}
        }
    }

    /// The text with its secrets masked.
    pub(super) fn mask(&self, text: &str) -> String {
        self.masked.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), MASK))
    }
}

/// The output of one command.
pub(super) struct CommandLog<'l> {
    log: &'l HostLog,
    shown: usize,
    last: VecDeque<String>,
    left_out: usize,
}

impl CommandLog<'_> {
    /// Takes a line that the command wrote.
    pub(super) fn line(&mut self, text: &str) {
        let text = self.log.mask(text);
        self.log.write(&text);
        if self.shown < FIRST {
            self.shown += 1;
            self.log.output.log(&format!("{} | {text}", self.log.host));
            return;
        }
        self.last.push_back(text);
        if self.last.len() > LAST {
            self.last.pop_front();
            self.left_out += 1;
        }
    }

    /// Shows the last lines, after the command has ended.
    pub(super) fn end(self) {
        let HostLog { host, output, .. } = self.log;
        if self.left_out > 0 {
            output.log(&format!("{host}: {} lines are not shown here", self.left_out));
        }
        for line in &self.last {
            output.log(&format!("{host} | {line}"));
        }
        self.log.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Color, Format, Style};

    fn log(directory: &Path, secret: &str) -> HostLog {
        let output = Output::new(Style::new(Format::Human, Color::Never, false, true, true));
        let secrets: Vec<Secret> = Secret::new(secret).into_iter().collect();
        HostLog::open("validator-1", output, Some(directory), &secrets).unwrap()
    }

    #[test]
    fn the_file_has_every_line_without_the_secret() {
        let directory = tempfile::tempdir().unwrap();
        let log = log(directory.path(), "first line\nsecond line\nab");
        let mut command = log.command("install second line");
        for number in 0..2 * FIRST {
            command.line(&format!("{number} first line ab \u{1b}[31m"));
        }
        assert_eq!((command.shown, command.last.len(), command.left_out), (FIRST, LAST, FIRST - LAST));
        command.end();
        let text = std::fs::read_to_string(directory.path().join("validator-1.log")).unwrap();
        assert_eq!(text.lines().count(), 2 * FIRST + 1);
        assert!(text.starts_with("$ install ***\n0 *** ab "), "{text}");
        assert!(!text.contains(" line") && !text.contains('\u{1b}'));
    }

    #[test]
    fn a_flood_does_not_fill_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let log = log(directory.path(), "secret");
        log.file.borrow_mut().as_mut().unwrap().left = 10;
        for line in ["1234", "567890", "lost", "lost"] {
            log.write(line);
        }
        log.flush();
        let text = std::fs::read_to_string(directory.path().join("validator-1.log")).unwrap();
        assert_eq!(text, "1234\n[the rest was left out: the file has its longest size]\n");
    }
}
