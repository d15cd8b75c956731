//! Deciding who a producer is: its id, and the epoch that fences older ones.
//!
//! Decided on what earlier commands of the group leave behind: of all rows that are read here, only the epoch,
//! the first producer and the last one can change within a group.

use super::{Draft, Group, Machine};
use crate::command::ProducerSession;
use crate::error::StorageError;
use crate::keys::{self, Keyspace};
use crate::rows::{ProducerEpoch, TenantCounters};
use levee_types::quota::Dimension;
use levee_types::{ProducerId, TenantId};

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
            Some(producer) => ProducerSession { producer, epoch: later(self.epoch(tenant, producer)?, 2)? },
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
                let producer = |id| keys::producer(tenant, ProducerId(id));
                match first - oldest {
                    0 => {}
                    1 => draft.delete(producer(oldest)),
                    // After the quota was lowered they may be millions.
                    _ => draft.delete_range(Keyspace::State, (producer(oldest), producer(first))),
                }
                let counters = TenantCounters { first_producer: first, last_producer: last, ..counters };
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
            self.put_epoch(tenant, next, Draft::default(), group);
        }
        Ok(next)
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
