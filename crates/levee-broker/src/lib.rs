//! The broker as a library: `leveed` composes it, tests start it in their own process.
//!
//! The way of a request: [`transport`] (connection limits, the stack of steps, identity) -> a service
//! asks [`authorize`] for a permit -> storage through that permit.
//!
//! Must hold: no service reaches storage without a permit; every failure becomes a status in one
//! function of [`error`]; whatever a client sends costs bounded memory and time.

pub mod admission;
pub mod ambient;
pub mod audit;
pub mod authorize;
pub mod backup;
pub mod blocking;
pub mod bookkeeping;
pub mod bootstrap;
pub mod codec;
pub mod data_dir;
pub mod error;
mod fields;
pub mod groups;
pub mod health;
pub mod http_endpoint;
pub mod identity;
pub mod logging;
pub mod metrics;
pub mod open_files;
pub mod operation;
pub mod queues;
pub mod rate_limited;
pub mod running_shard;
pub mod server;
pub mod services;
pub mod settings;
mod small_file;
pub mod tenants;
pub mod transport;

pub use running_shard::RunningShard;
pub use server::{Listeners, ServeError, serve};
pub use settings::Settings;
