//! Layers of settings, weakest first: built-in defaults, policy files,
//! environment variables `RACE_<SECTION>__<KEY>`, flags. Says of every value
//! where it came from, and of every problem where it stands and what to do.

mod layers;
mod locate;
mod problems;
mod runner;
mod secret;

pub use layers::{Flag, Layers, Origin, PolicyFile, Settings};
pub use problems::{Diagnostic, Invalid};
pub use runner::Runner;
pub use secret::Secret;
