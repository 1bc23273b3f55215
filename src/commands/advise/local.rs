//! The change of a checkout, read by git itself. No shell is involved, and every name
//! of git's comes between zero bytes.

use std::collections::{BTreeMap, HashMap};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::config::PolicyFile;
use crate::criteria::{Change, ChangedFile, Content, Kind, Manifest, Text, advise as judge, wanted};
use crate::exit::Exit;
use crate::policy::{Criteria, FILES};
use crate::race::short_sha;
use crate::report::advice::About;

use super::super::connect::commit_in_checkout;
use super::super::{Context, Failure};
use super::Looked;

/// How long git may take.
const BOUND: Duration = Duration::from_mins(2);
/// Modes of a file, and of one that can be run.
const FILE_MODES: [&str; 2] = ["100644", "100755"];

/// What the criteria at `base` say of what differs between it and `head`.
pub(super) async fn advise(context: &Context, base: &str, head: &str) -> Result<Looked, Failure> {
    let (base_sha, head_sha) = (commit(base).await?, commit(head).await?);
    let merge_base = git(&["merge-base", &base_sha, &head_sha], &[]).await.map_err(|_| {
        Failure::new(Exit::NotFound, format!("{base} and {head} have no commit in common here"))
            .help("fetch more of the history, for example with `git fetch --unshallow`")
    })?;
    let merge_base = String::from_utf8_lossy(&merge_base).trim().to_owned();
    let settings = match &context.shared.policies {
        Some(directory) => context.settings_in(directory, &[])?,
        None => context.settings(&policies_at(context, &base_sha).await?, &[])?,
    };
    let criteria = settings.policy.criteria;
    let change = change(criteria.as_ref(), &merge_base, &head_sha).await?;
    let about = About { base_sha: merge_base, head_sha, pull_request: None };
    Ok((judge(criteria.as_ref(), &change), about))
}

async fn commit(reference: &str) -> Result<String, Failure> {
    commit_in_checkout(reference).await.ok_or_else(|| {
        Failure::new(Exit::NotFound, format!("`{reference}` is no commit of this checkout"))
            .help("fetch it, or run this inside of the checkout")
    })
}

/// The policy files as they stand at a commit.
async fn policies_at(context: &Context, commit: &str) -> Result<Vec<PolicyFile>, Failure> {
    let names: Vec<String> = FILES.iter().map(|(name, _)| format!("{commit}:policies/{name}")).collect();
    let mut found = objects(&names).await?;
    let mut files = Vec::new();
    for ((name, _), object) in FILES.iter().zip(&names) {
        if let Some(bytes) = found.remove(object) {
            let place = format!("policies/{name} at {}", short_sha(commit));
            let text = String::from_utf8(bytes)
                .map_err(|error| Failure::caused(Exit::Invalid, &format!("cannot read {place}"), &error))?;
            files.push(PolicyFile { name, place, text });
        }
    }
    if files.is_empty() {
        let short = short_sha(commit);
        context.output.log(&format!("{short} has no policies: the built-in defaults are in force"));
    }
    Ok(files)
}

async fn change(criteria: Option<&Criteria>, before: &str, after: &str) -> Result<Change, Failure> {
    let tree = ["diff-tree", "-r", "-z", "-M", "--no-ext-diff"];
    let asked = |more: &[&'static str]| [&tree[..], more].concat();
    let raw = git(&[&asked(&["--raw", "--no-abbrev"])[..], &[before, after]].concat(), &[]).await?;
    let counts = git(&[&asked(&["--numstat"])[..], &[before, after]].concat(), &[]).await?;
    let lines = numstat(&counts);
    let entries = raw_entries(&raw);
    let mut change = Change::default();
    let mut blobs: BTreeMap<String, &Entry> = BTreeMap::new();
    for entry in &entries {
        let path = entry.path.clone();
        change.files.push(ChangedFile {
            lines: lines.get(&path).copied().unwrap_or_default(),
            previous: entry.previous.clone(),
            kind: entry.kind,
            content: if entry.blobs.0 == entry.blobs.1 { Content::Same } else { Content::Differs },
            path: path.clone(),
        });
        blobs.insert(path, entry);
        if let Some(previous) = &entry.previous {
            blobs.entry(previous.clone()).or_insert(entry);
        }
    }
    let Some(criteria) = criteria else { return Ok(change) };
    let wanted = wanted(criteria, &change.files);
    let side = |path: &Option<String>, after: bool| {
        let entry = blobs.get(path.as_ref()?)?;
        let (mode, blob) =
            if after { (&entry.modes.1, &entry.blobs.1) } else { (&entry.modes.0, &entry.blobs.0) };
        FILE_MODES.contains(&mode.as_str()).then(|| blob.clone())
    };
    let names: Vec<String> = wanted
        .iter()
        .flat_map(|(before, after)| [side(before, false), side(after, true)])
        .flatten()
        .collect();
    let found = objects(&names).await?;
    for (before, after) in wanted {
        let text = |path: &Option<String>, is_after| match (path, side(path, is_after)) {
            (None, _) => Text::Absent,
            (Some(_), None) => Text::Unreadable("it is a symbolic link or a submodule".to_owned()),
            (Some(_), Some(blob)) => match found.get(&blob).map(|bytes| String::from_utf8(bytes.clone())) {
                Some(Ok(text)) => Text::Is(text),
                Some(Err(_)) => Text::Unreadable("it is no UTF-8".to_owned()),
                None => Text::Unreadable("git does not have it".to_owned()),
            },
        };
        let texts = (text(&before, false), text(&after, true));
        change.manifests.extend(Manifest::of(before, after, texts));
    }
    Ok(change)
}

/// One record of `git diff-tree --raw -z`.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    modes: (String, String),
    blobs: (String, String),
    kind: Kind,
    path: String,
    previous: Option<String>,
}

