//! What tenants used.

use super::Shard;
use crate::catalog::usage::{HourlyUse, ServiceUse};
use crate::error::StorageError;
use crate::segments::SegmentStore;
use levee_types::TenantId;
use std::collections::BTreeMap;

impl<S: SegmentStore> Shard<S> {
    /// Adds what tenants used of the service. It is durable within the sync interval of relaxed topics.
    ///
    /// # Errors
    /// The shard does not work.
    pub async fn use_service(&self, used: Vec<(TenantId, ServiceUse)>) -> Result<(), StorageError> {
        self.change(0, None, move |machine, draft, now_ms| machine.use_service(&used, draft, now_ms)).await
    }

    /// What a tenant used in each hour of `from..to`, counted from 1970; hours without any use are left out. May
    /// block.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn hourly_use(
        &self,
        tenant: TenantId,
        from: u64,
        to: u64,
        now_ms: i64,
    ) -> Result<BTreeMap<u64, HourlyUse>, StorageError> {
        self.inner.catalog.hourly_use(tenant, from, to, now_ms)
    }
}
