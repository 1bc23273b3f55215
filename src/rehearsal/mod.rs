//! Stand-ins on loopback, for the rehearsal and for the tests. Nothing in the
//! product uses them.

pub mod dev_chain;
pub mod ssh_host;
