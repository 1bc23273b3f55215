//! Commands on the testnet's hosts, by the `ssh` client that is installed. Host
//! keys are pinned, and there is no way to switch that off.

mod connection;
mod error;
mod lines;
mod master;

pub use connection::{Connection, Ended, Stream};
pub use error::SshError;
