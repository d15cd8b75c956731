//! What runs the real binaries: end to end, crash, power loss, compatibility.
//!
//! A test starts a broker ([`broker`]), puts load on it ([`load`]) that writes down what clients saw
//! ([`recorder`]), does harm ([`powerloss`], [`strace`], [`files`], signals), and lets the checker judge
//! ([`history`]). Nothing here is part of the product.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    reason = "the harness is the edge: real time, threads and processes, and it ends the test it serves"
)]

pub mod broker;
pub mod files;
pub mod history;
pub mod load;
pub mod payload;
pub mod powerloss;
pub mod proxy;
pub mod raw;
pub mod recorder;
pub mod seed;
pub mod stored;
pub mod strace;
pub mod tenancy;
pub mod tls;
pub mod wait;
