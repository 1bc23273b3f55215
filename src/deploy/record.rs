//! `deploy.json`: what happened on which host, step by step, `race.deploy/1`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::outcome::{Ending, HostState, Outcome, Verdict};

/// The run of GitHub Actions that a deployment belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The run's id; absent outside GitHub Actions.
    pub id: Option<u64>,
    /// The run's attempt.
    pub attempt: Option<u32>,
    /// The commit that is deployed.
    pub head_sha: String,
    /// Who started the run.
    pub person: Option<String>,
}

/// A deployment as a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    schema: String,
    /// The run.
    pub run: Run,
    /// The plan's digest: SHA-256 of its JSON in hexadecimal digits.
    pub plan: String,
    /// When it began, the wait for what is deployed among it.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How it ended.
    pub verdict: Verdict,
    /// The exit code of the process.
    pub exit_code: u8,
    /// The verdict for people.
    pub reason: String,
    /// The hosts, in the order in which they are deployed.
    pub hosts: Vec<HostRecord>,
}

/// What happened on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostRecord {
    /// The host's name.
    pub name: String,
    /// The number of its wave, from 1.
    pub wave: usize,
    /// What is known of it at the end.
    pub state: HostState,
    /// The steps that have begun, in order.
    pub steps: Vec<StepRecord>,
    /// The undo, where it was asked for or ran by itself.
    pub undo: Option<UndoRecord>,
}

/// What a step was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An upload.
    Upload,
    /// A command or script.
    Command,
    /// A check that the host is ready.
    Ready,
}

/// A step that has begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRecord {
    /// The step's name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; absent where that is not known.
    pub ended_at: Option<Timestamp>,
    /// The exit status of a command that ended by itself.
    pub exit_code: Option<i32>,
    /// Whether an upload changed anything.
    pub changed: Option<bool>,
    /// What went wrong.
    pub error: Option<String>,
}

/// The undo of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoRecord {
    /// When we asked for it; absent where the host began by itself.
    pub asked_at: Option<Timestamp>,
    /// When the host said how it ended; absent where it did not.
    pub ended_at: Option<Timestamp>,
    /// The names of the steps whose undo failed.
    pub failed: Vec<String>,
    /// Why it is not known how it ended.
    pub error: Option<String>,
}

impl Record {
    /// The name and version of the file's shape.
    pub const SCHEMA: &str = "race.deploy/1";

    /// The deployment from `started_at` to `ended_at`; its verdict follows from `hosts`.
    #[must_use]
    pub fn of(
        run: Run,
        plan: String,
        (started_at, ended_at): (Timestamp, Timestamp),
        hosts: Vec<HostRecord>,
        ending: &Ending,
    ) -> Self {
        let states: Vec<(&str, HostState)> =
            hosts.iter().map(|host| (host.name.as_str(), host.state)).collect();
        let Outcome { verdict, exit, sentence } = Outcome::of(&states, ending);
        let exit_code = exit.code();
        let schema = Self::SCHEMA.to_owned();
        Self { schema, run, plan, started_at, ended_at, verdict, exit_code, reason: sentence, hosts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_the_contracts_shape() {
        let at = |second: i64| Timestamp::from_second(1_767_355_200 + second).unwrap();
        let step = StepRecord {
            name: "restart".to_owned(),
            kind: Kind::Command,
            started_at: at(1),
            ended_at: Some(at(2)),
            exit_code: Some(3),
            changed: None,
            error: Some("ended with status 3".to_owned()),
        };
        let undo =
            UndoRecord { asked_at: Some(at(2)), ended_at: Some(at(3)), failed: Vec::new(), error: None };
        let host = HostRecord {
            name: "validator-1".to_owned(),
            wave: 1,
            state: HostState::Undone,
            steps: vec![step],
            undo: Some(undo),
        };
        let run =
            Run { id: Some(7), attempt: Some(1), head_sha: "a".repeat(40), person: Some("alice".to_owned()) };
        let ending = Ending { reason: Some("it broke".to_owned()), ..Ending::default() };
        let record = Record::of(run, "d".repeat(64), (at(0), at(4)), vec![host], &ending);
        let json = serde_json::to_value(&record).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "schema": "race.deploy/1",
                "run": {"id": 7, "attempt": 1, "head_sha": "a".repeat(40), "person": "alice"},
                "plan": "d".repeat(64),
                "started_at": "2026-01-02T12:00:00Z",
                "ended_at": "2026-01-02T12:00:04Z",
                "verdict": "rolled-back",
                "exit_code": 30,
                "reason": "it broke; every host is as it was; undone: validator-1",
                "hosts": [{
                    "name": "validator-1",
                    "wave": 1,
                    "state": "undone",
                    "steps": [{
                        "name": "restart", "kind": "command", "started_at": "2026-01-02T12:00:01Z",
                        "ended_at": "2026-01-02T12:00:02Z", "exit_code": 3, "changed": null,
                        "error": "ended with status 3"
                    }],
                    "undo": {
                        "asked_at": "2026-01-02T12:00:02Z", "ended_at": "2026-01-02T12:00:03Z",
                        "failed": [], "error": null
                    }
                }]
            })
        );
        assert_eq!(serde_json::from_value::<Record>(json).unwrap(), record);
    }
}
