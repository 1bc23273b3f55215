//! The lease: who has the testnet, from a deployment to the soak's verdict.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::remote::Holder;
use super::template::{is_sha, short};
use crate::policy::words;

/// The longest line that is read as a lease, in bytes.
const LONGEST: usize = 2048;

/// Who has the testnet. On a host it is one line of JSON, `race.lease/1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Name of the deployment: letters, digits, `.`, `_` and `-`.
    pub id: String,
    /// `OWNER/NAME` of the repository.
    pub repository: String,
    /// The run's id; absent outside GitHub Actions.
    pub run_id: Option<u64>,
    /// The run's attempt.
    pub attempt: Option<u32>,
    /// The commit.
    pub sha: String,
    /// Who started the run, or the deployment by hand.
    pub person: String,
    /// Where the run can be seen.
    pub url: Option<String>,
    /// When it ends, unless it is renewed. The host counts for itself: what it says
    /// is taken in by [`Lease::with_remaining`].
    pub expires_at: Timestamp,
}

/// A line that is no lease.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    /// It is not of the schema.
    #[error("this is no lease of the form {SCHEMA}: {0}")]
    Shape(String),
    /// A value cannot be right.
    #[error("this is no lease: its {0} is not valid")]
    Value(&'static str),
}

/// The name and version of the line's form.
const SCHEMA: &str = "race.lease/1";

/// The line as it is read and written.
#[derive(Serialize, Deserialize)]
struct Line<L> {
    schema: String,
    #[serde(flatten)]
    lease: L,
}

impl Lease {
    /// The one line that is kept on the hosts.
    #[must_use]
    pub fn line(&self) -> String {
        let line = Line { schema: SCHEMA.to_owned(), lease: self };
        // A struct of texts and numbers always has a JSON form.
        serde_json::to_string(&line).unwrap_or_default()
    }

    /// Reads a line. It comes from a host and is believed only as far as it is valid.
    ///
    /// # Errors
    ///
    /// When it is no lease, or a value of it cannot be right.
    pub fn parse(line: &str) -> Result<Self, LeaseError> {
        let line = line.trim_end_matches(['\n', '\r']);
        if line.len() > LONGEST {
            return Err(LeaseError::Shape(format!("it is longer than {LONGEST} bytes")));
        }
        let shape = |error: serde_json::Error| {
            // serde_json's own words alone: the line's text is not repeated.
            LeaseError::Shape(format!("column {}: {:?}", error.column(), error.classify()).to_lowercase())
        };
        let Line { schema, lease } = serde_json::from_str::<Line<Self>>(line).map_err(shape)?;
        if schema != SCHEMA {
            return Err(LeaseError::Shape("another schema".to_owned()));
        }
        lease.valid()
    }

    /// The lease, where every value of it can be right: what is not is not read
    /// back from a host either.
    ///
    /// # Errors
    ///
    /// Names the value that cannot be right.
    pub fn valid(self) -> Result<Self, LeaseError> {
        let is_part = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        let is_repository = |text: &str| text.split_once('/').is_some_and(|(a, b)| is_part(a) && is_part(b));
        let is_url = |text: &str| text.starts_with("https://") || text.starts_with("http://");
        for (what, valid) in [
            ("id", words::is_name(&self.id)),
            ("repository", is_repository(&self.repository)),
            ("sha", is_sha(&self.sha)),
            ("person", words::is_title(&self.person)),
            ("url", self.url.as_deref().is_none_or(|url| words::is_title(url) && is_url(url))),
        ] {
            if !valid {
                return Err(LeaseError::Value(what));
            }
        }
        Ok(self)
    }

    /// The same lease where a host says at `now` that it ends in `remaining`.
    #[must_use]
    pub fn with_remaining(self, now: Timestamp, remaining: Duration) -> Self {
        let expires_at = now.saturating_add(remaining).unwrap_or(Timestamp::MAX);
        Self { expires_at, ..self }
    }
}

impl Holder {
    /// The lease itself, where the host's line is one, with the end that the host tells
    /// of it at `now`.
    ///
    /// # Errors
    ///
    /// When the line is no lease.
    pub fn lease(&self, now: Timestamp) -> Result<Lease, LeaseError> {
        let remaining = Duration::from_secs(self.seconds_left.try_into().unwrap_or_default());
        Ok(Lease::parse(&self.line)?.with_remaining(now, remaining))
    }
}

impl fmt::Display for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.run_id, self.attempt) {
            (Some(run), Some(attempt)) => write!(f, "run {run} attempt {attempt} of {}", self.person)?,
            (Some(run), None) => write!(f, "run {run} of {}", self.person)?,
            (None, _) => write!(f, "a deployment by {}", self.person)?,
        }
        write!(f, " (sha {}), until {} UTC", short(&self.sha), self.expires_at.strftime("%H:%M"))
    }
}

