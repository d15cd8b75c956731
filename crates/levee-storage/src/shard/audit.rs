//! The audit logs: refusals, and reading.

use super::Shard;
use crate::catalog::audit::{AuditEvent, AuditLine};
use crate::error::StorageError;
use crate::segments::SegmentStore;
use levee_types::TenantId;

impl<S: SegmentStore> Shard<S> {
    /// Adds refusals to the audit log of a tenant.
    ///
    /// # Errors
    /// `NoTenant`, or the shard does not work.
    pub async fn audit_refusals(&self, log: TenantId, events: Vec<AuditEvent>) -> Result<(), StorageError> {
        self.change(0, None, move |machine, draft, now_ms| {
            machine.require_tenant(log)?;
            machine.audit(draft, log, &events, now_ms)
        })
        .await
    }

    /// Notes in the audit log of a tenant what was begun for it.
    ///
    /// # Errors
    /// `NoTenant`, or the shard does not work.
    pub async fn note(&self, tenant: TenantId, event: AuditEvent) -> Result<(), StorageError> {
        self.audit_refusals(tenant, vec![event]).await
    }

    /// Up to `limit` events of an audit log from a sequence on, and where the next ones begin. May block.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn audit_log(
        &self,
        log: TenantId,
        from: u64,
        limit: usize,
    ) -> Result<(Vec<AuditLine>, u64), StorageError> {
        self.inner.catalog.audit(log, from, limit)
    }

    /// The sequence of the next event of an audit log. A point get.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn audit_end(&self, log: TenantId) -> Result<u64, StorageError> {
        self.inner.catalog.audit_end(log)
    }
}
