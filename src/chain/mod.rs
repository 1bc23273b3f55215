//! JSON-RPC of a Substrate node over WebSocket: one actor per node, which turns
//! what the node says into values of the soak. Notifications are hints; what counts
//! is a read of storage at the finalized hash.

mod connection;
mod health;
mod node;
mod values;
mod wire;

pub use health::{Health, HealthError, health};
pub use node::{Limits, watch};
