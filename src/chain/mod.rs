//! JSON-RPC of a Substrate node over WebSocket or HTTP: one actor per node, which turns
//! what the node says into values of the soak. Notifications are hints; what counts
//! is a read of storage at the finalized hash.

mod client;
mod connection;
mod endpoint;
mod error;
mod fill;
mod follow;
mod header;
mod health;
mod http;
mod items;
mod keys;
mod modern;
mod node;
mod values;
mod way;
mod wire;

pub use endpoint::{Endpoint, EndpointError, Tunnel};
pub use fill::Known;
pub use health::{Health, HealthError, health};
pub use items::Item;
pub use keys::storage_key;
pub use node::{Limits, Subject, watch};
