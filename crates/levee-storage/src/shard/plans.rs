//! Plans and quotas.

use super::Shard;
use crate::catalog::Page;
use crate::catalog::audit::AuditEvent;
use crate::catalog::plans::NamedPlan;
use crate::committer::QuotaChange;
use crate::error::StorageError;
use crate::keys::QuotaPart;
use crate::segments::SegmentStore;
use levee_types::quota::{Plan, Quotas};
use levee_types::{PlanName, TenantId};

impl<S: SegmentStore> Shard<S> {
    /// Creates a plan; tells the existing one, and `false`, if the name is taken.
    ///
    /// # Errors
    /// `LimitExceeded`, or the shard does not work.
    pub async fn create_plan(
        &self,
        name: PlanName,
        plan: Plan,
        audit: AuditEvent,
    ) -> Result<(NamedPlan, bool), StorageError> {
        self.change(0, Some((TenantId::SYSTEM, audit)), move |machine, draft, _| {
            machine.create_plan(name, plan, draft)
        })
        .await
    }

    /// Changes a plan, and so the quotas of every tenant that has it.
    ///
    /// # Errors
    /// `NoPlan`, or the shard does not work.
    pub async fn update_plan(
        &self,
        name: PlanName,
        weight: Option<u32>,
        change: QuotaChange,
        audit: AuditEvent,
    ) -> Result<NamedPlan, StorageError> {
        self.change(0, Some((TenantId::SYSTEM, audit)), move |machine, draft, _| {
            machine.update_plan(&name, weight, &change, draft)
        })
        .await
    }

    /// Deletes a plan that no tenant has.
    ///
    /// # Errors
    /// `NoPlan`, `Invalid`, or the shard does not work.
    pub async fn delete_plan(&self, name: PlanName, audit: AuditEvent) -> Result<(), StorageError> {
        self.change(0, Some((TenantId::SYSTEM, audit)), move |machine, draft, _| {
            machine.delete_plan(&name, draft)
        })
        .await
    }

    /// Changes the quotas of a tenant or a part of it.
    ///
    /// # Errors
    /// `NoTenant`, `NoUser`, `NoTopic`, `LimitExceeded`, or the shard does not work.
    pub async fn set_quotas(
        &self,
        tenant: TenantId,
        part: QuotaPart,
        change: QuotaChange,
        audit: AuditEvent,
    ) -> Result<(), StorageError> {
        self.change(0, Some((tenant, audit)), move |machine, draft, _| {
            machine.set_quotas(tenant, part, &change, draft)
        })
        .await
    }

    /// A plan by its name. A point get.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn plan(&self, name: &PlanName) -> Result<Option<NamedPlan>, StorageError> {
        self.inner.catalog.plan(name)
    }

    /// Up to `limit` plans in the order of their names, from behind `after` on. One that is built in is there once a
    /// tenant had it. May block.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn list_plans(&self, after: Option<&str>, limit: usize) -> Result<Page<NamedPlan>, StorageError> {
        self.inner.catalog.list_plans(after, limit)
    }

    /// The quotas that were set for a tenant, its users and its topics. May block.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn quotas(&self, tenant: TenantId) -> Result<Vec<(QuotaPart, Quotas)>, StorageError> {
        self.inner.catalog.quotas(tenant)
    }
}
