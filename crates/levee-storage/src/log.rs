//! Partition logs: finding and reading stored batches.
//!
//! Reads see what the index has, which is what is acknowledged or about to be: the committer applies a
//! group to the index only when it is durable under its topics' durability.

use crate::error::StorageError;
use crate::index::{Cursor, Index, Rows};
use crate::keys::{self, Keyspace};
use crate::operation::{BatchMeta, BatchPlace};
use crate::rows::{BatchRow, StagedRow, TrimRow};
use crate::segments::SegmentStore;
use bytes::Bytes;
use levee_types::{PartitionId, TenantId};
use prost::Message;
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// A batch as it was produced, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBatch {
    /// Offset of its first record.
    pub base_offset: u64,
    /// How many records it has.
    pub records: u32,
    /// When it was appended, in Unix milliseconds.
    pub append_time_ms: i64,
    /// CRC32C of its bytes.
    pub crc: u32,
    /// The batch.
    pub bytes: Bytes,
}

impl StoredBatch {
    /// The offset behind its last record.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.base_offset + u64::from(self.records)
    }
}

/// What a batch counts for in a fetch beside its bytes: so that tiny batches, of which a fetch could
/// otherwise hold half a million, are no more work than others. No less than what the protocol adds to a
/// batch.
pub const FETCH_OVERHEAD_BYTES: usize = 64;

/// How many bytes a fetch may still take.
pub(crate) struct Room(usize);

impl Room {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_used_up(&self) -> bool {
        self.0 == 0
    }

    /// Takes the room of a batch; the last one may exceed it.
    pub(crate) fn take(&mut self, batch: usize) {
        self.0 = self.0.saturating_sub(batch + FETCH_OVERHEAD_BYTES);
    }
}

/// Batches that were read.
#[derive(Debug)]
pub struct Fetched {
    /// In the order of their offsets; none when there is no record from the offset on, up to `end`.
    pub batches: Vec<StoredBatch>,
    /// The end offset of the partition.
    pub end: u64,
}

/// Where a log begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionOffsets {
    /// The first offset that is stored.
    pub start: u64,
    /// The offset that the next record gets.
    pub end: u64,
    /// Bytes of the batches that are stored.
    pub stored_bytes: u64,
    /// Bytes of all batches that were ever appended.
    pub appended_bytes: u64,
}

/// What compaction would win.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dirt {
    /// What the last pass left behind: the offset to which it came, and what was stored then.
    pub(crate) compacted: (u64, u64),
    pub(crate) stored_bytes: u64,
    /// Bytes of batches that came since then and may be compacted.
    pub(crate) dirty_bytes: u64,
    /// When the first of these was appended, in Unix milliseconds.
    pub(crate) oldest_ms: Option<i64>,
}

/// What the committer must know to append to a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Head {
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// Bytes of all batches ever appended.
    pub(crate) bytes: u64,
    pub(crate) max_timestamp_ms: i64,
    /// Whether the topic is a table; known to the committer only.
    pub(crate) is_table: bool,
}

impl Head {
    /// The same with a batch that is the last one now.
    pub(crate) fn behind(self, batch: &BatchMeta) -> Self {
        Self {
            start: self.start,
            end: batch.base_offset + u64::from(batch.records),
            bytes: batch.bytes_before + u64::from(batch.length),
            max_timestamp_ms: batch.max_timestamp_ms,
            is_table: self.is_table,
        }
    }
}

/// Reads the logs of all partitions. Segments are deleted while it reads: what was moved out of them is looked up
/// again.
pub(crate) struct LogReader<S> {
    index: Arc<Index>,
    segments: Arc<S>,
}

impl<S: SegmentStore> LogReader<S> {
    pub(crate) fn new(index: Arc<Index>, segments: Arc<S>) -> Self {
        Self { index, segments }
    }

    /// Where the log of a partition begins and ends.
    pub(crate) fn offsets(&self, partition: PartitionId) -> Result<PartitionOffsets, StorageError> {
        let head = head(&self.index, partition)?;
        let stored_bytes = stored_bytes(&self.index, partition, head)?;
        self.require(partition)?;
        Ok(PartitionOffsets { start: head.start, end: head.end, stored_bytes, appended_bytes: head.bytes })
    }

