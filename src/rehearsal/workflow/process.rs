//! The processes of the steps: each in a group of its own, and none outlives the
//! rehearsal.

use std::collections::HashMap;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::{Child, ChildStdin, Command};
use tokio::task::JoinSet;

/// How long a process may take to leave after SIGINT, a little more than it promises.
pub(in crate::rehearsal) const GRACE: Duration = Duration::from_secs(8);

/// Tells a process that a rehearsal started it, and holds its stdin open.
const REHEARSED: &str = "REHEARSED";

/// For a process that is called `race`: where a rehearsal started it, it ends with
/// the rehearsal, even one that was killed and could not end it.
pub fn leave_with_rehearsal() {
    if std::env::var_os(REHEARSED).is_none() {
        return;
    }
    let watch = || {
        // Nothing is ever written there: it ends when the other side is gone.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = kill_process(rustix::process::getpid(), Signal::TERM);
    };
    // Without the thread the process goes on until its own deadline.
    let _ = std::thread::Builder::new().name("rehearsal".to_owned()).spawn(watch);
}

/// Our own executable under the name `race`, with an empty environment.
///
/// # Errors
///
/// When it is not known where we are.
pub(in crate::rehearsal) fn own_executable() -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg0("race");
    isolate(&mut command);
    Ok(command)
}

/// Nothing of our environment, and a process group of its own: the terminal's Ctrl-C
/// reaches us alone, and we end the steps in order.
fn isolate(command: &mut Command) {
    command.env_clear().stdin(Stdio::null()).process_group(0).kill_on_drop(true);
}

/// A shell for a step, which is told by its stdin when we are gone.
pub(super) fn shell() -> Command {
    let mut command = Command::new("bash");
    isolate(&mut command);
    tie(&mut command);
    command
}

/// Has a process told by its stdin when we are gone.
pub(in crate::rehearsal) fn tie(command: &mut Command) {
    command.env(REHEARSED, "true").stdin(Stdio::piped()).process_group(0).kill_on_drop(true);
}

/// The steps that run now.
#[derive(Default)]
pub(super) struct Processes {
    ends: JoinSet<Ended>,
    running: HashMap<usize, Running>,
}

/// A process of a step.
struct Running {
    pid: Pid,
    /// Tells the process, by being closed, that we are gone.
    _stdin: Option<ChildStdin>,
}

/// A step that ended.
#[derive(Debug)]
pub(in crate::rehearsal) struct Ended {
    /// The index of its job.
    pub(super) job: usize,
    /// How the process ended; none where there was none.
    pub(super) status: Option<ExitStatus>,
    /// Whether the step succeeded.
    pub(super) success: bool,
}

impl Processes {
    /// Follows a process of a job.
    pub(super) fn follow(&mut self, job: usize, mut child: Child) {
        if let Some(pid) = pid_of(&child) {
            self.running.insert(job, Running { pid, _stdin: child.stdin.take() });
        }
        self.ends.spawn(async move {
            let status = child.wait().await.ok();
            Ended { job, status, success: status.is_some_and(|status| status.success()) }
        });
    }

    /// A step that needed no process, or got none.
    pub(super) fn already_ended(&mut self, job: usize, success: bool) {
        self.ends.spawn(async move { Ended { job, status: None, success } });
    }

    /// The next step that ends; waits for ever where none runs.
    pub(super) async fn next(&mut self) -> Ended {
        loop {
            match self.ends.join_next().await {
                Some(Ok(ended)) => {
                    self.running.remove(&ended.job);
                    return ended;
                }
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// Ends every process: asked first, killed if it does not listen.
    pub(super) async fn stop(&mut self) {
        for Running { pid, .. } in self.running.values() {
            // One that has just ended needs no signal.
            let _ = kill_process(*pid, Signal::INT);
        }
        let all = async { while self.ends.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, all).await.is_err() {
            for Running { pid, .. } in self.running.values() {
                let _ = kill_process_group(*pid, Signal::KILL);
            }
            self.ends.shutdown().await;
        }
        self.running.clear();
    }
}

fn pid_of(child: &Child) -> Option<Pid> {
    child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
}
