//! Which offsets of a part of a log have the newest records of their keys.
//!
//! The rows of all keys are read, one after the other, instead of the row of each record's key: where keys lie in no
//! order that is many times as fast. What is held is bounded. Of a table with more keys than that the part is shorter,
//! and the rows are read again for the next one.
//!
//! Must hold: what no row led to when it was read is superseded or deleted, and stays so.

use crate::error::StorageError;
use crate::segments::SegmentStore;
use crate::table::TableReader;
use bytes::Bytes;
use levee_types::PartitionId;
use std::ops::Range;

/// Rows that are read at once.
const ROWS: usize = 4_000;

/// The newest records of a part of a log, once all rows were read.
pub(super) struct Newest {
    part: Range<u64>,
    /// In any order until all rows were read, then ascending.
    offsets: Vec<u64>,
    /// So many at most; with more than the records of two batches it gets on.
    most: usize,
    /// The rows of keys up to this one were read.
    behind: Option<Bytes>,
    is_complete: bool,
}

impl Newest {
    /// Begins to look at these offsets, of which it may leave some at the end to the next one.
    pub(super) fn of(part: Range<u64>, most: usize) -> Self {
        Self { part, offsets: Vec::new(), most, behind: None, is_complete: false }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Whether it tells of each of these offsets whether it is there.
    pub(super) fn covers(&self, offsets: &Range<u64>) -> bool {
        self.is_complete && self.part.start <= offsets.start && offsets.end <= self.part.end
    }

    /// Whether there is the newest record of its key.
    pub(super) fn is_at(&self, offset: u64) -> bool {
        self.offsets.binary_search(&offset).is_ok()
    }

    /// Reads some rows. Tells how many.
    pub(super) fn read<S: SegmentStore>(
        &mut self,
        tables: &TableReader<'_, S>,
        partition: PartitionId,
    ) -> Result<u64, StorageError> {
        let behind = self.behind.take();
        let mut rows = 0;
        self.behind = tables.each_newest(partition, behind.as_deref(), ROWS, |offset| {
            rows += 1;
            self.add(offset);
        })?;
        if self.behind.is_none() {
            self.offsets.sort_unstable();
            self.is_complete = true;
        }
        Ok(rows)
    }

    fn add(&mut self, offset: u64) {
        if !self.part.contains(&offset) {
            return;
        }
        self.offsets.push(offset);
        if self.offsets.len() > self.most {
            let middle = self.offsets.len() / 2;
            self.part.end = *self.offsets.select_nth_unstable(middle).1;
            self.offsets.truncate(middle);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_left_to_the_next_one() {
        let mut newest = Newest::of(10..1_000, 6);
        for offset in [500, 9, 20, 999, 10, 1_000, 30, 40] {
            newest.add(offset);
        }
        assert_eq!((newest.part.clone(), newest.offsets.len()), (10..1_000, 6));
        newest.add(50);
        assert_eq!(newest.part, 10..40, "of seven the first three");
        newest.offsets.sort_unstable();
        assert_eq!(newest.offsets, [10, 20, 30]);
        newest.add(40);
        newest.add(39);
        assert_eq!(newest.offsets.len(), 4, "what is behind the part is not held");
        assert!(!newest.covers(&(10..40)), "rows are missing");
        newest.is_complete = true;
        assert!(newest.covers(&(10..40)) && !newest.covers(&(10..41)) && !newest.covers(&(9..40)));
    }
}
