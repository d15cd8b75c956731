//! The load generator and meter behind `levee bench`.
//!
//! Must hold: it is not the bottleneck of what it measures. A record costs no allocation here: payloads
//! are slices of one buffer, acknowledgements are gathered by batch, and time is read once a record.

mod collector;
mod consume;
mod payload;
mod produce;
mod progress;
mod report;
mod schedule;

pub(crate) use consume::consume;
pub(crate) use produce::produce;
