//! Runs a program and accounts for it and for every process below it.

use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, set_child_subreaper, wait};

use super::machine;

/// First argument of this program when it is to run another and account for it: what
/// the kernel says of the children of a process is a sum.
pub(crate) const ACCOUNT: &str = "--account";

/// Memory is looked at in runs of its own, because that takes time.
const MEMORY: &str = "memory";

/// How often memory is looked at.
const EVERY: Duration = Duration::from_millis(20);

/// What a program took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Taken {
    /// Seconds from its start to its end.
    pub(crate) wall: f64,
    /// Seconds of CPU, with everything below it.
    pub(crate) cpu: f64,
    /// Peak of the memory of all its processes together, in megabytes, without `ssh`.
    pub(crate) memory: f64,
    /// The same of its `ssh` processes.
    pub(crate) ssh: f64,
    /// Greatest number of its processes at once, `ssh` among them.
    pub(crate) processes: f64,
}

/// Runs a program under the eye of this one's own executable, whose last words on
/// its output are shown when it fails.
pub(crate) fn run(command: &Command, memory: bool, directory: &std::path::Path) -> Taken {
    let (file, log) = (directory.join("taken"), directory.join("output"));
    let program = command.get_program().to_owned();
    let mut accounted = Command::new(std::env::current_exe().unwrap());
    accounted.arg(ACCOUNT).arg(&file).arg(if memory { MEMORY } else { "time" }).arg(program);
    accounted.args(command.get_args()).env_clear().current_dir(directory);
    accounted.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = fs::File::create(&log).unwrap();
    accounted.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
    let status = accounted.status().unwrap();
    assert!(status.success(), "{command:?} failed:\n{}", fs::read_to_string(log).unwrap());
    let words: Vec<f64> =
        fs::read_to_string(file).unwrap().split_whitespace().map(|word| word.parse().unwrap()).collect();
    Taken { wall: words[0], cpu: words[1], memory: words[2], ssh: words[3], processes: words[4] }
}

/// The other side of [`run`].
pub(crate) fn account(file: &str, what: &str, program: &str, arguments: &[&str]) -> ExitCode {
    // What a program leaves behind becomes ours.
    set_child_subreaper(Pid::from_raw(1)).unwrap();
    let ended = AtomicBool::new(false);
    let began = Instant::now();
    let mut child = Command::new(program).args(arguments).spawn().unwrap();
    let (status, wall, peaks) = thread::scope(|scope| {
        let watched = (what == MEMORY).then(|| scope.spawn(|| watch(&ended)));
        let status = child.wait().unwrap();
        let wall = began.elapsed();
        ended.store(true, Ordering::Relaxed);
        (status, wall, watched.map(|watched| watched.join().unwrap()).unwrap_or_default())
    });
    end_what_is_left(&child);
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let cpu = usage.user_time() + usage.system_time();
    let cpu = Duration::from_micros(cpu.num_microseconds().try_into().unwrap());
    let [memory, ssh, processes] = peaks;
    fs::write(file, format!("{} {} {memory} {ssh} {processes}", wall.as_secs_f64(), cpu.as_secs_f64()))
        .unwrap();
    if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Peaks of the memory of what is below us, without `ssh` and of it, and of the
/// number of processes.
fn watch(ended: &AtomicBool) -> [f64; 3] {
    let mut peaks = [0.0_f64; 3];
    while !ended.load(Ordering::Relaxed) {
        let mut now = [0.0; 3];
        for pid in machine::below(std::process::id()) {
            let (Some(name), Some(memory)) = (machine::name(pid), machine::memory(pid)) else { continue };
            #[expect(clippy::cast_precision_loss, reason = "megabytes are shown")]
            let megabytes = memory as f64 / 1e6;
            now[usize::from(name == "ssh")] += megabytes;
            now[2] += 1.0;
        }
        for (peak, now) in peaks.iter_mut().zip(now) {
            *peak = peak.max(now);
        }
        thread::sleep(EVERY);
    }
    peaks
}

/// Ends the processes that outlive the program, such as connections that are kept for
/// its next run: the next one begins without, as on a fresh runner.
fn end_what_is_left(child: &Child) {
    for pid in machine::below(std::process::id()).into_iter().filter(|pid| *pid != child.id()) {
        if let Some(pid) = pid.try_into().ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
    }
    while wait(WaitOptions::empty()).is_ok() {}
}
