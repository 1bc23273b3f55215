//! The program on the host, against Debian's own `sshd` and the real `ssh`.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test may fail loudly")]
#![expect(unreachable_pub, reason = "nobody links against a test")]

mod deciding;
mod figures;
mod host;
mod receiving;
mod running;
#[path = "../sshd/mod.rs"]
mod sshd;
mod ways;
