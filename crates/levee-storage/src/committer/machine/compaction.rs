//! Deciding that batches take the place of others: what compaction, and the removal of a key, ask for.
//!
//! They have read what they want to replace, and have looked its keys up, beside the committer. Here it is decided
//! whether that is still so.
//!
//! Must hold: a batch is replaced only if it is exactly the one that was read; the end of a log, its order and its
//! offsets stay; of the log of a table something is removed only while it is one, because the keys of what was a table
//! are gone; stored bytes are exact.

use super::{Draft, Effect, Machine};
use crate::error::StorageError;
use crate::keys::{self, Keyspace};
use crate::log::{self, Head};
use crate::operation::{BatchMeta, Operation, RewriteMeta};
use crate::rows::{BatchRow, ErasureRow, KeyRow, SteadyRow, TrimRow};
use crate::steady::Steady;
use bytes::Bytes;
use levee_types::PartitionId;

/// Batches that follow each other, and what takes their place.
#[derive(Debug, Clone)]
pub(crate) struct Replacement {
    /// As they were read; at least one.
    pub(crate) old: Vec<(u64, BatchRow)>,
    /// They cover the same offsets; the first one begins where the first of the others begins.
    pub(crate) new: Vec<NewBatch>,
    /// Keys whose newest records are not among the new batches any more, with the offsets of those records.
    pub(crate) keys: Vec<(Bytes, u64)>,
}

/// A batch that takes the place of others.
#[derive(Debug, Clone)]
pub(crate) struct NewBatch {
    pub(crate) base_offset: u64,
    /// How many offsets it covers.
    pub(crate) records: u32,
    pub(crate) bytes: Bytes,
    pub(crate) crc: u32,
    pub(crate) append_time_ms: i64,
    pub(crate) tombstones: Tombstones,
}

/// What becomes of the tombstones of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tombstones {
    /// They go at this time, or it is as unknown as before: see [`RewriteMeta`].
    Until(u64),
    /// What they delete is gone: they stay for so many milliseconds.
    StayFor(u64),
}

impl Machine {
    /// Replaces batches, if they are still there; tells whether they were. With `is_compaction` the topic must be a
    /// table.
    pub(crate) fn replace_batches(
        &mut self,
        partition: PartitionId,
        replacements: Vec<Replacement>,
        is_compaction: bool,
        steady: &Steady,
        draft: &mut Draft,
        now_ms: i64,
    ) -> Result<bool, StorageError> {
        let head = self.head(partition)?;
        if is_compaction && !head.is_table {
            return Err(StorageError::TopicChanged);
        }
        for (base, row) in replacements.iter().flat_map(|replacement| &replacement.old) {
            let stored = self.index.get(Keyspace::Index, &keys::batch(partition, *base))?;
            if stored.map(|stored| BatchRow::decode(&stored)).transpose()? != Some(*row) {
                return Ok(false);
            }
        }
        let old = replacements.iter().flat_map(|replacement| &replacement.old);
        let old: u64 = old.map(|(_, row)| u64::from(row.length)).sum();
        let new: u64 =
            replacements.iter().flat_map(|one| &one.new).map(|batch| batch.bytes.len() as u64).sum();
        self.exchange(partition, head, (old, new), draft)?;
        self.exchange_stored(partition.tenant, (old, new), draft, now_ms)?;
        let steady_ms = self.put_steady(steady, draft)?;
        for Replacement { old, new, keys } in replacements {
            self.forget_keys(partition, &keys, draft)?;
            for (base, _) in &old {
                if new.iter().all(|batch| batch.base_offset != *base) {
                    let key = keys::batch(partition, *base);
                    draft.operation(Operation::Delete { keyspace: Keyspace::Index, key });
                }
            }
            let (Some((_, first)), Some((_, last))) = (old.first(), old.last()) else { continue };
            // A batch that grows, because its records get their times, ends where it ended: if it is the last one, that
            // is where the log ends.
            let length: u64 = new.iter().map(|batch| batch.bytes.len() as u64).sum();
            let end = last.bytes_before + u64::from(last.length);
            let mut bytes_before = first.bytes_before.min(end.saturating_sub(length));
            for batch in new {
                let length = u32::try_from(batch.bytes.len()).unwrap_or(u32::MAX);
                let meta = BatchMeta {
                    partition,
                    base_offset: batch.base_offset,
                    records: batch.records,
                    append_time_ms: batch.append_time_ms,
                    max_timestamp_ms: last.max_timestamp_ms,
                    bytes_before,
                    length,
                    crc: batch.crc,
                    totals: None,
                };
                bytes_before += u64::from(length);
                let tombstones_until_ms = match batch.tombstones {
                    Tombstones::Until(until_ms) => until_ms,
                    // 0 means something else.
                    Tombstones::StayFor(ms) => steady_ms.saturating_add(ms).max(1),
                };
                let rewrite = Operation::Rewrite(RewriteMeta { batch: meta, tombstones_until_ms });
                draft.batch(rewrite, batch.bytes);
            }
        }
        Ok(true)
    }

