//! What compaction asks of the committer.

use super::Shard;
use crate::catalog::audit::AuditEvent;
use crate::catalog::tables::{Tables, Walked};
use crate::codec::BatchCodec;
use crate::committer::{Draft, Machine, Replacement};
use crate::compaction::Pace;
use crate::error::StorageError;
use crate::holds::CompactionHold;
use crate::log::LogReader;
use crate::rows::ErasureRow;
use crate::segments::SegmentStore;
use crate::steady::Steady;
use bytes::Bytes;
use levee_types::{PartitionId, TenantId};

impl<S: SegmentStore> Shard<S> {
    pub(crate) fn log(&self) -> &LogReader<S> {
        &self.inner.log
    }

    pub(crate) fn codec(&self) -> &dyn BatchCodec {
        &*self.inner.codec
    }

    pub(crate) fn steady(&self) -> &Steady {
        &self.inner.steady
    }

    /// The tables among the next topics of all tenants: see [`crate::catalog::Catalog::tables`].
    pub(crate) fn all_tables(&self, behind: Walked, rows: usize) -> Result<Tables, StorageError> {
        self.inner.catalog.tables(behind, rows)
    }

    /// The rate of maintenance, from now on.
    pub(crate) fn pace(&self) -> Pace {
        self.pace_to_win(0, 0)
    }

    /// The rate of maintenance from now on, when `wasted` of `all` bytes are to be won.
    pub(crate) fn pace_to_win(&self, wasted: u64, all: u64) -> Pace {
        Pace::new(self.monotonic(), Pace::hurry(self.inner.settings.maintenance_bytes_per_s, wasted, all))
    }

    /// Waits as long as so many bytes must take.
    pub(crate) async fn keep(&self, pace: &mut Pace, bytes: u64) {
        let wait = pace.wait(self.monotonic(), bytes);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    /// Has nothing of a tenant compacted or erased until it is let go: what is read of it later is as whole as the
    /// moment after this.
    ///
    /// # Errors
    /// The shard does not work.
    pub async fn hold_compaction(&self, tenant: TenantId) -> Result<CompactionHold, StorageError> {
        let hold = self.inner.holds.hold(tenant);
        // What the committer decided before is applied when it answers.
        self.change_in_turn_of(tenant, 0, None, |_, _, _| Ok(())).await?;
        Ok(hold)
    }

    /// Refuses a tenant that is held, before anything is read for nothing.
    pub(crate) fn check_hold(&self, tenant: TenantId) -> Result<(), StorageError> {
        self.inner.holds.check(tenant)
    }

    /// Has the committer decide a step, unless the tenant is held. Nobody waits for the sync: a crash that takes it
    /// back leaves what was there before.
    async fn take_step<T: Send + 'static>(
        &self,
        tenant: TenantId,
        bytes: usize,
        decide: impl FnOnce(&mut Machine, &mut Draft, i64) -> Result<T, StorageError> + Send + 'static,
    ) -> Result<T, StorageError> {
        let holds = self.inner.holds.clone();
        self.change_in_turn_of(tenant, bytes, None, move |machine, draft, now_ms| {
            holds.check(tenant)?;
            draft.relax();
            decide(machine, draft, now_ms)
        })
        .await
    }

    /// Replaces batches, if they are still there; tells whether they were.
    pub(crate) async fn replace_batches(
        &self,
        partition: PartitionId,
        replacements: Vec<Replacement>,
        is_compaction: bool,
    ) -> Result<bool, StorageError> {
        let new = replacements.iter().flat_map(|replacement| &replacement.new);
        let bytes = new.map(|batch| batch.bytes.len()).sum();
        let steady = self.inner.steady.clone();
        self.take_step(partition.tenant, bytes, move |machine, draft, now_ms| {
            machine.replace_batches(partition, replacements, is_compaction, &steady, draft, now_ms)
        })
        .await
    }

    /// Removes the rows of keys that still lead to these offsets.
    pub(crate) async fn forget_keys(
        &self,
        partition: PartitionId,
        keys: Vec<(Bytes, u64)>,
    ) -> Result<(), StorageError> {
        self.take_step(partition.tenant, 0, move |machine, draft, _| {
            machine.forget_keys(partition, &keys, draft)
        })
        .await
    }

    /// Notes that a partition is compacted up to an offset.
    pub(crate) async fn end_compaction(
        &self,
        partition: PartitionId,
        through: u64,
    ) -> Result<(), StorageError> {
        self.take_step(partition.tenant, 0, move |machine, draft, _| {
            machine.end_compaction(partition, through, draft)
        })
        .await
    }

    /// Writes the steady time down.
    pub(crate) async fn keep_steady(&self) -> Result<(), StorageError> {
        let steady = self.inner.steady.clone();
        self.change(0, None, move |machine, draft, _| {
            draft.relax();
            machine.put_steady(&steady, draft).map(drop)
        })
        .await
    }

    /// Notes that every record of a key is removed, and has what is left of them removed from the journal. What is
    /// cached of the partition is forgotten.
    pub(crate) async fn end_erasure(
        &self,
        partition: PartitionId,
        segments: Vec<u64>,
        audit: AuditEvent,
    ) -> Result<(), StorageError> {
        let AuditEvent { principal, action, resource, .. } = audit.clone();
        let row = ErasureRow {
            tenant: partition.tenant.0,
            through: 0,
            segments,
            principal,
            action,
            resource,
            asked_ms: self.unix_ms(),
        };
        self.change_in_turn_of(
            partition.tenant,
            0,
            Some((partition.tenant, audit)),
            move |machine, draft, _| machine.end_erasure(partition, row, draft),
        )
        .await
    }
}
