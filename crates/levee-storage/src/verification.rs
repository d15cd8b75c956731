//! Reading a partition to prove that everything is as it should be: its rows, its batches, and the keys of a table.
//!
//! It reads beside whoever changes the partition, without holding anything. What looks wrong is looked at again, and is
//! a finding only if nothing has changed between: rows of batches never become again what they were.

use crate::codec::OpenRecord;
use crate::error::StorageError;
use crate::index::{Index, Rows};
use crate::keys::{self, Keyspace};
use crate::log;
use crate::rows::BatchRow;
use crate::segments::SegmentStore;
use crate::shard::Verified;
use crate::table::TableReader;
use levee_types::PartitionId;

/// Findings that are told.
const FINDINGS: usize = 100;
/// Batches whose rows are read at once.
const ROWS: usize = 64;

/// The verification of a partition.
pub(crate) struct Verification<'a, S> {
    pub(crate) index: &'a Index,
    pub(crate) tables: TableReader<'a, S>,
    pub(crate) partition: PartitionId,
    pub(crate) is_table: bool,
    pub(crate) verified: Verified,
}

impl<S: SegmentStore> Verification<'_, S> {
    /// Does it. `progress` ends it with `false`.
    pub(crate) fn run(
        mut self,
        progress: &mut dyn FnMut(&Verified) -> bool,
    ) -> Result<Verified, StorageError> {
        let end = self.rows()?;
        let mut at = 0;
        while at < end {
            let rows = self.tables.log.rows(self.partition, at, ROWS)?;
            if rows.is_empty() {
                break;
            }
            for (base, row) in rows {
                if !self.batch(base, &row)? {
                    at = base;
                    break;
                }
                at = base + u64::from(row.records);
                if !progress(&self.verified) {
                    return Ok(self.verified);
                }
            }
        }
        let mut after = None;
        while self.is_table {
            let page = self.tables.key_rows(self.partition, after.as_deref())?;
            let (there, wrong) = self.tables.check(self.partition, page.rows)?;
            self.verified.keys += there;
            wrong.into_iter().for_each(|(offset, what)| self.find(offset, what));
            if !progress(&self.verified) || page.after.is_none() {
                break;
            }
            after = page.after;
        }
        self.tables.log.require(self.partition)?;
        Ok(self.verified)
    }

    /// The rows of all batches, at one moment: they follow each other, and their bytes are what is counted as stored.
    /// Tells where the log ends.
    fn rows(&mut self) -> Result<u64, StorageError> {
        let view = self.index.view();
        let head = log::head(&view, self.partition)?;
        let counted = log::stored_bytes(&view, self.partition, head)?;
        let mut cursor = view.cursor(Keyspace::Index, keys::batches(self.partition));
        cursor.first()?;
        let (mut next, mut stored) = (None, 0);
        while let Some((base, row)) = log::item(&cursor)? {
            if next.is_some_and(|next| next != base) {
                self.find(base, "the batch does not begin where the one before ends".to_owned());
            }
            next = Some(base + u64::from(row.records));
            stored += u64::from(row.length);
            cursor.next()?;
        }
        if next.is_some_and(|next| next != head.end) {
            self.find(head.end, "the log does not end where its last batch ends".to_owned());
        }
        if stored != counted {
            let what = format!("{counted} bytes of batches are counted, and {stored} are stored");
            self.find(head.start, what);
        }
        Ok(head.end)
    }

    /// A batch and its records. `false`: it is another one by now.
    fn batch(&mut self, base: u64, row: &BatchRow) -> Result<bool, StorageError> {
        let bytes = match self.tables.log.read(self.partition, base, row) {
            Ok(batch) => batch.bytes,
            Err(error @ StorageError::Damaged { .. }) => {
                if self.has_changed(base, row)? {
                    return Ok(false);
                }
                self.find(base, error.to_string());
                return Ok(true);
            }
            Err(error) => return Err(error),
        };
        match self.tables.codec.open(&bytes) {
            Ok(records) => {
                if let Some((offset, what)) = self.wrong_record(base, row, &records)? {
                    if self.has_changed(base, row)? {
                        return Ok(false);
                    }
                    self.find(offset, what.to_owned());
                }
                self.verified.records += records.len() as u64;
            }
            Err(error) => self.find(base, error.to_string()),
        }
        self.verified.batches += 1;
        self.verified.read_bytes += u64::from(row.length);
        Ok(true)
    }

    /// The first record of a batch with which something is wrong.
    fn wrong_record(
        &self,
        base: u64,
        row: &BatchRow,
        records: &[OpenRecord],
    ) -> Result<Option<(u64, &'static str)>, StorageError> {
        let mut next = 0;
        for record in records {
            let offset = base + u64::from(record.delta);
            if record.delta < next || record.delta >= row.records {
                return Ok(Some((offset, "the record is not within its batch, or not in order")));
            }
            next = record.delta + 1;
            if !self.is_table {
                continue;
            }
            let Some(key) = &record.key else {
                return Ok(Some((offset, "the record of a table has no key")));
            };
            match self.tables.key_row(self.partition, key)? {
                Some(row) if row.offset >= offset => {}
                Some(_) => return Ok(Some((offset, "the record is newer than the row of its key says"))),
                // The row of a tombstone whose time is over may go a little earlier than the tombstone.
                None if record.is_tombstone => {}
                // It is not in the log any more, and only its batch is.
                None if offset < self.tables.start(self.partition)? => {}
                None => return Ok(Some((offset, "the key of the record has no row"))),
            }
        }
        Ok(None)
    }

    fn has_changed(&self, base: u64, row: &BatchRow) -> Result<bool, StorageError> {
        Ok(self.tables.log.find(self.partition, base)? != Some((base, *row)))
    }

    fn find(&mut self, offset: u64, what: String) {
        if self.verified.findings.len() < FINDINGS {
            self.verified.findings.push((offset, what));
        }
    }
}
