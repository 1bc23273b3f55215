//! The size of the binary that a release has.

use super::waiters::Waiters;

/// Looks at the file.
pub(crate) fn measure(waiters: &Waiters) {
    let bytes = waiters.race.metadata().unwrap().len();
    println!("`race`: {}.{} MB ({bytes} bytes)", bytes / 1_000_000, bytes % 1_000_000 / 100_000);
}
