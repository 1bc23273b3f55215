//! The program that runs on a host: how it is called, and what its answers mean.
//! The program itself is `remote/*.sh`.

mod answer;

use std::time::Duration;

pub use answer::{
    Armed, Holder, Look, Opening, Probed, RemoteError, Renewed, Status, Taken, UndoFailure, Unfinished,
    answer_of, armed, looked, probed, received, released, renewed, status, taken,
};

/// POSIX sh. Every call brings it along, so that a host needs no installation, and
/// never runs another version's.
const PROGRAM: &str = concat!(
    include_str!("remote/state.sh"),
    include_str!("remote/change.sh"),
    include_str!("remote/keeper.sh"),
    include_str!("remote/subcommands.sh"),
);

/// Keeps the program's text, so that it can start itself again as the keeper.
const START: &str = r#"program=$1; shift; eval "$program""#;

/// Calls of the program on a host, as arguments that no shell reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    state_directory: String,
}

/// A file or a directory that is sent to a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent<'a> {
    /// Whether it is a directory, as a stream of [`tar`] makes it.
    pub directory: bool,
    /// How many bytes the stream has.
    pub size: u64,
    /// The stream's SHA-256, in lower-case hexadecimal digits.
    pub sha256: &'a str,
    /// The absolute path. For a directory a symlink is made there.
    pub to: &'a str,
    /// Its mode, octal; that of the file before, or 0644, where there is none.
    pub mode: Option<u32>,
    /// Its owner, as `chown` reads it.
    pub owner: Option<&'a str>,
    /// Who writes it, by `sudo`; the login user where there is nobody.
    pub user: Option<&'a str>,
}

impl Remote {
    /// Calls with their state in this directory of the host: absolute, or relative
    /// to the directory in which a login starts.
    #[must_use]
    pub fn new(state_directory: &str) -> Self {
        Self { state_directory: state_directory.to_owned() }
    }

    fn call(&self, subcommand: &str, arguments: &[&str]) -> Vec<String> {
        let fixed = ["sh", "-c", START, "race", PROGRAM, &self.state_directory, subcommand];
        fixed.iter().chain(arguments).map(|word| (*word).to_owned()).collect()
    }

    /// What there is to know about the host; see [`probed`]. Asks whether `sudo` to
    /// `users` works, and for the free space at absolute `paths`.
    #[must_use]
    pub fn probe(&self, users: &[&str], paths: &[&str]) -> Vec<String> {
        let users = users.iter().flat_map(|user| ["-u", user]);
        self.call("probe", &users.chain(paths.iter().copied()).collect::<Vec<_>>())
    }

    /// Takes the lease for `id`, unless another has it; see [`taken`]. `line` says
    /// for whom. It is taken over from the holder `over`.
    #[must_use]
    pub fn lease_take(&self, id: &str, lasts: Duration, line: &str, over: Option<&str>) -> Vec<String> {
        let line = one_line(line);
        self.call("lease-take", &[id, &seconds(lasts), &line, over.unwrap_or_default()])
    }

    /// Renews the lease; see [`renewed`].
    #[must_use]
    pub fn lease_renew(&self, id: &str, lasts: Duration) -> Vec<String> {
        self.call("lease-renew", &[id, &seconds(lasts)])
    }

    /// Gives the lease back, or takes it from whoever has it; see [`released`].
    #[must_use]
    pub fn lease_release(&self, id: Option<&str>) -> Vec<String> {
        self.call("lease-release", &[id.unwrap_or("--any")])
    }

    /// Arms the undo of the deployment `id` and starts its keeper; see [`armed`]. The
    /// list goes to stdin. Asked again with the same list it renews.
    #[must_use]
    pub fn arm(&self, id: &str, undo_after: Duration, lease: &str, undo_list: &str) -> Vec<String> {
        self.call("arm", &[id, &seconds(undo_after), lease, &undo_list.len().to_string()])
    }

    /// Puts off the undo, and renews the lease; see [`renewed`].
    #[must_use]
    pub fn renew(&self, id: &str, undo_after: Duration, lease: &str, lasts: Duration) -> Vec<String> {
        self.call("renew", &[id, &seconds(undo_after), lease, &seconds(lasts)])
    }

    /// Runs step `number` (from 1). So many bytes of stdin are for it; when stdin ends
    /// the step is ended. For `Connection::watch`; see [`Opening`].
    #[must_use]
    pub fn step(&self, id: &str, number: usize, stdin: usize, argv: &[String]) -> Vec<String> {
        let mut call = self.call("step", &[id, &number.to_string(), &stdin.to_string()]);
        call.extend_from_slice(argv);
        call
    }

    /// As [`Remote::step`], for a command that changes nothing: a readiness check, or
    /// what collects a log.
    #[must_use]
    pub fn run(&self, stdin: usize, argv: &[String]) -> Vec<String> {
        let mut call = self.call("run", &[&stdin.to_string()]);
        call.extend_from_slice(argv);
        call
    }

