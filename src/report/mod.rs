//! What people and programs read of us: terminal, GitHub Actions, JSON. Results
//! go to stdout, the log to stderr; nothing else in the product writes there.

pub mod actions;
pub mod advice;
mod inert;
mod output;
mod style;
pub mod verdict;

pub use inert::{inert, inert_json, inert_lines};
pub use output::Output;
pub use style::{Color, Format, Paint, Style};
