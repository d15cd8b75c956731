//! Queues: which worker has which records.
//!
//! [`Window`] is the state of one partition of one queue. Everything before its *low* offset is done; above it, it
//! knows of each record that was looked at whether it is done, available, with a worker, held back by a time, waiting
//! behind an earlier record of its key, or dead. What it has not looked at, nobody has had since it was loaded.
//!
//! Must hold:
//! * A record is with one worker at most. A lease that has ended changes nothing any more.
//! * Ordered by key, the records of a key are out one at a time, in the order of their offsets, whatever becomes of
//!   them.
//! * A record that is done is never handed out again, also not after [`Window::restore`] from what
//!   [`Window::progress`] said then. One that is not done is never lost.
//! * It holds no more than [`MAX_UNDONE_PER_PARTITION`] records; what is done takes no memory, except that after
//!   a restart it remembers runs of what was done ahead. Each event costs O(log n) for each record that it touches.
//!
//! Time comes in twice ([`Now`]): leases and delays are spans, and are measured by the clock that is never set;
//! `deliver_at_ms` is a moment of the calendar. So setting the clock of the broker neither ends leases nor prolongs them.
//!
//! [`MAX_UNDONE_PER_PARTITION`]: levee_types::limits::MAX_UNDONE_PER_PARTITION

mod lines;
mod progress;
mod records;
mod window;

pub use progress::Progress;
pub use window::Window;

use std::fmt;
use std::time::Duration;

/// A moment, by both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Since an arbitrary moment; never goes back.
    pub monotonic: Duration,
    /// Unix milliseconds; may jump.
    pub unix_ms: i64,
}

/// What holds for a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How often a record is handed out before it is dead; at least 1.
    pub max_deliveries: u32,
    /// Whether records of a key are handed out one after the other.
    pub ordered_by_key: bool,
}

/// A worker, unique within its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(pub u64);

/// A record is with a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lease {
    /// Who has it.
    pub worker: WorkerId,
    /// Unique within the window.
    pub id: u64,
}

/// A record of the log, as far as it matters to a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offered {
    /// Where it stands.
    pub offset: u64,
    /// A hash of its key. Two keys with the same hash are ordered as if they were one.
    pub key: Option<u64>,
    /// Not to be handed out before, in Unix milliseconds.
    pub deliver_at_ms: Option<i64>,
}

/// A record goes to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandedOut {
    /// Where it stands.
    pub offset: u64,
    /// To settle it with.
    pub lease: Lease,
    /// How often it was handed out, with this time.
    pub deliveries: u32,
}

/// What a worker says of a record that is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rejection<'a> {
    /// It is not handed out again before this has passed.
    pub delay: Duration,
    /// It is not handed out again at all.
    pub dead: bool,
    /// Why.
    pub reason: &'a str,
}

/// A record that is not handed out any more, and not done yet: it is to be put away first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dead {
    /// How often it was handed out.
    pub deliveries: u32,
    /// What happened last.
    pub cause: Cause,
}

/// Why a record is dead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// It was handed out too often, and at last its lease ran out.
    Expired,
    /// It was handed out too often, and at last its worker left.
    WorkerLeft,
    /// Its worker said so, or rejected it and it had been handed out too often. With what the worker said.
    Rejected(Box<str>),
    /// It had been handed out too often when the queue was loaded.
    Before,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired => f.write_str("its lease ran out"),
            Self::WorkerLeft => f.write_str("its worker left"),
            Self::Rejected(reason) if reason.is_empty() => f.write_str("it was rejected"),
            Self::Rejected(reason) => f.write_str(reason),
            Self::Before => f.write_str("it was handed out too often"),
        }
    }
}

/// The worker does not have the record any more. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseExpired;

#[cfg(test)]
mod tests;
