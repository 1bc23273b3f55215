//! The command line of `race`: arguments only.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::policy::duration;

/// Decides, per pull request, whether a change must survive the live testnet.
#[derive(Debug, Parser)]
#[command(name = "race", version, about, max_term_width = 100, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 won, 10 and 11 lost, 12 undecided, 13 cancelled, 14 void; all of them in the \
                        documentation under Reference, Exit codes."
)]
pub struct Arguments {
    /// What every subcommand takes.
    #[command(flatten)]
    pub shared: Shared,
    /// The subcommand.
    #[command(subcommand)]
    pub command: Command,
}

/// What every subcommand takes.
#[derive(Debug, Args)]
pub struct Shared {
    /// Directory with the policy files, which you vouch for [default: the base's by
    /// the API in a pull request's run, else ./policies]
    #[arg(long, value_name = "DIR", global = true)]
    pub policies: Option<PathBuf>,
    /// How results are written on stdout
    #[arg(long, value_enum, default_value_t, global = true)]
    pub format: Format,
    /// When colour is used
    #[arg(long, value_enum, default_value_t, global = true)]
    pub color: Color,
    /// Say more on stderr; twice for even more
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
}

/// How results are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Human,
    /// For programs.
    Json,
}

/// When colour is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal that can, and not with NO_COLOR.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Wait until a branch of the race has won, or none can: the required check
    Wait(Wait),
    /// Write the verdict as a commit status, without waiting for reviews
    Settle(Settle),
    /// Approve one branch and reject the others, with a reviewer's token
    Choose(Choose),
    /// Say which branch won, who approved it and what it showed
    Inspect(Inspect),
    /// Deploy the approved commit to the testnet's hosts over SSH
    Deploy(Deploy),
    /// Watch the testnet until enough sessions have passed or it stalls
    Monitor(Monitor),
    /// Look once at every soak that goes on: for the workflow that samples them
    Samples(Samples),
    /// Say what a decided race has left waiting, or cancel it
    Cleanup,
    /// Write the workflow and the policies that a repository needs
    Init(Init),
    /// Say what is wrong with a repository's set-up, and mend it with --fix
    Doctor(Doctor),
    /// Say by the criteria whether a change needs a testnet, and why
    Advise(Advise),
    /// Check or show the policy
    Policy(Policy),
    /// Shell completions and the manual page, on stdout
    #[command(subcommand, hide = true)]
    Generate(Generate),
}

/// `race wait`.
#[derive(Debug, Args)]
pub struct Wait {
    /// Write the verdict to this file, as race.verdict/1
    #[arg(long, value_name = "FILE")]
    pub verdict: Option<PathBuf>,
    /// Give up after this long, for example 5h40m
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub deadline: Option<Duration>,
    /// A race.soak/1 that proves a branch whose proof is a soak
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
}

/// `race settle`.
#[derive(Debug, Args)]
pub struct Settle {
    /// Write that the race goes on, unless this attempt has a status already
    #[arg(long, conflicts_with_all = ["exit_verdict", "verdict", "checkpoint"])]
    pub open: bool,
    /// The run is being cancelled, which GitHub's API does not tell before it has ended
    #[arg(long, conflicts_with = "open")]
    pub cancelled: bool,
    /// The commit to write on [default: the event's head]
    #[arg(long, value_name = "SHA")]
    pub sha: Option<String>,
    /// End with the exit code of the verdict
    #[arg(long)]
    pub exit_verdict: bool,
    /// Write the verdict to this file, as race.verdict/1
    #[arg(long, value_name = "FILE")]
    pub verdict: Option<PathBuf>,
    /// Give up after this long
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "15m")]
    pub deadline: Duration,
    /// A race.soak/1 that proves a branch whose proof is a soak
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
}

/// `race choose`.
#[derive(Debug, Args)]
pub struct Choose {
    /// The branch to approve
    #[arg(value_name = "BRANCH")]
    pub branch: String,
    /// A run's number or URL, a commit, or a ref [default: this run in Actions, else HEAD]
    #[arg(value_name = "RUN | URL | SHA | REF")]
    pub subject: Option<String>,
    /// The newest run of this pull request
    #[arg(long, value_name = "NUMBER", conflicts_with = "subject")]
    pub pr: Option<u64>,
    /// The repository, as OWNER/NAME [default: GITHUB_REPOSITORY, else the git remote's]
    #[arg(long, value_name = "OWNER/NAME")]
    pub repo: Option<String>,
    /// What to say in the reviews
    #[arg(long, value_name = "TEXT")]
    pub comment: Option<String>,
}

