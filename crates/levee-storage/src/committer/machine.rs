//! The state machine: decides what a command does.
//!
//! Appends, new sessions of producers, transactions and commits of groups are decided on what earlier commands of the
//! same group leave behind, which is kept in memory. Every other command has a group of its own and is decided on rows
//! that are applied, so that only these need such memory.

mod acl;
mod append;
mod audit;
mod compaction;
mod draft;
mod groups;
mod import;
mod plans;
mod producers;
mod progress;
mod space;
mod tenants;
mod tokens;
mod topics;
mod transactions;
mod trim;
mod usage;
mod users;

pub(crate) use compaction::{NewBatch, Replacement, Tombstones};
pub(crate) use draft::Draft;
pub use import::QuotaTarget;
pub use plans::QuotaChange;
pub(crate) use space::Move;
pub use tokens::NewToken;

use super::group::{Effect, Group};
use crate::catalog::groups::Progress;
use crate::command::{Command, Turn};
use crate::error::StorageError;
use crate::index::Index;
use crate::keys::{self, KeyRange, Keyspace};
use crate::log::Head;
use crate::pressure::Pressure;
use crate::rows::{NodeCounters, ProducerRow, TenantCounters, TenantRow};
use crate::usage::Totals;
use levee_types::{GroupId, PartitionId, ProducerId, TenantId};
use plans::CountLimits;
use producers::KnownProducers;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use transactions::{StagedUse, Transaction};

/// Partitions, producers, epochs and tenants that are remembered. Beyond it everything is forgotten and read again
/// when needed, which is simpler than forgetting the oldest and costs one seek for each.
const REMEMBERED: usize = 65_536;

/// The state that commands are decided on.
pub(crate) struct Machine {
    index: Arc<Index>,
    /// The segment of the journal that is written.
    segment: u64,
    /// Which tenants need room.
    pressure: Arc<Pressure>,
    heads: HashMap<PartitionId, Head>,
    producers: HashMap<(PartitionId, ProducerId), ProducerRow>,
    epochs: HashMap<(TenantId, ProducerId), u32>,
    /// The producers of tenants that are not forgotten.
    known_producers: HashMap<TenantId, KnownProducers>,
    /// What tenants have used.
    totals: HashMap<TenantId, Totals>,
    /// What tenants may have.
    limits: HashMap<TenantId, CountLimits>,
    /// Groups that there are.
    groups: HashSet<(TenantId, GroupId)>,
    /// How far groups have come; `None`: they have committed nothing.
    progress: HashMap<(GroupId, PartitionId), Option<Progress>>,
    /// The last transactions of producers.
    transactions: HashMap<(TenantId, ProducerId), Transaction>,
    /// What tenants have staged.
    staged: HashMap<TenantId, StagedUse>,
    /// Whose staged batches and commits are not among the rows yet, because they are of this group.
    unapplied: HashSet<(TenantId, ProducerId)>,
}

impl Machine {
    pub(super) fn new(index: Arc<Index>, pressure: Arc<Pressure>) -> Self {
        Self {
            index,
            segment: 0,
            pressure,
            heads: HashMap::new(),
            producers: HashMap::new(),
            epochs: HashMap::new(),
            known_producers: HashMap::new(),
            totals: HashMap::new(),
            limits: HashMap::new(),
            groups: HashSet::new(),
            progress: HashMap::new(),
            transactions: HashMap::new(),
            staged: HashMap::new(),
            unapplied: HashSet::new(),
        }
    }

    /// Whether a command is decided on rows that entries of the group so far change.
    pub(super) fn needs_applied_rows(&self, command: &Command) -> bool {
        match command {
            Command::Append(..)
            | Command::Import(..)
            | Command::InitProducer(..)
            | Command::RenewProducer(..)
            | Command::Commit(..)
            | Command::CommitDead(..)
            | Command::AbortTransaction(..)
            | Command::ExpireTransaction(..) => false,
            Command::Stage(append, sequence, _) => self.is_unapplied_repetition(append, sequence),
            Command::CommitTransaction(tenant, commit, ..) => {
                self.unapplied.contains(&(*tenant, commit.session.producer))
            }
            Command::Change(..) | Command::Stand(..) => true,
        }
    }

    /// Tells where the entries before the next ones are: in this segment of the journal, or before it.
    pub(super) fn set_segment(&mut self, segment: u64) {
        self.segment = segment;
    }

