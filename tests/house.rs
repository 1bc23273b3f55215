//! The rules of the house: which module may use which, what the pure ones do
//! without, and what every file looks like. `src/lib.rs` has them in words.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};

#[path = "house/uses.rs"]
mod uses;

use uses::{Use, uses};

/// What a module may use of our library, itself left out.
const MAY_USE: [(&str, &[&str]); 17] = [
    ("exit", &[]),
    ("policy", &[]),
    ("race", &["policy", "exit"]),
    ("soak", &["policy", "exit"]),
    ("criteria", &["policy", "exit"]),
    ("deploy", &["policy", "exit"]),
    ("setup", &["race", "policy", "exit"]),
    ("config", &["policy", "exit"]),
    ("github", &["race", "soak", "criteria", "deploy", "setup", "policy", "exit"]),
    ("ssh", &["race", "soak", "criteria", "deploy", "setup", "policy", "exit"]),
    ("chain", &["race", "soak", "criteria", "deploy", "setup", "policy", "exit"]),
    ("report", &["race", "soak", "criteria", "deploy", "setup", "policy", "exit"]),
    ("cli", &["policy", "exit"]),
    (
        "commands",
        &[
            "chain", "cli", "config", "criteria", "deploy", "exit", "github", "policy", "race", "report",
            "setup", "soak", "ssh",
        ],
    ),
    (
        "rehearsal",
        &[
            "chain", "cli", "commands", "config", "criteria", "deploy", "exit", "github", "policy", "race",
            "report", "setup", "soak", "ssh",
        ],
    ),
    ("main", &["commands", "cli", "exit"]),
    ("bin/rehearse", &["commands", "cli", "exit", "rehearsal"]),
];

/// The modules that are given values and return values.
const PURE: [&str; 7] = ["policy", "race", "soak", "criteria", "deploy", "setup", "exit"];

/// What a pure module does without: a runtime, a clock, chance, and everything
/// that is outside of the process.
const IMPURE: [&str; 16] = [
    "tokio",
    "futures",
    "fastrand",
    "tempfile",
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
    "jiff::tz::TimeZone::system",
];

/// The exceptions: (module, what it may use all the same).
const PURE_EXCEPT: [(&str, &str); 1] = [("exit", "std::process::ExitCode")];

/// Libraries whose types stay in the modules named.
const KEPT_IN: [(&str, &[&str]); 17] = [
    ("octocrab", &["github"]),
    ("openssh", &["ssh"]),
    ("tokio_tungstenite", &["chain", "rehearsal"]),
    ("tungstenite", &["chain", "rehearsal"]),
    ("hyper_util", &["chain"]),
    ("tokio_rustls", &["chain"]),
    ("tower_service", &["chain"]),
    ("figment", &["config"]),
    ("axum", &["rehearsal"]),
    ("russh", &["rehearsal"]),
    ("github_actions_expressions", &["rehearsal"]),
    ("github_actions_models", &["rehearsal"]),
    ("crypto_box", &["github", "rehearsal"]),
    ("yaml_serde", &["setup", "rehearsal"]),
    ("clap_complete", &["cli", "commands"]),
    ("clap_mangen", &["commands"]),
    ("clap", &["cli", "commands", "rehearsal", "main", "bin/rehearse"]),
];

/// The longest that a file may be, tests included.
const LINES: usize = 420;

/// The one place where a feature switches anything.
const FEATURE: (&str, &str) = ("src/lib.rs", "#[cfg(feature = \"rehearsal\")]\npub mod rehearsal;");

/// What is wrong with a Rust file of ours, as `path:line: rule`.
fn check(path: &str, source: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if !source.starts_with("//! ") {
        wrong.push(format!("{path}:1: begins without a `//!` line that says what it is for"));
    }
    let lines = source.lines().count();
    if lines > LINES {
        wrong.push(format!("{path}:{lines}: longer than {LINES} lines; split it by noun"));
    }
    if let Some(inside) = path.strip_prefix("src/") {
        match source.parse::<TokenStream>() {
            Ok(tokens) => {
                let module = module_path(inside);
                switches(path, tokens.clone(), &mut wrong);
                for used in uses(tokens, &module) {
                    wrong.extend(
                        judge(&owner(inside), &used).map(|rule| format!("{path}:{}: {rule}", used.line)),
                    );
                }
                if path == FEATURE.0 && !source.contains(FEATURE.1) {
                    wrong.push(format!("{path}:1: the rehearsal is not switched by its feature"));
                }
            }
            Err(error) => wrong.push(format!("{path}:1: cannot be read: {error}")),
        }
    }
    wrong.dedup();
    wrong
}

