//! The binary that is measured.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds `race` as a release has it.
pub(crate) fn build(root: &Path, target: &Path) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--locked", "--release", "--no-default-features", "--bin", "race", "--target-dir"])
        .arg(target)
        .current_dir(root)
        .status()
        .unwrap();
    assert!(built.success(), "race cannot be built");
    target.join("release/race")
}