    /// Removes the rows of keys that still lead to these offsets. Where they lead nothing is, or will be in the same
    /// entry.
    pub(crate) fn forget_keys(
        &mut self,
        partition: PartitionId,
        forgotten: &[(Bytes, u64)],
        draft: &mut Draft,
    ) -> Result<(), StorageError> {
        for (key, offset) in forgotten {
            let key = keys::table_key(partition, key);
            let row = self.index.get(Keyspace::Keys, &key)?;
            let row = row.map(|row| KeyRow::decode(&row)).transpose()?;
            if row.is_some_and(|row| row.offset == *offset) {
                draft.operation(Operation::Delete { keyspace: Keyspace::Keys, key });
            }
        }
        Ok(())
    }

    /// Notes that a partition is compacted up to an offset.
    pub(crate) fn end_compaction(
        &mut self,
        partition: PartitionId,
        through: u64,
        draft: &mut Draft,
    ) -> Result<(), StorageError> {
        let head = self.head(partition)?;
        let row = TrimRow {
            compacted: through,
            compacted_bytes: log::stored_bytes(&self.index, partition, head)?,
            ..self.trim_row(partition, head)?
        };
        draft.put_row(keys::trim(partition), &row);
        // The tail has the batches as they were appended.
        draft.effect(Effect::PartitionChanged(partition));
        Ok(())
    }

    /// Has what was removed of a partition removed from the journal and the memory too.
    pub(crate) fn end_erasure(
        &mut self,
        partition: PartitionId,
        row: ErasureRow,
        draft: &mut Draft,
    ) -> Result<(), StorageError> {
        self.head(partition)?;
        draft.effect(Effect::PartitionChanged(partition));
        self.add_erasure(draft, row)
    }

    /// Writes the steady time down, which it tells.
    pub(crate) fn put_steady(&mut self, steady: &Steady, draft: &mut Draft) -> Result<u64, StorageError> {
        let row: SteadyRow = self.row(&keys::steady())?.unwrap_or_default();
        let ms = steady.now_ms().max(row.ms);
        draft.put_row(keys::steady(), &SteadyRow { ms });
        Ok(ms)
    }

    /// Notes in the row of a partition that `old` bytes of batches are `new` ones now.
    fn exchange(
        &mut self,
        partition: PartitionId,
        head: Head,
        (old, new): (u64, u64),
        draft: &mut Draft,
    ) -> Result<(), StorageError> {
        let gone = log::gone_bytes(&self.index, partition)?.unwrap_or(head.bytes) + old;
        // Batches that grow by more than was ever removed count as appended: what is stored is what was appended
        // without what is gone.
        let head = Head { bytes: head.bytes + new.saturating_sub(gone), ..head };
        let row = TrimRow { gone: Some(gone.saturating_sub(new)), ..self.trim_row(partition, head)? };
        draft.put_row(keys::trim(partition), &row);
        self.heads.insert(partition, head);
        Ok(())
    }

    /// The row of a partition, with where its log ends now.
    fn trim_row(&self, partition: PartitionId, head: Head) -> Result<TrimRow, StorageError> {
        let row: TrimRow = self.row(&keys::trim(partition))?.unwrap_or_default();
        let Head { end, bytes, max_timestamp_ms, .. } = head;
        Ok(TrimRow { end, bytes, max_timestamp_ms, ..row })
    }
}
