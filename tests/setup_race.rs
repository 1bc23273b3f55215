//! `.github/actions/setup-race/setup` installs what comes from the release of the pinned
//! commit, and nothing else. The release is served on loopback, `gh` is a script that
//! answers as it is told: what is proven here is what follows from its answer.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;

use tempfile::TempDir;

const VERSION: &str = env!("CARGO_PKG_VERSION");
const PIN: &str = "0123456789abcdef0123456789abcdef01234567";

/// A machine for one job: its directories, the release that it can reach, and `gh`.
struct Job {
    root: TempDir,
    releases: String,
}

impl Job {
    /// With a whole release, and a `gh` that proves it.
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for directory in ["served", "bin", "temp"] {
            fs::create_dir(root.path().join(directory)).unwrap();
        }
        let job = Self { releases: serve(root.path().join("served")), root };
        job.release(&format!("race {VERSION}"));
        job.gh("exit 0");
        job
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn archive(&self) -> String {
        let machine = String::from_utf8(Command::new("uname").arg("-m").output().unwrap().stdout).unwrap();
        format!("race-{VERSION}-{}-unknown-linux-musl", machine.trim())
    }

    /// A release whose `race` says that.
    fn release(&self, says: &str) {
        let name = self.archive();
        let packed = self.path("packed").join(&name);
        fs::create_dir_all(&packed).unwrap();
        script(&packed.join("race"), &format!("echo '{says}'"));
        let served = self.path("served");
        let pack = format!(
            "tar -czf '{0}/{name}.tar.gz' '{name}' && cd '{0}' && sha256sum -- *.tar.gz >SHA256SUMS",
            served.display()
        );
        assert!(
            Command::new("sh")
                .args(["-c", &pack])
                .current_dir(self.path("packed"))
                .status()
                .unwrap()
                .success()
        );
    }

    /// What `gh` does; its arguments are kept.
    fn gh(&self, does: &str) {
        let asked = self.path("asked");
        script(&self.path("bin/gh"), &format!("printf '%s\\n' \"$*\" >>'{}'\n{does}", asked.display()));
    }

    fn setup(&self, what: &str, pin: &str) -> Output {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(".github/actions/setup-race/setup");
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        Command::new(script)
            .arg(what)
            .env("PATH", path)
            .env("RUNNER_TEMP", self.path("temp"))
            .env("GITHUB_OUTPUT", self.path("output"))
            .env("GITHUB_PATH", self.path("path"))
            .env("SETUP_RACE_RELEASES", &self.releases)
            .env("COMMIT", pin)
            .output()
            .unwrap()
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// That it fails, says why, and leaves no `race` behind on the path.
    fn refuses(&self, pin: &str, why: &str) {
        let output = self.setup("release", pin);
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(why), "{said}");
        assert_eq!(self.text("path"), "");
    }
}

fn script(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Serves the files of a directory below `/vVERSION/`, and says where.
fn serve(directory: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut lines = BufReader::new(connection.try_clone().unwrap()).lines();
            let first = lines.next().unwrap().unwrap();
            while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
            let path = first.split(' ').nth(1).unwrap();
            let file = path.strip_prefix(&format!("/v{VERSION}/")).map(|name| directory.join(name));
            let (status, body) = match file.and_then(|file| fs::read(file).ok()) {
                Some(body) => ("200 OK", body),
                None => ("404 Not Found", Vec::new()),
            };
            let head =
                format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _gone = connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(&body));
        }
    });
    url
}

#[test]
fn the_release_of_the_pinned_commit_is_installed() {
    let job = Job::new();
    let output = job.setup("release", PIN);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(job.text("path"), format!("{}\n", job.path("temp").join(job.archive()).display()));
    assert_eq!(job.text("output"), format!("version={VERSION}\n"));
    let asked = job.text("asked");
    for part in [
        format!("--source-digest {PIN}"),
        format!("--source-ref refs/tags/v{VERSION}"),
        "--repo testnet-deployer/testnet-deployer".to_owned(),
        "--signer-workflow testnet-deployer/testnet-deployer/.github/workflows/release.yml".to_owned(),
    ] {
        assert!(asked.contains(&part), "{part}: {asked}");
    }
}

#[test]
fn what_is_not_proven_is_not_installed() {
    let job = Job::new();
    job.gh("exit 1");
    job.refuses(PIN, "nothing proves that");
}

#[test]
fn what_did_not_arrive_whole_is_not_installed() {
    let job = Job::new();
    fs::write(job.path(&format!("served/{}.tar.gz", job.archive())), "half of it").unwrap();
    job.refuses(PIN, "the checksum");
    assert_eq!(job.text("asked"), "");
}

#[test]
fn a_tag_is_no_pin() {
    Job::new().refuses("v1", "pin this action to a whole commit SHA");
}

#[test]
fn a_release_that_is_not_there_is_named() {
    let job = Job::new();
    fs::remove_file(job.path("served/SHA256SUMS")).unwrap();
    job.refuses(PIN, &format!("cannot download SHA256SUMS of release v{VERSION}"));
}

#[test]
fn another_version_is_not_taken_for_ours() {
    let job = Job::new();
    job.release("race 99.0.0");
    job.refuses(PIN, &format!("what was installed is not race {VERSION}"));
}

#[test]
fn a_poisoned_cache_is_replaced() {
    let job = Job::new();
    assert!(job.setup("release", PIN).status.success());
    // The cache holds what is whole, but was built by somebody else: `gh` refuses it once.
    let refused = job.path("refused");
    job.gh(&format!("[ -e '{0}' ] || {{ touch '{0}'; exit 1; }}", refused.display()));
    let cached = job.path("temp/setup-race/marker");
    fs::write(&cached, "").unwrap();
    let output = job.setup("release", PIN);
    assert!(output.status.success(), "{output:?}");
    assert!(!cached.exists(), "what lay in the cache is gone");
}

#[test]
fn the_cache_is_looked_for_where_the_release_is_put() {
    let job = Job::new();
    assert!(job.setup("which", "").status.success());
    let directory = job.path("temp/setup-race");
    assert_eq!(job.text("output"), format!("name={}\ndirectory={}\n", job.archive(), directory.display()));
}
