//! The keys of the index and the state: one table of keyspaces and key kinds.
//!
//! Every key is the tenant's id (4 bytes), the kind (1 byte), then ids (fixed width), all big endian, so
//! that keys sort by their parts, a tenant is one range, and no scan of a tenant can leave it. Only the
//! last part may be text.
//!
//! Persisted, format 1: numbers are never reused.
//!
//! | keyspace | kind | key after tenant and kind | value |
//! | --- | --- | --- | --- |
//! | state | 1 checkpoint (system) | | [`crate::rows::Checkpoint`] |
//! | state | 2 node counters (system) | | [`crate::rows::NodeCounters`] |
//! | state | 3 tenant by name (system) | name | tenant id |
//! | state | 4 tenant (system) | tenant id | [`crate::rows::TenantRow`] |
//! | state | 5 tenant counters | | [`crate::rows::TenantCounters`] |
//! | state | 6 topic by name | name | topic id |
//! | state | 7 topic | topic id | [`crate::rows::TopicRow`] |
//! | state | 8 trimmed partition | topic id, partition | [`crate::rows::TrimRow`] |
//! | state | 9 producer of a partition | topic id, partition, producer id | [`crate::rows::ProducerRow`] |
//! | state | 10 producer | producer id | [`crate::rows::ProducerEpoch`] |
//! | index | 32 batch | topic id, partition, base offset | [`crate::rows::BatchRow`] |

use levee_types::{PartitionId, ProducerId, TenantId, TenantName, TopicId, TopicName};

/// A set of keys that is tuned on its own: a column family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Keyspace {
    /// Where the batches are.
    Index = 1,
    /// Everything else.
    State = 2,
}

impl Keyspace {
    /// The keyspace with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::Index, Self::State].into_iter().find(|keyspace| *keyspace as u8 == number)
    }
}

const CHECKPOINT: u8 = 1;
const NODE_COUNTERS: u8 = 2;
const TENANT_BY_NAME: u8 = 3;
const TENANT: u8 = 4;
const TENANT_COUNTERS: u8 = 5;
const TOPIC_BY_NAME: u8 = 6;
const TOPIC: u8 = 7;
const TRIM: u8 = 8;
const PARTITION_PRODUCER: u8 = 9;
const PRODUCER: u8 = 10;
const BATCH: u8 = 32;

/// A key under construction.
struct Key(Vec<u8>);

impl Key {
    fn new(tenant: TenantId, kind: u8) -> Self {
        let mut bytes = Vec::with_capacity(32);
        bytes.extend_from_slice(&tenant.0.to_be_bytes());
        bytes.push(kind);
        Self(bytes)
    }

    fn u64(mut self, part: u64) -> Self {
        self.0.extend_from_slice(&part.to_be_bytes());
        self
    }

    fn u32(mut self, part: u32) -> Self {
        self.0.extend_from_slice(&part.to_be_bytes());
        self
    }

    fn text(mut self, part: &str) -> Self {
        self.0.extend_from_slice(part.as_bytes());
        self
    }
}

/// The journal position that the index covers.
pub(crate) fn checkpoint() -> Vec<u8> {
    Key::new(TenantId::SYSTEM, CHECKPOINT).0
}

/// Counts and next ids of the node.
pub(crate) fn node_counters() -> Vec<u8> {
    Key::new(TenantId::SYSTEM, NODE_COUNTERS).0
}

/// The id of a tenant.
pub(crate) fn tenant_by_name(name: &TenantName) -> Vec<u8> {
    tenants_from(name.as_str())
}

/// Where a scan of tenants by name begins.
pub(crate) fn tenants_from(name: &str) -> Vec<u8> {
    Key::new(TenantId::SYSTEM, TENANT_BY_NAME).text(name).0
}

/// A tenant.
pub(crate) fn tenant(id: TenantId) -> Vec<u8> {
    Key::new(TenantId::SYSTEM, TENANT).u32(id.0).0
}

/// Counts and next ids of a tenant.
pub(crate) fn tenant_counters(id: TenantId) -> Vec<u8> {
    Key::new(id, TENANT_COUNTERS).0
}

/// The id of a topic.
pub(crate) fn topic_by_name(tenant: TenantId, name: &TopicName) -> Vec<u8> {
    topics_from(tenant, name.as_str())
}

/// Where a scan of topics by name begins.
pub(crate) fn topics_from(tenant: TenantId, name: &str) -> Vec<u8> {
    Key::new(tenant, TOPIC_BY_NAME).text(name).0
}

/// The name out of a key that [`tenant_by_name`] or [`topic_by_name`] made.
pub(crate) fn name(key: &[u8]) -> Option<&str> {
    // Behind the tenant and the kind.
    key.get(5..).and_then(|name| str::from_utf8(name).ok())
}

/// A topic.
pub(crate) fn topic(tenant: TenantId, id: TopicId) -> Vec<u8> {
    Key::new(tenant, TOPIC).u64(id.0).0
}

/// Where the log of a trimmed partition begins.
pub(crate) fn trim(partition: PartitionId) -> Vec<u8> {
    Key::new(partition.tenant, TRIM).u64(partition.topic.0).u32(partition.partition).0
}

/// What a producer sent to a partition last.
pub(crate) fn partition_producer(partition: PartitionId, producer: ProducerId) -> Vec<u8> {
    Key::new(partition.tenant, PARTITION_PRODUCER)
        .u64(partition.topic.0)
        .u32(partition.partition)
        .u64(producer.0)
        .0
}

/// The epoch of a producer.
pub(crate) fn producer(tenant: TenantId, id: ProducerId) -> Vec<u8> {
    Key::new(tenant, PRODUCER).u64(id.0).0
}

/// A batch of the index.
pub(crate) fn batch(partition: PartitionId, base_offset: u64) -> Vec<u8> {
    Key::new(partition.tenant, BATCH).u64(partition.topic.0).u32(partition.partition).u64(base_offset).0
}

/// The base offset out of a key that [`batch`] made.
pub(crate) fn base_offset(key: &[u8]) -> Option<u64> {
    key.last_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

/// A range of keys, without its end.
pub(crate) type KeyRange = (Vec<u8>, Vec<u8>);

/// All keys that begin with `prefix`.
pub(crate) fn with_prefix(prefix: Vec<u8>) -> KeyRange {
    let mut end = prefix.clone();
    // No prefix consists of 0xff alone: it holds a kind.
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            break;
        }
    }
    (prefix, end)
}

/// Everything that a tenant owns, in any keyspace.
pub(crate) fn of_tenant(id: TenantId) -> KeyRange {
    with_prefix(id.0.to_be_bytes().to_vec())
}

/// All batches of a partition.
pub(crate) fn batches(partition: PartitionId) -> KeyRange {
    let prefix = Key::new(partition.tenant, BATCH).u64(partition.topic.0).u32(partition.partition);
    with_prefix(prefix.0)
}

/// All batches of a topic.
pub(crate) fn batches_of_topic(tenant: TenantId, id: TopicId) -> KeyRange {
    with_prefix(Key::new(tenant, BATCH).u64(id.0).0)
}

/// All trimmed partitions of a topic.
pub(crate) fn trims_of_topic(tenant: TenantId, id: TopicId) -> KeyRange {
    with_prefix(Key::new(tenant, TRIM).u64(id.0).0)
}

/// All producers of the partitions of a topic.
pub(crate) fn producers_of_topic(tenant: TenantId, id: TopicId) -> KeyRange {
    with_prefix(Key::new(tenant, PARTITION_PRODUCER).u64(id.0).0)
}

#[cfg(test)]
mod tests;
