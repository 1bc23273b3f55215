//! What the program on a host answers. All of it is foreign text: bounded, and
//! refused where it is not what was expected.

/// The program's answer begins after this line.
const BEGINS: &str = "race-answer";

/// Lines that are read of one answer.
const LINES: usize = 1000;

/// An answer that is none, or one that says no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// The program did not even begin: the first line it wrote to stderr.
    #[error("the program on the host did not answer: {0}")]
    Silent(String),
    /// It could not do what it was asked.
    #[error("{0}")]
    Failed(String),
    /// It was asked for what is not to be done: `decided`, `begun`, `busy`,
    /// `exists`, `is-directory`, `lease WHO`, `no-directory`, `pruned`,
    /// `unfinished ID`, `unknown`.
    #[error("the host refuses: {0}")]
    Refused(String),
    /// The answer is not one of those expected.
    #[error("the host answers `{0}`, which is not expected")]
    Unexpected(String),
}

/// The lines of an answer, whatever a login shell said before.
///
/// # Errors
///
/// When there is none, or it says that something went wrong.
pub fn answer_of(stdout: &str, stderr: &str) -> Result<Vec<String>, RemoteError> {
    let mut lines = stdout.lines().skip_while(|line| *line != BEGINS);
    if lines.next().is_none() {
        return Err(RemoteError::Silent(cut(stderr.lines().next_back().unwrap_or("no word"))));
    }
    let lines: Vec<String> = lines.take(LINES).map(cut).collect();
    for line in &lines {
        if let Some(text) = line.strip_prefix("error ") {
            let cause = stderr.lines().next_back().map(|line| format!(" ({})", cut(line)));
            return Err(RemoteError::Failed(format!("{text}{}", cause.unwrap_or_default())));
        }
        if let Some(text) = line.strip_prefix("refused ") {
            return Err(RemoteError::Refused(text.to_owned()));
        }
    }
    Ok(lines)
}

/// Finds where the output of a step begins in what its call writes to stdout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Opening {
    /// Nothing of the program has been seen.
    #[default]
    Awaited,
    /// The program answers.
    Answering,
    /// The step has begun: whatever comes now is its own.
    Begun,
    /// The step was not begun, and why.
    Not(RemoteError),
}

impl Opening {
    /// Takes a line of stdout; `true` when it is the step's own.
    pub fn takes(&mut self, line: &str) -> bool {
        match self {
            Self::Begun => return true,
            Self::Awaited if line == BEGINS => *self = Self::Answering,
            Self::Answering => {
                *self = match answer_of(&format!("{BEGINS}\n{line}"), "") {
                    Ok(_) if line == "begun" => Self::Begun,
                    Ok(_) => Self::Not(unexpected(line)),
                    Err(error) => Self::Not(error),
                }
            }
            Self::Awaited | Self::Not(_) => {}
        }
        false
    }
}

/// Another's lease, or one's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Seconds until it expires, by the host's clock; below zero: since when.
    pub seconds_left: i64,
    /// Its holder's ID.
    pub id: String,
    /// Who that is.
    pub line: String,
}

/// What became of taking the lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is ours.
    Taken,
    /// Another has it.
    Held(Holder),
}

/// What became of renewing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewed {
    /// How the deployment stands; nothing where the lease alone was renewed.
    pub status: Option<Status>,
    /// The lease is another's now: its ID and words, both empty where it is free.
    pub lost: Option<(String, String)>,
}

/// What keeps a host armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Armed {
    /// A process of its own session.
    Process,
    /// A unit of systemd.
    Systemd,
}

/// An undo that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoFailure {
    /// The step's number; nothing for what comes after all undos.
    pub number: Option<usize>,
    /// The step's name.
    pub name: String,
}

/// How a deployment stands on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nothing is decided.
    Armed {
        /// Seconds until the host undoes by itself.
        seconds_left: i64,
        /// Whether somebody is there to do it.
        keeper: bool,
    },
    /// It stays.
    Confirmed,
    /// It is being undone.
    Undoing {
        /// Whether somebody is there to do it. If not, asking again starts one.
        keeper: bool,
    },
    /// The host is as it was; or what could not be undone.
    Undone(Vec<UndoFailure>),
}

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// Nothing.
    Absent,
    /// A file, or a symlink to a directory that [`super::tar`] describes.
    Content {
        /// Whether it is a directory.
        directory: bool,
        /// The content's SHA-256.
        sha256: String,
        /// The mode's last four octal digits.
        mode: u32,
        /// `USER:GROUP`
        owner: String,
    },
    /// A directory that is none of ours.
    Directory,
    /// Something that cannot be read.
    Unreadable,
    /// A link to a file, to nothing; a device, a socket.
    Other,
}

