//! Access rules.

use super::Shard;
use crate::catalog::Page;
use crate::catalog::audit::AuditEvent;
use crate::error::StorageError;
use crate::segments::SegmentStore;
use levee_types::TenantId;
use levee_types::acl::AclRule;

impl<S: SegmentStore> Shard<S> {
    /// Adds rules, whose ids and times are ignored. One that is there already is told, and not added again.
    ///
    /// # Errors
    /// `NoTenant`, `LimitExceeded`, or the shard does not work; then none is added.
    pub async fn create_acl_rules(
        &self,
        tenant: TenantId,
        rules: Vec<AclRule>,
        audit: AuditEvent,
    ) -> Result<Vec<AclRule>, StorageError> {
        let bytes = rules.len() * size_of::<AclRule>();
        self.change(bytes, Some((tenant, audit)), move |machine, draft, now_ms| {
            machine.create_acl_rules(tenant, rules, draft, now_ms)
        })
        .await
    }

    /// Deletes rules, all or none. `ids` holds each once.
    ///
    /// # Errors
    /// `NoRule`, or the shard does not work.
    pub async fn delete_acl_rules(
        &self,
        tenant: TenantId,
        ids: Vec<u64>,
        audit: AuditEvent,
    ) -> Result<(), StorageError> {
        self.change(0, Some((tenant, audit)), move |machine, draft, _| {
            machine.delete_acl_rules(tenant, &ids, draft)
        })
        .await
    }

    /// Up to `limit` rules in the order of their ids, from behind `after` on. May block.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn list_acl_rules(
        &self,
        tenant: TenantId,
        after: u64,
        limit: usize,
    ) -> Result<Page<AclRule>, StorageError> {
        self.inner.catalog.list_acl_rules(tenant, after, limit)
    }
}
