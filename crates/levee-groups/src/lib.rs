//! Who has which partition, and which record: the decisions of groups of consumers and of queues.
//!
//! Must hold: no I/O, no async runtime; time is passed in. The same events give the same decisions, so that groups
//! run under simulation.

pub mod consumers;
pub mod queue;
