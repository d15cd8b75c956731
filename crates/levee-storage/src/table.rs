//! Reading tables: from a key to its row, to the row of the batch, to the batch, to the record.
//!
//! These are read one after the other, without a snapshot, which would cost each look-up a lock that all share. So
//! between two of them the key may get another record, and the batch may be rewritten, moved or trimmed.
//!
//! Must hold: a key that has a record all the while is found. What does not fit together is read again; it is wrong
//! only if nothing has changed.

use crate::codec::{BadBatch, BatchCodec, OpenRecord};
use crate::error::StorageError;
use crate::index::{Cursor, Index};
use crate::keys::{self, Keyspace};
use crate::log::{LogReader, StoredBatch};
use crate::rows::{BatchRow, KeyRow, TrimRow};
use crate::segments::SegmentStore;
use crate::shard::{TablePage, TableRecord};
use bytes::Bytes;
use levee_types::PartitionId;
use prost::Message;
use std::collections::BTreeMap;

/// Rows of keys that a page looks at, at most: of tombstones there may be any number in a row.
const ROWS_PER_PAGE: usize = 10_000;

/// Rows of keys that are read at once by whoever goes over all of them.
const KEYS_AT_ONCE: usize = 1_000;

/// Rows of some keys, in the order of these.
pub(crate) struct KeyPage {
    pub(crate) rows: Vec<(Bytes, KeyRow)>,
    /// More may be behind this key.
    pub(crate) after: Option<Bytes>,
}

/// Reads the tables of a shard.
pub(crate) struct TableReader<'a, S> {
    pub(crate) index: &'a Index,
    pub(crate) log: &'a LogReader<S>,
    pub(crate) codec: &'a dyn BatchCodec,
}

/// What was found where a key's row says.
enum Found {
    Record(TableRecord),
    /// It is before the start of the log.
    Trimmed,
    /// Nothing: the row, or what it leads to, is of another time. With the row of the batch and what is wrong with it.
    Nothing(Option<(u64, BatchRow)>, StorageError),
}

