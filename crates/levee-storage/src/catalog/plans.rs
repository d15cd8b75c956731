//! Plans and quotas that were set: what is stored of them, and reading them.

use super::{Catalog, Page};
use crate::error::StorageError;
use crate::keys::{self, Keyspace, QuotaPart};
use crate::rows::{BadRow, PlanRow, QuotaRow, QuotasRow};
use levee_types::quota::{Action, Dimension, Plan, Quota, Quotas};
use levee_types::{PlanName, TenantId};
use prost::Message;

/// A plan as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPlan {
    /// Its name.
    pub name: PlanName,
    /// Its weight and quotas.
    pub plan: Plan,
    /// How many tenants have it.
    pub tenants: u64,
}

pub(crate) fn quotas_row(quotas: &Quotas) -> QuotasRow {
    let row = |(dimension, quota): (&Dimension, &Quota)| QuotaRow {
        dimension: *dimension as u32,
        limit: quota.limit,
        burst: quota.burst,
        soft_percent: quota.soft_percent.map(u32::from),
        action: quota.action.map(|action| action as u32),
    };
    QuotasRow { quotas: quotas.0.iter().map(row).collect() }
}

pub(crate) fn quotas(row: QuotasRow) -> Result<Quotas, BadRow> {
    let mut quotas = Quotas::default();
    for row in row.quotas {
        let dimension = number(row.dimension, Dimension::from_number)?;
        let soft_percent = row.soft_percent.map(u8::try_from).transpose().map_err(|_| BadRow)?;
        let action = row.action.map(|action| number(action, Action::from_number)).transpose()?;
        quotas.0.insert(dimension, Quota { limit: row.limit, burst: row.burst, soft_percent, action });
    }
    Ok(quotas)
}

/// What a number of a row stands for.
pub(super) fn number<T>(number: u32, of: impl Fn(i32) -> Option<T>) -> Result<T, BadRow> {
    i32::try_from(number).ok().and_then(of).ok_or(BadRow)
}

/// The plan of a row; one that is built in needs none.
pub(crate) fn named_plan(name: PlanName, row: Option<PlanRow>) -> Result<Option<NamedPlan>, BadRow> {
    Ok(match row {
        None => Plan::built_in(&name).map(|plan| NamedPlan { name, plan, tenants: 0 }),
        Some(row) => {
            let plan = Plan { weight: row.weight, quotas: quotas(row.quotas.ok_or(BadRow)?)? };
            Some(NamedPlan { name, plan, tenants: row.tenants })
        }
    })
}

impl Catalog {
    pub(crate) fn plan(&self, name: &PlanName) -> Result<Option<NamedPlan>, StorageError> {
        let row = self.index.get(Keyspace::State, &keys::plan(name))?;
        let row = row.map(|row| PlanRow::decode(&row[..])).transpose()?;
        Ok(named_plan(name.clone(), row)?)
    }

    /// Up to `limit` plans in the order of their names, from behind `after` on. Those that are built in are there
    /// once a tenant has them.
    pub(crate) fn list_plans(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<NamedPlan>, StorageError> {
        let mut cursor = self.index.cursor(Keyspace::State, keys::with_prefix(keys::plans_from("")));
        match after {
            Some(after) => cursor.seek(&keys::plans_from(after))?,
            None => cursor.first()?,
        }
        let mut items: Vec<NamedPlan> = Vec::new();
        while let Some((key, row)) = cursor.item() {
            let name = keys::name(key).ok_or(BadRow)?;
            if Some(name) != after {
                if items.len() == limit {
                    let next = items.last().map(|plan| plan.name.to_string());
                    return Ok(Page { items, next });
                }
                let name = PlanName::new(name).map_err(|_| BadRow)?;
                items.extend(named_plan(name, Some(PlanRow::decode(row)?))?);
            }
            cursor.next()?;
        }
        Ok(Page { items, next: None })
    }

    /// The quotas that were set for a tenant, its users and its topics.
    pub(crate) fn quotas(&self, tenant: TenantId) -> Result<Vec<(QuotaPart, Quotas)>, StorageError> {
        let mut cursor = self.index.cursor(Keyspace::State, keys::all_quotas(tenant));
        cursor.first()?;
        let mut all = Vec::new();
        while let Some((key, row)) = cursor.item() {
            all.push((keys::quota_part(key).ok_or(BadRow)?, quotas(QuotasRow::decode(row)?)?));
            cursor.next()?;
        }
        Ok(all)
    }
}
