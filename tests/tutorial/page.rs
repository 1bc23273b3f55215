//! The page and what really was said: a block after `<!-- output: NAME -->` is what the
//! story told under that name.

use std::fmt::Write as _;
use std::path::Path;

/// What was told, by name, in its order.
pub type Told = Vec<(&'static str, String)>;

pub struct Page;

impl Page {
    /// Holds the page to what was told, or writes that into it.
    pub fn hold(path: &str, told: &Told) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let page = std::fs::read_to_string(&path).unwrap();
        let (filled, named) = fill(&page, told);
        let names: Vec<&str> = told.iter().map(|(name, _)| *name).collect();
        assert_eq!(named, names, "the blocks of the page, and what was told, in this order");
        if std::env::var_os("RACE_WRITE").is_some() {
            std::fs::write(&path, filled).unwrap();
            return;
        }
        for ((is, should), number) in page.lines().zip(filled.lines()).zip(1..) {
            assert_eq!(
                is,
                should,
                "{}:{number} is not what is really said; RACE_WRITE=1 puts it right",
                path.display()
            );
        }
        assert_eq!(page.lines().count(), filled.lines().count(), "{}", path.display());
    }
}

/// The page with every block filled in, and the names of its blocks.
fn fill(page: &str, told: &Told) -> (String, Vec<String>) {
    let (mut filled, mut named) = (String::new(), Vec::new());
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let _ = writeln!(filled, "{line}");
        let name = line.strip_prefix("<!-- output: ").and_then(|rest| rest.strip_suffix(" -->"));
        let Some(name) = name else { continue };
        named.push(name.to_owned());
        let fence = lines.next().expect("a block follows its name");
        assert!(fence.starts_with("```"), "after {line} comes a block, not {fence}");
        let _ = writeln!(filled, "{fence}");
        assert!(lines.by_ref().any(|line| line == "```"), "the block {name} has no end");
        let text = told.iter().find(|(known, _)| *known == name);
        let text = text.map(|(_, text)| text.trim_end()).unwrap_or_default();
        let _ = writeln!(filled, "{text}\n```");
    }
    (filled, named)
}