/// `race inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// A run's number or URL, a commit, or a ref [default: this run in Actions, else HEAD]
    #[arg(value_name = "RUN | URL | SHA | REF")]
    pub subject: Option<String>,
    /// The newest run of this pull request
    #[arg(long, value_name = "NUMBER", conflicts_with = "subject")]
    pub pr: Option<u64>,
    /// The repository, as OWNER/NAME [default: GITHUB_REPOSITORY, else the git remote's]
    #[arg(long, value_name = "OWNER/NAME")]
    pub repo: Option<String>,
    /// Follow the run until it is decided
    #[arg(long)]
    pub watch: bool,
    /// End with the exit code of the verdict
    #[arg(long)]
    pub exit_verdict: bool,
    /// Write the verdict to this file, as race.verdict/1
    #[arg(long, value_name = "FILE")]
    pub verdict: Option<PathBuf>,
    /// A race.soak/1 that proves a branch whose proof is a soak
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
}

/// `race deploy`.
#[derive(Debug, Args)]
pub struct Deploy {
    /// Print the commands of every host, and run nothing
    #[arg(long)]
    pub plan: bool,
    /// Log in to every host and say how it stands; change nothing
    #[arg(long, conflicts_with = "plan")]
    pub check: bool,
    /// Give the testnet free, whoever has it, unless its run still goes on
    #[arg(long, conflicts_with_all = ["plan", "check"])]
    pub release: bool,
    /// With --release: also when its run still goes on
    #[arg(long, requires = "release")]
    pub force: bool,
    /// Write what happened to this file, as race.deploy/1
    #[arg(long, value_name = "FILE", conflicts_with_all = ["plan", "check", "release"])]
    pub report: Option<PathBuf>,
    /// Keep the whole output of every host in this directory, and after a failure the
    /// files that the policy names
    #[arg(long, value_name = "DIR", conflicts_with_all = ["plan", "check", "release"])]
    pub logs: Option<PathBuf>,
    /// First wait for this artifact of our own run, and unpack it
    #[arg(long, value_name = "NAME")]
    pub artifact: Option<String>,
    /// Where it is unpacked; must not be there yet
    #[arg(long, value_name = "DIR", default_value = "artifact", requires = "artifact")]
    pub artifact_dir: PathBuf,
    /// How long it may take until it is there and unpacked
    #[arg(long, value_name = "DURATION", default_value = "30m", value_parser = duration::parse, requires = "artifact")]
    pub artifact_wait: Duration,
    /// The job that makes it: when that has failed, there is nothing to wait for
    #[arg(long, value_name = "JOB", default_value = "build", requires = "artifact")]
    pub artifact_job: String,
}

/// `race monitor`.
#[derive(Debug, Args)]
pub struct Monitor {
    /// Go on from this race.soak/1, and write to it after every session what is known
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// End this leg after so long, unfinished (exit 22), for example 5h40m
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub max_runtime: Option<Duration>,
    /// Count the time of this leg from the deployment that this race.deploy/1 tells of
    #[arg(long, value_name = "FILE")]
    pub deployment: Option<PathBuf>,
    /// Another job goes on where this leg is over: end with 0 then, too. The step's output
    /// `verdict` is `unfinished`. Refused in a job whose success wins by itself
    #[arg(long, requires = "checkpoint")]
    pub leg: bool,
    /// Look once, fill in what happened since, judge, and leave
    #[arg(long, requires = "checkpoint")]
    pub once: bool,
    /// Print what would end the soak, and when, and leave
    #[arg(long, conflicts_with = "once")]
    pub explain: bool,
}

/// `race samples`.
#[derive(Debug, Args)]
pub struct Samples {
    /// Write what was seen of each soak below this directory, as 1/soak.json and so on
    #[arg(long, value_name = "DIR", default_value = "soaks")]
    pub dir: PathBuf,
    /// Look at nothing: write the verdict of the soaks in the directory that have ended,
    /// by the artifacts that were kept of them
    #[arg(long)]
    pub settle: bool,
    /// The artifact of the run that was deployed, where the policy names `runtime_wasm`
    #[arg(long, value_name = "NAME", default_value = "testnet")]
    pub artifact: String,
    /// The file of the workflow that deploys
    #[arg(long, value_name = "FILE", default_value = "testnet-deployer.yml")]
    pub workflow: String,
}

