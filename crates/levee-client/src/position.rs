//! Places in logs.

use levee_proto::v1;
use levee_proto::v1::offset_spec::Spec;
use std::sync::Arc;

/// Where to read from, in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: u32,
    /// The place in its log.
    pub from: StartAt,
}

/// A place in the log of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartAt {
    /// The first record that is still stored.
    Start,
    /// After the last record: only what comes later.
    End,
    /// Exactly this offset.
    Offset(u64),
    /// The first batch that has a record with this timestamp or a later one, in Unix milliseconds; the
    /// end if there is none.
    Timestamp(i64),
}

/// A place that was looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offsets {
    /// The place that was asked for.
    pub offset: u64,
    /// The first offset that is still stored.
    pub start: u64,
    /// The offset that the next record will get.
    pub end: u64,
}

/// Behind which record of a partition one is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionOffset {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: u32,
    /// The offset behind the last record that is done, or was handed out: where to go on.
    pub offset: u64,
}

impl StartAt {
    pub(crate) fn to_message(self) -> v1::OffsetSpec {
        let spec = match self {
            Self::Start => Spec::Edge(v1::OffsetEdge::Start.into()),
            Self::End => Spec::Edge(v1::OffsetEdge::End.into()),
            Self::Offset(offset) => Spec::Offset(offset),
            Self::Timestamp(timestamp_ms) => Spec::TimestampMs(timestamp_ms),
        };
        v1::OffsetSpec { spec: Some(spec) }
    }
}

impl Position {
    pub(crate) fn to_message(&self) -> v1::ReadPosition {
        v1::ReadPosition {
            topic: self.topic.clone(),
            partition: self.partition,
            from: Some(self.from.to_message()),
        }
    }
}

impl From<v1::ResolvedPosition> for Offsets {
    fn from(resolved: v1::ResolvedPosition) -> Self {
        Self { offset: resolved.offset, start: resolved.start_offset, end: resolved.end_offset }
    }
}
