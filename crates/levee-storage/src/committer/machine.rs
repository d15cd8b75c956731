//! The state machine: decides what a command does.
//!
//! Appends and new sessions of producers are decided on what earlier commands of the same group leave behind,
//! which is kept in memory. Every other command has a group of its own and is decided on rows that are
//! applied, so that only these two need such memory.

mod acl;
mod append;
mod audit;
mod draft;
mod import;
mod plans;
mod producers;
mod tenants;
mod tokens;
mod topics;
mod trim;
mod usage;
mod users;

pub(crate) use draft::Draft;
pub use import::QuotaTarget;
pub use plans::QuotaChange;
pub use tokens::NewToken;

use super::group::{Effect, Group};
use crate::command::{Command, Turn};
use crate::error::StorageError;
use crate::index::Index;
use crate::keys::{self, KeyRange, Keyspace};
use crate::log::Head;
use crate::rows::{NodeCounters, ProducerRow, TenantCounters, TenantRow};
use crate::usage::Totals;
use levee_types::{PartitionId, ProducerId, TenantId};
use plans::CountLimits;
use producers::KnownProducers;
use std::collections::HashMap;
use std::sync::Arc;

/// Partitions, producers, epochs and tenants that are remembered. Beyond it everything is forgotten and read again
/// when needed, which is simpler than forgetting the oldest and costs one seek for each.
const REMEMBERED: usize = 65_536;

/// The state that commands are decided on.
pub(crate) struct Machine {
    index: Arc<Index>,
    heads: HashMap<PartitionId, Head>,
    producers: HashMap<(PartitionId, ProducerId), ProducerRow>,
    epochs: HashMap<(TenantId, ProducerId), u32>,
    /// The producers of tenants that are not forgotten.
    known_producers: HashMap<TenantId, KnownProducers>,
    /// What tenants have used.
    totals: HashMap<TenantId, Totals>,
    /// What tenants may have.
    limits: HashMap<TenantId, CountLimits>,
}

impl Machine {
    pub(super) fn new(index: Arc<Index>) -> Self {
        Self {
            index,
            heads: HashMap::new(),
            producers: HashMap::new(),
            epochs: HashMap::new(),
            known_producers: HashMap::new(),
            totals: HashMap::new(),
            limits: HashMap::new(),
        }
    }

    /// Adds what a command does, and its answer, to a group.
    pub(super) fn decide(&mut self, command: Command, group: &mut Group, now_ms: i64) {
        if group.is_empty() {
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
