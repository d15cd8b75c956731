//! Tenants.

use super::Shard;
use crate::catalog::Page;
use crate::catalog::audit::AuditEvent;
use crate::catalog::tenants::{Suspension, Tenant, TenantChange};
use crate::error::StorageError;
use crate::segments::SegmentStore;
use levee_types::{PlanName, TenantId, TenantName};
use tokio::sync::watch;

impl<S: SegmentStore> Shard<S> {
    /// Creates a tenant; tells the existing one, and `false`, if the name is taken.
    ///
    /// # Errors
    /// `NoPlan`, `LimitExceeded`, or the shard does not work.
    pub async fn create_tenant(
        &self,
        name: TenantName,
        plan: PlanName,
        audit: AuditEvent,
    ) -> Result<(Tenant, bool), StorageError> {
        self.change(0, Some((TenantId::SYSTEM, audit.clone())), move |machine, draft, now_ms| {
            let (tenant, is_new) = machine.create_tenant(&name, &plan, Suspension::None, draft, now_ms)?;
            if is_new {
                machine.audit(draft, tenant.id, &[audit], now_ms)?;
            }
            Ok((tenant, is_new))
        })
        .await
    }

    /// Changes a tenant.
    ///
    /// # Errors
    /// `NoTenant`, `NoPlan`, `Invalid`, or the shard does not work.
    pub async fn update_tenant(
        &self,
        name: TenantName,
        change: TenantChange,
        audit: AuditEvent,
    ) -> Result<Tenant, StorageError> {
        self.change(0, Some((TenantId::SYSTEM, audit.clone())), move |machine, draft, now_ms| {
            let tenant = machine.change_tenant(&name, change, draft)?;
            machine.audit(draft, tenant.id, &[audit], now_ms)?;
            Ok(tenant)
        })
        .await
    }

    /// Closes a tenant, and deletes it with everything that it owns `grace_ms` later: at once, if that is 0.
    ///
    /// # Errors
    /// `NoTenant`, or the shard does not work.
    pub async fn delete_tenant(
        &self,
        name: TenantName,
        grace_ms: u64,
        audit: AuditEvent,
    ) -> Result<Option<Tenant>, StorageError> {
        if grace_ms == 0 {
            return self
                .change(0, None, move |machine, draft, now_ms| {
                    let id = machine.tenant_id(&name)?.ok_or(StorageError::NoTenant)?;
                    machine.purge_tenant(id, audit, draft, now_ms)?;
                    Ok(None)
                })
                .await;
        }
        self.change(0, Some((TenantId::SYSTEM, audit.clone())), move |machine, draft, now_ms| {
            let at_ms = now_ms.saturating_add(i64::try_from(grace_ms).unwrap_or(i64::MAX));
            let tenant = machine.schedule_deletion(&name, at_ms, draft)?;
            machine.audit(draft, tenant.id, &[audit], now_ms)?;
            Ok(Some(tenant))
        })
        .await
    }

    /// Takes a deletion back.
    ///
    /// # Errors
    /// `NoTenant`, `Invalid` if it is not being deleted, or the shard does not work.
    pub async fn undelete_tenant(&self, name: TenantName, audit: AuditEvent) -> Result<Tenant, StorageError> {
        self.change(0, Some((TenantId::SYSTEM, audit.clone())), move |machine, draft, now_ms| {
            let tenant = machine.undelete_tenant(&name, draft)?;
            machine.audit(draft, tenant.id, &[audit], now_ms)?;
            Ok(tenant)
        })
        .await
    }

    /// Deletes the tenants whose time has come. Tells how many.
    ///
    /// # Errors
    /// The index cannot be read, or the shard does not work.
    pub async fn purge_tenants(&self, now_ms: i64, receipt: &AuditEvent) -> Result<usize, StorageError> {
        const AT_ONCE: usize = 100;
        let due = self.inner.catalog.due_deletions(now_ms, AT_ONCE)?;
        for id in &due {
            let (id, receipt) = (*id, receipt.clone());
            self.change(0, None, move |machine, draft, now_ms| {
                // It may be gone, or taken back, by now.
                match machine.deletion_due(id, now_ms)? {
                    true => machine.purge_tenant(id, receipt, draft, now_ms),
                    false => Ok(()),
                }
            })
            .await?;
        }
        Ok(due.len())
    }

    /// A tenant by its name. A few point gets.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn tenant(&self, name: &TenantName) -> Result<Option<Tenant>, StorageError> {
        self.inner.catalog.tenant(name)
    }

    /// A tenant by its id. A few point gets.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn tenant_by_id(&self, id: TenantId) -> Result<Option<Tenant>, StorageError> {
        self.inner.catalog.tenant_by_id(id)
    }

    /// Up to `limit` tenants in the order of their names, from behind `after` on. May block.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn list_tenants(&self, after: Option<&str>, limit: usize) -> Result<Page<Tenant>, StorageError> {
        self.inner.catalog.list_tenants(after, limit)
    }

    /// Is marked as changed by each change of the tenant's state, plan, users, tokens, access rules and quotas from
    /// now on, before the change is answered.
    #[must_use]
    pub fn watch_tenant(&self, id: TenantId) -> watch::Receiver<()> {
        self.inner.watches.watch(id)
    }
}
