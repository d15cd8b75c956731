//! Removing every record of a key from a partition: the newest one and all before it.
//!
//! Must hold: what is appended meanwhile stays. The row of the key goes with its newest record, in one entry. What a
//! crash leaves half done is done when it is asked again; so the journal is told at the end, once, and not by what was
//! found: an earlier attempt, or compaction, may have left bytes where no row leads.

use super::Sizes;
use super::batches::{Mark, Opened, without};
use super::steps::Steps;
use crate::catalog::audit::AuditEvent;
use crate::error::StorageError;
use crate::rows::BatchRow;
use crate::segments::SegmentStore;
use crate::shard::Shard;
use bytes::Bytes;
use levee_types::PartitionId;
use std::collections::BTreeSet;

/// Batches whose rows are read at once.
const ROWS: usize = 64;

/// An erasure in one partition.
pub(crate) struct Erasure<'a, S> {
    shard: &'a Shard<S>,
    partition: PartitionId,
    key: &'a [u8],
    /// Records from this offset on came later.
    end: u64,
    /// Where every copy of the records lies; `None`: nobody knows.
    segments: Option<BTreeSet<u64>>,
    steps: Steps<'a, S>,
    found: u64,
}

impl<'a, S: SegmentStore> Erasure<'a, S> {
    pub(crate) fn new(
        shard: &'a Shard<S>,
        partition: PartitionId,
        key: &'a [u8],
    ) -> Result<Self, StorageError> {
        shard.check_hold(partition.tenant)?;
        let topic = shard.topic_by_id(partition.tenant, partition.topic)?.ok_or(StorageError::NoTopic)?;
        let offsets = shard.offsets(partition)?;
        // The keys of a table are in entries of their own, and what was trimmed or rewritten has left copies behind.
        let is_known =
            !topic.config.cleanup_policy.is_table() && offsets.stored_bytes == offsets.appended_bytes;
        Ok(Self {
            end: offsets.end,
            segments: is_known.then(BTreeSet::new),
            steps: Steps::new(shard, partition, false, Sizes::DEFAULT),
            found: 0,
            shard,
            partition,
            key,
        })
    }

    /// Does it; tells how many records there were.
    pub(crate) async fn run(mut self, audit: AuditEvent) -> Result<u64, StorageError> {
        let mut pace = self.shard.pace();
        let (mut at, mut read_bytes) = (0, 0);
        loop {
            let rows = self.shard.log().rows(self.partition, at, ROWS)?;
            let Some(&(next, _)) = rows.first().filter(|(base, _)| *base < self.end) else { break };
            at = next;
            for (base, row) in rows {
                if base >= self.end {
                    break;
                }
                if !self.erase(base, row).await? {
                    // It has changed meanwhile.
                    break;
                }
                at = base + u64::from(row.records);
                read_bytes += u64::from(row.length);
                self.shard.keep(&mut pace, read_bytes).await;
            }
        }
        self.forget_row().await?;
        let segments = self.segments.map(Vec::from_iter).unwrap_or_default();
        self.shard.end_erasure(self.partition, segments, audit).await?;
        Ok(self.found)
    }

    /// Removes the key from a batch. `false`: the batch is another one by now.
    async fn erase(&mut self, base: u64, row: BatchRow) -> Result<bool, StorageError> {
        if row.rewritten.is_some() {
            self.segments = None;
        }
        let batch = match self.shard.log().read(self.partition, base, &row) {
            Ok(batch) => batch,
            Err(StorageError::Damaged { .. })
                if self.shard.log().find(self.partition, base)? != Some((base, row)) =>
            {
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        let records = self.shard.codec().open(&batch.bytes);
        let mut records =
            records.map_err(|error| crate::table::undecodable(self.partition, base, &row, &error))?;
        let before = records.len();
        let mut last = None;
        records.retain(|record| {
            let offset = base + u64::from(record.delta);
            let goes = record.key.as_deref() == Some(self.key) && offset < self.end;
            last = if goes { Some(offset) } else { last };
            !goes
        });
        let Some(last) = last else { return Ok(true) };
        let removed = (before - records.len()) as u64;
        let keys = vec![(Bytes::copy_from_slice(self.key), last)];
        let batch = Opened { base, row, bytes: batch.bytes, records, removed, tombstones: Mark::None, keys };
        self.steps.add(without(batch, self.shard.codec()), removed);
        if self.steps.take().await?.is_some() {
            return Ok(false);
        }
        if let Some(segments) = &mut self.segments {
            segments.insert(row.segment);
        }
        self.found += removed;
        Ok(true)
    }

    /// The row of a key may lead to a record that is gone already, by a trim.
    async fn forget_row(&mut self) -> Result<(), StorageError> {
        match self.shard.tables().key_row(self.partition, self.key)? {
            Some(row) if row.offset < self.end => {
                self.steps.forget(vec![(Bytes::copy_from_slice(self.key), row.offset)]).await
            }
            _ => Ok(()),
        }
    }
}
