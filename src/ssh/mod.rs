//! Commands on the testnet's hosts, by the `ssh` client that is installed. Host
//! keys are pinned, and there is no way to switch that off.

mod config;
mod connection;
mod error;
mod lines;
mod master;
mod stream;
mod target;

pub use connection::{Answer, Connection};
pub use error::SshError;
pub use stream::{Ended, Stream};
pub use target::{Hop, Target};
