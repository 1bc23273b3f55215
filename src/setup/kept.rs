//! A file that is there already against the one that would be written: what was edited
//! is kept, and the difference shown.

use similar::TextDiff;

use super::files::{STAMP, digest};

/// What becomes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// There is none: it is written.
    New,
    /// It is what would be written.
    Same,
    /// We wrote it, and nobody has edited it since: it is replaced.
    Ours {
        /// What changes, as a unified diff.
        diff: String,
    },
    /// Somebody wrote or edited it: it is kept.
    Edited {
        /// What we would have changed, as a unified diff.
        diff: String,
    },
}

impl Kept {
    /// Whether the file is written.
    #[must_use]
    pub const fn is_written(&self) -> bool {
        matches!(self, Self::New | Self::Ours { .. })
    }
}

/// What becomes of the file at `path`, of which `there` is found and `ours` wanted.
#[must_use]
pub fn kept(path: &str, there: Option<&str>, ours: &str) -> Kept {
    let Some(there) = there else { return Kept::New };
    if there == ours {
        return Kept::Same;
    }
    let (before, after) = (format!("a/{path}"), format!("b/{path}"));
    let diff = TextDiff::from_lines(there, ours).unified_diff().header(&before, &after).to_string();
    if is_untouched(there) { Kept::Ours { diff } } else { Kept::Edited { diff } }
}

/// Whether the file's stamp fits the rest of it.
fn is_untouched(text: &str) -> bool {
    let stamps = |line: &&str| line.starts_with(STAMP);
    let Some(stamp) = text.lines().take(2).find(stamps) else { return false };
    let told = stamp.trim_start_matches(STAMP).split(':').next().unwrap_or_default();
    let rest = text.replacen(&format!("{stamp}\n"), "", 1);
    digest(&rest) == told
}
