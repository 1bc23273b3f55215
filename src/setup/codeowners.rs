//! Whether a CODEOWNERS file gives a path to somebody.
//!
//! Source: <https://docs.github.com/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners>:
//! the last pattern that matches counts, also where it names nobody.

use super::admit::parts_match;

/// Where GitHub looks for the file, in this order.
pub const PLACES: [&str; 3] = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"];

/// Whether `path` has an owner.
#[must_use]
pub fn owned(text: &str, path: &str) -> bool {
    let rules = text.lines().filter_map(|line| {
        let line = line.split(" #").next().unwrap_or_default().trim();
        let mut words = line.split_whitespace();
        let pattern = words.next().filter(|pattern| !pattern.starts_with('#'))?;
        let owners = words.any(|word| word.contains('@'));
        Some((pattern, owners))
    });
    rules.rev().find(|(pattern, _)| matches(pattern, path)).is_some_and(|(_, owners)| owners)
}

fn matches(pattern: &str, path: &str) -> bool {
    // GitHub reads neither of these; to it such a line is an error and skipped.
    if pattern.contains(['[', '!', '\\']) {
        return false;
    }
    let directory = pattern.ends_with('/');
    let inner = pattern.trim_matches('/');
    let anchored = pattern.starts_with('/') || inner.contains('/');
    let parts: Vec<&str> = path.split('/').collect();
    let mut wanted: Vec<&str> = inner.split('/').collect();
    if !anchored {
        wanted.insert(0, "**");
    }
    // `docs/*` is the files right in there; any other pattern also everything below.
    let below = directory || wanted.last().is_some_and(|last| !last.contains('*')) || inner == "*";
    (1..=parts.len()).any(|length| {
        let whole = length == parts.len();
        (whole && !directory || !whole && below) && parts_match(&wanted, &parts[..length])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_pattern_that_matches_counts() {
        let workflow = ".github/workflows/testnet-deployer.yml";
        for (text, path, expected) in [
            ("* @octo-org/core", workflow, true),
            ("/.github/ @core", workflow, true),
            (".github/ @core", workflow, true),
            ("/.github @core", workflow, true),
            ("/.github/** @core", workflow, true),
            ("/.github/* @core", workflow, false),
            (".github/workflows/*.yml core@example.com", workflow, true),
            ("*.yml @core", workflow, true),
            ("*.rs @core", workflow, false),
            ("workflows/ @core", workflow, true),
            ("/workflows/ @core", workflow, false),
            ("* @core\n/.github/ # nobody", workflow, false),
            ("* @core\n/.github/workflows/", workflow, false),
            ("# * @core", workflow, false),
            ("", workflow, false),
            ("/policies/ @core", "policies/race.toml", true),
            ("policies @core", "policies/race.toml", true),
            ("race.toml @core", "policies/race.toml", true),
            ("/race.toml @core", "policies/race.toml", false),
        ] {
            assert_eq!(owned(text, path), expected, "{text:?} for {path}");
        }
    }
}