    /// The offset of the first batch that has a record with this timestamp or a later one; the end offset
    /// if there is none. A binary search: the index keeps the largest timestamp so far.
    pub(crate) fn offset_at(&self, partition: PartitionId, timestamp_ms: i64) -> Result<u64, StorageError> {
        let head = head(&self.index, partition)?;
        self.require(partition)?;
        let mut cursor = self.batches(partition);
        let (mut low, mut high) = (head.start, head.end);
        while low < high {
            let middle = low + (high - low) / 2;
            cursor.seek_back(&keys::batch(partition, middle))?;
            match item(&cursor)? {
                Some((base, row)) if row.max_timestamp_ms >= timestamp_ms => high = middle.min(base),
                Some((base, row)) => low = (base + u64::from(row.records)).max(middle + 1),
                None => low = middle + 1,
            }
        }
        Ok(low.max(head.start))
    }

    /// Batches from the one that holds `offset` on, up to `max_bytes` with their overhead, but at least one.
    pub(crate) fn fetch(
        &self,
        partition: PartitionId,
        offset: u64,
        max_bytes: usize,
    ) -> Result<Fetched, StorageError> {
        // A look is only too old if a batch is moved and its segment deleted while it lasts, which is seldom.
        loop {
            if let Some(fetched) = self.try_fetch(partition, offset, max_bytes)? {
                return Ok(fetched);
            }
        }
    }