impl<S: SegmentStore> TableReader<'_, S> {
    /// The newest record of a key, also a tombstone.
    pub(crate) fn get(
        &self,
        partition: PartitionId,
        key: &[u8],
    ) -> Result<Option<TableRecord>, StorageError> {
        let mut row = self.key_row(partition, key)?;
        let mut last_batch = None;
        loop {
            let Some(known) = row else {
                // Behind a deletion of the topic there is no key either.
                self.log.require(partition)?;
                return Ok(None);
            };
            let found = self.look(partition, key, known)?;
            if let Found::Record(record) = found {
                return Ok(Some(record));
            }
            row = self.key_row(partition, key)?;
            if row != Some(known) {
                continue;
            }
            match found {
                Found::Trimmed => {
                    self.log.require(partition)?;
                    return Ok(None);
                }
                // The same row leads to the same batch twice, and it is still not there.
                Found::Nothing(batch, wrong) if last_batch == Some(batch) => return Err(wrong),
                Found::Nothing(batch, _) => last_batch = Some(batch),
                Found::Record(_) => {}
            }
        }
    }

    /// A page of keys: see [`crate::Shard::table_scan`].
    pub(crate) fn scan(
        &self,
        partition: PartitionId,
        prefix: &[u8],
        after: Option<&[u8]>,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<TablePage, StorageError> {
        let mut known = Vec::new();
        let mut looked_at = 0;
        let mut last = None;
        {
            let mut cursor = self.index.cursor(Keyspace::Keys, keys::table_keys(partition, prefix));
            seek_behind(&mut cursor, partition, after)?;
            while let Some((key, row)) = cursor.item() {
                let key = keys::key_of_table(key).ok_or(crate::rows::BadRow)?;
                let row = KeyRow::decode(row)?;
                if !row.is_tombstone {
                    known.push((row.offset, Bytes::copy_from_slice(key)));
                }
                looked_at += 1;
                if known.len() == max_records || looked_at == ROWS_PER_PAGE {
                    last = Some(Bytes::copy_from_slice(key));
                    break;
                }
                cursor.next()?;
            }
        }
        self.log.require(partition)?;
        // Records of one batch are neighbours by offset, so that each batch is read and opened once.
        known.sort_unstable_by_key(|(offset, _)| *offset);
        let mut page = Page { records: BTreeMap::new(), bytes: 0, max_bytes, end: last };
        let start = self.start(partition)?;
        let mut open: Option<OpenBatch> = None;
        for (offset, key) in known {
            if page.is_behind(&key) {
                continue;
            }
            if open.as_ref().is_none_or(|open| !open.covers(offset)) {
                open = self.open(partition, offset)?;
            }
            let record = open.as_ref().and_then(|open| open.record(offset, &key));
            match record.filter(|record| record.offset >= start && !record.is_tombstone) {
                Some(record) => page.add(key, record),
                // By now it has another place, or none.
                None => {
                    if let Some(record) = self.get(partition, &key)?.filter(|record| !record.is_tombstone) {
                        page.add(key, record);
                    }
                }
            }
        }
        Ok(page.finish())
    }

    pub(crate) fn key_row(&self, partition: PartitionId, key: &[u8]) -> Result<Option<KeyRow>, StorageError> {
        let row = self.index.get(Keyspace::Keys, &keys::table_key(partition, key))?;
        Ok(row.map(|row| KeyRow::decode(&row)).transpose()?)
    }

    /// Some rows of keys, behind a key.
    pub(crate) fn key_rows(
        &self,
        partition: PartitionId,
        after: Option<&[u8]>,
    ) -> Result<KeyPage, StorageError> {
        let mut cursor = self.index.cursor(Keyspace::Keys, keys::table_keys(partition, b""));
        seek_behind(&mut cursor, partition, after)?;
        let mut rows = Vec::new();
        while let Some((key, row)) = cursor.item() {
            let key = Bytes::copy_from_slice(keys::key_of_table(key).ok_or(crate::rows::BadRow)?);
            rows.push((key, KeyRow::decode(row)?));
            if rows.len() == KEYS_AT_ONCE {
                let after = rows.last().map(|(key, _)| key.clone());
                return Ok(KeyPage { rows, after });
            }
            cursor.next()?;
        }
        Ok(KeyPage { rows, after: None })
    }

    /// Tells where some keys have their newest records, behind a key. Gives the last of these keys if there may be
    /// more.
    pub(crate) fn each_newest(
        &self,
        partition: PartitionId,
        behind: Option<&[u8]>,
        rows: usize,
        mut each: impl FnMut(u64),
    ) -> Result<Option<Bytes>, StorageError> {
        let mut cursor = self.index.sweep(Keyspace::Keys, keys::table_keys(partition, b""));
        seek_behind(&mut cursor, partition, behind)?;
        let mut left = rows;
        while let Some((key, row)) = cursor.item() {
            each(KeyRow::decode(row)?.offset);
            left -= 1;
            if left == 0 {
                return Ok(Some(Bytes::copy_from_slice(keys::key_of_table(key).ok_or(crate::rows::BadRow)?)));
            }
            cursor.next()?;
        }
        Ok(None)
    }

    /// The first offset of the log.
    pub(crate) fn start(&self, partition: PartitionId) -> Result<u64, StorageError> {
        let row = self.index.get(Keyspace::State, &keys::trim(partition))?;
        Ok(row.map(|row| TrimRow::decode(&row[..])).transpose()?.map_or(0, |row| row.start))
    }

    /// Whether the newest records of keys are where their rows say: tells those that are not, though nothing has
    /// changed, and how many keys are there.
    pub(crate) fn check(
        &self,
        partition: PartitionId,
        mut rows: Vec<(Bytes, KeyRow)>,
    ) -> Result<(u64, Vec<(u64, String)>), StorageError> {
        let start = self.start(partition)?;
        rows.sort_unstable_by_key(|(_, row)| row.offset);
        let mut open: Option<OpenBatch> = None;
        let (mut there, mut wrong) = (0, Vec::new());
        for (key, row) in rows {
            if row.offset < start {
                continue;
            }
            if open.as_ref().is_none_or(|open| !open.covers(row.offset)) {
                open = self.open(partition, row.offset).unwrap_or_default();
            }
            let record = open.as_ref().and_then(|open| open.record(row.offset, &key));
            let is_there = match record.filter(|record| record.is_tombstone == row.is_tombstone) {
                Some(record) => !record.is_tombstone,
                None => match self.get(partition, &key) {
                    Ok(Some(record)) if record.offset == row.offset => {
                        let what =
                            "the record of a key is a tombstone, and its row says otherwise, or the reverse";
                        wrong.push((row.offset, what.to_owned()));
                        false
                    }
                    Ok(record) => record.is_some_and(|record| !record.is_tombstone),
                    Err(error @ (StorageError::Damaged { .. } | StorageError::Row(_))) => {
                        let what = format!("the newest record of a key is not where its row says: {error}");
                        wrong.push((row.offset, what));
                        false
                    }
                    Err(error) => return Err(error),
                },
            };
            there += u64::from(is_there);
        }
        Ok((there, wrong))
    }

    /// Looks where the row of a key says.
    fn look(&self, partition: PartitionId, key: &[u8], row: KeyRow) -> Result<Found, StorageError> {
        let Some((base, batch_row)) = self.log.find(partition, row.offset)? else {
            return Ok(match row.offset < self.start(partition)? {
                true => Found::Trimmed,
                false => Found::Nothing(None, crate::rows::BadRow.into()),
            });
        };
        let batch = match self.log.read(partition, base, &batch_row) {
            Ok(batch) => batch,
            Err(wrong @ StorageError::Damaged { .. }) => {
                return Ok(Found::Nothing(Some((base, batch_row)), wrong));
            }
            Err(error) => return Err(error),
        };
        let delta = u32::try_from(row.offset - base).map_err(|_| crate::rows::BadRow)?;
        let record = self.codec.record(&batch.bytes, delta);
        let record = record.map_err(|error| undecodable(partition, base, &batch_row, &error))?;
        if row.offset < self.start(partition)? {
            return Ok(Found::Trimmed);
        }
        Ok(match record.filter(|record| record.key.as_deref() == Some(key)) {
            Some(record) => Found::Record(table_record(&batch, &record, Bytes::copy_from_slice(key))),
            None => Found::Nothing(Some((base, batch_row)), crate::rows::BadRow.into()),
        })
    }

    /// The batch that covers an offset, opened. None: there is none, or it is elsewhere by now.
    fn open(&self, partition: PartitionId, offset: u64) -> Result<Option<OpenBatch>, StorageError> {
        let Some((base, row)) = self.log.find(partition, offset)? else { return Ok(None) };
        let batch = match self.log.read(partition, base, &row) {
            Ok(batch) => batch,
            Err(StorageError::Damaged { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let records = self.codec.open(&batch.bytes);
        let records = records.map_err(|error| undecodable(partition, base, &row, &error))?;
        Ok(Some(OpenBatch { batch, records }))
    }
}

/// Goes to the first key behind one.
fn seek_behind(
    cursor: &mut Cursor<'_>,
    partition: PartitionId,
    after: Option<&[u8]>,
) -> Result<(), StorageError> {
    let Some(after) = after else { return Ok(cursor.first()?) };
    let after = keys::table_key(partition, after);
    cursor.seek(&after)?;
    if cursor.item().is_some_and(|(key, _)| key == after) {
        cursor.next()?;
    }
    Ok(())
}

/// A batch that a scan is at.
struct OpenBatch {
    batch: StoredBatch,
    records: Vec<OpenRecord>,
}

impl OpenBatch {
    fn covers(&self, offset: u64) -> bool {
        (self.batch.base_offset..self.batch.end()).contains(&offset)
    }

    fn record(&self, offset: u64, key: &Bytes) -> Option<TableRecord> {
        let delta = u32::try_from(offset.checked_sub(self.batch.base_offset)?).ok()?;
        let at = self.records.binary_search_by_key(&delta, |record| record.delta).ok()?;
        let record = &self.records[at];
        (record.key.as_ref() == Some(key)).then(|| table_record(&self.batch, record, key.clone()))
    }
}

/// The first keys of a scan whose records fit. They come in another order than that of the keys.
struct Page {
    records: BTreeMap<Bytes, TableRecord>,
    bytes: usize,
    max_bytes: usize,
    /// The last key that belongs to the page. None: no key is behind it.
    end: Option<Bytes>,
}

impl Page {
    fn is_behind(&self, key: &Bytes) -> bool {
        self.end.as_ref().is_some_and(|end| key > end)
    }

    /// Adds a record, and lets go of the last ones if there is no room for them.
    fn add(&mut self, key: Bytes, record: TableRecord) {
        self.bytes += record.record.len();
        self.records.insert(key, record);
        while self.bytes > self.max_bytes
            && self.records.len() > 1
            && let Some((_, last)) = self.records.pop_last()
        {
            self.bytes -= last.record.len();
            self.end = self.records.last_key_value().map(|(key, _)| key.clone());
        }
    }

    fn finish(self) -> TablePage {
        TablePage { records: self.records.into_values().collect(), after: self.end }
    }
}

/// A record for its reader: it must not keep its whole batch in memory.
fn table_record(batch: &StoredBatch, record: &OpenRecord, key: Bytes) -> TableRecord {
    TableRecord {
        key,
        offset: batch.base_offset + u64::from(record.delta),
        append_time_ms: batch.append_time_ms,
        is_tombstone: record.is_tombstone,
        record: Bytes::copy_from_slice(&record.bytes),
    }
}

/// A stored batch that its checksum fits, and that no codec can open.
pub(crate) fn undecodable(
    partition: PartitionId,
    offset: u64,
    row: &BatchRow,
    error: &BadBatch,
) -> StorageError {
    tracing::error!(segment = row.segment, position = row.position, %partition, offset, %error, "a stored batch");
    StorageError::Damaged { partition, offset, segment: row.segment, position: row.position }
}
