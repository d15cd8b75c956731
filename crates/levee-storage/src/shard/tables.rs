//! Reading, compacting, erasing and verifying tables. What blocks reads the disk; call it where that is allowed.

use super::{Inner, Shard};
use crate::catalog::audit::AuditEvent;
use crate::compaction::{Erasure, Pass, Sizes};
use crate::error::StorageError;
use crate::segments::SegmentStore;
use crate::table::TableReader;
use crate::verification::Verification;
use bytes::Bytes;
use levee_types::PartitionId;

/// The newest record of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRecord {
    /// Its key.
    pub key: Bytes,
    /// Where it is.
    pub offset: u64,
    /// When its batch was appended, in Unix milliseconds.
    pub append_time_ms: i64,
    /// It deletes the key.
    pub is_tombstone: bool,
    /// The encoded record.
    pub record: Bytes,
}

/// A part of a scan.
#[derive(Debug, Clone, Default)]
pub struct TablePage {
    /// In the order of their keys, without tombstones.
    pub records: Vec<TableRecord>,
    /// Where the scan goes on: behind this key. `None`: it is over.
    pub after: Option<Bytes>,
}

/// Bytes of batches that are looked at in the time in which the row of a key is read: an estimate.
const KEY_ROW_WORK: u64 = 256;

/// What compaction did to a partition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Bytes of the batches that were looked at.
    pub read_bytes: u64,
    /// By how much the partition is smaller, in bytes.
    pub removed_bytes: u64,
    /// Records that were removed.
    pub removed_records: u64,
    /// Rows of keys that were read to know which records are the newest.
    pub(crate) key_rows: u64,
}

impl Compacted {
    /// What was done, in bytes of batches: what it is paced by.
    pub(crate) fn work(&self) -> u64 {
        self.read_bytes + self.key_rows * KEY_ROW_WORK
    }
}

/// What verification found in a partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Batches that were read.
    pub batches: u64,
    /// Their records.
    pub records: u64,
    /// Their bytes.
    pub read_bytes: u64,
    /// Keys that are there with their newest record.
    pub keys: u64,
    /// What is wrong, each with its offset: the first 100.
    pub findings: Vec<(u64, String)>,
}

impl<S: SegmentStore> Shard<S> {
    pub(crate) fn tables(&self) -> TableReader<'_, S> {
        let Inner { index, log, codec, .. } = &*self.inner;
        TableReader { index, log, codec: &**codec }
    }

    /// The newest record of a key, also a tombstone; `None`: there is none. May block.
    ///
    /// # Errors
    /// `NoTopic`, `Damaged`, or the index cannot be read.
    pub fn table_get(&self, partition: PartitionId, key: &[u8]) -> Result<Option<TableRecord>, StorageError> {
        self.tables().get(partition, key)
    }

    /// The keys of a table that begin with `prefix`, behind `after`: at most `max_records`, which is at least 1, and
    /// `max_bytes` of records but at least one. A page may have no records although more follow. May block.
    ///
    /// # Errors
    /// As [`Self::table_get`].
    pub fn table_scan(
        &self,
        partition: PartitionId,
        prefix: &[u8],
        after: Option<&[u8]>,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<TablePage, StorageError> {
        self.tables().scan(partition, prefix, after, max_records, max_bytes)
    }

    /// Compacts a partition of a table now, at the rate of maintenance: in a runtime with timers. `progress` is told
    /// after each step, and now and then between. Blocks between its steps.
    ///
    /// # Errors
    /// `NoTopic`, `Held`, `Damaged`, or the shard does not work. What was done until then is done.
    pub async fn compact_partition(
        &self,
        partition: PartitionId,
        progress: &mut (dyn FnMut(Compacted) + Send),
    ) -> Result<Compacted, StorageError> {
        let mut pace = self.pace();
        let mut pass = Pass::new(self, partition, Sizes::DEFAULT)?;
        let mut last = Compacted::default();
        while let Some(done) = pass.step().await? {
            progress(done);
            self.keep(&mut pace, done.work()).await;
            last = done;
        }
        Ok(last)
    }

    /// Removes every record of a key from a partition, at the rate of maintenance, and has its bytes removed from the
    /// journal. Tells how many records there were. Blocks between its steps.
    ///
    /// # Errors
    /// As [`Self::compact_partition`]. Then it must be asked again.
    pub async fn erase_key(
        &self,
        partition: PartitionId,
        key: &[u8],
        audit: AuditEvent,
    ) -> Result<u64, StorageError> {
        Erasure::new(self, partition, key)?.run(audit).await
    }

    /// Reads a partition as it is now, and compares it with what is known of its keys. `progress` is told now and then,
    /// and can end it with `false`. May block.
    ///
    /// # Errors
    /// `NoTopic`, or the index cannot be read. Damage is a finding.
    pub fn verify_partition(
        &self,
        partition: PartitionId,
        progress: &mut dyn FnMut(&Verified) -> bool,
    ) -> Result<Verified, StorageError> {
        let topic = self.topic_by_id(partition.tenant, partition.topic)?.ok_or(StorageError::NoTopic)?;
        let Inner { index, .. } = &*self.inner;
        let tables = self.tables();
        let is_table = topic.config.cleanup_policy.is_table();
        Verification { index, tables, partition, is_table, verified: Verified::default() }.run(progress)
    }
}
