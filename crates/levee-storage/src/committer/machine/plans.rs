//! Deciding changes of plans and quotas, and what they allow.

use super::{Draft, Effect, Machine};
use crate::catalog::plans::{NamedPlan, named_plan, quotas, quotas_row};
use crate::error::StorageError;
use crate::keys::{self, QuotaPart};
use crate::pressure::is_near;
use crate::rows::{PlanRow, QuotasRow, TopicRow, UserRow};
use levee_types::limits::{MAX_PLANS, MAX_QUOTA_TARGETS_PER_TENANT};
use levee_types::quota::{Action, Dimension, Effective, Plan, Quota, Quotas};
use levee_types::{ErrorCode, LeveeError, PlanName, TenantId};
use std::time::Duration;

/// What is to change in a set of quotas; the rest stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QuotaChange {
    /// Quotas that are set.
    pub set: Vec<(Dimension, Quota)>,
    /// Quotas that return to where they are inherited from.
    pub unset: Vec<Dimension>,
}

impl QuotaChange {
    fn apply(&self, quotas: &mut Quotas) {
        for (dimension, quota) in &self.set {
            quotas.0.insert(*dimension, *quota);
        }
        for dimension in &self.unset {
            quotas.0.remove(dimension);
        }
    }
}

/// How much of what is counted a tenant may have; none: any number.
#[derive(Debug, Clone, Copy)]
pub(super) struct CountLimits {
    pub(super) topics: Option<u64>,
    pub(super) partitions: Option<u64>,
    pub(super) storage: Option<u64>,
    /// The oldest records of the tenant go when it stores that much.
    pub(super) trims_oldest: bool,
    pub(super) producers: Option<u64>,
    pub(super) groups: Option<u64>,
}

impl Machine {
    pub(crate) fn create_plan(
        &mut self,
        name: PlanName,
        plan: Plan,
        draft: &mut Draft,
    ) -> Result<(NamedPlan, bool), StorageError> {
        if let Some(plan) = self.plan(&name)? {
            return Ok((plan, false));
        }
        let mut counters = self.node_counters()?;
        if counters.plans >= MAX_PLANS {
            return Err(StorageError::LimitExceeded { what: "plans", limit: MAX_PLANS });
        }
        counters.plans += 1;
        draft.put_row(keys::node_counters(), &counters);
        draft.put_row(keys::plan(&name), &plan_row(&plan, 0));
        Ok((NamedPlan { name, plan, tenants: 0 }, true))
    }

    pub(crate) fn update_plan(
        &mut self,
        name: &PlanName,
        weight: Option<u32>,
        change: &QuotaChange,
        draft: &mut Draft,
    ) -> Result<NamedPlan, StorageError> {
        let mut named = self.plan(name)?.ok_or(StorageError::NoPlan)?;
        named.plan.weight = weight.unwrap_or(named.plan.weight);
        change.apply(&mut named.plan.quotas);
        draft.put_row(keys::plan(name), &plan_row(&named.plan, named.tenants));
        draft.effect(Effect::PlanChanged);
        self.limits.clear();
        Ok(named)
    }

    pub(crate) fn delete_plan(&mut self, name: &PlanName, draft: &mut Draft) -> Result<(), StorageError> {
        let plan = self.plan(name)?.ok_or(StorageError::NoPlan)?;
        let refuse = |message: String, hint: &str| {
            Err(StorageError::Invalid(LeveeError::new(ErrorCode::InvalidArgument, message).with_hint(hint)))
        };
        if Plan::built_in(name).is_some() {
            return refuse(format!("plan {name} is built in"), "choose another plan");
        }
        if plan.tenants > 0 {
            return refuse(
                format!("{} tenants have plan {name}", plan.tenants),
                "give them another plan first, with: levee tenant update NAME --plan PLAN",
            );
        }
        let mut counters = self.node_counters()?;
        counters.plans -= 1;
        draft.put_row(keys::node_counters(), &counters);
        draft.delete(keys::plan(name));
        Ok(())
    }

    /// Changes the quotas of a tenant or a part of it.
    pub(crate) fn set_quotas(
        &mut self,
        tenant: TenantId,
        part: QuotaPart,
        change: &QuotaChange,
        draft: &mut Draft,
    ) -> Result<(), StorageError> {
        self.require_tenant(tenant)?;
        match part {
            QuotaPart::Tenant => {}
            QuotaPart::User(id) => {
                self.row::<UserRow>(&keys::user(tenant, id))?.ok_or(StorageError::NoUser)?;
            }
            QuotaPart::Topic(id) => {
                self.row::<TopicRow>(&keys::topic(tenant, id))?.ok_or(StorageError::NoTopic)?;
            }
        }
        let key = keys::quotas(tenant, part);
        let before: Option<QuotasRow> = self.row(&key)?;
        let had_row = before.is_some();
        let mut set = quotas(before.unwrap_or_default())?;
        change.apply(&mut set);
        if part != QuotaPart::Tenant && had_row == set.0.is_empty() {
            let mut counters = self.tenant_counters(tenant)?;
            if had_row {
                counters.quota_parts -= 1;
            } else {
                if counters.quota_parts >= MAX_QUOTA_TARGETS_PER_TENANT {
                    let what = "users and topics with quotas of their own";
                    return Err(StorageError::LimitExceeded { what, limit: MAX_QUOTA_TARGETS_PER_TENANT });
                }
                counters.quota_parts += 1;
            }
            draft.put_row(keys::tenant_counters(tenant), &counters);
        }
        if set.0.is_empty() {
            draft.delete(key);
        } else {
            draft.put_row(key, &quotas_row(&set));
        }
        draft.effect(Effect::TenantChanged(tenant));
        self.limits.remove(&tenant);
        Ok(())
    }

