//! What a remote command writes, relayed as lines until it has said all.

use openssh::{ChildStderr, ChildStdout};
use tokio::io::AsyncReadExt as _;

use super::lines::Lines;

/// The shell around a command writes this line to both streams when the command
/// itself has ended. A daemon that it left behind may hold them open for ever.
const ENDED: &str = "race-ended";

/// The most that is passed on of one command's output, in bytes.
const MOST: usize = 16 * 1024 * 1024;

/// Which stream a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With this exit status. 127: there is no such program; above 128: by a signal.
    Exit(i32),
    /// It took longer than it may, and was ended.
    TimedOut,
}

/// One stream of a command.
#[derive(Debug, Default)]
struct Output {
    lines: Lines,
    /// An empty line that may belong to the mark of the end.
    blank: bool,
    ended: bool,
}

impl Output {
    fn push(&mut self, bytes: &[u8], mut pass: impl FnMut(&str)) {
        let Self { lines, blank, ended } = self;
        lines.push(bytes, |line| {
            *ended |= line == ENDED;
            if *ended {
                return;
            }
            if std::mem::replace(blank, line.is_empty()) {
                pass("");
            }
            if !line.is_empty() {
                pass(line);
            }
        });
    }

    fn end(&mut self, mut pass: impl FnMut(&str)) {
        if self.ended {
            return;
        }
        if std::mem::take(&mut self.blank) {
            pass("");
        }
        self.lines.end(pass);
    }
}

/// Passes on what a command writes, until it has ended or closes both streams.
pub(super) async fn relay(
    mut stdout: Option<ChildStdout>,
    mut stderr: Option<ChildStderr>,
    line: &mut impl FnMut(Stream, &str),
) {
    let (mut out, mut err) = (Output::default(), Output::default());
    let (mut out_buffer, mut err_buffer) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let mut passed = 0;
    let mut line = |stream, text: &str| {
        if passed > MOST {
            return;
        }
        passed += text.len() + 1;
        line(stream, text);
        if passed > MOST {
            line(stream, "[it writes more than 16 MiB: the rest is dropped]");
        }
    };
    while stdout.is_some() || stderr.is_some() {
        tokio::select! {
            read = read(&mut stdout, &mut out_buffer), if stdout.is_some() => {
                out.push(out_buffer.get(..read).unwrap_or_default(), |text| line(Stream::Stdout, text));
                if read == 0 || out.ended { stdout = None; }
            }
            read = read(&mut stderr, &mut err_buffer), if stderr.is_some() => {
                err.push(err_buffer.get(..read).unwrap_or_default(), |text| line(Stream::Stderr, text));
                if read == 0 || err.ended { stderr = None; }
            }
        }
    }
    out.end(|text| line(Stream::Stdout, text));
    err.end(|text| line(Stream::Stderr, text));
}

/// Reads some bytes; none at the end, and none from a stream that fails.
async fn read(stream: &mut Option<impl tokio::io::AsyncRead + Unpin>, buffer: &mut [u8]) -> usize {
    match stream {
        Some(stream) => stream.read(buffer).await.unwrap_or_default(),
        None => 0,
    }
}

/// The first so many bytes of a stream, as text. The rest is read and dropped, so
/// that nobody waits for us.
pub(super) async fn head_of(stream: Option<impl tokio::io::AsyncRead + Unpin>, most: usize) -> String {
    let Some(mut stream) = stream else { return String::new() };
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        let room = most.saturating_sub(head.len());
        head.extend(buffer.iter().take(count.min(room)));
    }
    String::from_utf8_lossy(&head).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(text: &str) -> Vec<String> {
        let (mut output, mut lines) = (Output::default(), Vec::new());
        output.push(text.as_bytes(), |line| lines.push(line.to_owned()));
        output.end(|line| lines.push(line.to_owned()));
        lines
    }

    #[test]
    fn the_mark_of_the_end_is_no_line_of_the_command() {
        assert_eq!(passed("a\n\nrace-ended\nlate\n"), ["a"]);
        assert_eq!(passed("a\nrace-ended\nlate"), ["a"]);
        assert_eq!(passed("a\n\n\nrace-ended\n"), ["a", ""]);
        assert_eq!(passed("a\n\nb"), ["a", "", "b"]);
        assert_eq!(passed("a\n\n"), ["a", ""]);
        assert_eq!(passed("\nrace-ended\n"), Vec::<String>::new());
    }
}
