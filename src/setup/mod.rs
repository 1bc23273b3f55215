//! What a repository needs: which mode fits its soak, the files that `race init`
//! writes, and what becomes of files that are there already. Pure: texts in, texts out.

pub mod answers;
pub mod files;
pub mod kept;
pub mod mode;
pub mod workflow;
pub mod workspace;

#[cfg(test)]
mod tests;

pub use answers::Answers;
pub use kept::{Kept, kept};
pub use mode::{Mode, RunsOn, Soak};
pub use workflow::Release;