fn raw_entries(raw: &[u8]) -> Vec<Entry> {
    let mut fields = raw.split(|byte| *byte == 0).map(|field| String::from_utf8_lossy(field).into_owned());
    let mut entries = Vec::new();
    while let Some(head) = fields.next() {
        let words: Vec<&str> = head.trim_start_matches(':').split(' ').collect();
        let [mode, new_mode, blob, new_blob, status] = words.as_slice() else { break };
        let Some(first) = fields.next() else { break };
        let renamed = status.starts_with(['R', 'C']);
        let second = if renamed { fields.next() } else { None };
        let (path, previous) = match second {
            Some(path) => (path, Some(first)),
            None => (first, None),
        };
        entries.push(Entry {
            modes: ((*mode).to_owned(), (*new_mode).to_owned()),
            blobs: ((*blob).to_owned(), (*new_blob).to_owned()),
            kind: match status.chars().next() {
                Some('A' | 'C') => Kind::Added,
                Some('D') => Kind::Removed,
                _ => Kind::Modified,
            },
            previous: previous.filter(|_| status.starts_with('R')),
            path,
        });
    }
    entries
}

/// The lines added and deleted by path, of `git diff-tree --numstat -z`.
fn numstat(counts: &[u8]) -> HashMap<String, u64> {
    let mut fields = counts.split(|byte| *byte == 0).map(|field| String::from_utf8_lossy(field).into_owned());
    let mut lines = HashMap::new();
    while let Some(record) = fields.next() {
        let mut parts = record.splitn(3, '\t');
        let (Some(added), Some(deleted), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            break;
        };
        // Of what is no text there are no numbers.
        let count = |text: &str| text.parse::<u64>().unwrap_or_default();
        let path = if path.is_empty() { fields.nth(1).unwrap_or_default() } else { path.to_owned() };
        lines.insert(path, count(added) + count(deleted));
    }
    lines
}

/// What git has under these names; what it does not have is left out.
async fn objects(names: &[String]) -> Result<HashMap<String, Vec<u8>>, Failure> {
    let mut found = HashMap::new();
    if names.is_empty() {
        return Ok(found);
    }
    let mut input = names.join("\n");
    input.push('\n');
    let output = git(&["cat-file", "--batch"], input.as_bytes()).await?;
    let mut rest = output.as_slice();
    for name in names {
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else { break };
        let head = String::from_utf8_lossy(&rest[..end]).into_owned();
        rest = &rest[end + 1..];
        // `SHA blob SIZE`, or `NAME missing`.
        let mut words = head.rsplitn(3, ' ');
        let (size, kind) = (words.next().and_then(|size| size.parse::<usize>().ok()), words.next());
        let Some(size) = size.filter(|size| *size < rest.len()) else { continue };
        if kind == Some("blob") {
            found.insert(name.clone(), rest[..size].to_vec());
        }
        rest = &rest[size + 1..];
    }
    Ok(found)
}

/// Runs git in the working directory and gives what it writes to stdout.
async fn git(arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, Failure> {
    let failed = |why: &str| {
        let what = arguments.first().unwrap_or(&"git");
        Failure::new(Exit::Invalid, format!("git {what} failed: {why}"))
    };
    let mut child = Command::new("git")
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(&error.to_string()))?;
    let stdin = child.stdin.take();
    let fed = async {
        if let Some(mut stdin) = stdin {
            // Where git does not read it all, how it ends says why.
            let _ = stdin.write_all(input).await;
        }
    };
    let both = async { tokio::join!(fed, child.wait_with_output()).1 };
    let output = match tokio::time::timeout(BOUND, both).await {
        Ok(output) => output.map_err(|error| failed(&error.to_string()))?,
        Err(_) => return Err(failed("it takes too long")),
    };
    if !output.status.success() {
        return Err(failed(
            String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or("no reason told"),
        ));
    }
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_git_are_read_with_any_name() {
        let raw = b":100644 100644 aa bb M\0a b\n\tc\0:100644 100644 cc cc R100\0old\0new\0:000000 120000 00 dd A\0l\0:160000 000000 ee 00 D\0sub\0";
        let told: Vec<String> = raw_entries(raw)
            .into_iter()
            .map(|entry| format!("{:?} {:?} {:?} {}", entry.kind, entry.previous, entry.path, entry.modes.1))
            .collect();
        assert_eq!(
            told,
            [
                "Modified None \"a b\\n\\tc\" 100644",
                "Modified Some(\"old\") \"new\" 100644",
                "Added None \"l\" 120000",
                "Removed None \"sub\" 000000",
            ]
        );
        let counts = numstat(b"3\t4\ta\tb\x001\t1\t\0old\0new\0-\t-\tbinary\0");
        assert_eq!((counts["a\tb"], counts["new"], counts["binary"]), (7, 2, 0));
        assert!(raw_entries(b"").is_empty() && raw_entries(b":nonsense\0").is_empty());
    }
}
