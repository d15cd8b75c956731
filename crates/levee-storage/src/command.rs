//! What the committer is asked to do.

use crate::catalog::{NewTopic, Tenant, Topic, TopicChange};
use crate::committer::ENTRY_BYTES;
use crate::error::StorageError;
use crate::queue::Claim;
use bytes::Bytes;
use levee_types::fair::SYSTEM_WEIGHT;
use levee_types::{Durability, PartitionId, ProducerId, TenantId, TenantName, TopicName};
use std::sync::Arc;
use tokio::sync::oneshot;

/// A batch to be appended. It was checked: storage does not look inside.
#[derive(Debug, Clone)]
pub struct Append {
    /// Where.
    pub partition: PartitionId,
    /// The batch, at most [`levee_types::limits::MAX_BATCH_BYTES`].
    pub batch: Bytes,
    /// CRC32C of the batch.
    pub crc: u32,
    /// How many records it has, at least 1.
    pub records: u32,
    /// The largest timestamp of its records in Unix milliseconds, if any has one.
    pub max_timestamp_ms: Option<i64>,
    /// Who sends it, to store a repeated batch once.
    pub producer: Option<ProducerSequence>,
    /// When it is acknowledged.
    pub durability: Durability,
    /// Of the tenant among others, 1 to 100.
    pub weight: u32,
}

/// The place of a batch among those that a producer sends to a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerSequence {
    /// Who.
    pub producer: ProducerId,
    /// Its epoch; an older one is fenced.
    pub epoch: u32,
    /// Records that this producer and epoch sent to the partition before.
    pub sequence: u64,
}

/// A batch was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Offset of its first record.
    pub base_offset: u64,
    /// Unix milliseconds.
    pub append_time_ms: i64,
    /// It had been stored before.
    pub duplicate: bool,
}

/// The identity of a producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerSession {
    /// Never reused.
    pub producer: ProducerId,
    /// Fences all lower ones.
    pub epoch: u32,
}

/// Where an answer goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, StorageError>>;

/// Whether each topic is new, or why it was not made.
pub(crate) type CreatedTopics = Vec<Result<(Arc<Topic>, bool), StorageError>>;

/// What the committer is asked to do.
pub(crate) enum Command {
    Append(Append, Reply<Appended>),
    CreateTenant(TenantName, Reply<(Tenant, bool)>),
    DeleteTenant(TenantName, Reply<()>),
    CreateTopics(TenantId, Vec<NewTopic>, Reply<CreatedTopics>),
    DeleteTopic(TenantId, TopicName, Reply<()>),
    UpdateTopic(TenantId, TopicName, TopicChange, Reply<Arc<Topic>>),
    Trim(PartitionId, u64, Reply<u64>),
    InitProducer(TenantId, Option<ProducerId>, Reply<ProducerSession>),
    RenewProducer(TenantId, ProducerSession, Reply<ProducerSession>),
}

impl Command {
    /// What it claims in the queue. `bytes`: what it holds.
    pub(crate) fn claim(&self, bytes: usize) -> Claim {
        let weight = match self {
            Self::Append(append, _) => append.weight,
            _ => SYSTEM_WEIGHT,
        };
        let cost = if self.shares_a_group() { bytes as u64 + ENTRY_BYTES } else { Claim::WHOLE_GROUP };
        Claim { tenant: self.tenant(), weight, bytes, cost }
    }

    /// Whose turn it takes. Tenants come and go in the turns of the system.
    fn tenant(&self) -> TenantId {
        match self {
            Self::Append(Append { partition, .. }, _) | Self::Trim(partition, ..) => partition.tenant,
            Self::CreateTopics(tenant, ..)
            | Self::DeleteTopic(tenant, ..)
            | Self::UpdateTopic(tenant, ..)
            | Self::InitProducer(tenant, ..)
            | Self::RenewProducer(tenant, ..) => *tenant,
            Self::CreateTenant(..) | Self::DeleteTenant(..) => TenantId::SYSTEM,
        }
    }

    /// Whether it is decided on memory that runs ahead of the rows, and so may stand before others in a group.
    pub(crate) fn shares_a_group(&self) -> bool {
        matches!(self, Self::Append(..) | Self::InitProducer(..) | Self::RenewProducer(..))
    }
}