    /// What is at each path, read as that user or as the login user; see [`looked`].
    #[must_use]
    pub fn look(&self, paths: &[(Option<&str>, &str)]) -> Vec<String> {
        let words = paths.iter().flat_map(|(user, path)| [user.unwrap_or_default(), path]);
        self.call("look", &words.collect::<Vec<_>>())
    }

    /// Receives step `number` (from 1) from stdin; see [`received`].
    #[must_use]
    pub fn receive(&self, id: &str, number: usize, sent: &Sent<'_>) -> Vec<String> {
        let kind = if sent.directory { "tree" } else { "file" };
        let mode = sent.mode.map_or("-".to_owned(), |mode| format!("{mode:o}"));
        let (number, size) = (number.to_string(), sent.size.to_string());
        let owner = sent.owner.unwrap_or("-");
        let user = sent.user.unwrap_or_default();
        self.call("receive", &[kind, id, &number, &size, sent.sha256, sent.to, &mode, owner, user])
    }

    /// Confirms the deployment of `sha`, unless its undo was decided; see [`status`].
    #[must_use]
    pub fn confirm(&self, id: &str, sha: &str) -> Vec<String> {
        self.call("confirm", &[id, sha])
    }

    /// Asks for the undo, and does not wait for it; see [`status`].
    #[must_use]
    pub fn undo(&self, id: &str) -> Vec<String> {
        self.call("undo", &[id])
    }

    /// Asks how a deployment stands; see [`status`].
    #[must_use]
    pub fn status(&self, id: &str) -> Vec<String> {
        self.call("status", &[id])
    }
}

/// What makes a directory's stream from its files with GNU tar: the same bytes for
/// the same names, modes and contents, here and on the host.
#[must_use]
pub fn tar(directory: &str) -> Vec<String> {
    let fixed = ["tar", "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"];
    fixed
        .iter()
        .chain(&["--format=gnu", "-cf", "-", "-C", directory, "."])
        .map(|word| (*word).to_owned())
        .collect()
}

/// Whole seconds, at least one.
fn seconds(duration: Duration) -> String {
    duration.as_secs().max(1).to_string()
}

/// Text that the lease's file can hold.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(1000).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Result<Vec<String>, RemoteError> {
        answer_of(text, "sh: no\n")
    }

    #[test]
    fn an_answer_is_found_behind_what_a_login_shell_says() {
        assert_eq!(lines("Welcome\nerror x\nrace-answer\ntaken\n").unwrap(), ["taken"]);
        assert_eq!(lines("Welcome\n"), Err(RemoteError::Silent("sh: no".to_owned())));
        assert_eq!(lines("race-answer\nrefused decided"), Err(RemoteError::Refused("decided".to_owned())));
        assert_eq!(lines("race-answer\nerror x"), Err(RemoteError::Failed("x (sh: no)".to_owned())));
    }

    #[test]
    fn every_status_is_told_apart_and_nothing_else_is_one() {
        let read = |text: &str| status(&text.lines().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(read("armed 7 keeper"), Ok(Status::Armed { seconds_left: 7, keeper: true }));
        assert_eq!(read("undoing no-keeper"), Ok(Status::Undoing { keeper: false }));
        assert_eq!(read("confirmed"), Ok(Status::Confirmed));
        assert_eq!(read("undone ok"), Ok(Status::Undone(Vec::new())));
        let Ok(Status::Undone(failures)) = read("undone failed\nfailed 2 the chain\nfailed 0 again") else {
            panic!("not undone")
        };
        assert_eq!((failures[0].number, failures[0].name.as_str()), (Some(2), "the chain"));
        assert_eq!(failures[1].number, None);
        let Ok(Status::Undone(failures)) = read("undone failed") else { panic!("not undone") };
        assert_eq!(failures.len(), 1, "a failure without a name is one all the same");
        for text in
            ["", "armed", "armed x keeper", "armed 1 else", "confirmed\nx", "undone", "undone failed\nx"]
        {
            assert!(matches!(read(text), Err(RemoteError::Unexpected(_))), "{text}");
        }
    }

    #[test]
    fn the_output_of_a_step_begins_after_its_opening() {
        let mut opening = Opening::default();
        let own: Vec<bool> =
            ["begun", "race-answer", "begun", "refused x"].iter().map(|line| opening.takes(line)).collect();
        assert_eq!(own, [false, false, false, true]);
        let mut opening = Opening::default();
        assert!(!opening.takes("race-answer") && !opening.takes("refused decided") && !opening.takes("x"));
        assert_eq!(opening, Opening::Not(RemoteError::Refused("decided".to_owned())));
    }

    #[test]
    fn a_call_is_a_list_of_words() {
        let remote = Remote::new("a b");
        let call = remote.lease_take("7-1", Duration::from_millis(10), "alice\n$(x)", None);
        assert_eq!(call[5..], ["a b", "lease-take", "7-1", "1", "alice $(x)", ""]);
        assert!(call.iter().all(|word| word.len() < 100_000), "Linux takes no longer word");
    }
}