    /// Counts a tenant that gets or loses a plan.
    pub(super) fn count_tenants(
        &mut self,
        name: &PlanName,
        change: i64,
        draft: &mut Draft,
    ) -> Result<(), StorageError> {
        let named = self.plan(name)?.ok_or(StorageError::NoPlan)?;
        let tenants = named.tenants.saturating_add_signed(change);
        draft.put_row(keys::plan(name), &plan_row(&named.plan, tenants));
        Ok(())
    }

    /// How much of what is counted a tenant may have.
    pub(super) fn count_limits(&mut self, tenant: TenantId) -> Result<CountLimits, StorageError> {
        if let Some(limits) = self.limits.get(&tenant) {
            return Ok(*limits);
        }
        let plan = self.plan_of(tenant)?.plan;
        let own = quotas(self.row(&keys::quotas(tenant, QuotaPart::Tenant))?.unwrap_or_default())?;
        let limit = |dimension| {
            let quota = Effective::of_tenant(dimension, &plan, &own);
            quota.limit.filter(|_| matches!(quota.action, Action::Reject | Action::TrimOldest))
        };
        let storage = Effective::of_tenant(Dimension::Storage, &plan, &own);
        let limits = CountLimits {
            topics: limit(Dimension::Topics),
            partitions: limit(Dimension::Partitions),
            storage: limit(Dimension::Storage),
            trims_oldest: storage.action == Action::TrimOldest,
            producers: limit(Dimension::Producers),
            groups: limit(Dimension::Groups),
        };
        self.limits.insert(tenant, limits);
        Ok(limits)
    }

    /// Refuses what would be stored beyond the quota: `more` bytes, with what is staged. If the oldest records of the
    /// tenant go for it, room is made.
    pub(super) fn require_room(&mut self, tenant: TenantId, more: u64) -> Result<(), StorageError> {
        let CountLimits { storage: Some(limit), trims_oldest, .. } = self.count_limits(tenant)? else {
            return Ok(());
        };
        let wanted = self.totals(tenant)?.stored_bytes.saturating_add(more);
        // What is larger than all of it would find no room however much went.
        let is_trimmed = trims_oldest && more <= limit;
        if is_trimmed && is_near(limit, wanted) {
            // What fits needs nothing; it is for those that come.
            self.pressure.note(tenant, if wanted > limit { more } else { 0 });
        }
        match wanted > limit {
            false => Ok(()),
            true if is_trimmed => Err(self.trimming(tenant, limit)),
            true => Err(self.at_limit(tenant, Dimension::Storage, limit)),
        }
    }

    /// A tenant is at its limit of storage, and room is being made.
    fn trimming(&self, tenant: TenantId, limit: u64) -> StorageError {
        /// How long that takes, about.
        const SOON: Duration = Duration::from_millis(100);
        let name = self.tenant_row(tenant).map(|row| row.name).unwrap_or_default();
        let what = Dimension::Storage.amount(limit);
        let message =
            format!("tenant {name} is at its limit of {what}, and its oldest records are going for this");
        let hint = "send it again; if it is still refused, there are no old records but those of tables: delete some";
        let error = LeveeError::new(ErrorCode::QuotaExceeded, message).with_hint(hint).with_retry_after(SOON);
        StorageError::Invalid(error)
    }

    /// A tenant is at its limit.
    pub(super) fn at_limit(&self, tenant: TenantId, dimension: Dimension, limit: u64) -> StorageError {
        let (name, plan) = match (self.tenant_row(tenant), self.plan_of(tenant)) {
            (Ok(row), Ok(plan)) => (row.name, plan.name.to_string()),
            _ => (String::new(), String::new()),
        };
        let (what, twice) = (dimension.amount(limit), limit.saturating_mul(2).max(1));
        let message = format!("tenant {name} is at its limit of {what} (plan {plan})");
        let hint = format!("raise it with: levee quota set {name} {}={twice}", dimension.name());
        StorageError::Invalid(LeveeError::new(ErrorCode::LimitExceeded, message).with_hint(hint))
    }

    fn plan_of(&self, tenant: TenantId) -> Result<NamedPlan, StorageError> {
        let row = self.tenant_row(tenant)?;
        let name = if row.plan.is_empty() { Plan::DEFAULT } else { &row.plan };
        let name = PlanName::new(name).map_err(|_| crate::rows::BadRow)?;
        self.plan(&name)?.ok_or(StorageError::NoPlan)
    }

    fn plan(&self, name: &PlanName) -> Result<Option<NamedPlan>, StorageError> {
        Ok(named_plan(name.clone(), self.row(&keys::plan(name))?)?)
    }
}

fn plan_row(plan: &Plan, tenants: u64) -> PlanRow {
    PlanRow { weight: plan.weight, quotas: Some(quotas_row(&plan.quotas)), tenants }
}
