//! The review page: a run as GitHub's own page shows it to a reviewer, and what
//! the rehearsal adds to it. How it reaches a browser is `github::web`'s matter.

mod html;
mod render;
mod state;

pub(super) use render::{View, live_parts, whole};

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

/// The page of a stand-in, besides the world that it shows.
#[derive(Clone, Debug)]
pub(super) struct Page {
    /// Login of whoever sits in front of the browser.
    pub(super) reviewer: String,
    /// Must come back with every form, so that no other site can send one.
    pub(super) token: String,
    /// What the rehearsal tells besides.
    pub(super) told: Told,
    /// Whether anybody ever looked.
    pub(super) opened: bool,
    /// Browsers that are being told of changes now.
    pub(super) listeners: usize,
    /// Whether the ending has reached a browser.
    pub(super) ending_shown: bool,
}

/// What a rehearsal tells on the page that GitHub would not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Sessions that passed in the soak, and how many must.
    pub(super) sessions: Option<(u32, u32)>,
    /// How it ended, once it has.
    pub(super) ending: Option<ToldEnding>,
}

/// How a rehearsal ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ToldEnding {
    /// Whether the check is green.
    pub(super) green: bool,
    /// What `race wait` came to, in a line.
    pub(super) verdict: String,
    /// What `race inspect` says of the run.
    pub(super) inspect: String,
}

impl Page {
    /// A page for `reviewer` that nobody has looked at yet.
    pub(super) fn new(reviewer: &str) -> Self {
        Self {
            reviewer: reviewer.to_owned(),
            token: unguessable(),
            told: Told::default(),
            opened: false,
            listeners: 0,
            ending_shown: false,
        }
    }

    /// Whether everybody who looks has seen the ending.
    pub(super) fn is_finished(&self) -> bool {
        !self.opened || (self.ending_shown && self.listeners == 0)
    }
}

/// 128 bits that another site cannot guess: the standard library keys its hashers
/// from the operating system's randomness.
pub(super) fn unguessable() -> String {
    let part = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", part(), part())
}
