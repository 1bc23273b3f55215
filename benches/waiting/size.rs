//! The size of the binary that a release has.

use super::waiters::Waiters;

/// Looks at the file.
pub(crate) fn measure(waiters: &Waiters) {
    let bytes = waiters.race.metadata().unwrap().len();
    let tenths = (bytes + 50_000) / 100_000;
    println!("`race`: {}.{} MB ({bytes} bytes)", tenths / 10, tenths % 10);
}
