//! Deciding which batches move within the journal, which segments go, and what must vanish from all of them.
//!
//! Must hold: a row that was changed since it was read is left alone; what recovery needs stays.

use super::{Draft, Effect, Machine};
use crate::catalog::audit::AuditEvent;
use crate::error::StorageError;
use crate::keys::{self, Keyspace};
use crate::operation::{BatchMeta, Operation, RewriteMeta};
use crate::rows::{BadRow, BatchRow, Checkpoint, ErasureRow, SegmentsRow, TenantRow};
use bytes::Bytes;
use levee_types::{PartitionId, TenantId};
use prost::Message;

/// A batch that is to be written again at the head of the journal.
pub(crate) struct Move {
    pub(crate) partition: PartitionId,
    pub(crate) base_offset: u64,
    /// Its row, as it was read.
    pub(crate) row: BatchRow,
    /// The batch.
    pub(crate) bytes: Bytes,
}

impl Machine {
    /// Moves batches whose rows are as they were. Tells how many bytes these have.
    pub(crate) fn relocate(&self, moves: Vec<Move>, draft: &mut Draft) -> Result<u64, StorageError> {
        let mut moved = 0;
        for Move { partition, base_offset, row, bytes } in moves {
            let now = self.index.get(Keyspace::Index, &keys::batch(partition, base_offset))?;
            if now != Some(row.encode()) {
                continue;
            }
            let batch = BatchMeta {
                partition,
                base_offset,
                records: row.records,
                append_time_ms: row.append_time_ms,
                max_timestamp_ms: row.max_timestamp_ms,
                bytes_before: row.bytes_before,
                length: row.length,
                crc: row.crc,
                totals: None,
            };
            let tombstones_until_ms = row.rewritten.unwrap_or(0);
            draft.batch(Operation::Rewrite(RewriteMeta { batch, tombstones_until_ms }), bytes);
            moved += u64::from(row.length);
        }
        // What is lost before a sync is still where it was: its segment goes later, and that waits for a sync.
        draft.relax();
        Ok(moved)
    }

    /// Deletes segments. Nothing of them is in the rows, and as they are sealed, nothing will be; but recovery needs
    /// those from the one on that the index on disk covers last. Tells whose files can go: also those that were deleted
    /// before, if the file could not be removed then.
    pub(crate) fn delete_segments(&self, ids: &[u64], draft: &mut Draft) -> Result<Vec<u64>, StorageError> {
        let flushed = self.index.flushed_checkpoint()?.map(|row| Checkpoint::decode(&row[..])).transpose()?;
        let needed_from = flushed.map_or(0, |at| at.segment).min(self.segment);
        let mut row: SegmentsRow = self.row(&keys::segments())?.unwrap_or_default();
        let free: Vec<u64> = ids.iter().copied().filter(|id| *id < needed_from).collect();
        let deleted: Vec<u64> = free.iter().copied().filter(|id| !row.contains(*id)).collect();
        if !deleted.is_empty() {
            deleted.iter().for_each(|id| row.insert(*id));
            draft.put_row(keys::segments(), &row);
            draft.effect(Effect::SegmentsDeleted(deleted));
        }
        Ok(free)
    }

    /// Adds something that must vanish from the journal. Once for each draft.
    #[expect(clippy::needless_pass_by_value, reason = "it is made for this")]
    pub(crate) fn add_erasure(&self, draft: &mut Draft, erasure: ErasureRow) -> Result<(), StorageError> {
        let mut last = 0;
        let mut cursor = self.index.cursor(Keyspace::State, keys::erasures());
        cursor.last()?;
        if let Some((key, _)) = cursor.item() {
            last = keys::last_u64(key).ok_or(BadRow)?;
        }
        draft.put_row(keys::erasure(last + 1), &erasure);
        Ok(())
    }

    /// Notes where what must vanish ends, for what was asked before this: in the segment that is written now, which
    /// this entry ends.
    pub(crate) fn bound_erasures(&self, draft: &mut Draft) -> Result<(), StorageError> {
        self.scan(keys::erasures(), |key, row| {
            let row = ErasureRow::decode(row)?;
            if row.through == 0 {
                draft.put_row(key.to_vec(), &ErasureRow { through: self.segment, ..row });
                draft.begin_segment();
            }
            Ok(())
        })
    }

    /// Something has vanished: says so in the audit log of the tenant, or of the system if there is no tenant any more.
    pub(crate) fn finish_erasure(
        &self,
        number: u64,
        erasure: &ErasureRow,
        draft: &mut Draft,
        now_ms: i64,
    ) -> Result<(), StorageError> {
        let key = keys::erasure(number);
        if self.row::<ErasureRow>(&key)?.as_ref() != Some(erasure) {
            return Ok(());
        }
        let tenant = TenantId(erasure.tenant);
        let is_there = self.row::<TenantRow>(&keys::tenant(tenant))?.is_some();
        let event = AuditEvent {
            principal: erasure.principal.clone(),
            action: erasure.action.clone(),
            resource: erasure.resource.clone(),
            note: format!("its bytes are gone from the disk: id {tenant}"),
            count: 1,
            ..AuditEvent::default()
        };
        draft.delete(key);
        self.audit(draft, if is_there { tenant } else { TenantId::SYSTEM }, &[event], now_ms)
    }
}