/// A deployment that has neither been confirmed nor undone as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// Its ID.
    pub id: String,
    /// How it stands, as the host says it.
    pub status: String,
}

/// What there is to know about a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probed {
    /// The host's clock, in seconds since 1970.
    pub now: i64,
    /// Programs that are not there.
    pub missing: Vec<String>,
    /// The users for whom `sudo -n` does not work.
    pub no_sudo: Vec<String>,
    /// Whether the state directory can be written to.
    pub writable: bool,
    /// Free bytes for the state directory, then for each path asked for.
    pub free: Vec<u64>,
    /// Who has the lease.
    pub lease: Option<Holder>,
    /// What was confirmed last: deployment's ID, SHA, when (seconds since 1970).
    pub current: Option<(String, String, i64)>,
    /// What earlier deployments left.
    pub unfinished: Vec<Unfinished>,
}

/// Reads the answer of `lease_take`.
///
/// # Errors
///
/// When the answer is not one of those expected.
pub fn taken(lines: &[String]) -> Result<Taken, RemoteError> {
    let line = only(lines)?;
    match line.split_once(' ') {
        None if line == "taken" => Ok(Taken::Taken),
        Some(("held", rest)) => Ok(Taken::Held(lease(rest)?)),
        _ => Err(unexpected(line)),
    }
}

/// Reads the answer of `renew` and of `lease_renew`.
///
/// # Errors
///
/// When the answer is not one of those expected.
pub fn renewed(lines: &[String]) -> Result<Renewed, RemoteError> {
    let (last, before) = lines.split_last().ok_or_else(|| unexpected(""))?;
    let status = if before.is_empty() { None } else { Some(status(before)?) };
    Ok(Renewed { status, lost: lost(last, "renewed")? })
}

/// Reads the answer of `lease_release`: another's lease where it was not ours.
///
/// # Errors
///
/// When the answer is not one of those expected.
pub fn released(lines: &[String]) -> Result<Option<(String, String)>, RemoteError> {
    lost(only(lines)?, "released")
}

/// Reads the answer of `arm`.
///
/// # Errors
///
/// When the answer is not one of those expected.
pub fn armed(lines: &[String]) -> Result<Armed, RemoteError> {
    match only(lines)? {
        "armed process" => Ok(Armed::Process),
        "armed systemd" => Ok(Armed::Systemd),
        line => Err(unexpected(line)),
    }
}

/// Reads the answer of `receive`.
///
/// # Errors
///
/// When the answer is not one of those expected.
pub fn received(lines: &[String]) -> Result<(), RemoteError> {
    match only(lines)? {
        "received" => Ok(()),
        line => Err(unexpected(line)),
    }
}

/// Reads the answer of `confirm`, `undo` and `status`.
///
/// # Errors
///
/// When the answer is not one of those expected.
pub fn status(lines: &[String]) -> Result<Status, RemoteError> {
    let (first, rest) = lines.split_first().ok_or_else(|| unexpected(""))?;
    let keeper = |word: &str| match word {
        "keeper" => Ok(true),
        "no-keeper" => Ok(false),
        _ => Err(unexpected(first)),
    };
    let words: Vec<&str> = first.split(' ').collect();
    match (words.as_slice(), rest) {
        (["confirmed"], []) => Ok(Status::Confirmed),
        (["armed", seconds, word], []) => {
            Ok(Status::Armed { seconds_left: number(seconds)?, keeper: keeper(word)? })
        }
        (["undoing", word], []) => Ok(Status::Undoing { keeper: keeper(word)? }),
        (["undone", "ok"], []) => Ok(Status::Undone(Vec::new())),
        (["undone", "failed"], []) => {
            Ok(Status::Undone(vec![UndoFailure { number: None, name: "the disk is full".to_owned() }]))
        }
        (["undone", "failed"], failures) => {
            failures.iter().map(|line| failure(line)).collect::<Result<_, _>>().map(Status::Undone)
        }
        _ => Err(unexpected(first)),
    }
}

