//! Rows about the room that the journal takes.

use prost::Message;

/// Which segments are deleted.
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct SegmentsRow {
    /// Every segment before this one is.
    #[prost(uint64, tag = "1")]
    pub(crate) first: u64,
    /// Those behind it that are, ascending.
    #[prost(uint64, repeated, tag = "2")]
    pub(crate) deleted: Vec<u64>,
}

impl SegmentsRow {
    /// Whether a segment is deleted.
    pub(crate) fn contains(&self, id: u64) -> bool {
        id < self.first || self.deleted.binary_search(&id).is_ok()
    }

    /// Adds a segment.
    pub(crate) fn insert(&mut self, id: u64) {
        self.first = self.first.max(1);
        if !self.contains(id) {
            self.deleted.insert(self.deleted.partition_point(|other| *other < id), id);
            let run = self.deleted.iter().zip(self.first..).take_while(|(id, next)| *id == next).count();
            self.deleted.drain(..run);
            self.first += run as u64;
        }
    }
}

/// Something whose bytes must go from the journal: every segment that holds some of it is rewritten.
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct ErasureRow {
    /// Whose it was.
    #[prost(uint32, tag = "1")]
    pub(crate) tenant: u32,
    /// It lies in this segment or before it. 0: in the one that was written when it was asked for, or before it, and it
    /// is not known yet which one that was.
    #[prost(uint64, tag = "2")]
    pub(crate) through: u64,
    /// The segments in which it lies; empty: all that have an entry of the tenant.
    #[prost(uint64, repeated, tag = "3")]
    pub(crate) segments: Vec<u64>,
    /// What the audit log says when it is gone: the principal.
    #[prost(string, tag = "4")]
    pub(crate) principal: String,
    /// The same: what was done.
    #[prost(string, tag = "5")]
    pub(crate) action: String,
    /// The same: on what.
    #[prost(string, tag = "6")]
    pub(crate) resource: String,
    /// When it was asked for, in Unix milliseconds.
    #[prost(int64, tag = "7")]
    pub(crate) asked_ms: i64,
}
