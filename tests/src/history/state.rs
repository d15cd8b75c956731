//! What the checker remembers of values, readers and logs.

use std::collections::HashMap;

pub(super) const NONE: u64 = u64::MAX;
pub(super) const NEVER: u32 = u32::MAX;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Unknown,
    Acked,
    Failed,
}

/// What is known of one value. Kept small: there is one for each value of the run.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) partition: u32,
    pub(super) outcome: Outcome,
    /// Where it was first seen, in an ack or a read.
    pub(super) offset: u64,
    pub(super) invoked_us: u64,
    pub(super) acked_us: u64,
    /// How many drains of the partition had begun when it was acked, and when it was first read.
    pub(super) acked_drain: u32,
    pub(super) read_drain: u32,
    /// The last drain that met it.
    pub(super) drained: u32,
}

/// Where a reader stands in a partition.
#[derive(Debug, Clone, Default)]
pub(super) struct Cursor {
    pub(super) next: Option<u64>,
    /// The drain that is going on, and its first offset.
    pub(super) drain: Option<(u32, u64)>,
    /// The last counter of each writer.
    pub(super) order: HashMap<u32, u32>,
}

/// A drain that reached the end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drained {
    pub(super) number: u32,
    pub(super) start: u64,
    pub(super) end: u64,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Log {
    pub(super) drains: u32,
    pub(super) last: Option<Drained>,
    /// The microsecond from which on an ack is no promise.
    pub(super) forgiven_us: Option<u64>,
    /// The lowest and highest offset that anybody read.
    pub(super) read: Option<(u64, u64)>,
    /// Where the log ended at least, by what was acked and read so far.
    pub(super) end: u64,
}

impl Sent {
    /// What has just begun.
    pub(super) fn new(partition: u32, invoked_us: u64) -> Self {
        Self {
            partition,
            outcome: Outcome::Unknown,
            offset: NONE,
            invoked_us,
            acked_us: 0,
            acked_drain: 0,
            read_drain: NEVER,
            drained: 0,
        }
    }

    /// Somebody has read it.
    pub(super) fn is_read(&self) -> bool {
        self.read_drain != NEVER
    }

    /// It is certainly in its log.
    pub(super) fn is_there(&self) -> bool {
        self.outcome == Outcome::Acked || self.is_read()
    }
}
