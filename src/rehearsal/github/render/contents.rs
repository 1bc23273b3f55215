//! Files and commit statuses.

use serde_json::{Value, json};

use super::users::merge;
use super::{Render, time};
use crate::rehearsal::world::CommitStatus;
use crate::rehearsal::world::diff::blob_of;

impl Render<'_> {
    /// `content-file`.
    pub(in super::super) fn file(&self, path: &str, content: &str, reference: &str) -> Value {
        let name = path.rsplit('/').next().unwrap_or(path);
        let url = self.api_url(&format!("/contents/{path}?ref={reference}"));
        let page = self.web_url(&format!("/blob/{reference}/{path}"));
        let git = self.api_url(&format!("/git/blobs/{name}"));
        json!({
            "name": name,
            "path": path,
            "sha": blob_of(content),
            "size": content.len(),
            "url": url,
            "html_url": page,
            "git_url": git,
            "download_url": self.web_url(&format!("/raw/{reference}/{path}")),
            "type": "file",
            "content": base64_lines(content.as_bytes()),
            "encoding": "base64",
            "_links": {"self": url, "git": git, "html": page},
        })
    }

    /// `content-directory`: what is right below `directory`, which ends in a slash.
    pub(in super::super) fn directory(
        &self,
        directory: &str,
        inside: &[(&String, &String)],
        reference: &str,
    ) -> Value {
        let mut entries: Vec<Value> = Vec::new();
        for (path, content) in inside {
            let rest = path.strip_prefix(directory).unwrap_or(path);
            let (name, kind) = match rest.split_once('/') {
                Some((folder, _)) => (folder, "dir"),
                None => (rest, "file"),
            };
            if entries.iter().any(|entry| entry["name"] == name) {
                continue;
            }
            let mut entry = self.file(&format!("{directory}{name}"), content, reference);
            if let Value::Object(entry) = &mut entry {
                entry.remove("content");
                entry.remove("encoding");
                entry.insert("type".to_owned(), kind.into());
            }
            entries.push(entry);
        }
        entries.into()
    }

    /// `combined-commit-status`.
    pub(in super::super) fn combined_status(&self, sha: &str) -> Value {
        let statuses = self.world.latest_statuses(sha);
        let any = |states: &[&str]| statuses.iter().any(|status| states.contains(&status.state.as_str()));
        let state = if any(&["failure", "error"]) {
            "failure"
        } else if statuses.is_empty() || any(&["pending"]) {
            "pending"
        } else {
            "success"
        };
        json!({
            "state": state,
            "statuses": statuses.iter().map(|status| self.status(status)).collect::<Vec<_>>(),
            "sha": sha,
            "total_count": statuses.len(),
            "repository": self.minimal_repository(),
            "commit_url": self.api_url(&format!("/commits/{sha}")),
            "url": self.api_url(&format!("/commits/{sha}/status")),
        })
    }

    /// `status`, as one is answered for that was set.
    pub(in super::super) fn full_status(&self, status: &CommitStatus) -> Value {
        merge(self.status(status), json!({"creator": self.user(&status.creator)}))
    }

    /// `simple-commit-status`.
    fn status(&self, status: &CommitStatus) -> Value {
        json!({
            "url": self.api_url(&format!("/statuses/{}", status.sha)),
            "avatar_url": format!("{}/avatars/in/15368", self.web),
            "id": status.id,
            "node_id": format!("SC_{}", status.id),
            "state": status.state,
            "description": status.description,
            "target_url": status.target_url,
            "context": status.context,
            "created_at": time(status.created_at),
            "updated_at": time(status.created_at),
        })
    }
}

/// Base64 in lines of 60 characters, each with a newline, as GitHub sends it.
fn base64_lines(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for (index, chunk) in bytes.chunks(3).enumerate() {
        if index > 0 && index % 15 == 0 {
            text.push('\n');
        }
        let word = chunk.iter().fold(0_usize, |word, byte| word << 8 | usize::from(*byte))
            << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let value = word >> (18 - 6 * digit) & 0x3f;
            text.push(if digit <= chunk.len() { char::from(DIGITS[value]) } else { '=' });
        }
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::base64_lines;

    #[test]
    fn base64_is_that_of_the_standard() {
        for (plain, encoded) in [("", "\n"), ("f", "Zg==\n"), ("fo", "Zm8=\n"), ("foobar", "Zm9vYmFy\n")] {
            assert_eq!(base64_lines(plain.as_bytes()), encoded);
        }
        assert_eq!(base64_lines(&[b'x'; 46]).lines().map(str::len).collect::<Vec<_>>(), [60, 4]);
    }
}