/// How a host's lease stands to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody has the host.
    Free,
    /// We have it.
    Ours,
    /// Another has it.
    Held(Lease),
    /// Another had it, and did not renew it.
    Expired(Lease),
}

impl Standing {
    /// How the lease that was `found` on a host stands at `now` to the deployment `ours`.
    #[must_use]
    pub fn of(found: Option<Lease>, ours: &str, now: Timestamp) -> Self {
        match found {
            None => Self::Free,
            Some(lease) if lease.id == ours => Self::Ours,
            Some(lease) if lease.expires_at <= now => Self::Expired(lease),
            Some(lease) => Self::Held(lease),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

    fn lease() -> Lease {
        Lease {
            id: "7-1".to_owned(),
            repository: "acme/chain".to_owned(),
            run_id: Some(7),
            attempt: Some(1),
            sha: SHA.to_owned(),
            person: "alice".to_owned(),
            url: Some("https://github.com/acme/chain/actions/runs/7".to_owned()),
            expires_at: "2026-01-02T12:30:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn the_line_reads_back() {
        let line = lease().line();
        assert_eq!(
            line,
            format!(
                r#"{{"schema":"race.lease/1","id":"7-1","repository":"acme/chain","run_id":7,"attempt":1,"sha":"{SHA}","person":"alice","url":"https://github.com/acme/chain/actions/runs/7","expires_at":"2026-01-02T12:30:00Z"}}"#
            )
        );
        assert_eq!(Lease::parse(&format!("{line}\n")), Ok(lease()));
        let hidden = Lease { repository: "acme/.github".to_owned(), ..lease() };
        assert_eq!(Lease::parse(&hidden.line()), Ok(hidden));
    }

    #[test]
    fn it_is_told_in_a_sentence() {
        assert_eq!(lease().to_string(), "run 7 attempt 1 of alice (sha 0123456789a), until 12:30 UTC");
        let by_hand = Lease { run_id: None, attempt: None, ..lease() };
        assert_eq!(by_hand.to_string(), "a deployment by alice (sha 0123456789a), until 12:30 UTC");
    }

    #[test]
    fn a_line_of_a_host_is_not_believed_blindly() {
        for (break_it, message) in [
            (lease().line().replace("7-1", "../x"), "this is no lease: its id is not valid"),
            (lease().line().replace("alice", r"a\u001b[31m"), "this is no lease: its person is not valid"),
            (lease().line().replace(SHA, "main"), "this is no lease: its sha is not valid"),
            (lease().line().replace("https:", "javascript:"), "this is no lease: its url is not valid"),
            (lease().line().replace("acme/", ""), "this is no lease: its repository is not valid"),
            (
                lease().line().replace("lease/1", "lease/2"),
                "this is no lease of the form race.lease/1: another schema",
            ),
            ("{".to_owned(), "this is no lease of the form race.lease/1: column 1: eof"),
            (" ".repeat(3000), "this is no lease of the form race.lease/1: it is longer than 2048 bytes"),
        ] {
            assert_eq!(Lease::parse(&break_it).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn a_lease_is_ours_anothers_or_over() {
        let now = lease().expires_at - jiff::SignedDuration::from_secs(1);
        assert_eq!(Standing::of(None, "7-1", now), Standing::Free);
        assert_eq!(Standing::of(Some(lease()), "7-1", now), Standing::Ours);
        assert_eq!(Standing::of(Some(lease()), "8-1", now), Standing::Held(lease()));
        assert_eq!(Standing::of(Some(lease()), "8-1", lease().expires_at), Standing::Expired(lease()));
        let renewed = lease().with_remaining(now, Duration::from_mins(5));
        assert_eq!(renewed.to_string(), "run 7 attempt 1 of alice (sha 0123456789a), until 12:34 UTC");
        assert_eq!(lease().with_remaining(now, Duration::MAX).expires_at, Timestamp::MAX);
    }

    proptest::proptest! {
        #[test]
        fn what_is_valid_is_one_line_and_reads_back(
            person in "\\PC{0,30}", id in "[a-z0-9.-]{0,8}", url in proptest::option::of("https://\\PC{0,9}"),
        ) {
            if let Ok(lease) = (Lease { person, id, url, ..lease() }).valid() {
                let line = lease.line();
                proptest::prop_assert!(!line.chars().any(char::is_control), "{line:?}");
                proptest::prop_assert_eq!(Lease::parse(&line), Ok(lease));
            }
        }

        #[test]
        fn no_line_of_a_host_is_too_much(line in "[\\{\"a-z:, ]{0,60}|\\PC{0,60}") {
            proptest::prop_assert!(Lease::parse(&line).is_err());
        }
    }
}
