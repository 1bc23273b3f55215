//! What is known of a change: the input of [`super::advise()`].

use crate::policy::Association;

/// What is known of a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The files that differ.
    pub files: Vec<ChangedFile>,
    /// Why there may be more of them, where that is so.
    pub cut: Option<String>,
    /// What Cargo's files among them said and say, as far as [`super::wanted`] asks.
    pub manifests: Vec<Manifest>,
    /// The pull request's labels, where they are known.
    pub labels: Option<Vec<String>>,
    /// What its author is to the repository, where that is known.
    pub author: Option<Association>,
}

/// A file that differs: also a symbolic link or a submodule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedFile {
    /// Its path from the root of the repository; the former one where it was removed.
    pub path: String,
    /// Its path before it was renamed or copied.
    pub previous: Option<String>,
    /// What happened to it.
    pub kind: Kind,
    /// Lines added and deleted.
    pub lines: u64,
    /// Whether its content is another.
    pub content: Content,
}

impl ChangedFile {
    /// A file that was modified in so many lines.
    #[must_use]
    pub fn modified(path: &str, lines: u64) -> Self {
        let content = if lines == 0 { Content::Unknown } else { Content::Differs };
        Self { path: path.to_owned(), previous: None, kind: Kind::Modified, lines, content }
    }

    /// Every name that it has or had.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.path.as_str()).chain(self.previous.as_deref())
    }
}

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It was not there before.
    Added,
    /// It is not there any more.
    Removed,
    /// It was there and is, maybe by another name; also what is unknown today.
    Modified,
}

/// Whether the content of a file is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// It is the same: a new name or a new mode.
    Same,
    /// It is another, or was or is none.
    Differs,
    /// Nobody looked: counts as another.
    Unknown,
}

/// One of Cargo's files, on both sides of the change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Its path now; the former one where it was removed.
    pub path: String,
    /// Its path before it was renamed.
    pub previous: Option<String>,
    /// What it said.
    pub before: Text,
    /// What it says.
    pub after: Text,
}

impl Manifest {
    /// The file that has these paths and texts before and after the change; none where it
    /// has no path at all.
    #[must_use]
    pub fn of(before: Option<String>, after: Option<String>, texts: (Text, Text)) -> Option<Self> {
        let path = after.clone().or_else(|| before.clone())?;
        let previous = before.filter(|before| *before != path);
        Some(Self { path, previous, before: texts.0, after: texts.1 })
    }

    /// Its path before the change.
    #[must_use]
    pub fn path_before(&self) -> &str {
        self.previous.as_deref().unwrap_or(&self.path)
    }
}

/// What a file says on one side of the change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// There is none.
    Absent,
    /// This.
    Is(String),
    /// It cannot be read, and why.
    Unreadable(String),
}
