//! Deciding where a log begins.

use super::{Draft, Effect, Machine};
use crate::error::StorageError;
use crate::keys::{self, Keyspace};
use crate::log::{self, Head};
use crate::rows::TrimRow;
use levee_types::PartitionId;
use prost::Message;

impl Machine {
    /// Removes whole batches before an offset. The group is empty: what the index has is all there is.
    pub(crate) fn trim(
        &mut self,
        partition: PartitionId,
        before: u64,
        draft: &mut Draft,
        now_ms: i64,
    ) -> Result<u64, StorageError> {
        let head = self.head(partition)?;
        if before > head.end {
            return Err(StorageError::OffsetOutOfRange { offset: before, start: head.start, end: head.end });
        }
        if before <= head.start {
            return Ok(head.start);
        }
        let mut cursor = self.index.cursor(Keyspace::Index, keys::batches(partition));
        cursor.seek_back(&keys::batch(partition, before))?;
        // Of the batches from here on, the bytes before them go.
        let (keep_from, bytes_before) = match log::item(&cursor)? {
            Some((base, row)) if base + u64::from(row.records) > before => (base, row.bytes_before),
            Some((_, row)) => (before, row.bytes_before + u64::from(row.length)),
            None => (before, head.bytes),
        };
        cursor.first()?;
        let stored_from = log::item(&cursor)?.map_or(bytes_before, |(_, first)| first.bytes_before);
        drop(cursor);
        let removed = bytes_before.saturating_sub(stored_from);
        let row = TrimRow {
            start: before,
            end: head.end,
            bytes: head.bytes,
            max_timestamp_ms: head.max_timestamp_ms,
        };
        draft.put(keys::trim(partition), row.encode_to_vec());
        let range = (keys::batch(partition, 0), keys::batch(partition, keep_from));
        draft.delete_range(Keyspace::Index, range);
        self.forget_stored(partition.tenant, removed, draft, now_ms)?;
        draft.effect(Effect::PartitionChanged(partition));
        self.heads.insert(partition, Head { start: before, ..head });
        Ok(before)
    }
}
