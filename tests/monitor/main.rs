//! The chain adapter and `race monitor`, against the dev chain, against answers that
//! real nodes gave, and against nodes that fail.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod adapter;
mod failures;
mod faults;
mod race;
mod resume;
mod support;
