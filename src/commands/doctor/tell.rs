//! What the doctor found and did, for people and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::mend::Mended;
use crate::cli::Format;
use crate::commands::{Context, Failure};
use crate::exit::Exit;
use crate::report::{Paint, inert};
use crate::setup::{Finding, Severity};

/// What is told.
pub(super) struct Told {
    pub(super) repository: String,
    pub(super) findings: Vec<Finding>,
    pub(super) exit: Exit,
    pub(super) mended: Option<Mended>,
}

/// Tells it on stdout.
pub(super) fn tell(context: &Context, told: &Told) -> Result<(), Failure> {
    let written = match context.shared.format {
        Format::Json => context.output.json(&told.json().to_string()),
        Format::Human => context.output.result(&told.text(context.output.style.color_out)),
    };
    written.map_err(|error| Failure::caused(Exit::Internal, "cannot write the result", &error))
}

impl Told {
    fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.code.severity() == severity).count()
    }

    fn text(&self, color: bool) -> String {
        let mut text = String::new();
        if let Some(mended) = &self.mended {
            let lists = [
                ("done", Paint::Green, &mended.done),
                ("so already", Paint::Dim, &mended.already),
                ("not done", Paint::Red, &mended.not_done),
            ];
            for (word, paint, lines) in lists {
                for line in lines {
                    let _ = writeln!(text, "{}  {}", paint.on(color, &format!("{word:10}")), inert(line));
                }
            }
            if mended.plan.changes.is_empty() {
                let _ = writeln!(text, "there is nothing that --fix could do");
            }
            for (finding, why) in &mended.plan.left {
                let what = format!("{} of {}: {why}", finding.code.word(), finding.subject);
                let _ = writeln!(text, "{}  {}", Paint::Yellow.on(color, "left      "), inert(&what));
            }
            text.push('\n');
        }
        for finding in &self.findings {
            let severity = finding.code.severity();
            let paint = if severity == Severity::Red { Paint::Red } else { Paint::Yellow };
            let word = paint.on(color, &format!("{:7}", severity.word()));
            let code = Paint::Bold.on(color, finding.code.word());
            let _ = writeln!(text, "{word} {code}: {}", inert(&finding.what));
            let _ = writeln!(text, "        why:  {}", finding.code.why());
            let _ = writeln!(text, "        mend: {}\n", finding.code.mend());
        }
        let (red, yellow) = (self.count(Severity::Red), self.count(Severity::Yellow));
        let repository = inert(&self.repository);
        let _ = match (red, yellow) {
            (0, 0) => writeln!(text, "{repository}: nothing wrong"),
            _ => writeln!(text, "{repository}: {red} red, {yellow} yellow"),
        };
        let fixable = self.findings.iter().filter(|finding| finding.code.fixable()).count();
        if self.mended.is_none() && fixable > 0 {
            let _ = writeln!(text, "`race doctor --fix` can mend {fixable} of them");
        }
        text
    }

    fn json(&self) -> Value {
        let finding = |finding: &Finding| {
            json!({
                "code": finding.code,
                "severity": finding.code.severity(),
                "subject": finding.subject,
                "item": if finding.item.is_empty() { None } else { Some(&finding.item) },
                "what": finding.what,
                "why": finding.code.why(),
                "mend": finding.code.mend(),
                "fixable": finding.code.fixable(),
            })
        };
        let fix = self.mended.as_ref().map(|mended| {
            let plan = mended.plan.changes.iter().map(crate::setup::mending::Change::told);
            let left = mended.plan.left.iter().map(|(finding, why)| {
                json!({"code": finding.code, "subject": finding.subject, "item": finding.item, "why": why})
            });
            json!({
                "plan": plan.collect::<Vec<_>>(),
                "done": mended.done,
                "already": mended.already,
                "not_done": mended.not_done,
                "left": left.collect::<Vec<_>>(),
                "stopped": mended.stopped.as_ref().map(|(message, _)| message),
            })
        });
        json!({
            "schema": "race.doctor/1",
            "repository": self.repository,
            "findings": self.findings.iter().map(finding).collect::<Vec<_>>(),
            "red": self.count(Severity::Red),
            "yellow": self.count(Severity::Yellow),
            "fix": fix,
            "exit_code": self.exit,
        })
    }
}
