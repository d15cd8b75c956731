//! What a group is.

use crate::TopicName;

/// Where a group begins in a partition of which it has committed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StartAt {
    /// At the first record that is stored.
    #[default]
    Start,
    /// Behind the last one.
    End,
    /// At the first batch with a record of this time or a later one, in Unix milliseconds.
    TimestampMs(i64),
}

/// What a group does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupKind {
    /// Its members have partitions.
    Consumers,
    /// Its members take single records.
    Queue(QueueSettings),
}

/// What holds for all workers of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSettings {
    /// 1 to [`MAX_TOPICS_PER_GROUP`](crate::limits::MAX_TOPICS_PER_GROUP), each once.
    pub topics: Vec<TopicName>,
    /// How often a record is handed out before it is dead: 1 to [`MAX_DELIVERIES`](crate::limits::MAX_DELIVERIES).
    pub max_deliveries: u32,
    /// Takes the dead; none: they are dropped.
    pub dead_letter_topic: Option<TopicName>,
    /// Records of a partition with the same key are handed out one after the other.
    pub ordered_by_key: bool,
    /// Where it begins.
    pub start: StartAt,
}

/// A run of records of a queue in the same state, behind the offset up to which all are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ahead {
    /// Offset of the first.
    pub first: u64,
    /// How many, at least 1.
    pub records: u64,
    /// What became of them.
    pub state: AheadState,
}

/// What became of records of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AheadState {
    /// They are done.
    Done,
    /// They were handed out so often, at least once, and are not done.
    Delivered(u32),
}

impl Ahead {
    /// The offset behind the last.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.first.saturating_add(self.records)
    }
}
