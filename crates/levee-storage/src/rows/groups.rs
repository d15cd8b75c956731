//! Rows of groups: what they are, and how far they have come.

use prost::Message;

/// A group of consumers, or a queue.
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct GroupRow {
    /// Its name.
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    /// Unix milliseconds.
    #[prost(int64, tag = "2")]
    pub(crate) created_ms: i64,
    /// Present: it is a queue.
    #[prost(message, optional, tag = "3")]
    pub(crate) queue: Option<QueueRow>,
}

/// What holds for all workers of a queue.
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct QueueRow {
    /// Names of its topics.
    #[prost(string, repeated, tag = "1")]
    pub(crate) topics: Vec<String>,
    /// How often a record is handed out before it is dead.
    #[prost(uint32, tag = "2")]
    pub(crate) max_deliveries: u32,
    /// Takes the dead; empty: they are dropped.
    #[prost(string, tag = "3")]
    pub(crate) dead_letter_topic: String,
    /// Records of a partition with the same key are handed out one after the other.
    #[prost(bool, tag = "4")]
    pub(crate) ordered_by_key: bool,
    /// Where it begins: 0 at the start of each log, 1 at its end, 2 at a time.
    #[prost(uint32, tag = "5")]
    pub(crate) start: u32,
    /// That time, in Unix milliseconds.
    #[prost(int64, tag = "6")]
    pub(crate) start_ms: i64,
}

/// How far a group has come in a partition.
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct ProgressRow {
    /// Every record before it is done.
    #[prost(uint64, tag = "1")]
    pub(crate) offset: u64,
    /// When it was committed, in Unix milliseconds.
    #[prost(int64, tag = "2")]
    pub(crate) committed_ms: i64,
    /// Of a queue: records behind it that are not as those that nobody looked at, in their order.
    #[prost(message, repeated, tag = "3")]
    pub(crate) ahead: Vec<AheadRow>,
}

/// A run of records in the same state.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(crate) struct AheadRow {
    /// Records between the end of the run before, or the offset of the row, and this one.
    #[prost(uint64, tag = "1")]
    pub(crate) gap: u64,
    /// How many.
    #[prost(uint64, tag = "2")]
    pub(crate) records: u64,
    /// How often each was handed out; 0: they are done.
    #[prost(uint32, tag = "3")]
    pub(crate) deliveries: u32,
}
