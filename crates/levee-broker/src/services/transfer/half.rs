//! Half a tenant: whoever lets go of it before it is whole has it deleted.

use levee_storage::{AuditEvent, Shard, StorageError, Suspension, Tenant};
use levee_types::quota::Quotas;
use levee_types::{ErrorCode, LeveeError, PlanName, TenantId, TenantName};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

/// A tenant that is being imported.
pub(super) struct Half {
    shard: Shard,
    id: TenantId,
    receipt: AuditEvent,
    tasks: TaskTracker,
    is_open: bool,
}

impl Half {
    /// Makes the tenant. In a task: if the caller goes away before it knows of the tenant, the tenant goes too.
    pub(super) async fn begin(
        shard: Shard,
        tasks: TaskTracker,
        name: TenantName,
        plan: PlanName,
        quotas: Quotas,
        audit: AuditEvent,
    ) -> Result<Self, LeveeError> {
        let receipt = audit.clone();
        let then = tasks.clone();
        let made = tasks.spawn(async move {
            let tenant = shard.begin_import(name, plan, quotas, audit).await?;
            Ok::<_, StorageError>(Self { shard, id: tenant.id, receipt, tasks: then, is_open: true })
        });
        match made.await {
            Ok(made) => Ok(made?),
            Err(error) => {
                tracing::error!(%error, "beginning an import panicked");
                Err(LeveeError::new(ErrorCode::Internal, "the broker met a defect of its own"))
            }
        }
    }

    pub(super) fn id(&self) -> TenantId {
        self.id
    }

    pub(super) fn shard(&self) -> &Shard {
        &self.shard
    }

    /// It is whole.
    pub(super) async fn finish(
        &mut self,
        state: Suspension,
        audit: AuditEvent,
    ) -> Result<Tenant, StorageError> {
        let tenant = self.shard.finish_import(self.id, state, audit).await?;
        self.is_open = false;
        Ok(tenant)
    }

    /// Deletes it.
    pub(super) async fn discard(mut self) -> Result<(), StorageError> {
        self.shard.discard_import(self.id, self.receipt.clone()).await?;
        self.is_open = false;
        Ok(())
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        // Without a runtime the broker is gone as well, and what is left is as after a crash.
        if !self.is_open || Handle::try_current().is_err() {
            return;
        }
        let (shard, id, receipt) = (self.shard.clone(), self.id, self.receipt.clone());
        self.tasks.spawn(async move {
            if let Err(error) = shard.discard_import(id, receipt).await {
                tracing::warn!(tenant = %id, %error, "half a tenant that was being imported stays; delete it");
            }
        });
    }
}
