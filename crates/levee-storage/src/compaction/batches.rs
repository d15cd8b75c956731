//! Opened batches, and what is made of them: which records stay, and which neighbours become one.
//!
//! Must hold: every offset stays covered by a batch, also where no record is left, so that a reader never stands
//! between two batches or behind the last one. What is held is bounded: about a batch, and the records of a small one.

use super::Sizes;
use crate::codec::{BatchCodec, OpenRecord};
use crate::committer::{NewBatch, Replacement, Tombstones};
use crate::rows::BatchRow;
use bytes::Bytes;
use levee_types::limits::{MAX_BATCH_BYTES, MAX_BATCH_RECORDS};

/// A batch that was read, with the records of it that stay.
pub(super) struct Opened {
    pub(super) base: u64,
    pub(super) row: BatchRow,
    pub(super) bytes: Bytes,
    pub(super) records: Vec<OpenRecord>,
    /// How many of its records do not stay.
    pub(super) removed: u64,
    pub(super) tombstones: Mark,
    /// Keys whose newest records do not stay.
    pub(super) keys: Vec<(Bytes, u64)>,
}

/// What is known of the tombstones of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// There are none.
    None,
    /// They go at this steady time.
    Until(u64),
    /// Now that all before is compacted, their time begins.
    Begin,
}

impl Opened {
    fn size(&self) -> usize {
        self.records.iter().map(|record| record.bytes.len()).sum()
    }

    /// Nothing need be done with it, and it is large enough.
    pub(super) fn is_left_alone(&self, sizes: Sizes) -> bool {
        self.removed == 0 && self.tombstones != Mark::Begin && self.size() >= sizes.large()
    }

    fn end(&self) -> u64 {
        self.base + u64::from(self.row.records)
    }
}

/// Neighbours that become one batch.
#[derive(Default)]
pub(super) struct Neighbours {
    old: Vec<(u64, BatchRow)>,
    /// With their offsets from the first of the old batches.
    records: Vec<OpenRecord>,
    /// Bytes of these records.
    size: usize,
    /// The first batch with records that stay, and how many there are of those.
    like: Bytes,
    with_records: usize,
    append_time_ms: i64,
    tombstones: Option<u64>,
    begins: bool,
    removed: u64,
    keys: Vec<(Bytes, u64)>,
}

impl Neighbours {
    /// Where the first one begins.
    pub(super) fn base(&self) -> Option<u64> {
        self.old.first().map(|(base, _)| *base)
    }

    /// Whether a batch may become one with these.
    pub(super) fn takes(&self, batch: &Opened, sizes: Sizes) -> bool {
        let Some(base) = self.base() else { return true };
        let size = batch.size();
        let fits = (self.size == 0 || size == 0 || self.size + size <= sizes.batch_bytes)
            && self.records.len() + batch.records.len() <= MAX_BATCH_RECORDS;
        let marks_fit = match batch.tombstones {
            Mark::None => true,
            Mark::Until(until) => !self.begins && self.tombstones.is_none_or(|other| other == until),
            Mark::Begin => self.tombstones.is_none(),
        };
        // Another pass may have changed what comes next.
        let follows = batch.base > base;
        follows
            && fits
            && marks_fit
            && self.old.len() < sizes.neighbours
            && batch.end() - base <= u64::from(sizes.span)
    }

    /// Adds a batch that [`Self::takes`] let through.
    pub(super) fn add(&mut self, batch: Opened, sizes: Sizes) {
        let size = batch.size();
        let base = self.base().unwrap_or(batch.base);
        let shift = u32::try_from(batch.base - base).unwrap_or(u32::MAX);
        let is_first = self.with_records == 0;
        if !batch.records.is_empty() {
            if self.with_records == 1 {
                // Of several batches only one append time remains.
                let first_ms = self.append_time_ms;
                self.records.iter_mut().for_each(|record| set_time(record, first_ms));
            }
            self.with_records += 1;
        }
        if self.old.is_empty() || (is_first && self.with_records == 1) {
            self.like = batch.bytes.clone();
        }
        if is_first || !batch.records.is_empty() {
            self.append_time_ms = match self.with_records {
                0 | 1 => batch.row.append_time_ms,
                _ => self.append_time_ms.max(batch.row.append_time_ms),
            };
        }
        for mut record in batch.records {
            record.delta += shift;
            record.key = None;
            if size < sizes.large() {
                // It must not keep what its batch decompresses to in memory.
                record.bytes = Bytes::copy_from_slice(&record.bytes);
            }
            if self.with_records > 1 {
                set_time(&mut record, batch.row.append_time_ms);
            }
            self.records.push(record);
        }
        match batch.tombstones {
            Mark::None => {}
            Mark::Until(until) => self.tombstones = Some(until),
            Mark::Begin => self.begins = true,
        }
        self.old.push((batch.base, batch.row));
        self.size += size;
        self.removed += batch.removed;
        self.keys.extend(batch.keys);
    }

