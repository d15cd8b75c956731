//! What the committer is asked to do.

use crate::catalog::Topic;
use crate::committer::{ENTRY_BYTES, Group, Machine};
use crate::error::StorageError;
use crate::fence::Fence;
use crate::keyed::Keys;
use crate::queue::Claim;
use crate::shard::Stand;
use crate::transaction::{
    Deadline, Staged, StagedKeys, TransactionCommit, TransactionCommitted, TransactionSequence,
};
use bytes::Bytes;
use levee_types::fair::SYSTEM_WEIGHT;
use levee_types::group::Ahead;
use levee_types::limits::MAX_TRANSACTION_BATCHES;
use levee_types::{Durability, GroupId, PartitionId, ProducerId, TenantId};
use std::path::PathBuf;
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
    /// The keys of its records, if the topic is a table: then every record has one.
    pub keys: Option<Keys>,
    /// Who sends it, to store a repeated batch once.
    pub producer: Option<ProducerSequence>,
    /// The offset that its first record must get; otherwise nothing is appended.
    pub expected_offset: Option<u64>,
    /// When it is acknowledged.
    pub durability: Durability,
    /// Of the tenant among others, 1 to 100.
    pub weight: u32,
}

/// Where a batch stood when it was exported, and must stand again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Offset of its first record: where the log of the partition ends, or behind that where there is a gap.
    pub base_offset: u64,
    /// When it was appended, in Unix milliseconds.
    pub append_time_ms: i64,
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

/// How far a group has come in a partition, as whoever has the partition says.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Which group.
    pub group: GroupId,
    /// Where.
    pub partition: PartitionId,
    /// Where it goes on: every record before is done.
    pub offset: u64,
    /// Of a queue: records behind `offset` that are not as those that nobody looked at, in order and apart. Empty
    /// for consumers.
    pub ahead: Vec<Ahead>,
    /// The right to say so.
    pub fence: Fence,
}

impl Commit {
    /// About how many bytes it occupies.
    pub(crate) fn size(&self) -> usize {
        size_of::<Self>() + self.ahead.len() * size_of::<Ahead>()
    }
}

/// Where an answer goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, StorageError>>;

/// Whether each topic is new, or why it was not made.
pub(crate) type CreatedTopics = Vec<Result<(Arc<Topic>, bool), StorageError>>;

/// A change of what is administered: decides on applied rows, and adds what it does and its answer to the
/// group. It is given the refusal instead while the shard takes no writes.
pub(crate) type Change = Box<dyn FnOnce(Result<Turn<'_>, &StorageError>, &mut Group) + Send>;

/// What a change is decided with.
pub(crate) struct Turn<'a> {
    pub(crate) machine: &'a mut Machine,
    /// Unix milliseconds.
    pub(crate) now_ms: i64,
}

/// What the committer is asked to do.
pub(crate) enum Command {
    Append(Append, Reply<Appended>),
    /// An append to a tenant that is being imported, at a stated place.
    Import(Append, Place, Reply<()>),
    InitProducer(TenantId, Option<ProducerId>, Reply<ProducerSession>),
    RenewProducer(TenantId, ProducerSession, Reply<ProducerSession>),
    /// Commits that stand each for itself.
    Commit(TenantId, Vec<Commit>, Reply<Vec<Result<(), StorageError>>>),
    /// A record that a queue gives up, and that it is done with.
    CommitDead(Box<(Append, Commit)>, Reply<Appended>),
    Stage(Append, TransactionSequence, Reply<Staged>),
    /// With the keys of what is staged for tables.
    CommitTransaction(TenantId, TransactionCommit, StagedKeys, Reply<TransactionCommitted>),
    AbortTransaction(TenantId, ProducerSession, u64, Reply<()>),
    /// Aborts a transaction that is still open when its time is over.
    ExpireTransaction(Deadline, Reply<()>),
    /// Everything is made durable, and the index begins to be flushed. With a directory: it is flushed and linked to
    /// there.
    Stand(Option<PathBuf>, Reply<Stand>),
    /// For a tenant, or the system.
    Change(TenantId, Change),
}

impl Command {
    /// What it claims in the queue. `bytes`: what it holds.
    pub(crate) fn claim(&self, bytes: usize) -> Claim {
        let mut entries = 1;
        let weight = match self {
            Self::Append(append, _) | Self::Import(append, ..) | Self::Stage(append, ..) => append.weight,
            Self::CommitTransaction(_, commit, ..) => {
                // Each of them is written to the index, wherever its bytes are.
                entries += commit.batches.len()
                    + commit.commits.len()
                    + (commit.staged as usize).min(MAX_TRANSACTION_BATCHES);
                commit.weight
            }
            Self::CommitDead(dead, _) => dead.0.weight,
            // They are small and seldom, and must not win a turn for the appends behind them.
            Self::InitProducer(..)
            | Self::RenewProducer(..)
            | Self::Commit(..)
            | Self::AbortTransaction(..)
            | Self::ExpireTransaction(..)
            | Self::Stand(..) => 1,
            // One is a whole turn.
            Self::Change(..) => SYSTEM_WEIGHT,
        };
        let cost = match self.shares_a_group() {
            true => bytes as u64 + entries as u64 * ENTRY_BYTES,
            false => Claim::WHOLE_GROUP,
        };
        Claim { tenant: self.tenant(), weight, bytes, cost }
    }

    /// Whose turn it takes.
    fn tenant(&self) -> TenantId {
        match self {
            Self::Append(append, ..) | Self::Import(append, ..) | Self::Stage(append, ..) => {
                append.partition.tenant
            }
            Self::CommitDead(dead, _) => dead.0.partition.tenant,
            Self::InitProducer(tenant, ..)
            | Self::RenewProducer(tenant, ..)
            | Self::Commit(tenant, ..)
            | Self::CommitTransaction(tenant, ..)
            | Self::AbortTransaction(tenant, ..)
            | Self::Change(tenant, _) => *tenant,
            Self::ExpireTransaction(deadline, _) => deadline.tenant,
            Self::Stand(..) => TenantId::SYSTEM,
        }
    }

    /// Whether it is decided on memory that runs ahead of the rows, and so may stand before others in a group.
    pub(crate) fn shares_a_group(&self) -> bool {
        !matches!(self, Self::Change(..) | Self::Stand(..))
    }
}
