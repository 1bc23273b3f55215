//! `testnet-deployer`: the required check that lets a reviewer choose, per pull
//! request, whether a change must survive the live testnet before it may merge.
//!
//! # The map
//!
//! | module | what it is | may touch |
//! | --- | --- | --- |
//! | [`cli`] | command-line arguments | nothing |
//! | [`commands`] | one file per subcommand; the only place where adapters meet | everything |
//! | [`config`] | layers of settings and where each value came from | files, environment |
//! | [`policy`] | the shapes of the policy and what must hold between them | nothing (pure) |
//! | [`race`] | snapshot -> verdict: which branch won? | nothing (pure) |
//! | [`soak`] | observations -> verdict: did the testnet hold? | nothing (pure) |
//! | [`criteria`] | changed files -> does this change need a testnet? | nothing (pure) |
//! | [`deploy`] | policy -> plan: the commands per host and their undo; the program there | nothing (pure) |
//! | [`setup`] | what a repository needs: its files, what is wrong with it, the plan that mends it | nothing (pure) |
//! | [`github`] | GitHub's REST API | network, by octocrab |
//! | [`ssh`] | commands on hosts | processes, by openssh |
//! | [`chain`] | JSON-RPC of a node | network, by tungstenite |
//! | [`report`] | terminal, GitHub Actions, JSON | standard streams, files |
//! | [`exit`] | the table of exit codes | nothing (pure) |
//! | `rehearsal` | stand-ins on loopback | everything; nothing uses it |
//!
//! # Who may use whom
//!
//! `main -> cli -> commands -> {github, ssh, chain, report} -> {race, soak,
//! criteria, deploy, setup} -> policy`, and `exit` by all; `setup` also knows `race`. `config` is used by
//! `commands` alone. The pure modules know no tokio, no clock, no network and no
//! file. Adapters never use each other, and keep their library's types to
//! themselves. `tests/house.rs` holds these rules.

pub mod chain;
pub mod cli;
pub mod commands;
pub mod config;
pub mod criteria;
pub mod deploy;
pub mod exit;
pub mod github;
pub mod policy;
pub mod race;
#[cfg(feature = "rehearsal")]
pub mod rehearsal;
pub mod report;
pub mod setup;
pub mod soak;
pub mod ssh;
