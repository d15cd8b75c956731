//! The index as it was at one moment.

use super::{Cursor, Database, Index, IndexError, within};
use crate::keys::{self, KeyRange, Keyspace};
use rocksdb::SnapshotWithThreadMode;
use std::sync::Arc;

/// What rows are read from.
pub(crate) trait Rows {
    /// The value of a key.
    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError>;

    /// A cursor that cannot leave a range.
    fn cursor(&self, keyspace: Keyspace, range: KeyRange) -> Cursor<'_>;
}

impl Rows for Arc<Index> {
    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        Index::get(self, keyspace, key)
    }

    fn cursor(&self, keyspace: Keyspace, range: KeyRange) -> Cursor<'_> {
        Index::cursor(self, keyspace, range)
    }
}

/// The index at one moment, in all keyspaces. Rows that are changed meanwhile occupy room until it is dropped.
pub(crate) struct View<'a> {
    pub(super) index: &'a Index,
    pub(super) snapshot: SnapshotWithThreadMode<'a, Database>,
}

impl View<'_> {
    /// A cursor over everything. What it reads takes no room in memory from what is read often.
    pub(crate) fn sweep(&self, keyspace: Keyspace) -> Cursor<'_> {
        let mut options = within(keys::of_all());
        options.fill_cache(false);
        Cursor(self.snapshot.raw_iterator_cf_opt(&self.index.family(keyspace), options))
    }
}

impl Rows for View<'_> {
    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        Ok(self.snapshot.get_cf(&self.index.family(keyspace), key)?)
    }

    fn cursor(&self, keyspace: Keyspace, range: KeyRange) -> Cursor<'_> {
        Cursor(self.snapshot.raw_iterator_cf_opt(&self.index.family(keyspace), within(range)))
    }
}
