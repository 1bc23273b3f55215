//! `race deploy` as a process against Debian's `sshd`: several hosts, each with a
//! directory of its own as all that it may change.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a test tells what it measured")]
#![expect(unreachable_pub, reason = "nobody links against a test")]

#[path = "../sshd/mod.rs"]
mod sshd;

mod check;
mod connection;
mod disk;
mod failure;
mod faults;
mod host;
mod keys;
mod killed;
mod leases;
mod leftovers;
mod output;
mod plan;
mod process;
mod scene;
mod signals;
mod waves;
