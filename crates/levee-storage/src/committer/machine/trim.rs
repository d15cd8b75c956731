//! Deciding where a log begins.

use super::{Draft, Effect, Machine};
use crate::catalog::retention::lets_go;
use crate::error::StorageError;
use crate::keys::{self, Keyspace};
use crate::log::{self, Head};
use crate::pressure::excess;
use crate::retention::{Cut, Retention};
use crate::rows::{TopicRow, TrimRow};
use levee_types::topic::Properties;
use levee_types::{PartitionId, TenantId};
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
        self.cut(partition, head, before, draft, now_ms)?;
        Ok(before.max(head.start))
    }

    /// Removes what is too old or too much, if it still is: what is kept, and for whom, may have changed since it was
    /// found. Tells how many bytes of each cut were removed.
    pub(crate) fn expire(
        &mut self,
        tenant: TenantId,
        cuts: &[(Cut, Retention)],
        server: &Properties,
        draft: &mut Draft,
        now_ms: i64,
    ) -> Result<Vec<u64>, StorageError> {
        let row = match self.tenant_row(tenant) {
            Ok(row) if lets_go(&row) => row,
            Ok(_) | Err(StorageError::NoTenant) => return Ok(vec![0; cuts.len()]),
            Err(error) => return Err(error),
        };
        let mut removed = Vec::with_capacity(cuts.len());
        for (cut, retention) in cuts {
            let topic: Option<TopicRow> = self.row(&keys::topic(tenant, cut.partition.topic))?;
            let holds = match topic {
                Some(topic) => Retention::of(&topic, &row.topic_defaults, server)? == Some(*retention),
                None => false,
            };
            removed.push(if holds { self.cut_if_there(*cut, draft, now_ms)? } else { 0 });
        }
        Ok(removed)
    }

    /// Removes the oldest batches of a tenant that needs room for `more` bytes, if it still does. Tells how many bytes
    /// were removed.
    pub(crate) fn make_room(
        &mut self,
        tenant: TenantId,
        more: u64,
        cuts: &[Cut],
        draft: &mut Draft,
        now_ms: i64,
    ) -> Result<u64, StorageError> {
        let limits = self.count_limits(tenant)?;
        let Some(limit) = limits.storage.filter(|_| limits.trims_oldest) else { return Ok(0) };
        if excess(limit, self.totals(tenant)?.stored_bytes, more) == 0 {
            return Ok(0);
        }
        // All of them: what is left out of one partition may be older than what goes from another one.
        let mut removed = 0;
        for cut in cuts {
            removed += self.cut_if_there(*cut, draft, now_ms)?;
        }
        Ok(removed)
    }

    fn cut_if_there(&mut self, cut: Cut, draft: &mut Draft, now_ms: i64) -> Result<u64, StorageError> {
        match self.head(cut.partition) {
            Ok(head) => self.cut(cut.partition, head, cut.before.min(head.end), draft, now_ms),
            Err(StorageError::NoTopic) => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Has a log begin at an offset, unless it begins there or behind it. Tells how many bytes are removed.
    fn cut(
        &mut self,
        partition: PartitionId,
        head: Head,
        before: u64,
        draft: &mut Draft,
        now_ms: i64,
    ) -> Result<u64, StorageError> {
        if before <= head.start {
            return Ok(0);
        }
        let trimmed: TrimRow = self.row(&keys::trim(partition))?.unwrap_or_default();
        let (keep_from, removed) = match trimmed.gone {
            Some(_) => self.lengths_before(partition, before)?,
            None => self.bytes_before(partition, before, head)?,
        };
        let row = TrimRow {
            start: before,
            end: head.end,
            bytes: head.bytes,
            max_timestamp_ms: head.max_timestamp_ms,
            gone: trimmed.gone.map(|gone| gone + removed),
            ..trimmed
        };
        draft.put(keys::trim(partition), row.encode_to_vec());
        let range = (keys::batch(partition, 0), keys::batch(partition, keep_from));
        draft.delete_range(Keyspace::Index, range);
        self.forget_stored(partition.tenant, removed, draft, now_ms)?;
        draft.effect(Effect::PartitionChanged(partition));
        self.heads.insert(partition, Head { start: before, ..head });
        Ok(removed)
    }

    /// The first batch that a trim leaves, and the bytes of those that it removes: by the running totals.
    fn bytes_before(
        &self,
        partition: PartitionId,
        before: u64,
        head: Head,
    ) -> Result<(u64, u64), StorageError> {
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
        Ok((keep_from, bytes_before.saturating_sub(stored_from)))
    }

    /// The same of a partition with rewritten batches, of which the totals do not say what is stored.
    fn lengths_before(&self, partition: PartitionId, before: u64) -> Result<(u64, u64), StorageError> {
        let mut cursor = self.index.cursor(Keyspace::Index, keys::batches(partition));
        cursor.first()?;
        let mut removed = 0;
        while let Some((base, row)) = log::item(&cursor)? {
            if base + u64::from(row.records) > before {
                return Ok((base, removed));
            }
            removed += u64::from(row.length);
            cursor.next()?;
        }
        Ok((before, removed))
    }
}