    /// Adds what a command does, and its answer, to a group.
    pub(super) fn decide(&mut self, command: Command, group: &mut Group, now_ms: i64) {
        if group.is_empty() {
            self.unapplied.clear();
            self.forget_if_many();
        }
        match command {
            Command::Append(append, reply) => {
                let result = self.append(append, group, now_ms);
                group.answer(reply, result);
            }
            Command::Import(append, place, reply) => {
                let result = self.import_batch(append, place, group, now_ms);
                group.answer(reply, result);
            }
            Command::InitProducer(tenant, existing, reply) => {
                let result = self.init_producer(tenant, existing, group);
                group.answer(reply, result);
            }
            Command::RenewProducer(tenant, held, reply) => {
                let result = self.renew_producer(tenant, held, group);
                group.answer(reply, result);
            }
            Command::Commit(tenant, commits, reply) => {
                let results = self.commit(tenant, commits, group, now_ms);
                group.answer(reply, Ok(results));
            }
            Command::CommitDead(dead, reply) => {
                let (append, commit) = *dead;
                let result = self.commit_dead(append, commit, group, now_ms);
                group.answer(reply, result);
            }
            Command::Stage(append, sequence, reply) => {
                let result = self.stage(append, sequence, group, now_ms);
                group.answer(reply, result);
            }
            Command::CommitTransaction(tenant, commit, keys, reply) => {
                let result = self.commit_transaction(tenant, commit, keys, group, now_ms);
                group.answer(reply, result);
            }
            Command::AbortTransaction(tenant, session, number, reply) => {
                let result = self.abort_transaction(tenant, session, number, group);
                group.answer(reply, result);
            }
            Command::ExpireTransaction(deadline, reply) => {
                let result = self.expire_transaction(deadline, group);
                group.answer(reply, result);
            }
            // The committer itself answers it, before anything is decided.
            Command::Stand(..) => {}
            Command::Change(_, change) => change(Ok(Turn { machine: self, now_ms }), group),
        }
    }

    /// Only between groups: within one, what is remembered is the only truth.
    fn forget_if_many(&mut self) {
        self.forget_beyond(REMEMBERED);
    }

    /// Lets go of what a change has remembered that is dropped. A change has a group of its own, so that everything
    /// before it is in the rows.
    pub(crate) fn forget(&mut self) {
        self.forget_beyond(0);
    }

    fn forget_beyond(&mut self, count: usize) {
        forget_beyond(count, &mut self.heads);
        forget_beyond(count, &mut self.producers);
        forget_beyond(count, &mut self.epochs);
        forget_beyond(count, &mut self.known_producers);
        forget_beyond(count, &mut self.totals);
        forget_beyond(count, &mut self.limits);
        forget_beyond(count, &mut self.progress);
        if self.groups.len() > count {
            self.groups.clear();
        }
        forget_beyond(count, &mut self.transactions);
        forget_beyond(count, &mut self.staged);
    }

    fn row<T: prost::Message + Default>(&self, key: &[u8]) -> Result<Option<T>, StorageError> {
        match self.index.get(Keyspace::State, key)? {
            Some(row) => Ok(Some(T::decode(&row[..])?)),
            None => Ok(None),
        }
    }

    /// The row of a tenant.
    fn tenant_row(&self, id: TenantId) -> Result<TenantRow, StorageError> {
        self.row(&keys::tenant(id))?.ok_or(StorageError::NoTenant)
    }

    /// Refuses a tenant that is not there. The system always is.
    pub(crate) fn require_tenant(&self, id: TenantId) -> Result<(), StorageError> {
        if id == TenantId::SYSTEM { Ok(()) } else { self.tenant_row(id).map(drop) }
    }

    fn node_counters(&self) -> Result<NodeCounters, StorageError> {
        Ok(self.row(&keys::node_counters())?.unwrap_or_default())
    }

    fn tenant_counters(&self, id: TenantId) -> Result<TenantCounters, StorageError> {
        Ok(self.row(&keys::tenant_counters(id))?.unwrap_or_default())
    }

    /// Visits the rows of a range.
    fn scan(
        &self,
        range: KeyRange,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let mut cursor = self.index.cursor(Keyspace::State, range);
        cursor.first()?;
        while let Some((key, value)) = cursor.item() {
            visit(key, value)?;
            cursor.next()?;
        }
        Ok(())
    }
}

fn forget_beyond<K, V>(count: usize, remembered: &mut HashMap<K, V>) {
    if remembered.len() > count {
        remembered.clear();
    }
}
