//! Patterns for paths and names, as the criteria write them.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// Several patterns: `*` and `?` stay within one part of a path, `**` is any number of
/// parts, `{a,b}` is either, `[ab]` one of the characters. `DIR/` and `DIR/**` stand for
/// the directory and all that is in it.
#[derive(Clone, Debug)]
pub struct Globs {
    set: GlobSet,
}

impl Globs {
    /// Reads patterns.
    ///
    /// # Errors
    ///
    /// The position of the first that is none, and why.
    pub fn new(patterns: &[String]) -> Result<Self, (usize, String)> {
        let mut builder = GlobSetBuilder::new();
        for (position, pattern) in patterns.iter().enumerate() {
            let add = |text: &str| {
                if text.contains('\\') {
                    return Err((position, "a backslash is not needed in a pattern".to_owned()));
                }
                GlobBuilder::new(text)
                    .literal_separator(true)
                    .backslash_escape(false)
                    .build()
                    .map_err(|error| (position, error.kind().to_string()))
            };
            let directory = pattern.strip_suffix("/**").or_else(|| pattern.strip_suffix('/'));
            match directory {
                // A submodule or a symbolic link in the place of the directory bears its name.
                Some(directory) => {
                    builder.add(add(directory)?);
                    builder.add(add(&format!("{directory}/**"))?);
                }
                None => {
                    builder.add(add(pattern)?);
                }
            }
        }
        let set = builder.build().map_err(|error| (0, error.kind().to_string()))?;
        Ok(Self { set })
    }

    /// Whether any of the patterns matches the whole of `text`.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.set.is_match(text)
    }

    /// There are no patterns, so nothing matches.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        Globs::new(&[pattern.to_owned()]).unwrap().matches(path)
    }

    #[test]
    fn a_pattern_is_about_whole_paths() {
        for (pattern, yes, no) in [
            (
                "docs/**",
                vec!["docs", "docs/a", "docs/a/b.md", "docs/.hidden"],
                vec!["doc", "adocs/a", "a/docs/b"],
            ),
            ("docs/", vec!["docs", "docs/a/b"], vec!["docs2/a"]),
            ("**/*.md", vec!["a.md", "a/b.md", "a/.b.md"], vec!["a.mdx", "a.md/b"]),
            ("*.md", vec!["a.md"], vec!["a/b.md"]),
            ("**/tests/**", vec!["tests/a", "a/tests/b/c", "a/tests"], vec!["a/testsuite/b"]),
            (
                "pallets/*/src/**",
                vec!["pallets/dkg/src/lib.rs"],
                vec!["pallets/src/lib.rs", "pallets/a/b/src/c"],
            ),
            ("{a,b}/c", vec!["a/c", "b/c"], vec!["c/c", "{a,b}/c"]),
            ("sp-*", vec!["sp-core", "sp-"], vec!["asp-core", "sp/x"]),
            ("README*", vec!["README", "README.md"], vec!["docs/README"]),
            ("LICENSE", vec!["LICENSE"], vec!["LICENSE/a", "license"]),
        ] {
            yes.iter().for_each(|path| assert!(matches(pattern, path), "{pattern} {path}"));
            no.iter().for_each(|path| assert!(!matches(pattern, path), "{pattern} {path}"));
        }
    }

    #[test]
    fn what_is_no_pattern_is_told_with_its_position() {
        for pattern in ["a/[", "{a", "a\\*"] {
            let error = Globs::new(&["ok".to_owned(), pattern.to_owned()]).unwrap_err();
            assert_eq!(error.0, 1, "{pattern}");
        }
    }
}
