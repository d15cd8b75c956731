//! Deciding who a producer is: its id, and the epoch that fences older ones.
//!
//! Decided on what earlier commands of the group leave behind: of all rows that are read here, only the epoch,
//! the first producer, the last one and their transactions can change within a group.

use super::{Draft, Group, Machine};
use crate::command::ProducerSession;
use crate::error::StorageError;
use crate::keys::{self, Keyspace};
use crate::rows::{ProducerEpoch, TenantCounters};
use levee_types::quota::Dimension;
use levee_types::{ProducerId, TenantId};
use std::ops::RangeInclusive;

/// Producers of a tenant that are not forgotten.
#[derive(Debug, Clone, Copy)]
pub(super) struct KnownProducers {
    /// The lowest id.
    pub(super) first: u64,
    /// The id that was given last.
    pub(super) last: u64,
}

impl Machine {
    pub(super) fn init_producer(
        &mut self,
        tenant: TenantId,
        existing: Option<ProducerId>,
        group: &mut Group,
    ) -> Result<ProducerSession, StorageError> {
        self.require_tenant(tenant)?;
        let mut draft = Draft::default();
        let session = match existing {
            // The epoch right after the present one is left out: only a renewal by whoever has the present
            // one leads there, which is how `renew_producer` knows a repeated renewal.
            Some(producer) => {
                let epoch = later(self.epoch(tenant, producer)?, 2)?;
                self.end_epoch(tenant, producer, &mut draft)?;
                ProducerSession { producer, epoch }
            }
            None => {
                let limit = self.count_limits(tenant)?.producers.unwrap_or(u64::MAX);
                if limit == 0 {
                    return Err(self.at_limit(tenant, Dimension::Producers, limit));
                }
                let counters = self.tenant_counters(tenant)?;
                let KnownProducers { first: oldest, last } = self.known_producers(tenant)?;
                let last = last + 1;
                // The oldest are forgotten: their next batch is refused, and never stored twice.
                let first = oldest.max((last + 1).saturating_sub(limit));
                let counters = TenantCounters { first_producer: first, last_producer: last, ..counters };
                if first > oldest {
                    self.forget_producers(tenant, oldest..=first - 1, &mut draft)?;
                }
                draft.put_row(keys::tenant_counters(tenant), &counters);
                self.known_producers.insert(tenant, KnownProducers { first, last });
                ProducerSession { producer: ProducerId(last), epoch: 0 }
            }
        };
        self.put_epoch(tenant, session, draft, group);
        Ok(session)
    }

    pub(super) fn renew_producer(
        &mut self,
        tenant: TenantId,
        held: ProducerSession,
        group: &mut Group,
    ) -> Result<ProducerSession, StorageError> {
        self.require_tenant(tenant)?;
        let current = self.epoch(tenant, held.producer)?;
        if current < held.epoch {
            return Err(StorageError::UnknownProducer);
        }
        let next = ProducerSession { epoch: later(held.epoch, 1)?, ..held };
        if current > next.epoch {
            return Err(StorageError::ProducerFenced { epoch: held.epoch, current });
        }
        // Otherwise this is a repetition, and the answer to the first request may be lost.
        if current == held.epoch {
            let mut draft = Draft::default();
            self.end_epoch(tenant, held.producer, &mut draft)?;
            self.put_epoch(tenant, next, draft, group);
        }
        Ok(next)
    }

    /// An epoch takes its open transaction along.
    fn end_epoch(
        &mut self,
        tenant: TenantId,
        producer: ProducerId,
        draft: &mut Draft,
    ) -> Result<(), StorageError> {
        let last = self.transaction(tenant, producer)?;
        self.drop_transactions(tenant, &[(producer, last)], draft)
    }

    /// Removes producers with their transactions.
    fn forget_producers(
        &mut self,
        tenant: TenantId,
        ids: RangeInclusive<u64>,
        draft: &mut Draft,
    ) -> Result<(), StorageError> {
        let open = self.open_transactions(tenant, ids.clone())?;
        self.drop_transactions(tenant, &open, draft)?;
        let (from, to) = (ProducerId(*ids.start()), ProducerId(ids.end() + 1));
        if from == ProducerId(*ids.end()) {
            draft.delete(keys::producer(tenant, from));
            draft.delete(keys::transaction(tenant, from));
        } else {
            // After the quota was lowered they may be millions.
            draft.delete_range(Keyspace::State, (keys::producer(tenant, from), keys::producer(tenant, to)));
            let transactions = (keys::transaction(tenant, from), keys::transaction(tenant, to));
            draft.delete_range(Keyspace::State, transactions);
        }
        Ok(())
    }

    /// Which producers a tenant has, with those that earlier commands of the group add and forget.
    pub(super) fn known_producers(&mut self, tenant: TenantId) -> Result<KnownProducers, StorageError> {
        if let Some(known) = self.known_producers.get(&tenant) {
            return Ok(*known);
        }
        let counters = self.tenant_counters(tenant)?;
        let known = KnownProducers { first: counters.first_producer.max(1), last: counters.last_producer };
        self.known_producers.insert(tenant, known);
        Ok(known)
    }

    fn put_epoch(&mut self, tenant: TenantId, session: ProducerSession, mut draft: Draft, group: &mut Group) {
        let row = ProducerEpoch { epoch: session.epoch };
        draft.put_row(keys::producer(tenant, session.producer), &row);
        draft.finish(group);
        self.epochs.insert((tenant, session.producer), session.epoch);
    }
}

fn later(epoch: u32, by: u32) -> Result<u32, StorageError> {
    let no_epochs = StorageError::LimitExceeded { what: "epochs", limit: u64::from(u32::MAX) };
    epoch.checked_add(by).ok_or(no_epochs)
}
