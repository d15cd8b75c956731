//! The broker in this process, on real sockets and a real shard, as clients meet it.

#![expect(clippy::disallowed_methods, reason = "a test spawns and waits for itself")]

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod beside_bad_input;
#[cfg(test)]
mod canary;
#[cfg(test)]
mod consume;
#[cfg(test)]
mod doors;
#[cfg(test)]
mod drain;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod http2;
#[cfg(test)]
mod http_endpoint;
#[cfg(test)]
mod ids;
#[cfg(test)]
mod isolation;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod paths;
#[cfg(test)]
mod produce;
#[cfg(test)]
mod queue;
#[cfg(test)]
mod read;
#[cfg(test)]
mod retention;
#[cfg(test)]
mod revocation;
#[cfg(test)]
mod table;
#[cfg(test)]
mod tenancy;
#[cfg(test)]
mod tenant_metrics;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod transaction;
#[cfg(test)]
mod wire;
