//! Deciding the life of a tenant.

use super::{Draft, Effect, Machine};
use crate::catalog::audit::AuditEvent;
use crate::catalog::tenant_id;
use crate::catalog::tenants::{Suspension, Tenant, TenantChange};
use crate::error::StorageError;
use crate::keys::{self, Keyspace};
use crate::rows::{ErasureRow, TenantRow, UserRow};
use levee_types::limits::MAX_TENANTS;
use levee_types::topic::Properties;
use levee_types::{ErrorCode, LeveeError, PlanName, TenantId, TenantName};
use prost::Message;

impl Machine {
    pub(crate) fn create_tenant(
        &mut self,
        name: &TenantName,
        plan: &PlanName,
        suspension: Suspension,
        draft: &mut Draft,
        now_ms: i64,
    ) -> Result<(Tenant, bool), StorageError> {
        if let Some(id) = self.tenant_id(name)? {
            return Ok((self.tenant(id)?, false));
        }
        let mut counters = self.node_counters()?;
        if counters.tenants >= MAX_TENANTS {
            return Err(StorageError::LimitExceeded { what: "tenants", limit: MAX_TENANTS });
        }
        let no_ids = StorageError::LimitExceeded { what: "tenant ids", limit: u64::from(u32::MAX) };
        counters.last_tenant = counters.last_tenant.checked_add(1).ok_or(no_ids)?;
        counters.tenants += 1;
        let id = TenantId(counters.last_tenant);
        let row = TenantRow {
            name: name.as_str().to_owned(),
            created_ms: now_ms,
            plan: plan.as_str().to_owned(),
            suspension: suspension as u32,
            delete_at_ms: None,
            topic_defaults: Properties::new(),
        };
        self.count_tenants(plan, 1, draft)?;
        draft.put(keys::tenant_by_name(name), u64::from(id.0).to_le_bytes().to_vec());
        draft.put_row(keys::tenant(id), &row);
        draft.put_row(keys::node_counters(), &counters);
        Ok((Tenant::from_rows(id, &row, &Default::default(), 0)?, true))
    }

    /// Changes a tenant that is neither being deleted nor imported.
    pub(crate) fn change_tenant(
        &mut self,
        name: &TenantName,
        change: TenantChange,
        draft: &mut Draft,
    ) -> Result<Tenant, StorageError> {
        let id = self.tenant_id(name)?.ok_or(StorageError::NoTenant)?;
        let mut row = self.tenant_row(id)?;
        if row.delete_at_ms.is_some() {
            return Err(is_deleting(name));
        }
        if row.suspension == Suspension::Importing as u32 {
            return Err(is_importing(name));
        }
        let TenantChange { name: new_name, plan, suspension, set_topic_defaults, unset_topic_defaults } =
            change;
        if let Some(new_name) = new_name.filter(|new_name| new_name != name) {
            if self.tenant_id(&new_name)?.is_some() {
                let message = format!("there is a tenant {:?} already", new_name.as_str());
                let error =
                    LeveeError::new(ErrorCode::AlreadyExists, message).with_hint("choose another name");
                return Err(StorageError::Invalid(error));
            }
            draft.delete(keys::tenant_by_name(name));
            draft.put(keys::tenant_by_name(&new_name), u64::from(id.0).to_le_bytes().to_vec());
            row.name = new_name.as_str().to_owned();
        }
        if let Some(plan) = plan.filter(|plan| plan.as_str() != row.plan) {
            if let Ok(old) = PlanName::new(&row.plan) {
                self.count_tenants(&old, -1, draft)?;
            }
            self.count_tenants(&plan, 1, draft)?;
            row.plan = plan.as_str().to_owned();
            self.limits.remove(&id);
        }
        if let Some(suspension) = suspension {
            row.suspension = suspension as u32;
        }
        row.topic_defaults.retain(|name, _| !unset_topic_defaults.contains(name));
        row.topic_defaults.extend(set_topic_defaults);
        self.put_tenant(id, &row, draft)
    }

    /// Closes a tenant until it is deleted or the deletion is taken back.
    pub(crate) fn schedule_deletion(
        &mut self,
        name: &TenantName,
        at_ms: i64,
        draft: &mut Draft,
    ) -> Result<Tenant, StorageError> {
        let id = self.tenant_id(name)?.ok_or(StorageError::NoTenant)?;
        let mut row = self.tenant_row(id)?;
        if let Some(before_ms) = row.delete_at_ms.replace(at_ms) {
            draft.delete(keys::deletion(before_ms, id));
        }
        draft.put(keys::deletion(at_ms, id), Vec::new());
        self.put_tenant(id, &row, draft)
    }

