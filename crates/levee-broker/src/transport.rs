//! From the socket to the services: what every connection and every request passes.

pub mod accept;
pub(crate) mod aligned;
pub mod connection;
pub mod guests;
pub mod limits;
pub(crate) mod outgoing;
mod rewound;
pub mod stack;
pub mod step;
mod steps;
pub mod tls;

pub use steps::request_id::RequestId;
