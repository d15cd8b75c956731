//! The index and the state in RocksDB, without its own log: the journal is the log.
//!
//! Must hold: what reaches the disk is a whole prefix of the journal, together with the checkpoint that
//! names it. So all column families are flushed atomically, a flush begins only when the journal is
//! durable, and RocksDB never begins one by itself, unless all that is applied is durable
//! ([`Index::expect_flushes`]).

mod changes;
mod manifest;
mod view;

pub(crate) use changes::Changes;
pub(crate) use view::{Rows, View};

use crate::keys::{self, KeyRange, Keyspace};
use changes::Families;
use levee_types::TenantId;
use rocksdb::checkpoint::Checkpoint as RocksCheckpoint;
use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, BottommostLevelCompaction, BoundColumnFamily, Cache,
    ColumnFamilyDescriptor, CompactOptions, DBCompressionType, DBRawIteratorWithThreadMode, FlushOptions,
    LiveFile, MultiThreaded, Options, ReadOptions, ReadTier, WriteOptions,
};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

type Database = rocksdb::DBWithThreadMode<MultiThreaded>;

/// Memory for rows that are not flushed yet, in bytes for each keyspace: a flush is asked for at this size.
pub(crate) const FLUSH_ROWS_BYTES: u64 = 64 * 1024 * 1024;
/// Deleted ranges that are not flushed yet: a flush is asked for at this number. In memory, each new one
/// makes the next read look at all of them.
pub(crate) const FLUSH_RANGES: u64 = 1000;
/// RocksDB's own limit for rows in memory. It is never reached: a flush that RocksDB began by itself could cover
/// entries that are not durable.
const WRITE_BUFFER_BYTES: usize = 1024 * 1024 * 1024;
const BLOOM_BITS: f64 = 10.0;
const NUM_SNAPSHOTS: &str = "rocksdb.num-snapshots";

/// The index cannot be read or written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum IndexError {
    /// What RocksDB says.
    #[error("index: {0}")]
    Database(#[from] rocksdb::Error),
    /// RocksDB must not even look at it.
    #[error("index: {path} is damaged: there is no record of a MANIFEST at byte {position}")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Where.
        position: usize,
    },
}

impl IndexError {
    /// Whether the disk is full, or its quota used up.
    pub(crate) fn is_full(&self) -> bool {
        self.says("No space left on device") || self.says("Disk quota exceeded")
    }

    /// Whether stored bytes are not what was written.
    pub(crate) fn is_corruption(&self) -> bool {
        match self {
            Self::Database(error) => error.kind() == rocksdb::ErrorKind::Corruption,
            Self::Manifest { .. } => true,
        }
    }

    /// Whether another start will meet the same: files are damaged or missing.
    pub(crate) fn is_lasting(&self) -> bool {
        use rocksdb::ErrorKind::{InvalidArgument, NotSupported};
        let is_refused =
            matches!(self, Self::Database(error) if matches!(error.kind(), InvalidArgument | NotSupported));
        is_refused || self.is_corruption() || self.says("No such file or directory")
    }

    fn says(&self, text: &str) -> bool {
        matches!(self, Self::Database(error) if error.as_ref().contains(text))
    }
}

/// Keys and values of a shard.
pub(crate) struct Index {
    database: Database,
    expected_flushes: AtomicUsize,
}

/// See [`Index::expect_flushes`].
pub(crate) struct ExpectedFlushes<'a>(&'a AtomicUsize);

impl Drop for ExpectedFlushes<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Index {
    /// Opens the index in a directory; makes an empty one when there is none.
    pub(crate) fn open(path: &Path, block_cache_bytes: usize) -> Result<Self, IndexError> {
        if let Some((path, position)) = manifest::impossible_record(path) {
            return Err(IndexError::Manifest { path, position });
        }
        let cache = Cache::new_lru_cache(block_cache_bytes);
        // The MANIFEST is written anew whenever files come or go: else it keeps the keys at the ends of deleted ones.
        // It has about 200 bytes for each file; RocksDB would give it 4 MiB, which a full disk may not have.
        let mut options = Options::default().get_options_from_string(
            "avoid_flush_during_shutdown=true;\
             max_manifest_file_size=1;max_manifest_space_amp_pct=0;manifest_preallocation_size=65536",
        )?;
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        options.set_atomic_flush(true);
        options.set_max_background_jobs(2);
        options.set_keep_log_file_num(2);
        options.set_max_log_file_size(1024 * 1024);
        options.set_stats_dump_period_sec(0);
        let families = Keyspace::ALL.map(|keyspace| {
            ColumnFamilyDescriptor::new(family_name(keyspace), family_options(keyspace, &cache))
        });
        let database = Database::open_cf_descriptors(&options, path, families)?;
        Ok(Self { database, expected_flushes: AtomicUsize::new(0) })
    }