    pub(crate) fn undelete_tenant(
        &mut self,
        name: &TenantName,
        draft: &mut Draft,
    ) -> Result<Tenant, StorageError> {
        let id = self.tenant_id(name)?.ok_or(StorageError::NoTenant)?;
        let mut row = self.tenant_row(id)?;
        let Some(at_ms) = row.delete_at_ms.take() else {
            let message = format!("tenant {name} is not being deleted");
            let error = LeveeError::new(ErrorCode::InvalidArgument, message)
                .with_hint("there is nothing to take back");
            return Err(StorageError::Invalid(error));
        };
        draft.delete(keys::deletion(at_ms, id));
        self.put_tenant(id, &row, draft)
    }

    /// Deletes a tenant with everything that belongs to it; the log of the system gets the receipt.
    pub(crate) fn purge_tenant(
        &mut self,
        id: TenantId,
        mut receipt: AuditEvent,
        draft: &mut Draft,
        now_ms: i64,
    ) -> Result<(), StorageError> {
        let row = self.tenant_row(id)?;
        let tenant = self.tenant(id)?;
        let mut counters = self.node_counters()?;
        counters.tenants -= 1;
        counters.topics -= tenant.topics;
        draft.delete(keys::tenant_by_name(&tenant.name));
        draft.delete(keys::tenant(id));
        if let Some(at_ms) = row.delete_at_ms {
            draft.delete(keys::deletion(at_ms, id));
        }
        self.scan(keys::users(id), |_, user| {
            for certificate in UserRow::decode(user)?.certificates {
                draft.delete(keys::certificate(&certificate));
            }
            Ok(())
        })?;
        self.drop_deadlines(id, draft)?;
        if let Ok(plan) = PlanName::new(&row.plan) {
            self.count_tenants(&plan, -1, draft)?;
        }
        draft.delete_range(Keyspace::State, keys::of_tenant(id));
        draft.delete_range(Keyspace::Index, keys::of_tenant(id));
        draft.delete_range(Keyspace::Keys, keys::of_tenant(id));
        draft.put_row(keys::node_counters(), &counters);
        receipt.resource = format!("tenant:{}", tenant.name);
        self.add_erasure(
            draft,
            ErasureRow {
                tenant: id.0,
                principal: receipt.principal.clone(),
                action: receipt.action.clone(),
                resource: receipt.resource.clone(),
                asked_ms: now_ms,
                ..ErasureRow::default()
            },
        )?;
        receipt.note = format!(
            "deleted for good: id {id}, {} topics, {} bytes of batches; the id is never used again",
            tenant.topics, tenant.stored_bytes
        );
        self.audit(draft, TenantId::SYSTEM, &[receipt], now_ms)?;
        draft.effect(Effect::TenantDeleted(id));
        self.heads.retain(|partition, _| partition.tenant != id);
        self.producers.retain(|(partition, _), _| partition.tenant != id);
        self.epochs.retain(|(tenant, _), _| *tenant != id);
        self.known_producers.remove(&id);
        self.forget_transactions(id);
        self.totals.remove(&id);
        self.limits.remove(&id);
        self.groups.retain(|(tenant, _)| *tenant != id);
        self.progress.retain(|(_, partition), _| partition.tenant != id);
        Ok(())
    }

    /// Whether the time of a tenant's deletion has come.
    pub(crate) fn deletion_due(&self, id: TenantId, now_ms: i64) -> Result<bool, StorageError> {
        let row: Option<TenantRow> = self.row(&keys::tenant(id))?;
        Ok(row.and_then(|row| row.delete_at_ms).is_some_and(|at_ms| at_ms <= now_ms))
    }

    pub(super) fn put_tenant(
        &mut self,
        id: TenantId,
        row: &TenantRow,
        draft: &mut Draft,
    ) -> Result<Tenant, StorageError> {
        draft.put_row(keys::tenant(id), row);
        draft.effect(Effect::TenantChanged(id));
        let counters = self.tenant_counters(id)?;
        Ok(Tenant::from_rows(id, row, &counters, self.totals(id)?.stored_bytes)?)
    }

    fn tenant(&mut self, id: TenantId) -> Result<Tenant, StorageError> {
        let (row, counters) = (self.tenant_row(id)?, self.tenant_counters(id)?);
        Ok(Tenant::from_rows(id, &row, &counters, self.totals(id)?.stored_bytes)?)
    }

    /// The id of a tenant.
    pub(crate) fn tenant_id(&self, name: &TenantName) -> Result<Option<TenantId>, StorageError> {
        let id = self.index.get(Keyspace::State, &keys::tenant_by_name(name))?;
        id.map(|id| tenant_id(&id)).transpose()
    }
}

fn is_deleting(name: &TenantName) -> StorageError {
    let error = LeveeError::new(ErrorCode::InvalidArgument, format!("tenant {name} is being deleted"))
        .with_hint(format!("take that back first with: levee tenant undelete {name}"));
    StorageError::Invalid(error)
}

fn is_importing(name: &TenantName) -> StorageError {
    let error = LeveeError::new(ErrorCode::InvalidArgument, format!("tenant {name} is being imported"))
        .with_hint(format!(
            "wait for the import; if nobody goes on with it, delete the rest of it with: levee tenant delete {name} --grace 0s"
        ));
    StorageError::Invalid(error)
}
