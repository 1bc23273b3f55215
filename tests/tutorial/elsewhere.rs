//! What is of this machine and this minute, as it would be elsewhere: so that a story
//! that is told again is told in the same words.

use std::path::Path;
use std::sync::OnceLock;

use regex::{Captures, Regex};
use testnet_deployer::rehearsal::workshop::Workshop;

/// Names things in the order in which they are told of.
#[derive(Default)]
pub struct Elsewhere {
    commits: Vec<String>,
    runs: Vec<String>,
}

impl Elsewhere {
    /// The text as it would be elsewhere.
    pub fn told(&mut self, text: &str, workshop: &Workshop, directory: &Path) -> String {
        let mut text = text.to_owned();
        let mut put = |from: &str, to: &str| text = text.replace(from, to);
        for (host, number) in workshop.hosts().iter().zip(1..) {
            put(&host.directory.parent().unwrap().display().to_string(), "/srv/testnet");
            put(&format!("127.0.0.1:{}", host.port), &format!("203.0.113.1{number}"));
            put(&host.host_key, &format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5...validator-{number}"));
        }
        put(&directory.display().to_string(), "/home/carol");
        put(&format!("127.0.0.1:{}", workshop.node_port()), "127.0.0.1:9944");
        put(workshop.github().server_url(), "https://github.com");
        let text = self.commits_of(&text);
        times_of(&self.runs_of(&text, workshop))
    }

    /// Commits, whole or cut to eleven digits; but for the one of the release, which the
    /// story names itself.
    fn commits_of(&mut self, text: &str) -> String {
        replaced(r"\b(?:[0-9a-f]{40}|[0-9a-f]{11})\b", text, |found| {
            let told = &found[0];
            let commit = sha(place(&mut self.commits, &told[..11]));
            (!told.starts_with("0123456789a")).then(|| commit[..told.len()].to_owned())
        })
    }

    fn runs_of(&mut self, text: &str, workshop: &Workshop) -> String {
        let known: Vec<String> =
            workshop.github().read(|world| world.runs.iter().map(|run| run.id.to_string()).collect());
        replaced(r"\b(run |runs/)(\d+)", text, |found| {
            known
                .iter()
                .any(|run| *run == found[2])
                .then(|| format!("{}{}", &found[1], 7001 + place(&mut self.runs, &found[2])))
        })
    }
}

/// When things happened, and how long they took.
fn times_of(text: &str) -> String {
    static TIMES: OnceLock<Vec<(Regex, &str)>> = OnceLock::new();
    let times = TIMES.get_or_init(|| {
        [
            (r"\b20\d\d-\d\d-\d\dT[\d:.]+Z", "2026-11-02T09:00:00Z"),
            (r"\b20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC", "2026-11-02 09:00:00 UTC"),
            (r", [\d.hms]+ from ", ", 10s from "),
            (r"waiting for [\d.hms]+\b", "waiting for 10s"),
            (r"\b\d+\.\.\d+, [\d.hms]+, ", "7..507, 10s, "),
            (r"\b\d+\.\.\d+, ", "7..507, "),
            (r"[\d.]+ms each by", "20ms each by"),
            (r"median [\d.]+ s", "median 0.020 s"),
            (r"baseline: session \d+, block \d+", "baseline: session 7, block 28"),
            (r"(?m)^index .*\n", ""),
            // As the page of a run shows it.
            (r"(?m)^::error title=[^:]*::", "Error: "),
            // A busy machine may see several sessions at once.
            (r"\b5\d\d of 500 sessions", "500 of 500 sessions"),
            (r"\b5\d\d sessions passed", "500 sessions passed"),
        ]
        .map(|(pattern, by)| (Regex::new(pattern).unwrap(), by))
        .into()
    });
    times.iter().fold(text.to_owned(), |text, (pattern, by)| pattern.replace_all(&text, *by).into_owned())
}

fn replaced(pattern: &str, text: &str, by: impl FnMut(&Captures<'_>) -> Option<String>) -> String {
    let mut by = by;
    let pattern = Regex::new(pattern).unwrap();
    pattern
        .replace_all(text, |found: &Captures<'_>| by(found).unwrap_or_else(|| found[0].to_owned()))
        .into_owned()
}

fn place(known: &mut Vec<String>, name: &str) -> usize {
    known.iter().position(|known| known == name).unwrap_or_else(|| {
        known.push(name.to_owned());
        known.len() - 1
    })
}

/// Forty hexadecimal digits that look like a commit's.
fn sha(number: usize) -> String {
    let number = u128::try_from(number + 1).unwrap();
    let digits = number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let more = number.wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
    format!("{digits:032x}{:08x}", more & 0xffff_ffff)
}