    /// What takes their place, with the number of records that go; `None`: they stay as they are.
    pub(super) fn finish(self, codec: &dyn BatchCodec, retention_ms: u64) -> Option<(Replacement, u64)> {
        let (base, (last, row)) = (self.base()?, *self.old.last()?);
        let span = u32::try_from(last + u64::from(row.records) - base).ok()?;
        let tombstones = match (self.begins, self.tombstones) {
            (true, _) => Tombstones::StayFor(retention_ms),
            (false, until) => Tombstones::Until(until.unwrap_or(0)),
        };
        let is_merge_only = self.removed == 0 && !self.begins;
        if is_merge_only && self.old.len() < 2 {
            return None;
        }
        let frame = Frame { base, append_time_ms: self.append_time_ms, tombstones };
        let new = if self.removed == 0 && self.old.len() == 1 {
            // It is only noted that its tombstones' time has begun.
            vec![frame.batch(0, span, self.like)]
        } else {
            let mut new = Vec::new();
            frame.build(codec, &self.like, self.records, (0, span), &mut new);
            new
        };
        let old_bytes: u64 = self.old.iter().map(|(_, row)| u64::from(row.length)).sum();
        let new_bytes: u64 = new.iter().map(|batch| batch.bytes.len() as u64).sum();
        if is_merge_only && new_bytes >= old_bytes {
            return None;
        }
        Some((Replacement { old: self.old, new, keys: self.keys }, self.removed))
    }
}

fn set_time(record: &mut OpenRecord, append_time_ms: i64) {
    record.timestamp_ms = record.timestamp_ms.or(Some(append_time_ms));
}

/// A batch without the records of a key.
pub(super) fn without(batch: Opened, codec: &dyn BatchCodec) -> Replacement {
    let Opened { base, row, bytes, records, keys, .. } = batch;
    let tombstones = Tombstones::Until(row.rewritten.unwrap_or(0));
    let frame = Frame { base, append_time_ms: row.append_time_ms, tombstones };
    let mut new = Vec::new();
    frame.build(codec, &bytes, records, (0, row.records), &mut new);
    Replacement { old: vec![(base, row)], new, keys }
}

/// What batches that are made of the same records have in common.
#[derive(Clone, Copy)]
struct Frame {
    base: u64,
    append_time_ms: i64,
    tombstones: Tombstones,
}

impl Frame {
    /// Builds the batch of records that covers the offsets from `from` to `to`, or several, if it is too large: where
    /// there are gaps, each record comes with its distance.
    fn build(
        self,
        codec: &dyn BatchCodec,
        like: &Bytes,
        mut records: Vec<OpenRecord>,
        (from, to): (u32, u32),
        into: &mut Vec<NewBatch>,
    ) {
        records.iter_mut().for_each(|record| record.delta -= from);
        let bytes = codec.build(&records, like);
        if bytes.len() <= MAX_BATCH_BYTES || records.len() < 2 {
            into.push(self.batch(from, to, bytes));
            return;
        }
        records.iter_mut().for_each(|record| record.delta += from);
        let behind = records.split_off(records.len() / 2);
        let middle = behind.first().map_or(to, |record| record.delta);
        self.build(codec, like, records, (from, middle), into);
        self.build(codec, like, behind, (middle, to), into);
    }

    fn batch(self, from: u32, to: u32, bytes: Bytes) -> NewBatch {
        NewBatch {
            base_offset: self.base + u64::from(from),
            records: to - from,
            crc: crc32c::crc32c(&bytes),
            bytes,
            append_time_ms: self.append_time_ms,
            tombstones: self.tombstones,
        }
    }
}

#[cfg(test)]
mod tests;
