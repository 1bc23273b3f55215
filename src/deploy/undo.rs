//! The undo list: what a host runs by itself to be as it was before.

use std::time::Duration;

use super::command::sudo;
use super::plan::{Change, HostPlan, Undo};
use super::quote::quoted;

impl HostPlan {
    /// The undo list, as text for POSIX `sh`: one call per step that has an undo, in
    /// the order of execution, which is the steps' reverse, then what comes after.
    ///
    /// - `undo_upload NUMBER NAME PATH [sudo -n -u USER --]`
    /// - `undo_command NUMBER NAME SECONDS ARGUMENT...`
    /// - `afterwards NAME SECONDS ARGUMENT...`
    ///
    /// Every word is quoted; one that holds line breaks keeps them.
    #[must_use]
    pub fn undo_list(&self) -> String {
        let mut list = String::new();
        let mut call = |words: &[String], rest: &[String]| {
            list.push_str(&quoted(&[words, rest].concat()));
            list.push('\n');
        };
        for (before, step) in self.steps.iter().enumerate().rev() {
            let number = before + 1;
            let head = |function: &str, last: String| {
                [function.to_owned(), number.to_string(), step.name.clone(), last]
            };
            match (&step.undo, &step.change) {
                (Undo::Restore, Change::Upload(upload)) => {
                    call(&head("undo_upload", upload.to.clone()), &sudo(upload.user.as_deref()));
                }
                (Undo::Command(command), _) => {
                    call(&head("undo_command", seconds(command.time_limit)), &command.argv);
                }
                (Undo::Restore | Undo::Nothing | Undo::Unsaid, _) => {}
            }
        }
        for command in &self.after_undo {
            let head = ["afterwards".to_owned(), command.name.clone(), seconds(command.time_limit)];
            call(&head, &command.argv);
        }
        list
    }

    /// How long the undo may take at most, without the time to restore uploads.
    #[must_use]
    pub fn undo_limit(&self) -> Duration {
        let undos = self.steps.iter().filter_map(|step| match &step.undo {
            Undo::Command(command) => Some(command.time_limit),
            Undo::Restore | Undo::Nothing | Undo::Unsaid => None,
        });
        undos
            .chain(self.after_undo.iter().map(|command| command.time_limit))
            .fold(Duration::ZERO, Duration::saturating_add)
    }
}

/// Whole seconds for `timeout`, to which 0 would mean no limit at all.
fn seconds(limit: Duration) -> String {
    limit.as_secs().saturating_add(u64::from(limit.subsec_nanos() > 0)).max(1).to_string()
}
