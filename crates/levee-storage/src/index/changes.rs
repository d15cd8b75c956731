//! What the operations of entries do to the rows.

use crate::keyed::Keys;
use crate::keys::{self, Keyspace};
use crate::operation::{BatchMeta, BatchPlace, KeysMeta, Operation, RewriteMeta};
use crate::rows::{BatchRow, Checkpoint, KeyRow, StagedRow};
use crate::usage::Totals;
use bytes::Bytes;
use levee_types::TenantId;
use prost::Message;
use rocksdb::{BoundColumnFamily, WriteBatch};
use std::collections::HashMap;
use std::sync::Arc;

/// Changes that are applied in one step.
pub(crate) struct Changes<'a> {
    families: Families<'a>,
    batch: WriteBatch,
    ranges: u64,
    /// The last totals of each tenant and hour: of those of many batches only the last need be written.
    totals: HashMap<(TenantId, u64), Totals>,
}

/// The column families of the keyspaces.
pub(super) struct Families<'a> {
    pub(super) index: Arc<BoundColumnFamily<'a>>,
    pub(super) state: Arc<BoundColumnFamily<'a>>,
    pub(super) keys: Arc<BoundColumnFamily<'a>>,
}

impl<'a> Families<'a> {
    fn of(&self, keyspace: Keyspace) -> &Arc<BoundColumnFamily<'a>> {
        match keyspace {
            Keyspace::Index => &self.index,
            Keyspace::State => &self.state,
            Keyspace::Keys => &self.keys,
        }
    }
}

impl<'a> Changes<'a> {
    pub(super) fn new(families: Families<'a>) -> Self {
        Self { families, batch: WriteBatch::default(), ranges: 0, totals: HashMap::new() }
    }

    /// All of them.
    pub(super) fn into_batch(mut self) -> WriteBatch {
        self.write_totals();
        self.batch
    }

    /// Adds what an entry does. `keys` are those of its batches of tables, in their order. `payload` is where its
    /// batches begin in the segment.
    pub(crate) fn add<'k>(
        &mut self,
        operations: &[Operation],
        keys: impl IntoIterator<Item = &'k Bytes>,
        segment: u64,
        mut payload: u64,
    ) {
        let mut keys = keys.into_iter();
        for operation in operations {
            if may_change_totals(operation) {
                self.write_totals();
            }
            match operation {
                Operation::Append(batch) => {
                    self.append(batch, BatchPlace { segment, position: payload });
                    payload += u64::from(batch.length);
                }
                Operation::AppendStaged(batch, place) => self.append(batch, *place),
                Operation::SetKeys(meta) => {
                    if let Some(bytes) = keys.next() {
                        self.set_keys(meta, bytes);
                    }
                    payload += u64::from(meta.length);
                }
                Operation::Rewrite(rewrite) => {
                    self.rewrite(rewrite, BatchPlace { segment, position: payload });
                    payload += u64::from(rewrite.batch.length);
                }
                Operation::Stage(batch) => {
                    let row = StagedRow::new(batch, BatchPlace { segment, position: payload });
                    let key = keys::staged(batch.partition.tenant, batch.producer, batch.index);
                    self.batch.put_cf(&self.families.state, key, row.encode());
                    payload += u64::from(batch.length);
                }
                Operation::Put { keyspace, key, value } => {
                    self.batch.put_cf(self.families.of(*keyspace), key, value);
                }
                Operation::Delete { keyspace, key } => {
                    self.batch.delete_cf(self.families.of(*keyspace), key);
                }
                Operation::DeleteRange { keyspace, from, to } => {
                    self.ranges += 1;
                    self.batch.delete_range_cf(self.families.of(*keyspace), from, to);
                }
            }
        }
    }

    fn append(&mut self, batch: &BatchMeta, place: BatchPlace) {
        if let Some(totals) = batch.totals {
            self.totals.insert((batch.partition.tenant, totals.hour()), totals);
        }
        let key = keys::batch(batch.partition, batch.base_offset);
        let row = BatchRow::new(batch, place.segment, place.position);
        self.batch.put_cf(&self.families.index, key, row.encode());
    }

    /// What is not the keys of a batch was refused before it was written, and is damage that a checksum told.
    fn set_keys(&mut self, meta: &KeysMeta, bytes: &Bytes) {
        let keys = Keys::from_bytes(bytes.clone());
        for keyed in keys.iter().map_while(Result::ok) {
            let offset = meta.base_offset + u64::from(keyed.delta);
            let row = KeyRow { offset, is_tombstone: keyed.is_tombstone };
            self.batch.put_cf(&self.families.keys, keys::table_key(meta.partition, keyed.key), row.encode());
        }
    }

    fn rewrite(&mut self, rewrite: &RewriteMeta, place: BatchPlace) {
        let batch = &rewrite.batch;
        let row = BatchRow {
            rewritten: Some(rewrite.tombstones_until_ms),
            ..BatchRow::new(batch, place.segment, place.position)
        };
        let key = keys::batch(batch.partition, batch.base_offset);
        self.batch.put_cf(&self.families.index, key, row.encode());
    }

    fn write_totals(&mut self) {
        for ((tenant, hour), totals) in self.totals.drain() {
            self.batch.put_cf(&self.families.state, keys::usage(tenant, hour), totals.encode());
        }
    }

    /// Adds the position of the last entry that was added.
    pub(crate) fn set_checkpoint(&mut self, at: &Checkpoint) {
        self.batch.put_cf(&self.families.state, keys::checkpoint(), at.encode_to_vec());
    }

    /// How many ranges are deleted.
    pub(crate) fn ranges(&self) -> u64 {
        self.ranges
    }

    /// Bytes of what was added.
    pub(crate) fn size(&self) -> u64 {
        self.batch.size_in_bytes() as u64
    }
}

/// Whether an operation may remove totals of before it, or set others.
fn may_change_totals(operation: &Operation) -> bool {
    match operation {
        Operation::Append(_)
        | Operation::AppendStaged(..)
        | Operation::Stage(_)
        | Operation::SetKeys(_)
        | Operation::Rewrite(_) => false,
        Operation::Put { key, .. } | Operation::Delete { key, .. } => keys::is_usage(key),
        Operation::DeleteRange { .. } => true,
    }
}
