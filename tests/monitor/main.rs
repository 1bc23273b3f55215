//! The chain adapter and `race monitor`, against the dev chain, against answers that
//! real nodes gave, and against nodes that fail.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test may fail loudly")]
#![expect(unreachable_pub, reason = "nobody links against a test")]

mod adapter;
mod clocks;
mod enterprise;
mod failures;
mod faults;
mod forwarding;
mod lease;
mod modern;
mod race;
mod reach;
mod recorded;
mod recording;
mod replay;
mod resume;
mod rules;
mod seeing;
#[path = "../sshd/mod.rs"]
mod sshd;
mod support;
mod transport;