    /// The journal position that the rows on disk and in memory cover.
    pub(crate) fn checkpoint(&self) -> Result<Option<Vec<u8>>, IndexError> {
        self.get(Keyspace::State, &keys::checkpoint())
    }

    /// The journal position that the rows on disk cover.
    pub(crate) fn flushed_checkpoint(&self) -> Result<Option<Vec<u8>>, IndexError> {
        let mut options = ReadOptions::default();
        options.set_read_tier(ReadTier::Persisted);
        Ok(self.database.get_cf_opt(&self.family(Keyspace::State), keys::checkpoint(), &options)?)
    }

    pub(crate) fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        Ok(self.database.get_cf(&self.family(keyspace), key)?)
    }

    /// A cursor that cannot leave a range.
    pub(crate) fn cursor(&self, keyspace: Keyspace, range: KeyRange) -> Cursor<'_> {
        Cursor(self.database.raw_iterator_cf_opt(&self.family(keyspace), within(range)))
    }

    /// A cursor like that. What it reads takes no room in memory from what is read often.
    pub(crate) fn sweep(&self, keyspace: Keyspace, range: KeyRange) -> Cursor<'_> {
        let mut options = within(range);
        options.fill_cache(false);
        Cursor(self.database.raw_iterator_cf_opt(&self.family(keyspace), options))
    }

    /// All rows as they are now, whatever is applied later.
    pub(crate) fn view(&self) -> View<'_> {
        View { index: self, snapshot: self.database.snapshot() }
    }

    /// Applies entries in one step. They are in memory only, until [`Self::flush`].
    pub(crate) fn apply(&self, changes: Changes<'_>) -> Result<(), IndexError> {
        let mut options = WriteOptions::default();
        options.disable_wal(true);
        Ok(self.database.write_opt(changes.into_batch(), &options)?)
    }

    /// Begins to write everything that was applied to disk. The journal must be durable.
    pub(crate) fn begin_flush(&self) -> Result<(), IndexError> {
        self.flush_families(false)
    }

    /// Makes an index of what is on disk in a directory that does not exist, of the same files.
    pub(crate) fn link_to(&self, directory: &Path) -> Result<(), IndexError> {
        // It must not flush by itself.
        let never = u64::MAX;
        Ok(RocksCheckpoint::new(&self.database)?.create_checkpoint_with_log_size(directory, never)?)
    }

    /// Writes everything that was applied to disk. The journal must be durable.
    pub(crate) fn flush(&self) -> Result<(), IndexError> {
        self.flush_families(true)
    }

    /// Writes the files again that have something of a tenant, or what the system has of tenants, so that what is
    /// deleted there, and flushed, is gone from the disk but for the MANIFEST: that tells of the former files until the
    /// next flush. Needs [`Self::expect_flushes`]. `false`: not everything was written again, or somebody reads what
    /// was there before.
    pub(crate) fn erase_deleted(&self, tenant: TenantId) -> Result<bool, IndexError> {
        if self.database.property_int_value(NUM_SNAPSHOTS)? != Some(0) {
            return Ok(false);
        }
        // RocksDB takes the end with it, and what begins there is the next tenant's. Behind every key of this one.
        let ranges = [tenant, TenantId::SYSTEM].map(|tenant| {
            let (from, _) = keys::of_tenant(tenant);
            let to = [&from[..], &[u8::MAX; 16]].concat();
            (from, to)
        });
        let before = self.database.live_files()?;
        let mut options = CompactOptions::default();
        options.set_exclusive_manual_compaction(false);
        options.set_bottommost_level_compaction(BottommostLevelCompaction::ForceOptimized);
        for keyspace in Keyspace::ALL {
            for (from, to) in &ranges {
                self.database.compact_range_cf_opt(&self.family(keyspace), Some(from), Some(to), &options);
            }
        }
        // It does not tell whether it has failed.
        let after: HashSet<_> = self.database.live_files()?.into_iter().map(|file| file.name).collect();
        let overlaps = |file: &LiveFile| {
            let (first, last) = (file.start_key.as_ref(), file.end_key.as_ref());
            ranges
                .iter()
                .any(|(from, to)| first.is_none_or(|key| key <= to) && last.is_none_or(|key| key >= from))
        };
        Ok(!before.iter().any(|file| overlaps(file) && after.contains(&file.name)))
    }

    /// While this is there RocksDB may flush by itself whatever was applied.
    pub(crate) fn expect_flushes(&self) -> ExpectedFlushes<'_> {
        self.expected_flushes.fetch_add(1, Ordering::SeqCst);
        ExpectedFlushes(&self.expected_flushes)
    }

    /// Whether nothing may be applied that is not durable.
    pub(crate) fn expects_flushes(&self) -> bool {
        self.expected_flushes.load(Ordering::SeqCst) > 0
    }

    fn flush_families(&self, wait: bool) -> Result<(), IndexError> {
        let mut options = FlushOptions::default();
        options.set_wait(wait);
        let families = Keyspace::ALL.map(|keyspace| self.family(keyspace));
        Ok(self.database.flush_cfs_opt(&families.each_ref(), &options)?)
    }

    #[expect(clippy::expect_used, reason = "both families are made when the database is opened")]
    fn family(&self, keyspace: Keyspace) -> Arc<BoundColumnFamily<'_>> {
        self.database.cf_handle(family_name(keyspace)).expect("the column family exists")
    }

    /// An empty set of changes.
    pub(crate) fn changes(&self) -> Changes<'_> {
        let families = Families {
            index: self.family(Keyspace::Index),
            state: self.family(Keyspace::State),
            keys: self.family(Keyspace::Keys),
        };
        Changes::new(families)
    }
}

