//! The state machine: decides what a command does.
//!
//! Appends and new sessions of producers are decided on what earlier commands of the same group leave behind,
//! which is kept in memory. Every other command is the last of its group and is decided on rows that are
//! applied, so that only these two need such memory.

mod append;
mod catalog;

use super::group::{Effect, Group};
use crate::command::Command;
use crate::error::StorageError;
use crate::index::Index;
use crate::journal::Entry;
use crate::keys::{KeyRange, Keyspace};
use crate::log::Head;
use crate::operation::Operation;
use crate::rows::ProducerRow;
use levee_types::{PartitionId, ProducerId, TenantId};
use std::collections::HashMap;
use std::sync::Arc;

/// Partitions, producers, epochs and tenants that are remembered. Beyond it everything is forgotten and read again
/// when needed, which is simpler than forgetting the oldest and costs one seek for each.
const REMEMBERED: usize = 65_536;

/// The state that commands are decided on.
pub(super) struct Machine {
    index: Arc<Index>,
    heads: HashMap<PartitionId, Head>,
    producers: HashMap<(PartitionId, ProducerId), ProducerRow>,
    epochs: HashMap<(TenantId, ProducerId), u32>,
    /// The producer that each tenant got last.
    last_producers: HashMap<TenantId, u64>,
}

impl Machine {
    pub(super) fn new(index: Arc<Index>) -> Self {
        Self {
            index,
            heads: HashMap::new(),
            producers: HashMap::new(),
            epochs: HashMap::new(),
            last_producers: HashMap::new(),
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
            Command::CreateTenant(name, reply) => {
                let result = self.create_tenant(name, group, now_ms);
                group.answer(reply, result);
            }
            Command::DeleteTenant(name, reply) => {
                let result = self.delete_tenant(&name, group);
                group.answer(reply, result);
            }
            Command::CreateTopics(tenant, topics, reply) => {
                let result = self.create_topics(tenant, topics, group, now_ms);
                group.answer(reply, result);
            }
            Command::DeleteTopic(tenant, name, reply) => {
                let result = self.delete_topic(tenant, name, group);
                group.answer(reply, result);
            }
            Command::UpdateTopic(tenant, name, change, reply) => {
                let result = self.update_topic(tenant, name, change, group);
                group.answer(reply, result);
            }
            Command::Trim(partition, before, reply) => {
                let result = self.trim(partition, before, group);
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
        }
    }

    /// Only between groups: within one, what is remembered is the only truth.
    fn forget_if_many(&mut self) {
        if self.heads.len() > REMEMBERED {
            self.heads.clear();
        }
        if self.producers.len() > REMEMBERED {
            self.producers.clear();
        }
        if self.epochs.len() > REMEMBERED {
            self.epochs.clear();
        }
        if self.last_producers.len() > REMEMBERED {
            self.last_producers.clear();
        }
    }

    fn row<T: prost::Message + Default>(&self, key: &[u8]) -> Result<Option<T>, StorageError> {
        match self.index.get(Keyspace::State, key)? {
            Some(row) => Ok(Some(T::decode(&row[..])?)),
            None => Ok(None),
        }
    }
}

/// An entry under construction.
#[derive(Default)]
struct Draft(Entry);

impl Draft {
    fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.0.operations.push(Operation::Put { keyspace: Keyspace::State, key, value });
    }

    fn delete(&mut self, key: Vec<u8>) {
        self.0.operations.push(Operation::Delete { keyspace: Keyspace::State, key });
    }

    fn delete_range(&mut self, keyspace: Keyspace, (from, to): KeyRange) {
        self.0.operations.push(Operation::DeleteRange { keyspace, from, to });
    }

    /// Catalog changes always wait for the sync.
    fn finish(self, group: &mut Group) {
        group.add(self.0, true);
    }
}