    /// The same; `None`: what it found is elsewhere by now.
    fn try_fetch(
        &self,
        partition: PartitionId,
        offset: u64,
        max_bytes: usize,
    ) -> Result<Option<Fetched>, StorageError> {
        let mut cursor = self.batches(partition);
        seek(&mut cursor, partition, offset)?;
        // The head is read behind the cursor's view, so that it is never older.
        let head = head(&self.index, partition)?;
        self.require(partition)?;
        if offset < head.start || offset > head.end {
            return Err(StorageError::OffsetOutOfRange { offset, start: head.start, end: head.end });
        }
        if offset < head.end && item(&cursor)?.is_none() {
            // Compaction left nothing there, or what is there came behind the cursor's view. A view that is not older
            // than the head tells: so when there is no batch, there is none before the end that is told.
            cursor = self.batches(partition);
            seek(&mut cursor, partition, offset)?;
        }
        let mut batches: Vec<StoredBatch> = Vec::new();
        let mut room = Room::new(max_bytes);
        while let Some((base, row)) = item(&cursor)? {
            match self.read(partition, base, &row) {
                Ok(batch) => batches.push(batch),
                // What is before a damaged batch can still be read; it is met again as the first.
                Err(_) if !batches.is_empty() => break,
                Err(StorageError::Damaged { .. }) if self.has_changed(partition, base, &row)? => {
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
            room.take(row.length as usize);
            if room.is_used_up() {
                break;
            }
            cursor.next()?;
        }
        let end = batches.last().map_or(head.end, |last| head.end.max(last.end()));
        Ok(Some(Fetched { batches, end }))
    }

    /// The batch that covers an offset, as its row says; `None` if none does.
    pub(crate) fn find(
        &self,
        partition: PartitionId,
        offset: u64,
    ) -> Result<Option<(u64, BatchRow)>, StorageError> {
        let mut cursor = self.batches(partition);
        cursor.seek_back(&keys::batch(partition, offset))?;
        Ok(item(&cursor)?.filter(|(base, row)| base + u64::from(row.records) > offset))
    }

    /// Up to `limit` batches from the one that covers `from` on, as their rows say.
    pub(crate) fn rows(
        &self,
        partition: PartitionId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<(u64, BatchRow)>, StorageError> {
        let mut cursor = self.batches(partition);
        seek(&mut cursor, partition, from)?;
        let mut rows = Vec::new();
        while rows.len() < limit
            && let Some(next) = item(&cursor)?
        {
            rows.push(next);
            cursor.next()?;
        }
        Ok(rows)
    }

    /// What of a table came after it was compacted last.
    pub(crate) fn dirt(&self, partition: PartitionId, until_ms: i64) -> Result<Dirt, StorageError> {
        let head = head(&self.index, partition)?;
        let trim = self.index.get(Keyspace::State, &keys::trim(partition))?;
        let TrimRow { compacted, compacted_bytes, .. } =
            trim.map(|row| TrimRow::decode(&row[..])).transpose()?.unwrap_or_default();
        let mut dirt = Dirt {
            compacted: (compacted, compacted_bytes),
            stored_bytes: stored_bytes(&self.index, partition, head)?,
            dirty_bytes: 0,
            oldest_ms: None,
        };
        let mut cursor = self.batches(partition);
        cursor.seek(&keys::batch(partition, compacted))?;
        let Some((first, row)) = item(&cursor)? else { return Ok(dirt) };
        // Where those begin that are too young, if append times ascend: it only says when it is worth it.
        let (mut low, mut high) = (first, head.end);
        if until_ms == i64::MAX {
            low = high;
        }
        while low < high {
            let middle = low + (high - low) / 2;
            cursor.seek_back(&keys::batch(partition, middle))?;
            match item(&cursor)? {
                Some((base, row)) if row.append_time_ms > until_ms => high = middle.min(base),
                Some((base, row)) => low = (base + u64::from(row.records)).max(middle + 1),
                None => low = middle + 1,
            }
        }
        cursor.seek(&keys::batch(partition, low))?;
        let young_from = item(&cursor)?.map_or(head.bytes, |(_, young)| young.bytes_before);
        dirt.dirty_bytes = young_from.saturating_sub(row.bytes_before);
        dirt.oldest_ms = (low > first).then_some(row.append_time_ms);
        Ok(dirt)
    }

    /// When the first of the tombstones of a table may go whose time has begun, in milliseconds of the steady time, but
    /// for those that might have gone before `since_ms`.
    pub(crate) fn tombstones_due(
        &self,
        partition: PartitionId,
        since_ms: u64,
    ) -> Result<Option<u64>, StorageError> {
        let mut cursor = self.batches(partition);
        cursor.first()?;
        let is_to_come = |until_ms: &u64| *until_ms > 0 && *until_ms >= since_ms;
        let mut due: Option<u64> = None;
        while let Some((_, row)) = item(&cursor)? {
            due = due.into_iter().chain(row.rewritten.filter(is_to_come)).min();
            cursor.next()?;
        }
        Ok(due)
    }

    /// Reads the batch of a row. Where it cannot be read because it is elsewhere by now, the row has changed.
    pub(crate) fn read(
        &self,
        partition: PartitionId,
        base_offset: u64,
        row: &BatchRow,
    ) -> Result<StoredBatch, StorageError> {
        let mut bytes = Vec::with_capacity(row.length as usize);
        let read = self.segments.read(row.segment, row.position, row.length as usize, &mut bytes);
        let is_gone = |error: &io::Error| {
            matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::NotFound)
        };
        if let Err(error) = &read
            && !is_gone(error)
        {
            tracing::error!(segment = row.segment, position = row.position, %error, "cannot read a stored batch");
            return Err(StorageError::Unreadable { reason: error.to_string() });
        }
        let has_moved = read.is_err() && self.has_changed(partition, base_offset, row)?;
        let damaged = StorageError::Damaged {
            partition,
            offset: base_offset,
            segment: row.segment,
            position: row.position,
        };
        if has_moved {
            return Err(damaged);
        }
        if read.is_err() || crc32c::crc32c(&bytes) != row.crc {
            tracing::error!(
                segment = row.segment,
                position = row.position,
                %partition,
                offset = base_offset,
                error = read.err().map(tracing::field::display),
                "a stored batch is damaged"
            );
            return Err(damaged);
        }
        Ok(StoredBatch {
            base_offset,
            records: row.records,
            append_time_ms: row.append_time_ms,
            crc: row.crc,
            bytes: bytes.into(),
        })
    }

    /// A part of the bytes of a batch that was read before, and had this checksum. `None`: it is gone, or was rewritten.
    pub(crate) fn part(
        &self,
        partition: PartitionId,
        base_offset: u64,
        crc: u32,
        part: &Range<usize>,
    ) -> Result<Option<Bytes>, StorageError> {
        loop {
            self.require(partition)?;
            let row = self.index.get(Keyspace::Index, &keys::batch(partition, base_offset))?;
            let row = row.map(|row| BatchRow::decode(&row)).transpose()?;
            let Some(row) = row.filter(|row| row.crc == crc && part.end <= row.length as usize) else {
                return Ok(None);
            };
            let mut bytes = Vec::with_capacity(part.len());
            let position = row.position + part.start as u64;
            match self.segments.read(row.segment, position, part.len(), &mut bytes) {
                Ok(()) => return Ok(Some(bytes.into())),
                // It was moved, and its segment deleted.
                Err(_) if self.has_changed(partition, base_offset, &row)? => {}
                Err(error) => return Err(StorageError::Unreadable { reason: error.to_string() }),
            }
        }
    }

    /// Reads a batch that is staged.
    pub(crate) fn read_staged(&self, tenant: TenantId, row: &StagedRow) -> Result<Bytes, StorageError> {
        let BatchPlace { segment, position } = row.place;
        let mut bytes = Vec::with_capacity(row.length as usize);
        let read = self.segments.read(segment, position, row.length as usize, &mut bytes);
        read.map_err(|error| StorageError::Unreadable { reason: error.to_string() })?;
        if crc32c::crc32c(&bytes) != row.crc {
            let partition = row.partition_of(tenant);
            tracing::error!(segment, position, %partition, "a staged batch is damaged");
            return Err(StorageError::Damaged { partition, offset: 0, segment, position });
        }
        Ok(bytes.into())
    }

    /// Whether the row of a batch is another one by now, or gone.
    fn has_changed(
        &self,
        partition: PartitionId,
        base_offset: u64,
        row: &BatchRow,
    ) -> Result<bool, StorageError> {
        let now = self.index.get(Keyspace::Index, &keys::batch(partition, base_offset))?;
        Ok(now != Some(row.encode()))
    }

    fn batches(&self, partition: PartitionId) -> Cursor<'_> {
        self.index.cursor(Keyspace::Index, keys::batches(partition))
    }

    /// A topic that was deleted has no log, not an empty one. Asked last, so that a deletion that comes
    /// between is noticed.
    pub(crate) fn require(&self, partition: PartitionId) -> Result<(), StorageError> {
        let key = keys::topic(partition.tenant, partition.topic);
        self.index.get(Keyspace::State, &key)?.map(drop).ok_or(StorageError::NoTopic)
    }
}

/// Where the next batch of a partition goes. The batches are looked at first: a trim that comes between
/// leaves what it removed in the view of the cursor, and says the same in its row.
pub(crate) fn head(index: &impl Rows, partition: PartitionId) -> Result<Head, StorageError> {
    let mut cursor = index.cursor(Keyspace::Index, keys::batches(partition));
    cursor.last()?;
    let last = match item(&cursor)? {
        Some((base, row)) => Head {
            start: 0,
            end: base + u64::from(row.records),
            bytes: row.bytes_before + u64::from(row.length),
            max_timestamp_ms: row.max_timestamp_ms,
            is_table: false,
        },
        None => Head::default(),
    };
    let trim = match index.get(Keyspace::State, &keys::trim(partition))? {
        Some(row) => TrimRow::decode(&row[..])?,
        None => TrimRow::default(),
    };
    Ok(Head {
        start: trim.start,
        end: last.end.max(trim.end),
        bytes: last.bytes.max(trim.bytes),
        max_timestamp_ms: last.max_timestamp_ms.max(trim.max_timestamp_ms),
        is_table: false,
    })
}

/// Bytes of the batches of a partition that are stored. The head is read first: an append that comes between makes it a
/// little less, and never more than there ever was.
pub(crate) fn stored_bytes(
    index: &impl Rows,
    partition: PartitionId,
    head: Head,
) -> Result<u64, StorageError> {
    Ok(head.bytes.saturating_sub(gone_bytes(index, partition)?.unwrap_or(head.bytes)))
}

/// Bytes of the batches of a partition that are not stored any more; `None`: of all.
pub(crate) fn gone_bytes(index: &impl Rows, partition: PartitionId) -> Result<Option<u64>, StorageError> {
    let mut cursor = index.cursor(Keyspace::Index, keys::batches(partition));
    cursor.first()?;
    let Some((_, first)) = item(&cursor)? else { return Ok(None) };
    let trim = index.get(Keyspace::State, &keys::trim(partition))?;
    let trim = trim.map(|row| TrimRow::decode(&row[..])).transpose()?;
    // While no batch was rewritten, those that are gone are those before the first one.
    Ok(Some(trim.and_then(|trim| trim.gone).unwrap_or(first.bytes_before)))
}

/// Goes to the batch that covers an offset, or else to the first one behind it.
fn seek(cursor: &mut Cursor<'_>, partition: PartitionId, offset: u64) -> Result<(), StorageError> {
    cursor.seek_back(&keys::batch(partition, offset))?;
    match item(cursor)? {
        Some((base, row)) if base + u64::from(row.records) > offset => {}
        Some(_) => cursor.next()?,
        None => cursor.first()?,
    }
    Ok(())
}

/// Base offset and row of the batch at a cursor.
pub(crate) fn item(cursor: &Cursor<'_>) -> Result<Option<(u64, BatchRow)>, StorageError> {
    let Some((key, value)) = cursor.item() else { return Ok(None) };
    let base = keys::last_u64(key).ok_or(crate::rows::BadRow)?;
    Ok(Some((base, BatchRow::decode(value)?)))
}
