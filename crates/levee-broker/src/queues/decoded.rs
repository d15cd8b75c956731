//! Batches that are being handed out, decoded once.
//!
//! Must hold: what is kept stays within a budget that all queues share. What was dropped is read and decoded again.

use bytes::Bytes;
use levee_groups::queue::Offered;
use levee_proto::{batch, v1};
use levee_storage::StoredBatch;
use levee_types::limits::MAX_DECODED_BYTES;
use levee_types::{GroupId, LeveeError, PartitionId, TenantId, TopicId};
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
    /// The offset behind it.
    pub(super) end: u64,
    pub(super) append_time_ms: i64,
    /// Each with its distance from the base offset, in their order.
    records: Vec<(u32, v1::Record)>,
    bytes: u64,
}

impl Decoded {
    /// # Errors
    /// DATA_CORRUPT: it cannot be decoded.
    pub(super) fn new(stored: &StoredBatch) -> Result<Self, LeveeError> {
        let records = batch::decode(&stored.bytes)?;
        let size = |(_, record): &(u32, v1::Record)| record.encoded_len() + size_of::<(u32, v1::Record)>();
        let bytes = records.iter().map(size).sum::<usize>() as u64;
        let (base_offset, end, append_time_ms) = (stored.base_offset, stored.end(), stored.append_time_ms);
        Ok(Self { base_offset, end, append_time_ms, records, bytes })
    }

    /// Whether it covers an offset: if it has no record there, there is none.
    pub(super) fn covers(&self, offset: u64) -> bool {
        (self.base_offset..self.end).contains(&offset)
    }

    /// The record at an offset.
    pub(super) fn record(&self, offset: u64) -> Option<&v1::Record> {
        let delta = u32::try_from(offset.checked_sub(self.base_offset)?).ok()?;
        let at = self.records.binary_search_by_key(&delta, |(delta, _)| *delta).ok()?;
        Some(&self.records[at].1)
    }

    /// What a queue has to know of its records from `first` on.
    pub(super) fn offered(&self, first: u64) -> impl Iterator<Item = Offered> + '_ {
        let offer = |(delta, record): &(u32, v1::Record)| Offered {
            offset: self.base_offset + u64::from(*delta),
            key: record.key.as_ref().map(hash),
            deliver_at_ms: record.deliver_at_ms,
        };
        self.records.iter().map(offer).skip_while(move |offered| offered.offset < first)
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

    /// The batch that covers an offset, if it is at hand.
    pub(super) fn get(&self, group: GroupId, partition: PartitionId, offset: u64) -> Option<Arc<Decoded>> {
        self.0.get(&(group, partition)).filter(|decoded| decoded.covers(offset))
    }

    /// Forgets the batches of a topic.
    pub(super) fn forget(&self, tenant: TenantId, topic: TopicId) {
        self.0.retain(|(_, partition), _| (partition.tenant, partition.topic) != (tenant, topic));
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
