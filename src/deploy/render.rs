//! A plan as it is shown: to people, and as JSON of the schema `race.plan/1`.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::plan::{Change, Collected, HostPlan, Plan, PlannedStep, Probe, ProbeKind, Undo, Upload};
use super::{Command, quoted};
use crate::policy::duration::rounded;

/// The name and version of the plan's JSON.
const SCHEMA: &str = "race.plan/1";

impl Plan {
    /// The plan for people: a block per host, a line per command. A further line of
    /// a script begins with `|`. Other control characters are as the policy has them.
    #[must_use]
    pub fn rendered(&self) -> String {
        let mut text = String::new();
        for (number, wave) in (1..).zip(&self.waves) {
            let canary = if number == 1 && self.canary { " (canary)" } else { "" };
            let _ = writeln!(text, "wave {number}{canary}");
            for host in wave {
                of_host(&mut text, host);
            }
        }
        text
    }

    /// The plan as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let hosts = self.hosts_by_wave().map(|(wave, host)| {
            let steps = (1..).zip(&host.steps).map(|(number, step)| step_json(number, step));
            json!({
                "host": host.host,
                "wave": wave,
                "steps": steps.collect::<Vec<_>>(),
                "after_undo": host.after_undo.iter().map(command_json).collect::<Vec<_>>(),
                "ready": host.ready.iter().map(probe_json).collect::<Vec<_>>(),
                "collect": host.collect.iter().map(collected_json).collect::<Vec<_>>(),
            })
        });
        json!({"schema": SCHEMA, "waves": self.waves.len(), "canary": self.canary, "hosts": hosts.collect::<Vec<_>>()})
    }

    /// The SHA-256 of the plan's JSON, in hexadecimal digits: equal plans have equal ones.
    #[must_use]
    pub fn digest(&self) -> String {
        let digest = Sha256::digest(self.json().to_string());
        digest.iter().fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

fn of_host(text: &mut String, host: &HostPlan) {
    let _ = writeln!(text, "  {}", host.host);
    for (number, PlannedStep { name, change, undo }) in (1..).zip(&host.steps) {
        match change {
            Change::Upload(upload) => {
                let limit = rounded(upload.time_limit);
                let _ = writeln!(text, "    {number}. {name} (at most {limit}): {}", upload_text(upload));
            }
            Change::Command(command) => {
                let _ = writeln!(text, "    {number}. {}", command_text(command));
            }
        }
        let undo = match undo {
            Undo::Restore => "what was there before comes back".to_owned(),
            Undo::Command(command) => lines(&quoted(&command.argv)),
            Undo::Nothing => "nothing to undo".to_owned(),
            Undo::Unsaid => "the policy does not say: what the step did stays".to_owned(),
        };
        let _ = writeln!(text, "       undo: {undo}");
    }
    for command in &host.after_undo {
        let _ = writeln!(text, "    after an undo: {}", command_text(command));
    }
    for probe in &host.ready {
        let (every, within) = (rounded(probe.every), rounded(probe.within));
        let what = match &probe.what {
            ProbeKind::Run(command) => lines(&quoted(&command.argv)),
            ProbeKind::TcpPort(port) => format!("TCP port {port} accepts connections"),
            ProbeKind::Rpc { port, version_contains, min_peers } => {
                let mut what = format!("the node at port {port} does not sync");
                if let Some(version) = version_contains {
                    let _ = write!(what, ", its version contains `{version}`");
                }
                if *min_peers > 0 {
                    let peers = if *min_peers == 1 { "peer" } else { "peers" };
                    let _ = write!(what, ", it has at least {min_peers} {peers}");
                }
                what
            }
        };
        let _ = writeln!(text, "    ready: {} (every {every}, for at most {within}): {what}", probe.name);
    }
    for Collected { file, command } in &host.collect {
        let argv = lines(&quoted(&command.argv));
        let _ = writeln!(text, "    on failure: {file} (at most {}): {argv}", rounded(command.time_limit));
    }
}

fn upload_text(upload: &Upload) -> String {
    let mut text = format!("upload {}", lines(&quoted(&[upload.from.clone(), upload.to.clone()])));
    if let Some(mode) = upload.mode {
        let _ = write!(text, ", mode {mode:04o}");
    }
    if let Some(owner) = &upload.owner {
        let _ = write!(text, ", owner {owner}");
    }
    if let Some(user) = &upload.user {
        let _ = write!(text, ", as {user}");
    }
    text
}

fn command_text(command: &Command) -> String {
    let Command { name, argv, secrets, time_limit, .. } = command;
    let limit = rounded(*time_limit);
    let secrets = match secrets.as_slice() {
        [] => String::new(),
        names => format!(", secrets on stdin: {}", names.join(" ")),
    };
    format!("{name} (at most {limit}{secrets}): {}", lines(&quoted(argv)))
}

/// Text of several lines as part of a line: those after the first are set off.
fn lines(text: &str) -> String {
    text.replace('\n', "\n         | ")
}

fn step_json(number: usize, step: &PlannedStep) -> Value {
    let undo = match &step.undo {
        Undo::Restore => json!({"kind": "restore"}),
        Undo::Command(command) => with(command_json(command), [("kind", json!("command"))]),
        Undo::Nothing => json!({"kind": "nothing"}),
        Undo::Unsaid => json!({"kind": "unsaid"}),
    };
    let change = match &step.change {
        Change::Upload(upload) => json!({
            "kind": "upload",
            "from": upload.from,
            "to": upload.to,
            "mode": upload.mode.map(|mode| format!("{mode:04o}")),
            "owner": upload.owner,
            "user": upload.user,
            "time_limit_s": upload.time_limit.as_secs_f64(),
        }),
        Change::Command(command) => with(command_json(command), [("kind", json!("command"))]),
    };
    with(change, [("name", json!(step.name)), ("number", json!(number)), ("undo", undo)])
}

fn command_json(command: &Command) -> Value {
    json!({
        "name": command.name,
        "argv": command.argv,
        "user": command.user,
        "secrets": command.secrets,
        "time_limit_s": command.time_limit.as_secs_f64(),
    })
}

fn probe_json(probe: &Probe) -> Value {
    let what = match &probe.what {
        ProbeKind::Run(command) => with(command_json(command), [("kind", json!("run"))]),
        ProbeKind::TcpPort(port) => json!({"kind": "tcp", "port": port}),
        ProbeKind::Rpc { port, version_contains, min_peers } => {
            json!({"kind": "rpc", "port": port, "version_contains": version_contains, "min_peers": min_peers})
        }
    };
    with(
        what,
        [
            ("name", json!(probe.name)),
            ("time_limit_s", json!(probe.time_limit.as_secs_f64())),
            ("every_s", json!(probe.every.as_secs_f64())),
            ("within_s", json!(probe.within.as_secs_f64())),
        ],
    )
}

fn collected_json(collected: &Collected) -> Value {
    with(command_json(&collected.command), [("file", json!(collected.file))])
}

/// An object with further fields.
fn with<const N: usize>(mut object: Value, fields: [(&str, Value); N]) -> Value {
    for (key, value) in fields {
        if let Value::Object(object) = &mut object {
            object.insert(key.to_owned(), value);
        }
    }
    object
}
