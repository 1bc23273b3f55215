//! Stand-ins on loopback: GitHub (world and HTTP), a dev chain, an SSH host; and
//! the rehearsal that plays the whole flow against them. The product uses none
//! of this.

pub mod github;
pub mod world;
