//! Who types commands: each with a token of their own, in the same checkout.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use testnet_deployer::rehearsal::github::Token;
use testnet_deployer::rehearsal::workshop::{Workshop, WorkshopOptions};

/// The author of every change, by the variable that holds her token.
pub const CAROL: (&str, &str) = ("GH_TOKEN", "ghp_carol");
/// Who reviews.
pub const ALICE: (&str, &str) = ("GH_TOKEN", "ghp_alice");
/// The administrator.
pub const ADMIN: (&str, &str) = ("RACE_ADMIN_TOKEN", "ghp_admin");

/// The longest that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// A session of a minute is played in this.
const SESSION: Duration = Duration::from_millis(20);

/// A workshop, in which jobs pause as briefly as sessions are.
pub fn open(directory: &Path) -> Workshop {
    let settings = [("INTERVAL", "100ms"), ("MAX_INTERVAL", "300ms"), ("CONFIRM_AFTER", "50ms")];
    let settings = settings.into_iter().chain([("REVIEW_LAG", "500ms")]);
    let settings = settings.map(|(key, value)| (format!("RACE_POLLING__{key}"), value.to_owned())).collect();
    let race = env!("CARGO_BIN_EXE_rehearse").into();
    let options = WorkshopOptions { session: SESSION, patience: PATIENCE, race, settings };
    let workshop = Workshop::open(directory, options).unwrap();
    let github = workshop.github();
    github.change(|world, _| world.user("octo-admin"));
    github.admit(Token::of_writer(CAROL.1, "carol"));
    github.admit(Token::of_writer(ALICE.1, "alice"));
    github.admit(Token::of_person(ADMIN.1, "octo-admin"));
    workshop
}

/// What a command came to.
pub struct Ran {
    pub code: i32,
    /// Both streams, in the order in which they were written.
    pub text: String,
}

/// A command as it would be typed, run by a shell in the checkout.
///
/// The shell's two streams are one file, as on a terminal.
pub fn type_in(workshop: &Workshop, checkout: &Path, token: (&str, &str), line: &str) -> Ran {
    let race = Path::new(env!("CARGO_BIN_EXE_race")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let said = checkout.parent().unwrap().join("said");
    let file = std::fs::File::create(&said).unwrap();
    let status = Command::new("bash")
        .args(["-euc", line])
        .current_dir(checkout)
        .env_clear()
        .env("PATH", format!("{}:{path}", race.display()))
        .env("HOME", checkout.parent().unwrap())
        .env("LANG", "C.UTF-8")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .envs([("GIT_AUTHOR_NAME", "Carol"), ("GIT_COMMITTER_NAME", "Carol")])
        .envs([("GIT_AUTHOR_EMAIL", "carol@example.com"), ("GIT_COMMITTER_EMAIL", "carol@example.com")])
        .envs([("GIT_AUTHOR_DATE", "2026-11-02T09:00:00Z"), ("GIT_COMMITTER_DATE", "2026-11-02T09:00:00Z")])
        .env("GITHUB_API_URL", workshop.github().api_url())
        .env("GITHUB_SERVER_URL", workshop.github().server_url())
        .env("GITHUB_REPOSITORY", "octo-org/chain")
        .env(token.0, token.1)
        .stdin(Stdio::null())
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .status()
        .unwrap();
    Ran { code: status.code().unwrap_or(-1), text: std::fs::read_to_string(said).unwrap() }
}