fn within((from, to): KeyRange) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.set_iterate_lower_bound(from);
    options.set_iterate_upper_bound(to);
    options
}

fn family_name(keyspace: Keyspace) -> &'static str {
    match keyspace {
        Keyspace::Index => "index",
        Keyspace::State => "state",
        Keyspace::Keys => "keys",
    }
}

fn family_options(keyspace: Keyspace, cache: &Cache) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    // The filter of a file in one piece is larger than a shard of a small cache: then each lookup would read it.
    table.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
    table.set_partition_filters(true);
    table.set_pin_top_level_index_and_filter(true);
    table.set_format_version(6);
    if keyspace != Keyspace::Index {
        // Batches are only found by seeking, which a bloom filter cannot help.
        table.set_bloom_filter(BLOOM_BITS, false);
    }
    let mut options = Options::default();
    options.set_block_based_table_factory(&table);
    options.set_write_buffer_size(WRITE_BUFFER_BYTES);
    // Arena blocks are one eighth of the write buffer unless set, and are allocated whole.
    options.set_arena_block_size(256 * 1024);
    options.set_max_write_buffer_number(4);
    options.set_target_file_size_base(64 * 1024 * 1024);
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_level_compaction_dynamic_level_bytes(true);
    options
}

/// A place among the keys of a range.
pub(crate) struct Cursor<'a>(DBRawIteratorWithThreadMode<'a, Database>);

impl Cursor<'_> {
    /// Goes to the first key that is `key` or behind it.
    pub(crate) fn seek(&mut self, key: &[u8]) -> Result<(), IndexError> {
        self.0.seek(key);
        Ok(self.0.status()?)
    }

    /// Goes to the last key that is `key` or before it.
    pub(crate) fn seek_back(&mut self, key: &[u8]) -> Result<(), IndexError> {
        self.0.seek_for_prev(key);
        Ok(self.0.status()?)
    }

    pub(crate) fn first(&mut self) -> Result<(), IndexError> {
        self.0.seek_to_first();
        Ok(self.0.status()?)
    }

    pub(crate) fn last(&mut self) -> Result<(), IndexError> {
        self.0.seek_to_last();
        Ok(self.0.status()?)
    }

    pub(crate) fn next(&mut self) -> Result<(), IndexError> {
        self.0.next();
        Ok(self.0.status()?)
    }

    /// Key and value here; `None` outside of the range.
    pub(crate) fn item(&self) -> Option<(&[u8], &[u8])> {
        self.0.item()
    }
}

#[cfg(test)]
mod tests;
