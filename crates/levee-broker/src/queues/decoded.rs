//! Batches that are being handed out, decoded once.
//!
//! Must hold: what is kept stays within a budget that all queues share. What was dropped is read and decoded again.

use bytes::Bytes;
use levee_groups::queue::Offered;
use levee_proto::{batch, v1};
use levee_storage::StoredBatch;
use levee_types::limits::MAX_DECODED_BYTES;
use levee_types::{GroupId, LeveeError, PartitionId};
use prost::Message as _;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

/// About how many batches are expected; more are no problem. The cache has a part for each 32 of these, and a part must
/// hold the largest batch.
const EXPECTED: usize = 128;

/// A batch with its records.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) base_offset: u64,
    pub(super) append_time_ms: i64,
    pub(super) records: Vec<v1::Record>,
    bytes: u64,
}

impl Decoded {
    /// # Errors
    /// DATA_CORRUPT: it cannot be decoded.
    pub(super) fn new(stored: &StoredBatch) -> Result<Self, LeveeError> {
        let records = batch::decode(&stored.bytes)?;
        let bytes =
            records.iter().map(|record| record.encoded_len() + size_of::<v1::Record>()).sum::<usize>();
        let (base_offset, append_time_ms) = (stored.base_offset, stored.append_time_ms);
        Ok(Self { base_offset, append_time_ms, records, bytes: bytes as u64 })
    }

    /// The offset behind its last record.
    pub(super) fn end(&self) -> u64 {
        self.base_offset + self.records.len() as u64
    }

    /// The record at an offset.
    pub(super) fn record(&self, offset: u64) -> Option<&v1::Record> {
        self.records.get(usize::try_from(offset.checked_sub(self.base_offset)?).ok()?)
    }

    /// What a queue has to know of its records from `first` on.
    pub(super) fn offered(&self, first: u64) -> impl Iterator<Item = Offered> + '_ {
        let skipped = usize::try_from(first.saturating_sub(self.base_offset)).unwrap_or(usize::MAX);
        (self.base_offset..).zip(&self.records).skip(skipped).map(|(offset, record)| Offered {
            offset,
            key: record.key.as_ref().map(hash),
            deliver_at_ms: record.deliver_at_ms,
        })
    }
}

/// Tells keys apart; nothing depends on whether it does so always.
fn hash(key: &Bytes) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

/// The batch of each partition of each queue that was decoded last.
pub(super) struct DecodedCache(Cache<(GroupId, PartitionId), Arc<Decoded>, Weight>);

#[derive(Clone)]
struct Weight;

impl Weighter<(GroupId, PartitionId), Arc<Decoded>> for Weight {
    fn weight(&self, _: &(GroupId, PartitionId), decoded: &Arc<Decoded>) -> u64 {
        decoded.bytes.max(1)
    }
}

impl DecodedCache {
    pub(super) fn new() -> Self {
        Self(Cache::with_weighter(EXPECTED, MAX_DECODED_BYTES, Weight))
    }

    /// The batch that holds a record, if it is at hand.
    pub(super) fn get(&self, group: GroupId, partition: PartitionId, offset: u64) -> Option<Arc<Decoded>> {
        self.0.get(&(group, partition)).filter(|decoded| decoded.record(offset).is_some())
    }

    /// Decodes a batch and keeps it.
    ///
    /// # Errors
    /// It cannot be decoded.
    pub(super) fn decode(
        &self,
        group: GroupId,
        partition: PartitionId,
        stored: &StoredBatch,
    ) -> Result<Arc<Decoded>, LeveeError> {
        let decoded = Arc::new(Decoded::new(stored)?);
        self.0.insert((group, partition), Arc::clone(&decoded));
        Ok(decoded)
    }
}