fn failure(line: &str) -> Result<UndoFailure, RemoteError> {
    let rest = line.strip_prefix("failed ").ok_or_else(|| unexpected(line))?;
    let (of, name) = rest.split_once(' ').ok_or_else(|| unexpected(line))?;
    let of: usize = number(of)?;
    Ok(UndoFailure { number: (of > 0).then_some(of), name: name.to_owned() })
}

/// Reads the answer of `look`, which was asked for `count` paths.
///
/// # Errors
///
/// When the answer is not one of those expected.
pub fn looked(lines: &[String], count: usize) -> Result<Vec<Look>, RemoteError> {
    if lines.len() != count {
        return Err(unexpected(&format!("{} lines for {count} paths", lines.len())));
    }
    lines.iter().map(|line| look(line)).collect()
}

fn look(line: &str) -> Result<Look, RemoteError> {
    let words: Vec<&str> = line.splitn(4, ' ').collect();
    match *words {
        ["absent"] => Ok(Look::Absent),
        ["directory"] => Ok(Look::Directory),
        ["unreadable"] => Ok(Look::Unreadable),
        ["other"] => Ok(Look::Other),
        [kind @ ("file" | "tree"), sha256, mode, owner] if is_sha256(sha256) => Ok(Look::Content {
            directory: kind == "tree",
            sha256: sha256.to_owned(),
            mode: u32::from_str_radix(mode, 8).map_err(|_| unexpected(line))?,
            owner: owner.to_owned(),
        }),
        _ => Err(unexpected(line)),
    }
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Reads the answer of `probe`.
///
/// # Errors
///
/// When the answer is not one of those expected.
pub fn probed(lines: &[String]) -> Result<Probed, RemoteError> {
    let mut probed = Probed::default();
    for line in lines {
        let (key, value) = line.split_once(' ').ok_or_else(|| unexpected(line))?;
        match key {
            "now" => probed.now = number(value)?,
            "missing" => probed.missing.push(value.to_owned()),
            "sudo" => match value.split_once(' ') {
                Some((_, "yes")) => {}
                Some((user, "no")) => probed.no_sudo.push(user.to_owned()),
                _ => return Err(unexpected(line)),
            },
            "state" => probed.writable = value == "writable",
            "free" => probed.free.push(number(value)?),
            "lease" => probed.lease = Some(lease(value)?),
            "current" => {
                let words: Vec<&str> = value.split(' ').collect();
                let [id, sha, at] = *words else { return Err(unexpected(line)) };
                probed.current = Some((id.to_owned(), sha.to_owned(), number(at)?));
            }
            "unfinished" => {
                let (id, status) = value.split_once(' ').ok_or_else(|| unexpected(line))?;
                probed.unfinished.push(Unfinished { id: id.to_owned(), status: status.to_owned() });
            }
            _ => return Err(unexpected(line)),
        }
    }
    if probed.now == 0 { Err(unexpected("no clock")) } else { Ok(probed) }
}

/// `SECONDS ID WORDS...`
fn lease(text: &str) -> Result<Holder, RemoteError> {
    let mut words = text.splitn(3, ' ');
    let (Some(seconds), Some(id)) = (words.next(), words.next()) else { return Err(unexpected(text)) };
    let line = words.next().unwrap_or_default().to_owned();
    Ok(Holder { seconds_left: number(seconds)?, id: id.to_owned(), line })
}

fn lost(line: &str, fine: &str) -> Result<Option<(String, String)>, RemoteError> {
    match line.split_once(' ') {
        None if line == fine => Ok(None),
        Some(("lost", rest)) => {
            let (id, words) = rest.split_once(' ').unwrap_or((rest, ""));
            Ok(Some((id.to_owned(), words.to_owned())))
        }
        _ => Err(unexpected(line)),
    }
}

fn only(lines: &[String]) -> Result<&str, RemoteError> {
    match lines {
        [line] => Ok(line),
        lines => Err(unexpected(&lines.join("; "))),
    }
}

fn number<N: std::str::FromStr>(text: &str) -> Result<N, RemoteError> {
    text.parse().map_err(|_| unexpected(text))
}

fn unexpected(text: &str) -> RemoteError {
    RemoteError::Unexpected(cut(text))
}

fn cut(text: &str) -> String {
    text.chars().take(1200).collect()
}