/// The rule that `used` breaks in the module `owner`.
fn judge(owner: &str, used: &Use) -> Option<String> {
    let path = used.path.join("::");
    if let Some(module) = used.module() {
        let may = MAY_USE.iter().find(|(name, _)| *name == owner).map(|(_, may)| *may);
        let fine = match module {
            "" => owner.is_empty() || !used.imported,
            _ => module == owner || may.is_some_and(|may| may.contains(&module)),
        };
        return (!fine).then(|| format!("`{owner}` may not use `{path}`"));
    }
    if let Some((library, _)) =
        KEPT_IN.iter().find(|(library, modules)| used.reaches(library) && !modules.contains(&owner))
    {
        return Some(format!("`{owner}` may not use `{path}`: {library} is kept elsewhere"));
    }
    if PURE.contains(&owner)
        && !PURE_EXCEPT.iter().any(|(name, except)| *name == owner && used.reaches(except))
    {
        return IMPURE
            .iter()
            .any(|impure| used.reaches(impure))
            .then(|| format!("`{owner}` is pure and may not use `{path}`"));
    }
    None
}

/// Finds conditional compilation: only `#[cfg(test)] mod tests` and the one
/// feature are allowed, so that what is tested is what is shipped.
fn switches(path: &str, tokens: TokenStream, wrong: &mut Vec<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => switches(path, group.stream(), wrong),
            TokenTree::Ident(word) if *word == "cfg" || *word == "cfg_attr" => {
                let line = word.span().start().line;
                let text: String =
                    tokens[at..].iter().take(3).map(|token| token.to_string().replace(' ', "")).collect();
                let fine = text == "cfg(test)" || (path == FEATURE.0 && text == "cfg(feature=\"rehearsal\")");
                if !fine {
                    wrong.push(format!("{path}:{line}: conditional compilation: `{text}`"));
                }
            }
            _ => {}
        }
        if token.to_string().replace(' ', "") == "[cfg(test)]" && !is_tests(&tokens[at + 1..]) {
            let line = token.span().start().line;
            wrong.push(format!("{path}:{line}: `cfg(test)` is for `mod tests` alone"));
        }
    }
}

/// Whether an item, further attributes left out, is `mod tests`.
fn is_tests(item: &[TokenTree]) -> bool {
    match item {
        [TokenTree::Punct(mark), TokenTree::Group(_), rest @ ..] if mark.as_char() == '#' => is_tests(rest),
        [TokenTree::Ident(word), TokenTree::Ident(name), ..] => *word == "mod" && *name == "tests",
        _ => false,
    }
}

/// `github/jobs.rs` is the module `github::jobs`.
fn module_path(inside: &str) -> Vec<String> {
    let path = inside.trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    match path {
        "lib" | "main" => Vec::new(),
        _ if path.starts_with("bin/") => Vec::new(),
        _ => path.split('/').map(str::to_owned).collect(),
    }
}

/// The name under which a file stands in the table; that of `lib.rs` is empty.
fn owner(inside: &str) -> String {
    let path = inside.trim_end_matches(".rs");
    match path {
        "lib" => String::new(),
        _ if path.starts_with("bin/") => path.to_owned(),
        _ => path.split('/').next().unwrap_or_default().to_owned(),
    }
}

/// The lines of `text` that name a directory of somebody's own machine.
fn machine_paths(path: &str, text: &str) -> Vec<String> {
    let homes = ["work", "root"].map(|name| format!("/{name}/"));
    let is_own = |line: &str| {
        homes.iter().any(|home| {
            line.match_indices(home.as_str()).any(|(at, _)| {
                !line[..at].ends_with(|before: char| before.is_alphanumeric() || "_-.}*/~".contains(before))
            })
        })
    };
    let numbered = text.lines().zip(1..);
    numbered
        .filter(|(line, _)| is_own(line))
        .map(|(_, number)| format!("{path}:{number}: a path of one machine"))
        .collect()
}

/// Every file of the repository that git does not ignore.
fn files() -> Vec<PathBuf> {
    fn collect(directory: &Path, ignored: &[PathBuf], files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                _ if ignored.contains(&path) => {}
                true => collect(&path, ignored, files),
                false => files.push(path),
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut ignored = vec![root.join(".git")];
    let lines = fs::read_to_string(root.join(".gitignore")).unwrap();
    ignored.extend(lines.lines().map(|line| root.join(line.trim_matches('/'))));
    let mut files = Vec::new();
    collect(root, &ignored, &mut files);
    files.sort();
    files
}

#[test]
fn every_file_keeps_the_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrong = Vec::new();
    let mut modules = 0;
    for file in files() {
        let path = file.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        let Ok(text) = String::from_utf8(fs::read(&file).unwrap()) else { continue };
        wrong.extend(machine_paths(&path, &text));
        if path.ends_with(".rs") {
            modules += usize::from(path.starts_with("src/"));
            wrong.extend(check(&path, &text));
        }
    }
    assert!(modules >= 20, "only {modules} files were read");
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn the_table_names_the_modules_that_there_are() {
    let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let mut declared: Vec<&str> =
        source.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    declared.extend(["main", "bin/rehearse"]);
    declared.sort_unstable();
    let mut named = MAY_USE.map(|(name, _)| name);
    named.sort_unstable();
    assert_eq!(declared, named);
}

#[path = "house/violations.rs"]
mod violations;
