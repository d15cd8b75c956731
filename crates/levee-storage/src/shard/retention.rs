//! What goes unasked: because it is too old, or too much.

use super::Shard;
use crate::catalog::retention::{Place, Retained};
use crate::error::StorageError;
use crate::pressure::excess;
use crate::retention::oldest::oldest;
use crate::retention::{Cut, Reason, Retention, expired};
use crate::segments::SegmentStore;
use levee_types::topic::Properties;
use levee_types::{Clock, PartitionId, TenantId};
use std::sync::Arc;

impl<S: SegmentStore> Shard<S> {
    /// Properties that topics have unless they or their tenant have their own.
    #[must_use]
    pub fn topic_defaults(&self) -> &Properties {
        &self.inner.settings.topic_defaults
    }

    /// Time.
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    /// Walks over the topics whose records do not stay for ever: see [`crate::catalog::Catalog`]. May block.
    pub(crate) fn retained(
        &self,
        from: Place,
        rows: usize,
    ) -> Result<(Vec<Retained>, Option<Place>), StorageError> {
        self.inner.catalog.retained(from, rows, self.topic_defaults())
    }

    /// What of a partition is too old or too much. May block.
    pub(crate) fn expired(
        &self,
        partition: PartitionId,
        retention: Retention,
        now_ms: i64,
    ) -> Result<Option<Cut>, StorageError> {
        expired(&self.inner.index, partition, retention, now_ms)
    }

    /// Removes it, in the turn of the tenant. Tells how many bytes went.
    pub(crate) async fn expire(
        &self,
        tenant: TenantId,
        cuts: Vec<(Cut, Retention)>,
    ) -> Result<u64, StorageError> {
        let of_cuts: Vec<Cut> = cuts.iter().map(|(cut, _)| *cut).collect();
        let shard = self.clone();
        let removed = self
            .change_in_turn_of(tenant, cuts.len() * size_of::<Cut>(), None, move |machine, draft, now_ms| {
                machine.expire(tenant, &cuts, shard.topic_defaults(), draft, now_ms)
            })
            .await?;
        let mut total = 0;
        for (cut, bytes) in of_cuts.into_iter().zip(removed) {
            tracing::debug!(partition = %cut.partition, before = cut.before, bytes, "retention");
            count(cut.reason, bytes);
            total += bytes;
        }
        Ok(total)
    }

    /// The next tenant that needs room, with how much. Blocks until there is one; `None`: the shard stops.
    pub(crate) fn needs_room(&self) -> Option<(TenantId, u64)> {
        self.inner.pressure.wait()
    }

    /// Makes room for `more` bytes in a tenant whose oldest records go for it. Blocks between its steps.
    pub(crate) async fn make_room(&self, tenant: TenantId, more: u64) -> Result<(), StorageError> {
        /// Partitions in one entry.
        const AT_ONCE: usize = 100;
        loop {
            let Some(limit) = self.inner.catalog.trimmed_limit(tenant)? else { return Ok(()) };
            let stored = self.inner.catalog.totals(tenant)?.map_or(0, |totals| totals.stored_bytes);
            let excess = excess(limit, stored, more);
            if excess == 0 {
                return Ok(());
            }
            let cuts = oldest(&self.inner.catalog, &self.inner.index, tenant, excess)?;
            let mut removed = 0;
            for cuts in cuts.chunks(AT_ONCE) {
                let cuts = cuts.to_vec();
                let bytes = cuts.len() * size_of::<Cut>();
                removed += self
                    .change_in_turn_of(tenant, bytes, None, move |machine, draft, now_ms| {
                        machine.make_room(tenant, more, &cuts, draft, now_ms)
                    })
                    .await?;
            }
            tracing::debug!(%tenant, limit, stored, removed, "the oldest records went for the quota of storage");
            count(Reason::Quota, removed);
            if removed == 0 {
                return Ok(());
            }
        }
    }
}

fn count(reason: Reason, bytes: u64) {
    metrics::counter!("levee_retention_removed_bytes_total", "reason" => reason.name()).increment(bytes);
}
