//! The rules of the race: a table for every rule, every combination there is, and
//! readings over time.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

mod attempts;
mod build;
mod carry;
mod dispatched;
mod exhaustive;
mod order;
mod rules;
mod watch;