/// `race init`.
#[derive(Debug, Args)]
pub struct Init {
    /// The repository
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// How the verdict is waited for [default: what fits the soak]
    #[arg(long, value_enum)]
    pub mode: Option<Mode>,
    /// Who chooses among the branches [default: what policies/race.toml says, else manual]
    #[arg(long, value_enum)]
    pub selection: Option<Selection>,
    /// Whose runners the long jobs run on
    #[arg(long, value_enum, default_value_t)]
    pub runner: RunnerKind,
    /// How long a session of your chain takes, for example 60s
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub session_length: Option<Duration>,
    /// How many sessions the testnet must pass
    #[arg(long, value_name = "NUMBER", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    pub target_sessions: u32,
    /// A host of the testnet; may be given several times
    #[arg(long, value_name = "USER@HOST[:PORT]")]
    pub target: Vec<String>,
    /// Where a node answers; may be given several times
    #[arg(long, value_name = "URL")]
    pub node: Vec<String>,
    /// Who reviews, and owns workflow and policies; may be given several times
    #[arg(long, value_name = "LOGIN | ORGANISATION/TEAM")]
    pub reviewer: Vec<String>,
    /// Another name for an environment, of testnet, null or testnet-soak
    #[arg(long, value_name = "ENVIRONMENT=NAME")]
    pub environment: Vec<String>,
    /// The program that goes to the testnet [default: the workspace's node]
    #[arg(long, value_name = "NAME")]
    pub binary: Option<String>,
    /// The commit of the release that the workflow installs [default: that of this race]
    #[arg(long, value_name = "SHA")]
    pub release: Option<String>,
    /// Write without asking
    #[arg(long, conflicts_with = "dry_run")]
    pub yes: bool,
    /// Write nothing, and say what would be written
    #[arg(long)]
    pub dry_run: bool,
}

/// How the verdict is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// A job polls, and is the check.
    Poll,
    /// Jobs of seconds write a commit status; the soak goes from leg to leg.
    Relay,
    /// The same, and the soak is looked at once in a while.
    Sampled,
}

/// Who chooses among the branches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Selection {
    /// The reviewer; the criteria advise.
    Manual,
    /// The reviewer, but a testnet that the criteria require cannot be spared.
    Guarded,
    /// The criteria.
    Auto,
}

/// Whose runners the long jobs run on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum RunnerKind {
    /// GitHub's.
    #[default]
    Hosted,
    /// Your own.
    SelfHosted,
}

/// `race doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// The repository, as OWNER/NAME [default: GITHUB_REPOSITORY, else the git remote's]
    #[arg(long, value_name = "OWNER/NAME")]
    pub repo: Option<String>,
    /// Yellow findings count as well (exit 5)
    #[arg(long)]
    pub strict: bool,
    /// Show what would mend it, ask, and do it, with an administrator's token
    /// (RACE_ADMIN_TOKEN, else GITHUB_TOKEN or GH_TOKEN)
    #[arg(long)]
    pub fix: bool,
    /// With --fix: do not ask
    #[arg(long, requires = "fix")]
    pub yes: bool,
    /// With --fix: who reviews where nobody does yet; up to six
    #[arg(long = "reviewer", value_name = "LOGIN | team:SLUG", requires = "fix")]
    pub reviewers: Vec<String>,
    /// With --fix: the file with the value of a missing secret or variable of the
    /// gates, or of the ENVIRONMENT named; `-` is standard input [default: for the
    /// gates the environment variable of that name]
    #[arg(long = "value", value_name = "[ENVIRONMENT/]NAME=FILE", requires = "fix")]
    pub values: Vec<String>,
}

/// `race advise`.
#[derive(Debug, Args)]
pub struct Advise {
    /// Look at this checkout: at what differs between REF and HEAD
    #[arg(long, value_name = "REF", conflicts_with_all = ["pr", "repo", "comment"])]
    pub base: Option<String>,
    /// Look at this commit in place of HEAD
    #[arg(long, value_name = "REF", requires = "base")]
    pub head: Option<String>,
    /// Look at this pull request, by the API [default: this run's in Actions]
    #[arg(long, value_name = "NUMBER")]
    pub pr: Option<u64>,
    /// The repository, as OWNER/NAME [default: GITHUB_REPOSITORY, else the git remote's]
    #[arg(long, value_name = "OWNER/NAME")]
    pub repo: Option<String>,
    /// Write the advice as a comment on the pull request, or update the one that is there
    #[arg(long)]
    pub comment: bool,
}

/// `race policy`.
#[derive(Debug, Args)]
pub struct Policy {
    /// Check or show.
    #[command(subcommand)]
    pub command: PolicyCommand,
}

/// `race policy check|show`.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Say everything that is wrong with the policy
    Check {
        /// Warnings count as findings (exit 5)
        #[arg(long)]
        strict: bool,
    },
    /// Print every value with where it came from
    Show,
}

/// `race generate`: what packages of `race` hold beside it.
#[derive(Debug, Subcommand)]
pub enum Generate {
    /// Completions for a shell
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// The manual page, race(1)
    Man,
}
