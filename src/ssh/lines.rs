//! Bytes of a remote command cut into lines of bounded length.

/// The longest line that is passed on, in bytes; the rest of it is dropped.
const LIMIT: usize = 4096;

/// Cuts a stream of bytes into lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    line: Vec<u8>,
    dropped: bool,
}

impl Lines {
    /// Takes bytes in, and gives every line that they complete to `line`.
    pub(super) fn push(&mut self, bytes: &[u8], mut line: impl FnMut(&str)) {
        let mut pieces = bytes.split(|byte| *byte == b'\n');
        let last = pieces.next_back().unwrap_or_default();
        for piece in pieces {
            self.extend(piece);
            self.finish(&mut line);
        }
        self.extend(last);
    }

    /// Gives the line that no line break ends, where there is one.
    pub(super) fn end(&mut self, line: impl FnMut(&str)) {
        if !self.line.is_empty() {
            self.finish(line);
        }
    }

    fn extend(&mut self, bytes: &[u8]) {
        let room = LIMIT - self.line.len();
        self.line.extend(bytes.iter().take(room));
        self.dropped |= bytes.len() > room;
    }

    fn finish(&mut self, mut line: impl FnMut(&str)) {
        let mut text = String::from_utf8_lossy(&self.line).into_owned();
        if self.dropped {
            text.push_str(" [cut]");
        } else if text.ends_with('\r') {
            text.pop();
        }
        line(&text);
        self.line.clear();
        self.dropped = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&[u8]]) -> Vec<String> {
        let (mut cutter, mut lines) = (Lines::default(), Vec::new());
        for chunk in chunks {
            cutter.push(chunk, |line| lines.push(line.to_owned()));
        }
        cutter.end(|line| lines.push(line.to_owned()));
        lines
    }

    #[test]
    fn lines_do_not_depend_on_how_bytes_arrive() {
        assert_eq!(lines(&[b"one\ntwo\r\n", b"\nth", b"ree"]), ["one", "two", "", "three"]);
        assert_eq!(lines(&["gr\u{fc}n\n".as_bytes()]), ["gr\u{fc}n"]);
        assert_eq!(lines(&[b"\xff\n"]), ["\u{fffd}"]);
        assert!(lines(&[]).is_empty());
    }

    #[test]
    fn a_line_without_an_end_costs_no_memory() {
        let chunk = [b'x'; 1000];
        let (mut cutter, mut lines) = (Lines::default(), Vec::new());
        for _ in 0..10_000 {
            cutter.push(&chunk, |line| lines.push(line.len()));
        }
        assert!(cutter.line.capacity() <= 2 * LIMIT);
        cutter.push(b"\nnext\n", |line| lines.push(line.len()));
        assert_eq!(lines, [LIMIT + " [cut]".len(), 4]);
    }
}
